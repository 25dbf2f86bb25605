//! Bundles tiny contents, so that thousands of small files do not cost a chunk each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lumivault_chunk_store::{CompressionHint, Error};
use lumivault_format::tree::{ContentRecord, Extent};
use lumivault_format::{ChunkId, ChunkKind, ContentId};

use super::folder::{FolderNode, Outcome};
use super::run::Run;
use crate::chunking::{CHUNKER_SET, Rule};

/// A bundle is closed once it has this many bytes: large enough to compress well, small enough to fetch for one file.
const BUNDLE_BYTES: usize = 128 * 1024;

/// Contents remembered at most, to find copies of them within the run: 15 MB, as a hash table of 2^19 places is filled to
/// seven eighths. Copies of later ones may be bundled twice.
const SEEN_MAX: usize = (1 << 19) / 8 * 7;

/// A tiny file that was read.
pub(super) struct Tiny {
    pub(super) node: Arc<FolderNode>,
    pub(super) slot: usize,
    pub(super) bytes: Vec<u8>,
    pub(super) id: ChunkId,
}

/// Waits for its bundle to get an id.
struct Member {
    node: Arc<FolderNode>,
    slot: usize,
    offset: u32,
    len: u32,
    id: ChunkId,
}

/// Where a content of this run is.
#[derive(Clone, Copy)]
enum Seen {
    /// In the open bundle.
    Open { offset: u32 },
    /// In a stored one.
    Stored { bundle: u32, offset: u32 },
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    members: Vec<Member>,
    /// By the first half of the content's id.
    seen: HashMap<[u8; 16], Seen>,
    in_open: Vec<[u8; 16]>,
    stored: Vec<(ChunkId, u32)>,
}

/// The bundle in the making, shared by all threads.
#[derive(Default)]
pub(super) struct Bundler {
    state: Mutex<State>,
}

impl Bundler {
    /// Adds tiny contents in order, those of one folder together; completes the entries whose place is known.
    pub(super) fn add(&self, run: &Run<'_>, group: Vec<Tiny>) -> Result<(), Error> {
        let mut complete = Vec::new();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for tiny in group {
            state.add(tiny, &mut complete);
            if state.bytes.len() >= BUNDLE_BYTES {
                state.close(run, &mut complete)?;
            }
        }
        drop(state);
        finish(run, complete)
    }

    /// Closes the last bundle.
    pub(super) fn flush(&self, run: &Run<'_>) -> Result<(), Error> {
        let mut complete = Vec::new();
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .close(run, &mut complete)?;
        finish(run, complete)
    }
}

type Complete = Vec<(Arc<FolderNode>, usize, Extent)>;

fn finish(run: &Run<'_>, complete: Complete) -> Result<(), Error> {
    for (node, slot, extent) in complete {
        let outcome = slice_outcome(extent);
        node.complete(run, slot, outcome)?;
    }
    Ok(())
}

/// What becomes of an entry whose content is a slice.
pub(super) fn slice_outcome(extent: Extent) -> Outcome {
    let id = match extent {
        Extent::Slice { id, .. } | Extent::Chunk { id, .. } => ContentId::from_bytes(*id.as_bytes()),
        Extent::Hole { .. } => ContentId::EMPTY,
    };
    let record = ContentRecord {
        classifier: Rule::Tiny.number(),
        chunker: CHUNKER_SET,
        extents: vec![extent],
    };
    Outcome::File { record, id }
}

impl State {
    fn add(&mut self, tiny: Tiny, complete: &mut Complete) {
        let mut key = [0; 16];
        key.copy_from_slice(&tiny.id.as_bytes()[..16]);
        let len = to_u32(tiny.bytes.len());
        let offset = match self.seen.get(&key) {
            Some(Seen::Stored { bundle, offset }) => {
                if let Some((bundle, bundle_len)) = self.stored.get(*bundle as usize).copied() {
                    let extent = Extent::Slice {
                        bundle,
                        bundle_len,
                        offset: *offset,
                        len,
                        id: tiny.id,
                    };
                    complete.push((tiny.node, tiny.slot, extent));
                }
                return;
            }
            Some(Seen::Open { offset }) => *offset,
            None => {
                let offset = to_u32(self.bytes.len());
                self.bytes.extend_from_slice(&tiny.bytes);
                if self.seen.len() < SEEN_MAX {
                    self.seen.insert(key, Seen::Open { offset });
                    self.in_open.push(key);
                }
                offset
            }
        };
        self.members.push(Member {
            node: tiny.node,
            slot: tiny.slot,
            offset,
            len,
            id: tiny.id,
        });
    }

    fn close(&mut self, run: &Run<'_>, complete: &mut Complete) -> Result<(), Error> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        let bundle = run
            .chunks
            .store(ChunkKind::Data, &self.bytes, CompressionHint::Compress)?
            .id;
        let bundle_len = to_u32(self.bytes.len());
        let number = to_u32(self.stored.len());
        self.stored.push((bundle, bundle_len));
        for key in self.in_open.drain(..) {
            if let Some(seen) = self.seen.get_mut(&key)
                && let Seen::Open { offset } = *seen
            {
                *seen = Seen::Stored {
                    bundle: number,
                    offset,
                };
            }
        }
        for Member {
            node,
            slot,
            offset,
            len,
            id,
        } in self.members.drain(..)
        {
            complete.push((
                node,
                slot,
                Extent::Slice {
                    bundle,
                    bundle_len,
                    offset,
                    len,
                    id,
                },
            ));
        }
        self.bytes.clear();
        Ok(())
    }
}

fn to_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
