//! Imports: folders copied from a phone some time ago become snapshots of their own dates, oldest first.

mod evidence;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use lumivault_chunk_store::session::Writing;
use lumivault_format::{CivilPeriod, SnapshotId, SnapshotTime};

use crate::IngestError;
use crate::backup::{BackupRequest, BackupSummary, Input, backup};
use crate::dates::{end_of, from_name};
use crate::source::SourceSpec;

/// What tells the date of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateFrom {
    /// Its name.
    Name,
    /// The newest of its photos.
    Exif,
    /// The newest of its files.
    Mtime,
}

/// A folder and its date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportItem {
    /// The folder.
    pub path: PathBuf,
    /// The civil day, month or year it is from.
    pub period: CivilPeriod,
    /// The same as a snapshot's time.
    pub time: SnapshotTime,
    /// The phone, where its model is in the folder's name.
    pub phone_hint: Option<String>,
}

/// A folder that cannot be imported as asked, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undated {
    /// The folder.
    pub path: PathBuf,
    /// Why, and what to do.
    pub problem: String,
}

/// What an import would do, in the order in which it would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportPlan {
    /// Folders with dates, oldest first.
    pub items: Vec<ImportItem>,
    /// Folders without one.
    pub undated: Vec<Undated>,
}

/// Finds the date of every folder. By name, a folder without a date stands for the folders in it that have one, so that
/// the folder of all copies can be named as a whole.
pub fn plan(
    folders: &[PathBuf],
    date_from: DateFrom,
    zone: &TimeZone,
    now: Timestamp,
) -> Result<ImportPlan, IngestError> {
    let mut plan = ImportPlan::default();
    for folder in folders {
        let unreadable = |source| IngestError::Source {
            path: folder.clone(),
            source,
        };
        if !folder.metadata().map_err(unreadable)?.is_dir() {
            return Err(IngestError::Request(format!("{} is no folder", folder.display())));
        }
        match date_from {
            DateFrom::Name => plan_by_name(folder, zone, &mut plan)?,
            DateFrom::Exif | DateFrom::Mtime => {
                let found = match date_from {
                    DateFrom::Exif => evidence::newest_photo(folder, zone, now),
                    _ => evidence::newest_file(folder, zone, now),
                };
                match found {
                    Some(period) => plan.add(folder, period, None, zone)?,
                    None => plan.undated.push(Undated {
                        path: folder.clone(),
                        problem: "nothing in it tells a plausible date; rename it with its date, as in \
                                  Lumia-Backup-2026-05"
                            .into(),
                    }),
                }
            }
        }
    }
    plan.items.sort_by(|a, b| {
        a.time
            .since_epoch()
            .cmp(&b.time.since_epoch())
            .then_with(|| a.path.cmp(&b.path))
    });
    plan.items.dedup_by(|a, b| a.path == b.path);
    Ok(plan)
}

fn plan_by_name(folder: &Path, zone: &TimeZone, plan: &mut ImportPlan) -> Result<(), IngestError> {
    if plan.add_named(folder, zone)? {
        return Ok(());
    }
    let before = plan.items.len() + plan.undated.len();
    let unreadable = |source| IngestError::Source {
        path: folder.to_owned(),
        source,
    };
    let (mut children, mut files) = (Vec::new(), 0u64);
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            children.push(path);
        } else if !is_of_the_system(&path) {
            files += 1;
        }
    }
    children.sort();
    let mut left = Vec::new();
    for child in children {
        if !plan.add_named(&child, zone)? && !is_of_the_system(&child) {
            left.push(child);
        }
    }
    let found = plan.items.len() + plan.undated.len() > before;
    if found {
        plan.undated.extend(left.into_iter().map(|path| Undated {
            path,
            problem: "its name holds no date; rename it, as in Lumia-Backup-2026-05, or import it alone with --date-from \
                      exif"
                .into(),
        }));
        if files > 0 {
            let files = if files == 1 {
                "1 file in it is".into()
            } else {
                format!("{files} files in it are")
            };
            plan.undated.push(Undated {
                path: folder.to_owned(),
                problem: format!("{files} in no folder with a date; only its folders were imported"),
            });
        }
    } else {
        plan.undated.push(Undated {
            path: folder.to_owned(),
            problem: "neither its name nor that of a folder in it holds a date; rename it, as in \
                      Lumia-Backup-2026-05, or use --date-from exif"
                .into(),
        });
    }
    Ok(())
}

/// What systems put into folders and disks for themselves, and hidden things.
fn is_of_the_system(path: &Path) -> bool {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    name.starts_with('.')
        || matches!(
            name.as_str(),
            "$recycle.bin" | "system volume information" | "lost+found" | "thumbs.db" | "desktop.ini"
        )
}

impl ImportPlan {
    /// Adds a folder by its name; `false` if the name holds no date.
    fn add_named(&mut self, folder: &Path, zone: &TimeZone) -> Result<bool, IngestError> {
        let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let name = full.file_name().unwrap_or_default().to_string_lossy();
        match from_name(&name) {
            Ok(Some(dated)) => self.add(folder, dated.period, dated.phone_hint, zone)?,
            Ok(None) => return Ok(false),
            Err(problem) => {
                self.undated.push(Undated {
                    path: folder.to_owned(),
                    problem: problem.to_string(),
                });
            }
        }
        Ok(true)
    }

    fn add(
        &mut self,
        folder: &Path,
        period: CivilPeriod,
        phone_hint: Option<String>,
        zone: &TimeZone,
    ) -> Result<(), IngestError> {
        let time = end_of(period, zone)
            .map_err(|error| IngestError::Request(format!("{}: {error}", folder.display())))?;
        self.items.push(ImportItem {
            path: folder.to_owned(),
            period,
            time,
            phone_hint,
        });
        Ok(())
    }
}

/// What became of one folder.
#[derive(Clone, Debug)]
pub struct ImportOutcome {
    /// What the backup did; skipped where the archive holds this content for this period already.
    pub summary: BackupSummary,
    /// Other snapshots of the same phone and period, with other content.
    pub same_period: Vec<SnapshotId>,
    /// It was skipped because this snapshot holds it, which was forgotten.
    pub forgotten: Option<SnapshotId>,
}

/// Imports one folder. The key is phone, civil period and content without times: the same key is skipped, so running an
/// import again adds nothing. It is also skipped if the snapshot was forgotten: else forgetting would last until the next
/// import of the folder that all copies lie in. Once its removal is decided, there is nothing any more to bring back
/// instead, and it counts no more.
pub fn import_one(
    writing: &Writing<'_>,
    item: &ImportItem,
    mut request: BackupRequest<'_>,
) -> Result<ImportOutcome, IngestError> {
    let snapshots = writing.repository().snapshots()?.found;
    let same: Vec<_> = snapshots
        .iter()
        .filter(|s| s.snapshot.phone == request.phone && s.snapshot.time.period() == item.period)
        .filter(|s| s.snapshot.time.precision == item.time.precision && !s.removal)
        .collect();
    request.input = Input::Sources(vec![SourceSpec {
        path: item.path.clone(),
        at: Vec::new(),
    }]);
    request.time = item.time;
    request.skip_digests = same.iter().map(|s| s.snapshot.digest).collect();
    let summary = backup(writing, &snapshots, request)?;
    let (equal, other): (Vec<_>, Vec<_>) = same
        .into_iter()
        .partition(|s| s.snapshot.digest == summary.digest);
    let there = equal.iter().any(|s| s.is_live());
    let forgotten = equal.first().filter(|_| summary.skipped && !there);
    Ok(ImportOutcome {
        forgotten: forgotten.map(|s| s.id),
        same_period: other.iter().filter(|s| s.is_live()).map(|s| s.id).collect(),
        summary,
    })
}
