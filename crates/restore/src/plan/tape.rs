//! What a plan keeps: a byte for each entry of the folders it looked into and 16 for each folder, in the order of the
//! walk. Names, times and contents are in the snapshot, which never changes, and are read from there again.

use lumivault_format::tree::EntryKind;

use crate::RestoreError;

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Action {
    /// Not asked for.
    Leave,
    /// Nothing has its name; it is written.
    Create,
    /// Something with its name makes way.
    Replace,
    /// A file of which some ranges are there already; only the others are fetched.
    Update,
    /// Its content is there; its metadata is set. For a folder: it is there.
    Metadata,
    /// It is there.
    Unchanged,
    /// It becomes another name of a file that comes before it.
    Link,
    /// A file that is there, and stays because nothing may be overwritten.
    Keep,
    /// A file that is there, and stays because it is at least as new.
    KeepNewer,
    /// A folder that is there and stays as it is; something beneath it is restored.
    Through,
    /// Something is in its way that must not or cannot be replaced.
    Blocked,
    /// It has an extra field that must be understood and is not.
    Refuse,
    /// A folder that cannot be read from the archive.
    Unreadable,
    /// A device, pipe or socket, which come only on request.
    NotAsked,
    /// The target cannot hold such a thing.
    NotSupported,
    /// Something that only the target has; it is removed.
    Delete,
}

impl Action {
    /// All, in order.
    pub const ALL: [Self; 16] = [
        Self::Leave,
        Self::Create,
        Self::Replace,
        Self::Update,
        Self::Metadata,
        Self::Unchanged,
        Self::Link,
        Self::Keep,
        Self::KeepNewer,
        Self::Through,
        Self::Blocked,
        Self::Refuse,
        Self::Unreadable,
        Self::NotAsked,
        Self::NotSupported,
        Self::Delete,
    ];

    /// Whether content is written under the entry's name.
    pub fn writes_content(self) -> bool {
        matches!(self, Self::Create | Self::Replace | Self::Update)
    }

    /// Whether the entry is afterwards as the snapshot has it.
    pub fn restores(self) -> bool {
        self.writes_content() || matches!(self, Self::Metadata | Self::Unchanged | Self::Link)
    }

    /// Whether a folder with this action is looked into.
    pub(crate) fn descends(self, kind: &EntryKind) -> bool {
        let open = matches!(
            self,
            Self::Create | Self::Replace | Self::Metadata | Self::Through
        );
        *kind == EntryKind::Folder && open
    }
}

/// Where a folder's actions are, and what to know before looking into it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FolderMark {
    first: u64,
    /// Number of the first folder behind its subtree.
    pub(crate) end: u32,
    /// It or a folder beneath has links or special files, which come last.
    pub(crate) late: bool,
}

/// Which extents of a file are in the target already.
pub(crate) type Matched = Box<[bool]>;

/// The actions of a plan, in the order of the walk: of each folder those of its entries, then its subfolders.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    folders: Vec<FolderMark>,
    actions: Vec<Action>,
    /// By the number of the action, ascending.
    matched: Vec<(u64, Matched)>,
}

impl Tape {
    /// Begins a folder with so many entries, whose actions are [`Action::Leave`] until set. Returns its number and
    /// that of its first action.
    pub(crate) fn begin(&mut self, entries: usize) -> (usize, usize) {
        let (number, first) = (self.folders.len(), self.actions.len());
        self.folders.push(FolderMark {
            first: to_u64(first),
            end: to_u32(number + 1),
            late: false,
        });
        self.actions.resize(first + entries, Action::Leave);
        (number, first)
    }

    /// Ends a folder: all its subfolders are behind it.
    pub(crate) fn end(&mut self, number: usize) {
        let end = to_u32(self.folders.len());
        if let Some(mark) = self.folders.get_mut(number) {
            mark.end = end;
        }
    }

    pub(crate) fn set(&mut self, position: usize, action: Action) {
        if let Some(slot) = self.actions.get_mut(position) {
            *slot = action;
        }
    }

    pub(crate) fn set_late(&mut self, number: usize) {
        if let Some(mark) = self.folders.get_mut(number) {
            mark.late = true;
        }
    }

    /// Remembers what of a file is there already.
    pub(crate) fn set_matched(&mut self, position: usize, matched: Matched) {
        self.matched.push((to_u64(position), matched));
    }

    /// Forgets a folder that was begun, with all behind it.
    pub(crate) fn forget(&mut self, number: usize) {
        if let Some(mark) = self.folders.get(number) {
            self.actions
                .truncate(usize::try_from(mark.first).unwrap_or(usize::MAX));
            self.folders.truncate(number);
        }
    }

    pub(crate) fn mark(&self, number: usize) -> Result<FolderMark, RestoreError> {
        self.folders
            .get(number)
            .copied()
            .ok_or(RestoreError::PlanOutdated)
    }

    /// The actions of a folder's entries, and the number of the first.
    pub(crate) fn actions(
        &self,
        mark: &FolderMark,
        entries: usize,
    ) -> Result<(usize, &[Action]), RestoreError> {
        let first = usize::try_from(mark.first).map_err(|_| RestoreError::PlanOutdated)?;
        let all = self.actions.get(first..).unwrap_or_default();
        let own = all.get(..entries).ok_or(RestoreError::PlanOutdated)?;
        Ok((first, own))
    }

    pub(crate) fn matched(&self, position: usize) -> Option<&Matched> {
        let position = to_u64(position);
        let at = self.matched.binary_search_by_key(&position, |(at, _)| *at).ok()?;
        self.matched.get(at).map(|(_, matched)| matched)
    }

    /// Bytes it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.folders.capacity() * size_of::<FolderMark>()
            + self.actions.capacity()
            + self
                .matched
                .iter()
                .map(|(_, matched)| matched.len() + 24)
                .sum::<usize>()
    }
}

/// Folders are counted in 32 bits: four thousand million of them would not fit on a disk.
fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_takes_a_byte_an_entry_and_sixteen_a_folder() {
        assert_eq!((size_of::<Action>(), size_of::<FolderMark>()), (1, 16));
        for (number, action) in Action::ALL.iter().enumerate() {
            assert!(Action::ALL[..number].iter().all(|before| before < action));
        }
    }

    #[test]
    fn folders_are_found_again_and_forgotten_ones_are_not() {
        let mut tape = Tape::default();
        let (root, first) = tape.begin(3);
        tape.set(first + 1, Action::Create);
        let (inner, inner_first) = tape.begin(2);
        tape.set(inner_first, Action::Link);
        tape.set_matched(inner_first + 1, vec![true, false].into());
        tape.end(inner);
        let (gone, _) = tape.begin(7);
        tape.end(gone);
        tape.forget(gone);
        let (last, _) = tape.begin(1);
        tape.end(last);
        tape.end(root);

        let mark = tape.mark(root).unwrap();
        assert_eq!(mark.end, 3);
        let (_, actions) = tape.actions(&mark, 3).unwrap();
        assert_eq!(actions, [Action::Leave, Action::Create, Action::Leave]);
        let mark = tape.mark(inner).unwrap();
        assert_eq!(
            (mark.end, tape.actions(&mark, 2).unwrap().1[0]),
            (2, Action::Link)
        );
        assert_eq!(tape.matched(inner_first + 1).unwrap()[..], [true, false]);
        assert!(tape.matched(inner_first).is_none());
        assert!(tape.mark(3).is_err() && tape.actions(&mark, 8).is_err());
    }
}
