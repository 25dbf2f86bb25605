//! The streams of one folder: every record decodes, and every chunk they refer to can be found.

use std::ops::Range;

use lumivault_format::tree::{
    ContentRecord, ContentState, EntryKind, Extent, FolderHead, NameRecord, NameState, StatRecord, StatState,
    Stream, StreamTag,
};
use lumivault_format::wire::Reader;
use lumivault_format::{ChunkId, ChunkKind, DecodeError};

use super::report::{AFFECTED_MAX, Finding, Remedy};
use super::trees::Walker;
use crate::Error;

/// Contents that cannot be restored, by their place in the stream, and a chunk that each lacks.
pub(super) type BadContents = Vec<(Range<u64>, ChunkId)>;

impl Walker<'_> {
    /// Checks that every data chunk is listed, with its length; returns whether the stream is sound and the contents
    /// that are not.
    pub(super) fn contents(&mut self, head: &FolderHead) -> Result<(bool, BadContents), Error> {
        let (mut bad, mut sound) = (BadContents::new(), true);
        let records = head.stream(StreamTag::Contents);
        if let Stream::Pieces(pieces) = &records.stream {
            let mut next = 0u64;
            for piece in pieces {
                let range = next..next.saturating_add(piece.records);
                next = range.end;
                if self.pieces.get(&piece.id) == Some(&piece.records) {
                    continue;
                }
                let before = bad.len();
                match self.piece(&piece.id, piece.plain_len, StreamTag::Contents)? {
                    Some(chunk) => {
                        let checked = self.content_records(&chunk[1..], &range, &mut bad);
                        if checked && bad.len() == before {
                            self.pieces.insert(piece.id, piece.records);
                        }
                        sound &= checked;
                    }
                    None => bad.push((range, piece.id)),
                }
            }
        } else if let Stream::Inline(bytes) = &records.stream {
            sound = self.content_records(bytes, &(0..records.records), &mut bad);
        }
        Ok((sound, bad))
    }

    fn content_records(&mut self, bytes: &[u8], range: &Range<u64>, bad: &mut BadContents) -> bool {
        let (mut r, mut state) = (Reader::new(bytes, "folder"), ContentState::default());
        for number in range.clone() {
            let content = match ContentRecord::decode(&mut r, &mut state) {
                Ok(content) => content,
                Err(problem) => {
                    self.fault(None, &problem.to_string());
                    return false;
                }
            };
            if let Some(chunk) = content.extents.iter().find_map(|extent| self.lacking(extent)) {
                bad.push((number..number + 1, chunk));
            }
        }
        let rest = r.finish();
        if let Err(problem) = &rest {
            self.fault(None, &problem.to_string());
        }
        rest.is_ok()
    }

    /// The chunk that an extent lacks, if it does.
    fn lacking(&mut self, extent: &Extent) -> Option<ChunkId> {
        let (id, length) = match extent {
            Extent::Chunk { id, len } => (id, *len),
            Extent::Slice {
                bundle, bundle_len, ..
            } => (bundle, *bundle_len),
            Extent::Hole { .. } => return None,
        };
        self.find(id, length, ChunkKind::Data).err()
    }

    /// Whether a chunk can be read, as far as is known; reports why not, unless its pack was reported.
    fn find(&mut self, id: &ChunkId, length: u32, kind: ChunkKind) -> Result<(), ChunkId> {
        let Some(place) = self.health.good_place(self.index, id) else {
            if !self.index.is_listed(id) {
                self.report.remedies.insert(Remedy::Packs);
                self.fault_once(id, "it is in no index");
            }
            return Err(*id);
        };
        let of_kind = self.index.pack(place.pack).is_some_and(|pack| pack.kind == kind);
        if of_kind && place.place.entry.plain_len == length {
            return Ok(());
        }
        self.fault_once(
            id,
            "the index lists it with another length or of another kind than the folder says",
        );
        Err(*id)
    }

    pub(super) fn stats(&mut self, head: &FolderHead) -> Result<bool, Error> {
        let mut state = StatState::default();
        self.stream(head, StreamTag::Stats, &mut |r, first, _| {
            if first {
                state = StatState::default();
            }
            StatRecord::decode(r, &mut state).map(drop)
        })
    }

    /// Checks the names and reports files whose contents are bad; returns the names of the subfolders.
    pub(super) fn names(
        &mut self,
        head: &FolderHead,
        bad: &BadContents,
    ) -> Result<Option<Vec<Vec<u8>>>, Error> {
        let contents = head.stream(StreamTag::Contents).records;
        let mut state = NameState::default();
        let (mut folders, mut files) = (Vec::new(), 0u64);
        let (mut affected, mut unnamed) = (Vec::new(), 0u64);
        let sound = self.stream(head, StreamTag::Names, &mut |r, first, _| {
            if first {
                state.next_piece();
            }
            let record = NameRecord::decode(r, &mut state)?;
            match record.kind {
                EntryKind::File { content } => {
                    if content >= contents {
                        let problem = "a file has a content that is not there";
                        return Err(DecodeError::Invalid("folder", problem));
                    }
                    files += 1;
                    let place = bad.partition_point(|(range, _)| range.end <= content);
                    if let Some((range, chunk)) = bad.get(place)
                        && range.contains(&content)
                    {
                        if affected.len() < AFFECTED_MAX {
                            affected.push((record.name, *chunk));
                        } else {
                            unnamed += 1;
                        }
                    }
                }
                EntryKind::Folder => folders.push(record.name),
                _ => {}
            }
            Ok(())
        })?;
        self.report.counts.files += files;
        self.report.affected_total += unnamed;
        for (name, chunk) in affected {
            let length = self.path.len();
            self.enter(&name);
            self.affect(Some(chunk));
            self.path.truncate(length);
        }
        Ok(sound.then_some(folders))
    }

    /// Decodes all records of a stream, piece by piece; `decode` is told whether a record is the first of its piece, and
    /// its number. Stops at the first fault: what follows may depend on it.
    pub(super) fn stream(
        &mut self,
        head: &FolderHead,
        tag: StreamTag,
        decode: &mut dyn FnMut(&mut Reader<'_>, bool, u64) -> Result<(), DecodeError>,
    ) -> Result<bool, Error> {
        let records = head.stream(tag);
        let mut number = 0;
        let mut piece = |bytes: &[u8], records: u64| -> Result<(), DecodeError> {
            let mut r = Reader::new(bytes, "folder");
            for i in 0..records {
                decode(&mut r, i == 0, number)?;
                number += 1;
            }
            r.finish()
        };
        let mut result = Ok(());
        match &records.stream {
            Stream::Inline(bytes) => result = piece(bytes, records.records),
            Stream::Pieces(pieces) => {
                for part in pieces {
                    // Stats of one piece need nothing from the pieces before.
                    let alone = tag == StreamTag::Stats;
                    if alone && self.pieces.get(&part.id) == Some(&part.records) {
                        continue;
                    }
                    let Some(chunk) = self.piece(&part.id, part.plain_len, tag)? else {
                        return Ok(false);
                    };
                    result = piece(&chunk[1..], part.records);
                    if result.is_err() {
                        break;
                    }
                    if alone {
                        self.pieces.insert(part.id, part.records);
                    }
                }
            }
        }
        if let Err(problem) = &result {
            self.fault(None, &problem.to_string());
        }
        Ok(result.is_ok())
    }

    /// Reads a piece of a stream and checks its tag, which is its first byte.
    fn piece(&mut self, id: &ChunkId, plain_len: u32, tag: StreamTag) -> Result<Option<Vec<u8>>, Error> {
        let chunk = self.tree_chunk(id, plain_len)?;
        if chunk
            .as_ref()
            .is_some_and(|chunk| chunk.first() != Some(&tag.number()))
        {
            self.fault(Some(*id), "a chunk of one stream is used for another");
            return Ok(None);
        }
        Ok(chunk)
    }

    pub(super) fn tree_chunk(&mut self, id: &ChunkId, plain_len: u32) -> Result<Option<Vec<u8>>, Error> {
        if self.find(id, plain_len, ChunkKind::Tree).is_err() {
            self.affect(Some(*id));
            return Ok(None);
        }
        match self.reader.chunk(id) {
            Ok(chunk) => Ok(Some(chunk)),
            Err(error) if error.spares_the_rest() => {
                let finding = Finding::of_error(&error, "Back up the originals again");
                self.report_with_place(finding.chunk(*id));
                self.affect(Some(*id));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
