//! lumivault-ingest
