//! What a file system was found able to do, by doing it.

/// Whether a file system can do something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Capability {
    /// Nothing needed it yet.
    #[default]
    Untried,
    /// It works.
    Present,
    /// It does not; the next best is done instead.
    Absent,
}

impl Capability {
    /// Notes a new finding. Once absent, absent: a warning must not depend on what was tried last.
    pub(super) fn note(&mut self, works: bool) {
        if *self != Self::Absent {
            *self = if works { Self::Present } else { Self::Absent };
        }
    }
}

/// What a [`super::LocalDisk`] found out about its file system; what is absent deserves one warning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Waiting until a folder's names are on the disk. Absent on Windows and some network file systems: a file is
    /// then synced once more under its final name, and a power cut can still take back the last renames.
    pub folder_sync: Capability,
    /// Giving a name only if it is free. Absent on a few drivers without hard links: it is looked just before,
    /// and two machines that write the same bytes at once may replace one another's.
    pub exclusive_rename: Capability,
    /// Locking files. Absent on a few network file systems: leftovers of dead processes stay for seven days.
    pub file_locks: Capability,
}
