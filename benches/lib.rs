//! Benchmarks only; see `docs/benchmarks.md`.
