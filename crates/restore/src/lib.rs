//! lumivault-restore

pub mod browse;
pub mod filter;
pub mod target;
pub mod when;
