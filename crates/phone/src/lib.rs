//! What lumivault knows about Lumia phones.
//!
//! So far: the checksum beside every message export ([`hsh`]) and the generator of a made-up phone ([`sample`])
//! that the demonstration, the tests and the benchmarks share.

mod category;
pub mod hsh;
pub mod sample;

pub use category::category;
