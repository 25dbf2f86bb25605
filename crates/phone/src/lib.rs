//! What lumivault knows about Lumia phones.
//!
//! So far: the checksum beside every message export ([`hsh`]).

mod base64;
pub mod hsh;
