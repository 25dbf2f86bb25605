//! lumivault-ingest

pub mod chunking;
pub mod dates;
