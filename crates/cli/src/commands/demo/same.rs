//! Whether what was restored is what was backed up: the same names, bytes and times of modification, by reading both.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lumivault_ingest::source::DEFAULT_EXCLUDES;

use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::printable_path;

/// Bytes compared at a time.
const BLOCK_BYTES: usize = 64 * 1024;

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// Files of the source that a backup leaves out by default.
    pub(super) left_out: u64,
}

/// Fails with the first thing that differs.
pub(super) fn compare(source: &Path, restored: &Path) -> Result<Compared, Failure> {
    let mut compared = Compared::default();
    let difference = compare_folders(source, restored, &mut compared)
        .map_err(|error| Failure::failed("what was restored cannot be compared").because(&error))?;
    match difference {
        None => Ok(compared),
        Some(path) => Err(Failure::new(
            ExitCode::Damage,
            format!("{} did not come back as it was", printable_path(&path)),
        )),
    }
}

fn compare_folders(source: &Path, restored: &Path, compared: &mut Compared) -> io::Result<Option<PathBuf>> {
    let mut here = entries(source)?;
    let before = here.len();
    here.retain(|name, _| {
        let name = name.to_string_lossy();
        !DEFAULT_EXCLUDES
            .iter()
            .any(|junk| name.eq_ignore_ascii_case(junk))
    });
    compared.left_out += (before - here.len()) as u64;
    let there = entries(restored)?;
    if let Some((_, path)) = there.iter().find(|(name, _)| !here.contains_key(*name)) {
        return Ok(Some(path.clone()));
    }
    for (name, path) in here {
        let Some(other) = there.get(&name) else {
            return Ok(Some(path));
        };
        let different = if path.is_dir() {
            compare_folders(&path, other, compared)?
        } else {
            compared.files += 1;
            (!same_file(&path, other, compared)?).then_some(path)
        };
        if different.is_some() {
            return Ok(different);
        }
    }
    Ok(None)
}

fn entries(folder: &Path) -> io::Result<BTreeMap<OsString, PathBuf>> {
    fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| (entry.file_name(), entry.path())))
        .collect()
}

fn same_file(one: &Path, other: &Path, compared: &mut Compared) -> io::Result<bool> {
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    if modified(&one)? != modified(&other)? {
        return Ok(false);
    }
    let (mut here, mut there) = (vec![0; BLOCK_BYTES], vec![0; BLOCK_BYTES]);
    loop {
        let length = fill(&mut one, &mut here)?;
        if fill(&mut other, &mut there)? != length || here[..length] != there[..length] {
            return Ok(false);
        }
        compared.bytes += length as u64;
        if length == 0 {
            return Ok(true);
        }
    }
}

/// In seconds: file systems keep different fractions of one.
fn modified(file: &File) -> io::Result<u64> {
    let since = file
        .metadata()?
        .modified()?
        .duration_since(SystemTime::UNIX_EPOCH);
    Ok(since.unwrap_or_default().as_secs())
}

fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use super::compare;

    fn write(folder: &Path, name: &str, content: &[u8], seconds: u64) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(time)
            .unwrap();
    }

    #[test]
    fn every_difference_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (source, restored) = (folder.path().join("a"), folder.path().join("b"));
        for side in [&source, &restored] {
            write(side, "x/photo.jpg", &vec![1; 70_000], 1000);
            write(side, "empty", b"", 1000);
        }
        write(&source, "x/Thumbs.db", b"junk", 1000);
        let compared = compare(&source, &restored).unwrap();
        assert_eq!(
            (compared.files, compared.bytes, compared.left_out),
            (2, 70_000, 1)
        );

        let mut other = vec![1; 70_000];
        other[69_999] = 2;
        write(&restored, "x/photo.jpg", &other, 1000);
        assert!(compare(&source, &restored).is_err(), "another byte");
        write(&restored, "x/photo.jpg", &other[..69_999], 1000);
        assert!(compare(&source, &restored).is_err(), "shorter");
        write(&restored, "x/photo.jpg", &vec![1; 70_000], 1001);
        assert!(compare(&source, &restored).is_err(), "another time");
        write(&restored, "x/photo.jpg", &vec![1; 70_000], 1000);
        write(&restored, "more", b"", 1000);
        assert!(compare(&source, &restored).is_err(), "one more");
        fs::remove_file(restored.join("more")).unwrap();
        fs::remove_file(restored.join("empty")).unwrap();
        assert!(compare(&source, &restored).is_err(), "one less");
    }
}
