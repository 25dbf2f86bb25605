//! lumivault-restore

pub mod filter;
pub mod target;
pub mod when;
