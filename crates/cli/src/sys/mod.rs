//! What differs between systems: who may read a file, what a crash leaves behind, what the machine is called.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{
    create_private, create_private_folders, forbid_core_dumps, host_name, open_descriptor,
    open_without_waiting, privacy,
};
#[cfg(windows)]
pub(crate) use windows::{
    create_private, create_private_folders, forbid_core_dumps, host_name, open_descriptor,
    open_without_waiting, privacy,
};

/// Who besides its owner can read a file with a secret in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(windows, allow(dead_code, reason = "access lists are not read there"))]
pub(crate) enum Privacy {
    /// Nobody.
    Private,
    /// Others, by its permission bits, which are enforced here.
    ReadableByOthers,
    /// It belongs to another user.
    OwnedByAnother,
    /// The file system keeps no permissions, or they could not be found out.
    Unknown,
}
