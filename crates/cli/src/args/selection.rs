//! Options that choose snapshots.

use std::ffi::OsString;

use clap::Args;

use crate::failure::Failure;
use crate::request::{Filter, Selection, Selector, SnapshotPath, name, tag};

/// One snapshot, by time and phone.
#[derive(Args)]
pub(crate) struct SelectionArgs {
    /// Take the newest snapshot at or before the end of this time: latest, 2026-05-14, 2026-05, 2026, yesterday,
    /// last-month, 3m-ago, 1y-2m-ago or an RFC 3339 time
    #[arg(long, value_name = "WHEN", value_parser = Selector::parse)]
    at: Option<Selector>,

    #[command(flatten)]
    narrow: NarrowArgs,
}

/// What makes a named snapshot unambiguous.
#[derive(Args)]
pub(crate) struct NarrowArgs {
    /// Of this phone; needed where the repository holds several
    #[arg(long, value_name = "NAME", value_parser = name)]
    phone: Option<String>,

    /// Fail where the named time holds no snapshot, instead of taking an earlier one
    #[arg(long)]
    strict: bool,
}

impl NarrowArgs {
    pub(crate) fn selection(&self, snapshot: Selector) -> Selection {
        Selection {
            snapshot,
            phone: self.phone.clone(),
            strict: self.strict,
        }
    }
}

impl SelectionArgs {
    /// Joins `--at` with the snapshot that was named in its place, if any; the latest where there is neither.
    pub(crate) fn validate(
        self,
        snapshot: Option<SnapshotPath>,
    ) -> Result<(Selection, Vec<Vec<u8>>), Failure> {
        let (named, path) = match snapshot {
            Some(SnapshotPath { snapshot, path }) => (snapshot, path),
            None => (None, Vec::new()),
        };
        let snapshot = match (self.at, named) {
            (Some(_), Some(_)) => {
                return Err(Failure::option("--at", "a snapshot is named already")
                    .hint("with --at write only :PATH for a place in the snapshot"));
            }
            (Some(selector), None) | (None, Some(selector)) => selector,
            (None, None) => Selector::latest(),
        };
        Ok((self.narrow.selection(snapshot), path))
    }
}

/// Several snapshots, by what they are of.
#[derive(Args)]
pub(crate) struct FilterArgs {
    /// Only of this phone; may be given several times
    #[arg(long = "phone", value_name = "NAME", value_parser = name)]
    phones: Vec<String>,

    /// Only from this machine; may be given several times
    #[arg(short = 'H', long = "host", value_name = "NAME", value_parser = name)]
    hosts: Vec<String>,

    /// Only with this tag, or one of these, separated by commas
    #[arg(long = "tag", value_name = "TAG", value_delimiter = ',', value_parser = tag)]
    tags: Vec<String>,
}

impl FilterArgs {
    pub(crate) fn validate(self) -> Filter {
        Filter {
            phones: self.phones,
            hosts: self.hosts,
            tags: self.tags,
        }
    }
}

/// Reads `SNAPSHOT[:PATH]`, which need not be UTF-8.
pub(crate) fn snapshot_path(option: &str, text: Option<OsString>) -> Result<Option<SnapshotPath>, Failure> {
    let parsed = text.map(|text| SnapshotPath::parse(&text)).transpose();
    parsed.map_err(|problem| Failure::option(option, problem))
}
