//! What lies in the repository when a run begins: packs of interrupted runs are adopted, lost ones are not relied on.
//! See docs/format.md §12.

use lumivault_format::{IndexedPack, ObjectName};

use super::shared::Shared;
use super::{Flaw, PackReader, verify_pack};
use crate::backend::BackendError;
use crate::{Error, Event};

impl Shared {
    /// Compares the index with the packs that are there. Nothing in a pack that is not there will be shared.
    pub(super) fn survey_packs(&self) -> Result<(), Error> {
        let there = self.index.packs_there(self.backend.as_ref())?;
        let absent = self.index.note_there(&there);
        if !absent.is_empty() {
            let packs = match absent.len() {
                1 => "a pack that the index lists is".into(),
                several => format!("{several} packs that the index lists are"),
            };
            let text = format!(
                "{packs} missing or cut short; what comes along of what was in there is stored anew. `lumivault check` tells what \
                 is affected"
            );
            self.env.monitor.event(Event::Warning(&text));
        }
        if self.options.dry_run {
            return Ok(());
        }
        let is_unknown = |name: &ObjectName| !self.index.has_pack(name) && !self.index.is_marked(name);
        let mut unknown: Vec<ObjectName> = there.into_keys().filter(is_unknown).collect();
        unknown.sort_unstable();
        unknown.into_iter().try_for_each(|name| self.adopt(name))
    }

    /// Lists a pack that no index knows in the next index. One that cannot be read is left where it is: nothing needs
    /// it.
    fn adopt(&self, name: ObjectName) -> Result<(), Error> {
        let pack = match self.read_unlisted(name) {
            Ok(pack) => pack,
            // Removed meanwhile.
            Err(Error::Backend(BackendError::NotFound { .. })) => return Ok(()),
            Err(error) if error.spares_the_rest() => {
                let text = format!(
                    "a pack that no index lists was left aside: {}",
                    error.with_causes()
                );
                self.env.monitor.event(Event::Warning(&text));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for entry in &pack.entries {
            self.claim(entry.id);
        }
        self.list_in_index(pack)
    }

    /// Every chunk is checked, as nothing vouches for the pack: anybody can copy a pack, change a byte in the middle
    /// and give it the name that its bytes then hash to.
    fn read_unlisted(&self, name: ObjectName) -> Result<IndexedPack, Error> {
        let reader = PackReader::open_with(self.backend.as_ref(), &self.secrets, self.archive, name, None)?;
        let object = reader.object();
        let (size, entries) = reader.directory()?;
        let mut problem = None;
        verify_pack(&reader, size, &entries, &self.env, &mut |flaw| {
            problem = Some(match flaw {
                Flaw::Chunk(place, problem) => Error::DamagedChunk {
                    chunk: place.entry.id,
                    object,
                    problem,
                },
                Flaw::Name => Error::Damaged {
                    object,
                    problem: "its bytes do not hash to its name",
                },
            });
        })?;
        let kind = reader.kind();
        problem.map_or(
            Ok(IndexedPack {
                name,
                kind,
                size,
                entries,
            }),
            Err,
        )
    }
}
