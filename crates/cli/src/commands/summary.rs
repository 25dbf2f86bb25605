//! What a backup did, for people and as JSON; `import` tells it of each folder.

use std::collections::BTreeMap;
use std::time::Duration;

use lumivault_format::{SnapshotId, SnapshotTime};
use lumivault_ingest::backup::{BackupSummary, FileChanges, LeftOut};
use serde::Serialize;

use super::answer::{ArchivePath, Time, WarningAnswer};
use crate::output::{count, size};

/// Rules named in one line.
const RULES_NAMED_MAX: usize = 5;

/// What became of one backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    Created,
    Unchanged,
    DryRun,
    /// Only of imports: a snapshot that was forgotten holds it.
    Forgotten,
}

/// Something that a rule left out.
#[derive(Clone, Debug, Serialize)]
struct LeftOutAnswer {
    #[serde(flatten)]
    path: ArchivePath,
    rule: String,
}

/// The fields of docs/cli.md, `backup`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BackupAnswer {
    pub(crate) status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<String>,
    parent: Option<String>,
    #[serde(flatten)]
    time: Time,
    phone: String,
    host: String,
    files: u64,
    files_new: u64,
    files_changed: u64,
    files_unchanged: u64,
    files_gone: u64,
    files_not_read: u64,
    folders: u64,
    links: u64,
    bytes_total: u64,
    bytes_added: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_stored: Option<u64>,
    left_out: Vec<LeftOutAnswer>,
    left_out_total: u64,
    warnings: Vec<WarningAnswer>,
    warnings_total: u64,
    seconds: f64,
}

/// What the summary of the library does not know.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) time: SnapshotTime,
    pub(crate) phone: String,
    pub(crate) host: String,
    pub(crate) dry_run: bool,
}

pub(crate) fn status(summary: &BackupSummary, about: &About) -> Status {
    if summary.skipped {
        Status::Unchanged
    } else if about.dry_run {
        Status::DryRun
    } else {
        Status::Created
    }
}

impl BackupAnswer {
    pub(crate) fn new(summary: &BackupSummary, about: &About, elapsed: Duration) -> Self {
        let letters = |id: SnapshotId| id.to_letters();
        let FileChanges {
            new,
            changed,
            unchanged,
            gone,
        } = summary.changes;
        let left_out = |one: &LeftOut| LeftOutAnswer {
            path: ArchivePath::new(&one.path),
            rule: one.rule.clone(),
        };
        Self {
            status: status(summary, about),
            snapshot: summary.snapshot.map(letters),
            parent: summary.parent.map(letters),
            time: Time::new(&about.time),
            phone: about.phone.clone(),
            host: about.host.clone(),
            files: summary.counts.files,
            files_new: new,
            files_changed: changed,
            files_unchanged: unchanged,
            files_gone: gone,
            files_not_read: summary.unchanged_files,
            folders: summary.counts.folders,
            links: summary.counts.others,
            bytes_total: summary.counts.bytes,
            bytes_added: summary.written.plain_bytes,
            bytes_stored: (!about.dry_run).then(|| stored(summary)),
            left_out: summary.left_out.iter().map(left_out).collect(),
            left_out_total: summary.left_out_total,
            warnings: WarningAnswer::all(&summary.warnings),
            warnings_total: summary.warnings_total,
            seconds: elapsed.as_secs_f64(),
        }
    }
}

/// What the repository grew by.
pub(crate) fn stored(summary: &BackupSummary) -> u64 {
    summary.written.file_bytes.max(summary.written.stored_bytes)
}

/// `1,204 files`: the numbers of a summary are long enough for separators.
pub(crate) fn files(number: u64) -> String {
    many(number, "file")
}

/// The same of what has an `s` where there are many.
pub(crate) fn many(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", grouped(number))
}

/// `31 new, 2 changed, 1,171 unchanged, 4 gone`; what is nothing is left out.
pub(crate) fn changes(changes: &FileChanges) -> String {
    let parts = [
        (changes.new, "new"),
        (changes.changed, "changed"),
        (changes.unchanged, "unchanged"),
        (changes.gone, "gone"),
    ];
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    let parts: Vec<String> = parts
        .map(|(number, word)| format!("{} {word}", grouped(*number)))
        .collect();
    if parts.is_empty() {
        return "none".into();
    }
    parts.join(", ")
}

/// Digits in groups of three.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The lines below the headline.
pub(crate) fn details(summary: &BackupSummary, dry_run: bool) -> Vec<String> {
    let counts = &summary.counts;
    let mut lines = vec![
        format!(
            "  files     {} ({})",
            files(counts.files),
            changes(&summary.changes)
        ),
        format!(
            "  content   {}, {}",
            size(counts.bytes),
            newness(counts.bytes, summary.written.plain_bytes)
        ),
    ];
    // A dry run compresses nothing, so it does not know.
    if !dry_run {
        let stored = size(stored(summary));
        lines.push(format!("  stored    {stored} added to the repository"));
    }
    if summary.left_out_total > 0 {
        lines.push(format!(
            "  left out  {}",
            left_out(&summary.left_out, summary.left_out_total)
        ));
    }
    if summary.warnings_total > 0 {
        let warnings = count(summary.warnings_total, "warning", "warnings");
        lines.push(format!("  problems  {warnings}; they are kept with the snapshot"));
    }
    lines
}

/// How much is new; with the records of folders that can be more than there are files.
fn newness(bytes: u64, new: u64) -> String {
    match new {
        0 => "none of it new".into(),
        new if new >= bytes => "all of it new".into(),
        new => format!("{} of it new", size(new)),
    }
}

/// `12 by desktop.ini (10), Thumbs.db (2)`.
fn left_out(listed: &[LeftOut], total: u64) -> String {
    let mut rules: BTreeMap<String, u64> = BTreeMap::new();
    for one in listed {
        // Rules that are names are in the case of the file; to people they are the same.
        let known = lumivault_ingest::source::DEFAULT_EXCLUDES
            .iter()
            .find(|name| name.eq_ignore_ascii_case(&one.rule));
        let rule = known.map_or_else(|| one.rule.clone(), |name| (*name).to_owned());
        *rules.entry(rule).or_default() += 1;
    }
    let mut rules: Vec<(String, u64)> = rules.into_iter().collect();
    rules.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let more = rules.len() > RULES_NAMED_MAX;
    let named: Vec<String> = rules
        .iter()
        .take(RULES_NAMED_MAX)
        .map(|(rule, number)| format!("{rule} ({})", grouped(*number)))
        .collect();
    let more = if more { ", …" } else { "" };
    format!("{} by {}{more}", grouped(total), named.join(", "))
}

#[cfg(test)]
mod tests {
    use lumivault_ingest::backup::{FileChanges, LeftOut};

    use super::{changes, files, grouped, left_out};

    #[test]
    fn numbers_as_people_read_them() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(files(1), "1 file");
        assert_eq!(files(1204), "1,204 files");
        let some = FileChanges {
            new: 31,
            changed: 0,
            unchanged: 1171,
            gone: 4,
        };
        assert_eq!(changes(&some), "31 new, 1,171 unchanged, 4 gone");
        assert_eq!(changes(&FileChanges::default()), "none");
    }

    #[test]
    fn what_was_left_out_is_told_by_rule() {
        let one = |rule: &str| LeftOut {
            path: b"x".to_vec(),
            rule: rule.into(),
        };
        let list = [one("*.tmp"), one("DESKTOP.INI"), one("desktop.ini")];
        assert_eq!(left_out(&list, 1003), "1,003 by desktop.ini (2), *.tmp (1)");
        let many: Vec<LeftOut> = (0..9).map(|i| one(&format!("*.{i}"))).collect();
        assert!(left_out(&many, 9).ends_with("*.4 (1), …"));
    }
}
