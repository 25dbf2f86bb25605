//! lumivault-restore

pub mod target;
pub mod when;
