//! Deals chunks at random over several open packs, so that a pack's content says nothing about the order of a run.

use std::sync::{Condvar, Mutex, PoisonError};

use lumivault_format::{ChunkKind, PackEntry};

use super::CLOSE_GAP;
use super::open_pack::{OpenPack, PackContext};
use crate::Error;

/// A place for an open pack. `None` in an idle place: none is open there yet.
enum Place {
    Idle(Option<OpenPack>),
    Busy,
}

pub(super) struct Dealer {
    kind: ChunkKind,
    places: Mutex<Vec<Place>>,
    returned: Condvar,
}

/// A place that a worker took. It is given back whatever happens, as others may be waiting for it.
struct Lease<'d> {
    dealer: &'d Dealer,
    place: usize,
    /// What will be open in it.
    pack: Option<OpenPack>,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut places = self.dealer.places.lock().unwrap_or_else(PoisonError::into_inner);
        places[self.place] = Place::Idle(self.pack.take());
        drop(places);
        self.dealer.returned.notify_all();
    }
}

impl Dealer {
    /// At least four packs are open, however few threads there are (docs/format.md §7).
    pub(super) fn new(kind: ChunkKind, threads: usize) -> Self {
        let places = (0..threads.clamp(4, 8)).map(|_| Place::Idle(None)).collect();
        Self {
            kind,
            places: Mutex::new(places),
            returned: Condvar::new(),
        }
    }

    /// Adds a chunk to a random open pack; hands packs that became full to `close`.
    pub(super) fn add(
        &self,
        context: PackContext<'_>,
        entry: PackEntry,
        stored: &mut Vec<u8>,
        close: &dyn Fn(OpenPack) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let choice = u64::from_le_bytes(context.env.random_array()?);
        let (mut lease, pack, full) = self.take(entry.stored_len, choice);
        let outcome = Self::write(self.kind, context, pack, entry, stored);
        let (finished, result) = match outcome {
            Ok(pack) if pack.full_gap().is_some_and(|gap| gap <= CLOSE_GAP) => (Some(pack), Ok(())),
            Ok(pack) => {
                lease.pack = Some(pack);
                (None, Ok(()))
            }
            Err(error) => (None, Err(error)),
        };
        drop(lease);
        for pack in [full, finished].into_iter().flatten() {
            close(pack)?;
        }
        result
    }

    fn write(
        kind: ChunkKind,
        context: PackContext<'_>,
        pack: Option<OpenPack>,
        entry: PackEntry,
        stored: &mut Vec<u8>,
    ) -> Result<OpenPack, Error> {
        let mut pack = match pack {
            Some(pack) => pack,
            None => OpenPack::begin(kind, context)?,
        };
        pack.add(entry, stored)?;
        Ok(pack)
    }

    /// Waits for a place whose pack has room, chosen at random; makes room where no pack has any. Returns the place,
    /// what is open in it, and what has to be closed to make room.
    fn take(&self, stored: u32, choice: u64) -> (Lease<'_>, Option<OpenPack>, Option<OpenPack>) {
        let lease = |place| Lease {
            dealer: self,
            place,
            pack: None,
        };
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let fitting: Vec<usize> = (0..places.len())
                .filter(|&i| match &places[i] {
                    Place::Idle(pack) => pack.as_ref().is_none_or(|p| p.fits(stored)),
                    Place::Busy => false,
                })
                .collect();
            if !fitting.is_empty() {
                let count = u64::try_from(fitting.len()).unwrap_or(1);
                let place = fitting[usize::try_from(choice % count).unwrap_or(0)];
                let pack = take_idle(&mut places[place]);
                return (lease(place), pack, None);
            }
            // Where all have returned and none has room, the one that wastes least is closed.
            let idle: Vec<usize> = (0..places.len())
                .filter(|&i| matches!(places[i], Place::Idle(_)))
                .collect();
            if idle.len() == places.len() {
                let gap = |i: &usize| match &places[*i] {
                    Place::Idle(Some(pack)) => pack.full_gap().unwrap_or(u32::MAX),
                    _ => u32::MAX,
                };
                let place = idle.iter().copied().min_by_key(gap).unwrap_or(0);
                let full = take_idle(&mut places[place]);
                return (lease(place), None, full);
            }
            places = self.returned.wait(places).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The packs still open at the end of a run, without the empty ones.
    pub(super) fn drain(&self) -> Vec<OpenPack> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places
            .iter_mut()
            .filter_map(|place| match place {
                Place::Idle(pack) => pack.take(),
                Place::Busy => None,
            })
            .collect()
    }
}

fn take_idle(place: &mut Place) -> Option<OpenPack> {
    match std::mem::replace(place, Place::Busy) {
        Place::Idle(pack) => pack,
        Place::Busy => None,
    }
}
