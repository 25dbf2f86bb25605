//! lumivault-ingest

pub mod dates;
