//! Copies needed chunks out of packs that go.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::View;
use super::live::Live;
use crate::backend::BackendError;
use crate::index::Location;
use crate::pack::PackReader;
use crate::{ChunkWriter, Error, Event};

/// What is to be copied: places by pack, so that each pack is read from its beginning to its end.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// By pack: one place of each chunk, and its other places.
    by_pack: BTreeMap<u32, Vec<(Location, Vec<Location>)>>,
    pub(super) bytes: u64,
    pub(super) chunks: u64,
}

impl Moves {
    /// The needed chunks that are in packs that `goes`, and in no other that is there.
    pub(super) fn find(view: &View<'_>, live: &Live<'_>, goes: &dyn Fn(u32) -> bool) -> Self {
        let mut moves = Self::default();
        live.for_each(|_, needed, places| {
            let there = |place: &&Location| view.index.is_present(place.pack);
            if !needed || places.iter().filter(there).any(|place| !goes(place.pack)) {
                return;
            }
            if let Some(first) = places.iter().find(there) {
                let others = places.iter().filter(|place| *place != first).copied().collect();
                moves
                    .by_pack
                    .entry(first.pack)
                    .or_default()
                    .push((*first, others));
                moves.bytes += u64::from(first.place.entry.sealed_len());
                moves.chunks += 1;
            }
        });
        moves
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_pack.is_empty()
    }

    /// The packs from which something has to be copied.
    pub(super) fn packs(&self) -> HashSet<u32> {
        let places = self.by_pack.values().flatten();
        places
            .flat_map(|(first, others)| others.iter().chain([first]))
            .map(|place| place.pack)
            .collect()
    }

    /// Copies the chunks, and makes packs and index of the copies durable. Every chunk is checked before and after.
    pub(super) fn carry_out(mut self, view: &View<'_>) -> Result<Copied, Error> {
        let monitor = &view.repository.environment().monitor;
        monitor.event(Event::Phase("writing anew what is needed"));
        monitor.event(Event::Total {
            items: self.chunks,
            bytes: self.bytes,
        });
        match self.copy_all(view) {
            Ok(bytes) => Ok(Copied::All(bytes)),
            Err(Error::Backend(BackendError::Full { .. })) => Ok(Copied::NoRoom),
            Err(error) => Err(error),
        }
    }

    fn copy_all(&mut self, view: &View<'_>) -> Result<u64, Error> {
        let writer = ChunkWriter::for_copying(view.repository, Arc::clone(&view.index))?;
        let (mut stored, mut plain) = (Vec::new(), Vec::new());
        for (number, moves) in &mut self.by_pack {
            moves.sort_unstable_by_key(|(place, _)| place.place.offset);
            for (place, others) in moves {
                view.tick()?;
                let kind = read(view, *number, place, others, &mut stored, &mut plain)?;
                let length = u64::from(place.place.entry.sealed_len());
                writer.copy(kind.0, kind.1, &mut stored)?;
                let monitor = &view.repository.environment().monitor;
                monitor.event(Event::Done {
                    items: 1,
                    bytes: length,
                });
            }
        }
        let summary = writer.finish()?;
        Ok(summary.file_bytes)
    }
}

/// What became of copying.
pub(super) enum Copied {
    /// Everything is copied; so many bytes were written.
    All(u64),
    /// The storage is full; nothing may be removed that something had to be copied from.
    NoRoom,
}

/// Reads a chunk from its place, or from another where that one is damaged.
fn read(
    view: &View<'_>,
    pack: u32,
    place: &Location,
    others: &[Location],
    stored: &mut Vec<u8>,
    plain: &mut Vec<u8>,
) -> Result<(lumivault_format::ChunkKind, lumivault_format::PackEntry), Error> {
    let mut failure = None;
    for place in [place].into_iter().chain(others) {
        let info = view
            .index
            .pack(place.pack)
            .ok_or_else(|| Error::Unsupported(format!("the index has no pack number {pack}")))?;
        let read = PackReader::open(view.repository, info.name, info.kind)
            .and_then(|reader| reader.read_stored(&place.place, stored, plain));
        match read {
            Ok(()) => return Ok((info.kind, place.place.entry)),
            Err(error) if error.spares_the_rest() => failure = failure.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    let failure = failure.unwrap_or(Error::MissingChunk(place.place.entry.id));
    Err(Error::Blocked(format!(
        "{}; `lumivault repair packs` mends it, or says what is lost",
        failure.with_causes()
    )))
}
