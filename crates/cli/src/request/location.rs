//! Where a repository is. A drive letter is never taken for a URL, and a URL never for a folder.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Prefixes that restic, rustic and rclone users know, of places this version does not reach.
const REMOTE: [&str; 19] = [
    "s3", "sftp", "ssh", "rest", "b2", "azure", "azblob", "gs", "gcs", "swift", "rclone", "opendal",
    "webdav", "webdavs", "http", "https", "ftp", "ftps", "smb",
];

/// The folder of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RepoLocation(PathBuf);

impl RepoLocation {
    /// Reads what was given as `--repo`. `local:` may stand before any path.
    pub(crate) fn parse(text: &OsStr) -> Result<Self, String> {
        let path = match text.to_str().and_then(|text| text.split_once(':')) {
            Some(("local", path)) => OsStr::new(path),
            Some((scheme, _)) if is_remote(scheme) => {
                return Err(format!(
                    "remote repositories (`{}:…`) come with a later version; this one keeps them in folders. For a \
                     folder of that name write `local:{}`",
                    scheme.to_ascii_lowercase(),
                    text.display()
                ));
            }
            _ => text,
        };
        if path.is_empty() {
            return Err("an empty path names no folder".into());
        }
        Ok(Self(path.into()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

fn is_remote(scheme: &str) -> bool {
    REMOTE.iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::RepoLocation;

    fn parse(text: &str) -> Result<RepoLocation, String> {
        RepoLocation::parse(text.as_ref())
    }

    #[test]
    fn folders_are_folders() {
        for text in [
            r"C:\x",
            "C:/x",
            "c:x",
            r"\\server\share",
            "/mnt/a:b",
            "./s3:x",
            "a b",
            "photos:2026",
            "s3",
        ] {
            assert_eq!(parse(text).unwrap().path(), Path::new(text));
        }
        assert_eq!(parse("local:s3:x").unwrap().path(), Path::new("s3:x"));
        assert_eq!(parse(r"local:C:\x").unwrap().path(), Path::new(r"C:\x"));
    }

    #[test]
    fn remote_places_are_named_as_such() {
        for text in [
            "s3:bucket",
            "S3:https://x",
            "sftp:host:/x",
            "rest:http://x",
            "https://x",
            "b2:",
            "rclone:a:b",
        ] {
            assert!(parse(text).unwrap_err().contains("later version"), "{text}");
        }
    }

    #[test]
    fn nothing_is_no_folder() {
        assert!(parse("").is_err());
        assert!(parse("local:").is_err());
    }
}
