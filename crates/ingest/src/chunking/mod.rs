//! How the bytes of one content become segments: the rules, and the machine that applies them.
//!
//! Nothing here does I/O or knows names, times or what is stored already. The cuts of a content depend on its
//! bytes, its length, the number of the [`Rule`] and the secret key, and on nothing else: not on how it is read,
//! not on whether a file is sparse. `docs/chunking.md` is the normative description.
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! use lumivault_ingest::chunking::{Chunker, Cut, classify};
//!
//! let content = vec![7_u8; 100_000];
//! let chunker = Chunker::new(&[1; 32]);
//! let plan = classify(&content)?;
//! let mut cutter = chunker.cutter(&plan);
//! let mut at = 0;
//! loop {
//!     match cutter.next(&content[at..], true) {
//!         Cut::Chunk { length, .. } | Cut::Hole { length } => at += length,
//!         Cut::NeedMore { .. } | Cut::End => break,
//!     }
//! }
//! assert_eq!(at, content.len());
//! # Ok(())
//! # }
//! ```

mod classify;
mod cutter;
mod gear;
mod jpeg;
mod media;
mod params;
mod plan;
mod source;
mod zip;

#[cfg(test)]
mod tests;

pub use classify::{classify, classify_as};
pub use cutter::{Chunker, Cut, Cutter};
pub use params::{BIG_MIN, CHUNK_MAX, CHUNKER_SET, HEAD, HOLE_BLOCK, SPLIT_MIN, TINY_MAX, parameters};
pub use plan::{Class, Hint, Plan, Rule};
pub use source::ReadAt;
