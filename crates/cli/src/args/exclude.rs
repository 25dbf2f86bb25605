//! Options that leave things out of a backup.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::failure::Failure;
use crate::output::printable_path;
use crate::request::{Excludes, Marker, Pattern, patterns_of};

/// Bytes of a list of patterns or paths; a hundred times what anybody writes.
pub(crate) const LIST_BYTES_MAX: u64 = 64 << 20;

#[derive(Args)]
#[command(next_help_heading = "What is left out")]
pub(crate) struct ExcludeArgs {
    /// Leave out what this pattern matches; may be given several times
    #[arg(short, long = "exclude", value_name = "GLOB")]
    exclude: Vec<String>,

    /// The same, whatever the case of letters
    #[arg(long = "iexclude", value_name = "GLOB")]
    iexclude: Vec<String>,

    /// Read patterns from this file, one a line; lines that begin with # mean nothing
    #[arg(long, value_name = "FILE")]
    exclude_file: Vec<PathBuf>,

    /// Leave out the content of folders with a CACHEDIR.TAG
    #[arg(long)]
    exclude_caches: bool,

    /// Leave out the content of folders that hold this file, if it begins with HEADER
    #[arg(long, value_name = "FILE[:HEADER]", value_parser = Marker::parse)]
    exclude_if_present: Vec<Marker>,

    /// Keep desktop.ini, Thumbs.db, "System Volume Information", $RECYCLE.BIN, WPSystem, WindowsApps and
    /// WUDownloadCache, which are left out otherwise
    #[arg(long)]
    no_default_excludes: bool,
}

impl ExcludeArgs {
    pub(crate) fn validate(self) -> Result<Excludes, Failure> {
        let mut patterns = patterns("--exclude", self.exclude, false)?;
        patterns.extend(self::patterns("--iexclude", self.iexclude, true)?);
        for path in &self.exclude_file {
            let bytes = read_list("--exclude-file", path)?;
            let text = String::from_utf8(bytes).map_err(|_| {
                let problem = format!("{} is not UTF-8 text", printable_path(path));
                Failure::option("--exclude-file", problem)
            })?;
            patterns.extend(patterns_of(&printable_path(path), &text));
        }
        Ok(Excludes {
            patterns,
            caches: self.exclude_caches,
            if_present: self.exclude_if_present,
            defaults: !self.no_default_excludes,
        })
    }
}

/// Patterns given as an option.
pub(crate) fn patterns(option: &str, texts: Vec<String>, ignore_case: bool) -> Result<Vec<Pattern>, Failure> {
    let pattern = |text: String| {
        if text.trim().is_empty() {
            return Err(Failure::option(option, "an empty pattern matches nothing"));
        }
        Ok(Pattern {
            text,
            ignore_case,
            origin: option.to_owned(),
        })
    };
    texts.into_iter().map(pattern).collect()
}

/// Reads a list, bounded.
pub(crate) fn read_list(option: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    let name = printable_path(path);
    let cannot =
        |error: std::io::Error| Failure::option(option, format!("cannot read {name}")).because(&error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(cannot)?;
    file.take(LIST_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    bounded(option, bytes)
}

/// Refuses a list that is longer than any.
pub(crate) fn bounded(option: &str, bytes: Vec<u8>) -> Result<Vec<u8>, Failure> {
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= LIST_BYTES_MAX) {
        return Ok(bytes);
    }
    let most = crate::output::size(LIST_BYTES_MAX);
    Err(Failure::option(option, format!("a list has at most {most}")))
}
