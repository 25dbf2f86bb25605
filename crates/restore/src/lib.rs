//! lumivault-restore

pub mod when;
