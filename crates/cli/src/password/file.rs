//! Files that hold a secret: read only where nobody else can read them, written so that nobody else can.

use std::io::{self, Read, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::output::printable_path;
use crate::sys::{self, Privacy};

/// Reads at most `bytes_max` bytes of a secret file named by `option`.
pub(crate) fn read_secret_file(
    option: &str,
    path: &Path,
    bytes_max: usize,
    warn: &mut dyn FnMut(&str),
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let name = printable_path(path);
    let cannot = |error: io::Error| Failure::option(option, format!("cannot read {name}")).because(&error);
    // Opened first and looked at then, so that what is judged is what is read.
    let mut file = sys::open_without_waiting(path).map_err(cannot)?;
    if !file.metadata().map_err(cannot)?.is_file() {
        return Err(Failure::option(option, format!("{name} is not a regular file"))
            .hint("for a pipe use --password-fd 0, for a program --password-command"));
    }
    match sys::privacy(&file).map_err(cannot)? {
        Privacy::Private => {}
        Privacy::OwnedByAnother => {
            return Err(Failure::option(option, format!("{name} belongs to another user"))
                .hint("copy it to a file of your own, then: chmod 600 FILE"));
        }
        Privacy::ReadableByOthers => {
            return Err(Failure::option(option, format!("other users can read {name}"))
                .hint(format!("chmod 600 {}", quoted(&name))));
        }
        Privacy::Unknown => warn(&format!(
            "{name}: whether other users can read this file is not known here; keep it where only you can"
        )),
    }
    match read_bounded(&mut file, bytes_max).map_err(cannot)? {
        Some(bytes) => Ok(bytes),
        None => Err(Failure::option(
            option,
            format!("{name} is longer than {bytes_max} bytes"),
        )),
    }
}

/// Everything up to the end, or nothing when that is more than `bytes_max`. Nothing is left in other buffers.
pub(crate) fn read_bounded(from: &mut dyn Read, bytes_max: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut bytes = Zeroizing::new(vec![0; bytes_max + 1]);
    let mut filled = 0;
    while filled < bytes.len() {
        match from.read(&mut bytes[filled..]) {
            Ok(0) => {
                bytes.truncate(filled);
                return Ok(Some(bytes));
            }
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Writes a new file that only its owner can read, and has it on the disk when it returns.
pub(crate) fn write_secret_file(option: &str, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let name = printable_path(path);
    let mut file = sys::create_private(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::option(option, format!("{name} exists already"))
            .hint("name a new file; an existing one is never overwritten"),
        _ => Failure::option(option, format!("cannot create {name}")).because(&error),
    })?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|error| Failure::failed(format!("{option}: cannot write {name}")).because(&error))
}

/// A name as it can be pasted into a command.
pub(crate) fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:@".contains(c);
    if name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{quoted, read_bounded, read_secret_file, write_secret_file};
    use crate::exit::ExitCode;

    fn read(path: &Path) -> Result<Vec<u8>, crate::failure::Failure> {
        let mut warnings = Vec::new();
        let bytes = read_secret_file("--password-file", path, 16, &mut |w| warnings.push(w.to_owned()));
        assert!(
            bytes.is_err() || warnings.len() == usize::from(cfg!(windows)),
            "{warnings:?}"
        );
        bytes.map(|bytes| bytes.to_vec())
    }

    #[test]
    fn written_files_are_private_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p");
        write_secret_file("--recovery-file", &path, b"secret\n").unwrap();
        assert_eq!(read(&path).unwrap(), b"secret\n");
        let again = write_secret_file("--recovery-file", &path, b"x").unwrap_err();
        assert_eq!(again.code(), ExitCode::Usage);
        assert_eq!(read(&path).unwrap(), b"secret\n");
    }

    #[test]
    fn too_long_or_absent_or_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p");
        write_secret_file("--recovery-file", &path, &[b'x'; 17]).unwrap();
        for path in [path.as_path(), folder.path(), &folder.path().join("none")] {
            let failure = read(path).unwrap_err();
            assert_eq!(failure.code(), ExitCode::Usage);
            assert!(failure.message().starts_with("--password-file: "));
        }
    }

    #[test]
    fn reading_is_bounded() {
        assert_eq!(*read_bounded(&mut &b"1234"[..], 4).unwrap().unwrap(), b"1234");
        assert!(read_bounded(&mut &b"12345"[..], 4).unwrap().is_none());
        assert!(read_bounded(&mut std::io::repeat(b'x'), 4).unwrap().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_others_can_read_is_refused_with_the_command_that_helps() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my password");
        write_secret_file("--recovery-file", &path, b"secret").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let failure = read(&path).unwrap_err();
        assert_eq!(failure.code(), ExitCode::Usage);
        assert_eq!(failure.hint_text(), format!("chmod 600 '{}'", path.display()));
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        assert!(
            read(&path)
                .unwrap_err()
                .message()
                .ends_with("is not a regular file")
        );
    }

    #[test]
    fn names_in_hints_can_be_pasted() {
        assert_eq!(quoted("/home/a/p.txt"), "/home/a/p.txt");
        assert_eq!(quoted("/a b/it's"), r"'/a b/it'\''s'");
    }
}
