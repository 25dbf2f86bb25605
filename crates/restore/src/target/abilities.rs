//! What the file system of a target can hold, found out by trying.

use super::own;
use super::sys::{self, Dir, Kind, Object};
use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::ControlFlow;

/// Units of UTF-16 that every file system of Windows allows in a name.
const UTF16_MAX: usize = 255;
/// Bytes of a name where the system does not say.
const BYTES_MAX: usize = 255;
/// Composed, and what it decomposes to.
const COMPOSED: &str = "\u{e9}";
const DECOMPOSED: &str = "e\u{301}";
/// Everything that Windows and its file systems forbid or drop, short of what ends a name for everybody.
const FORBIDDEN: &str = "a:*?\"<>|\\\u{1}b. ";

/// Which bytes can be a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameEncoding {
    /// Any.
    Bytes,
    /// UTF-8.
    Utf8,
    /// UTF-8 with lone surrogates, as on Windows.
    Wtf8,
}

/// What the file system of a target can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not a state")]
pub struct Abilities {
    /// Names follow the rules of Windows: on Windows, and on FAT, exFAT or NTFS anywhere.
    pub windows_names: bool,
    /// Which bytes can be a name.
    pub encoding: NameEncoding,
    /// `a` and `A` are two files.
    pub case_sensitive: bool,
    /// Composed and decomposed characters are the same name.
    pub normalising: bool,
    /// Bytes of the longest name, if bytes count.
    pub name_bytes_max: Option<usize>,
    /// UTF-16 units of the longest name, if those count.
    pub name_utf16_max: Option<usize>,
    /// Symbolic links can be created by this process.
    pub symlinks: bool,
    /// A file can have two names.
    pub hard_links: bool,
    /// User extended attributes can be set.
    pub xattrs: bool,
    /// Unix permission bits are kept. If not, setting them is not tried and not reported per entry.
    pub modes: bool,
}

impl Abilities {
    /// Of a usual Unix file system.
    pub const fn unix() -> Self {
        Self {
            windows_names: false,
            encoding: NameEncoding::Bytes,
            case_sensitive: true,
            normalising: false,
            name_bytes_max: Some(BYTES_MAX),
            name_utf16_max: None,
            symlinks: true,
            hard_links: true,
            xattrs: true,
            modes: true,
        }
    }

    /// What is usual on this system.
    pub const fn usual() -> Self {
        if sys::IS_WINDOWS {
            Self::windows()
        } else {
            Self::unix()
        }
    }

    /// Of NTFS on Windows.
    pub const fn windows() -> Self {
        Self {
            windows_names: true,
            encoding: NameEncoding::Wtf8,
            case_sensitive: false,
            normalising: false,
            name_bytes_max: None,
            name_utf16_max: Some(UTF16_MAX),
            symlinks: false,
            hard_links: true,
            xattrs: false,
            modes: false,
        }
    }
}

/// Abilities, and the permissions that new things get here when none are recorded.
#[derive(Clone, Debug)]
pub(super) struct Probed {
    pub(super) abilities: Abilities,
    pub(super) file_mode: u32,
    pub(super) folder_mode: u32,
}

/// Tries out what `dir` can hold, in a folder of its own named `temp`, which is gone afterwards.
pub(super) fn probe(dir: &Dir, temp: &OsStr) -> io::Result<Probed> {
    dir.create_dir(temp, 0o777)?;
    let result = dir
        .open_dir(temp)
        .and_then(|inner| Ok((probe_inside(dir, &inner)?, inner.found()?.mode & 0o777)));
    if let Ok(inner) = dir.open_dir(temp) {
        clear(&inner)?;
    }
    dir.remove_dir(temp)?;
    let ((abilities, file_mode), folder_mode) = result?;
    Ok(Probed {
        abilities,
        file_mode,
        folder_mode,
    })
}

fn clear(dir: &Dir) -> io::Result<()> {
    for (name, _) in list(dir)? {
        dir.remove_file(&name)?;
    }
    Ok(())
}

fn list(dir: &Dir) -> io::Result<Vec<(OsString, Kind)>> {
    let mut names = Vec::new();
    dir.entries(&mut |name, kind| {
        names.push((name, kind));
        ControlFlow::Continue(())
    })?;
    Ok(names)
}

fn probe_inside(outer: &Dir, dir: &Dir) -> io::Result<(Abilities, u32)> {
    let plain = OsStr::new("plain");
    let file = dir.create_file(plain, 0o666, None)?;
    let file_mode = sys::found(&file)?.mode & 0o777;
    let xattrs = sys::set_xattr(Object::File(&file), b"user.lumivault", b"1").is_ok();
    let modes = !sys::IS_WINDOWS && keeps_modes(&file);
    drop(file);
    let case_sensitive = !outer.folds_case() && dir.find(OsStr::new("PLAIN"))?.is_none();
    let hard_links = dir.hard_link(plain, dir, OsStr::new("second")).is_ok();
    let symlinks = dir.symlink(b"nowhere", OsStr::new("link"), false).is_ok();
    let normalising = dir.create_file(OsStr::new(COMPOSED), 0o600, None).is_ok()
        && dir.find(OsStr::new(DECOMPOSED))?.is_some();
    let windows_names = sys::IS_WINDOWS || !holds(dir, FORBIDDEN.as_bytes())?;
    let encoding = if sys::IS_WINDOWS {
        NameEncoding::Wtf8
    } else if holds(dir, b"\xff\xfe")? {
        NameEncoding::Bytes
    } else {
        NameEncoding::Utf8
    };
    let abilities = Abilities {
        windows_names,
        encoding,
        case_sensitive,
        normalising,
        name_bytes_max: (!sys::IS_WINDOWS).then(|| dir.name_bytes_max().unwrap_or(BYTES_MAX)),
        name_utf16_max: windows_names.then_some(UTF16_MAX),
        symlinks,
        hard_links,
        xattrs,
        modes,
    };
    Ok((abilities, file_mode))
}

fn keeps_modes(file: &std::fs::File) -> bool {
    [0o640, 0o600].into_iter().all(|mode| {
        sys::set_mode(Object::File(file), mode).is_ok()
            && sys::found(file).is_ok_and(|found| found.mode == mode)
    })
}

/// Whether a name is taken, and kept as it is.
fn holds(dir: &Dir, name: &[u8]) -> io::Result<bool> {
    let Some(native) = sys::name_from_bytes(name) else {
        return Ok(false);
    };
    match dir.create_file(&native, 0o600, None) {
        Ok(_) => Ok(list(dir)?.iter().any(|(found, _)| *found == native)),
        Err(error) if own::is_fatal(&error) => Err(error),
        Err(_) => Ok(false),
    }
}
