//! `backup`: one snapshot of folders, files or standard input.

use std::path::Path;

use lumivault_chunk_store::{Compression as Level, StoredSnapshot};
use lumivault_format::SnapshotTime;
use lumivault_ingest::backup::{BackupRequest, BackupSummary, Input, backup};
use lumivault_ingest::source::{ExcludeRules, Marker, SourceSpec};

use super::repo::{self, Opened};
use super::summary::{About, BackupAnswer, Status, details, status};
use super::{Context, TOOL};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::printable_path;
use crate::password::quoted;
use crate::request::{Access, Backup, Compression, Excludes, Sources};

pub(crate) fn run(request: Backup, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    if let Sources::Folders(sources) = &request.sources {
        // Before anybody is asked for a password.
        sources.iter().try_for_each(|source| must_exist(&source.path))?;
    }
    let mut opened = repo::open_to_write(access, context, "backup", request.dry_run)?;
    let writing = opened.writing(context, request.dry_run)?;
    let snapshots = &writing.snapshots().found;
    let about = About {
        time: request.time.map_or_else(|| now(context), Ok)?,
        phone: request.phone.unwrap_or_default(),
        host: request.host,
        dry_run: request.dry_run,
    };
    tell_of_other_phones(&about.phone, snapshots, &opened);
    let mut stdin = std::io::stdin();
    let input = match request.sources {
        Sources::Folders(sources) => {
            let spec = |source: crate::request::Source| SourceSpec {
                path: source.path,
                at: source.at,
            };
            Input::Sources(sources.into_iter().map(spec).collect())
        }
        Sources::Stdin { file_name } => Input::Stream {
            name: file_name.into_bytes(),
            reader: &mut stdin,
        },
    };
    let made = backup(
        &writing,
        snapshots,
        BackupRequest {
            input,
            phone: about.phone.clone(),
            host: about.host.clone(),
            tool: TOOL.into(),
            time: about.time,
            tags: request.tags,
            categorise: lumivault_phone::category,
            excludes: rules(&request.excludes),
            one_file_system: request.one_file_system,
            compression: compression(request.compression),
            threads: context.threads(),
            dry_run: request.dry_run,
            skip_if_unchanged: request.skip_if_unchanged,
            skip_digests: Vec::new(),
            trust_metadata: request.trust_mtime,
            cache: opened.cache.clone(),
        },
    );
    let closed = writing.close();
    opened.tell_capabilities();
    opened.progress.finish();
    let summary = made?;
    closed?;
    if context.output.is_json() {
        let answer = BackupAnswer::new(&summary, &about, opened.progress.elapsed());
        context.output.document(&answer)?;
    } else {
        tell(&summary, &about, access, context)?;
    }
    Ok(code(&summary))
}

/// A source that is not there is a mistyped name or a disk that is not attached, and must not make an empty snapshot.
pub(crate) fn must_exist(path: &Path) -> Result<(), Failure> {
    let found = path.symlink_metadata();
    found.map(drop).map_err(|error| {
        let problem = format!("cannot read the source {}", printable_path(path));
        Failure::usage(problem)
            .because(&error)
            .hint("check the name, and that the disk is attached")
    })
}

/// Done, unless something is to be looked at.
pub(crate) fn code(summary: &BackupSummary) -> ExitCode {
    if summary.warnings_total == 0 {
        ExitCode::Done
    } else {
        ExitCode::Incomplete
    }
}

pub(crate) fn rules(excludes: &Excludes) -> ExcludeRules {
    let texts = |ignore_case: bool| {
        let patterns = excludes
            .patterns
            .iter()
            .filter(move |one| one.ignore_case == ignore_case);
        patterns.map(|one| one.text.clone()).collect()
    };
    let marker = |one: &crate::request::Marker| Marker {
        name: one.name.clone(),
        header: one.header.clone().unwrap_or_default(),
    };
    ExcludeRules {
        patterns: texts(false),
        patterns_any_case: texts(true),
        caches: excludes.caches,
        if_present: excludes.if_present.iter().map(marker).collect(),
        no_defaults: !excludes.defaults,
    }
}

pub(crate) fn compression(wanted: Compression) -> Level {
    match wanted {
        Compression::Default => Level::default(),
        Compression::Off => Level::Off,
        Compression::Level(level) => Level::Level(level.into()),
    }
}

fn now(context: &Context) -> Result<SnapshotTime, Failure> {
    let now = context.now();
    let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
    SnapshotTime::instant(now.timestamp().as_second(), nanoseconds, now.offset().seconds())
        .map_err(|error| Failure::failed("the clock of this machine is not set").because(&error))
}

/// A forgotten `--phone` would make `--phone` necessary ever after.
fn tell_of_other_phones(phone: &str, snapshots: &[StoredSnapshot], opened: &Opened) {
    let mut live = snapshots.iter().filter(|one| one.is_live()).peekable();
    if !phone.is_empty() || live.peek().is_none() || live.any(|one| one.snapshot.phone.is_empty()) {
        return;
    }
    opened.progress.warn(
        "no phone is named, but all snapshots so far are of named ones; `lumivault snapshots` shows them, and --phone \
         NAME names this one",
    );
}

fn tell(summary: &BackupSummary, about: &About, access: &Access, context: &Context) -> Result<(), Failure> {
    let phone = match about.phone.as_str() {
        "" => String::new(),
        phone => format!(" of {phone}"),
    };
    let headline = match (status(summary, about), summary.snapshot) {
        (Status::Unchanged, _) => {
            "nothing has changed since the snapshot before; no snapshot was made".into()
        }
        (Status::Created, Some(id)) => format!("made snapshot {id}{phone}, {}", about.time),
        _ => format!(
            "a snapshot{phone}, {}, would hold this; nothing was stored",
            about.time
        ),
    };
    context.output.line(&headline)?;
    for line in details(summary, about.dry_run) {
        context.output.line(&line)?;
    }
    if let Some(id) = summary.snapshot {
        let repo = quoted(&printable_path(access.repo.path()));
        context.output.line(&format!(
            "bring it back with: lumivault -r {repo} restore {id} --target FOLDER"
        ))?;
    }
    Ok(())
}
