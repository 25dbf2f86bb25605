//! Another copy of the same archive: what is lost here may be there. Nothing from it is trusted: every chunk is checked against its
//! id, every object against its name.

use lumivault_format::{ChunkId, ChunkKind, Codec, ObjectId, PackEntry, limits};

use crate::pack::PackReader;
use crate::seal::load_object;
use crate::{ChunkIndex, Error, Repository};

/// Another copy of an archive.
#[derive(Debug)]
pub struct OtherCopy<'o> {
    repository: &'o Repository,
    index: ChunkIndex,
}

impl<'o> OtherCopy<'o> {
    /// Fails unless `other` holds the same archive. That it is another place is for the caller to make sure.
    pub fn new(here: &Repository, other: &'o Repository) -> Result<Self, Error> {
        if here.archive() != other.archive() {
            return Err(Error::NotACopy(other.backend().location()));
        }
        Ok(Self {
            index: ChunkIndex::load(other, None)?,
            repository: other,
        })
    }

    pub(super) fn repository(&self) -> &Repository {
        self.repository
    }

    /// Whether the other copy lists a chunk.
    pub(super) fn lists(&self, id: &ChunkId) -> bool {
        self.index.is_listed(id)
    }

    /// Reads a chunk: `stored` then holds its stored bytes, and `plain` what they decode to, unless they are that themselves.
    /// `None`: the other copy does not have it, or not whole.
    pub(super) fn read(
        &self,
        id: &ChunkId,
        stored: &mut Vec<u8>,
        plain: &mut Vec<u8>,
    ) -> Result<Option<(ChunkKind, PackEntry)>, Error> {
        for place in self.index.places(id) {
            let Some(pack) = self.index.pack(place.pack) else {
                continue;
            };
            let read = PackReader::open(self.repository, pack.name, pack.kind)
                .and_then(|reader| reader.read_stored(&place.place, stored, plain));
            match read {
                Ok(()) => return Ok(Some((pack.kind, place.place.entry))),
                Err(error) if error.spares_the_rest() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// A chunk as it was before it was stored.
    pub(super) fn chunk(&self, id: &ChunkId) -> Result<Option<Vec<u8>>, Error> {
        let (mut stored, mut plain) = (Vec::new(), Vec::new());
        let found = self.read(id, &mut stored, &mut plain)?;
        Ok(found.map(|(_, entry)| if entry.codec == Codec::None { stored } else { plain }))
    }

    /// A small object's bytes, which hash to its name.
    pub(super) fn object(&self, id: &ObjectId) -> Result<Option<Vec<u8>>, Error> {
        match load_object(self.repository.backend(), id, limits::SEALED_BYTES_MAX) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.spares_the_rest() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
