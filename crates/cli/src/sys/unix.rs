//! The Unix half.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::Privacy;

/// Opens for reading. A pipe nobody writes to does not hold the caller up, and a terminal does not become ours.
pub(crate) fn open_without_waiting(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    let flags = i32::try_from(flags).map_err(io::Error::other)?;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Creates a file only its owner can read; an existing one is an error.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Creates a folder, and those above it that are missing, for their owner only.
pub(crate) fn create_private_folders(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A descriptor this process was started with.
pub(crate) fn open_descriptor(number: u32) -> io::Result<File> {
    File::open(format!("/dev/fd/{number}"))
}

pub(crate) fn privacy(file: &File) -> io::Result<Privacy> {
    let metadata = file.metadata()?;
    let own = metadata.uid() == rustix::process::geteuid().as_raw();
    let private = Mode::from_raw_mode(metadata.mode())
        .intersection(Mode::RWXG | Mode::RWXO)
        .is_empty();
    Ok(match (own, private) {
        (true, true) => Privacy::Private,
        _ if !keeps_modes(file) => Privacy::Unknown,
        (false, _) => Privacy::OwnedByAnother,
        (true, false) => Privacy::ReadableByOthers,
    })
}

/// Whether permission bits on this file system are kept, or made up for all files when it is mounted.
#[cfg(target_os = "linux")]
fn keeps_modes(file: &File) -> bool {
    // From linux/magic.h and the file systems' own sources.
    const WITHOUT_MODES: [u32; 9] = [
        0x4d44,      // FAT
        0x2011_bab0, // exFAT
        0x5346_544e, // NTFS, the old driver
        0x7366_746e, // NTFS
        0x6573_5546, // FUSE: ntfs-3g, MTP and others that make them up
        0xff53_4d42, // CIFS
        0xfe53_4d42, // SMB 2
        0x517b,      // SMB
        0x0102_1997, // 9p: Windows drives under WSL
    ];
    let Ok(about) = rustix::fs::fstatfs(file) else {
        return true;
    };
    // The type of the field differs between architectures; the magic numbers have 32 bits.
    let bytes = about.f_type.to_ne_bytes();
    let low = if cfg!(target_endian = "little") {
        bytes.first_chunk::<4>()
    } else {
        bytes.last_chunk::<4>()
    };
    low.is_none_or(|low| !WITHOUT_MODES.contains(&u32::from_ne_bytes(*low)))
}

#[cfg(not(target_os = "linux"))]
fn keeps_modes(_file: &File) -> bool {
    true
}

/// Keeps passwords and keys out of core dumps, as far as the system lets us.
pub(crate) fn forbid_core_dumps() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    // Too small for any file, and to Linux also the sign to hand nothing to a program that collects dumps; 0 would
    // not keep it from that.
    let maximum = getrlimit(Resource::Core).maximum;
    let current = Some(maximum.map_or(1, |maximum| maximum.min(1)));
    // Where it is not allowed, everything else goes on.
    let _ = setrlimit(Resource::Core, Rlimit { current, maximum });
}

pub(crate) fn host_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::{Privacy, create_private, privacy};

    #[test]
    fn permission_bits_decide() {
        let folder = tempfile::tempdir().unwrap();
        let file = create_private(&folder.path().join("secret")).unwrap();
        assert_eq!(privacy(&file).unwrap(), Privacy::Private);
        for mode in [0o640, 0o604, 0o620, 0o644] {
            file.set_permissions(std::fs::Permissions::from_mode(mode))
                .unwrap();
            assert_eq!(privacy(&file).unwrap(), Privacy::ReadableByOthers, "{mode:o}");
        }
    }

    #[test]
    fn another_users_file_is_known_as_such() {
        let file = std::fs::File::open("/proc/1/environ").or_else(|_| std::fs::File::open("/etc/passwd"));
        let file = file.unwrap();
        let own = std::os::unix::fs::MetadataExt::uid(&file.metadata().unwrap())
            == rustix::process::geteuid().as_raw();
        let found = privacy(&file).unwrap();
        assert_eq!(own, found != Privacy::OwnedByAnother, "{found:?}");
    }

    #[test]
    fn core_dumps_are_too_small_to_hold_anything() {
        super::forbid_core_dumps();
        let current = rustix::process::getrlimit(rustix::process::Resource::Core).current;
        assert!(current.is_some_and(|bytes| bytes <= 1), "{current:?}");
    }

    #[test]
    fn an_existing_file_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        create_private(&path).unwrap();
        assert_eq!(
            create_private(&path).unwrap_err().kind(),
            std::io::ErrorKind::AlreadyExists
        );
    }
}
