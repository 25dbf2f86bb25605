//! `import`: folders of earlier years become snapshots of their own dates, the oldest first.

use std::path::Path;
use std::time::Instant;

use lumivault_chunk_store::session::Writing;
use lumivault_chunk_store::{CacheDir, StoredSnapshot};
use lumivault_format::SnapshotId;
use lumivault_ingest::IngestError;
use lumivault_ingest::backup::{BackupRequest, Input};
use lumivault_ingest::import::{
    DateFrom as From, ImportItem, ImportOutcome, ImportPlan, Undated, import_one, plan,
};
use serde::Serialize;

use super::answer::Time;
use super::backup::{compression, must_exist, rules};
use super::repo::{self, Opened};
use super::summary::{About, BackupAnswer, Status, changes, files, status, stored};
use super::{Context, TOOL};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::table::Align;
use crate::output::{Table, count, printable_path, size};
use crate::request::{Access, Compression, DateFrom, Import};

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    r#type: &'static str,
    folder: String,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    backup: Option<BackupAnswer>,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    planned: Option<Planned<'a>>,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    failed: Option<Failed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conflict_with: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forgotten: Option<String>,
}

/// What is known without reading the folder.
#[derive(Serialize)]
struct Planned<'a> {
    status: Status,
    #[serde(flatten)]
    time: Time,
    phone: &'a str,
    host: &'a str,
}

#[derive(Serialize)]
struct Failed {
    status: &'static str,
    error: String,
}

pub(crate) fn run(request: &Import, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    request.folders.iter().try_for_each(|folder| must_exist(folder))?;
    let date_from = match request.date_from {
        DateFrom::Name => From::Name,
        DateFrom::Exif => From::Exif,
        DateFrom::Mtime => From::Mtime,
    };
    let now = context.now().timestamp();
    let plan = plan(&request.folders, date_from, &context.time_zone, now)
        .map_err(|error| Failure::usage("the folders cannot be imported").because(&error))?;
    if plan.items.is_empty() {
        for one in &plan.undated {
            context.warn(&problem_of(one));
        }
        return Err(Failure::usage("none of the folders has a date").hint(
            "rename them with their dates, as in Lumia-Backup-2026-05, or use --date-from exif or --date-from mtime",
        ));
    }
    let mut opened = repo::open_to_write(access, context, "import", request.dry_run)?;
    let code = if request.dry_run {
        show_plan(&plan, request, &opened, context)?
    } else {
        execute(&plan, request, &mut opened, context)?
    };
    for one in &plan.undated {
        tell_undated(one, context)?;
    }
    Ok(if plan.undated.is_empty() {
        code
    } else {
        code.and(ExitCode::Incomplete)
    })
}

fn problem_of(undated: &Undated) -> String {
    format!("{} is left: {}", printable_path(&undated.path), undated.problem)
}

fn tell_undated(undated: &Undated, context: &Context) -> Result<(), Failure> {
    if !context.output.is_json() {
        context.warn(&problem_of(undated));
        return Ok(());
    }
    tell_failed(&undated.path, undated.problem.clone(), context)
}

/// A folder that was not imported, for programs.
fn tell_failed(folder: &Path, error: String, context: &Context) -> Result<(), Failure> {
    context.output.json_line(&Line {
        r#type: "import",
        folder: folder.to_string_lossy().into_owned(),
        backup: None,
        planned: None,
        failed: Some(Failed {
            status: "failed",
            error,
        }),
        conflict_with: None,
        forgotten: None,
    })
}

/// The phone of a folder: as typed, else as its name tells.
fn phone_of<'a>(request: &'a Import, item: &'a ImportItem) -> &'a str {
    let named = request.phone.as_deref().or(item.phone_hint.as_deref());
    named.unwrap_or_default()
}

fn of_period<'s>(
    snapshots: &'s [StoredSnapshot],
    phone: &str,
    item: &ImportItem,
) -> Option<&'s StoredSnapshot> {
    let of_period = |one: &&StoredSnapshot| {
        let time = &one.snapshot.time;
        one.snapshot.phone == phone && time.period() == item.period && time.precision == item.time.precision
    };
    let live = snapshots.iter().filter(|one| one.is_live()).find(of_period);
    live.or_else(|| snapshots.iter().filter(|one| !one.removal).find(of_period))
}

fn show_plan(
    plan: &ImportPlan,
    request: &Import,
    opened: &Opened,
    context: &Context,
) -> Result<ExitCode, Failure> {
    let snapshots = opened.snapshots()?.snapshots;
    opened.progress.finish();
    let mut table = Table::new(&[
        ("Date", Align::Left),
        ("Phone", Align::Left),
        ("Folder", Align::Left),
        ("In the repository", Align::Left),
    ]);
    for item in &plan.items {
        let phone = phone_of(request, item);
        let there = of_period(&snapshots, phone, item);
        if context.output.is_json() {
            let planned = Planned {
                status: Status::DryRun,
                time: Time::new(&item.time),
                phone,
                host: &request.host,
            };
            context.output.json_line(&Line {
                r#type: "import",
                folder: item.path.to_string_lossy().into_owned(),
                backup: None,
                planned: Some(planned),
                failed: None,
                conflict_with: None,
                forgotten: None,
            })?;
            continue;
        }
        let there = there.map_or_else(
            || "nothing of this date".to_owned(),
            |one| {
                let is = if one.is_live() {
                    "is"
                } else {
                    "was forgotten and is"
                };
                format!("{} {is} of this date; skipped if it holds the same", one.id)
            },
        );
        table.row([
            &item.period.to_string(),
            phone,
            &printable_path(&item.path),
            &there,
        ]);
    }
    if !context.output.is_json() {
        context.output.table(&table)?;
        context.output.line("nothing was read or stored")?;
    }
    Ok(ExitCode::Done)
}

fn execute(
    plan: &ImportPlan,
    request: &Import,
    opened: &mut Opened,
    context: &Context,
) -> Result<ExitCode, Failure> {
    let writing = opened.writing(context, false)?;
    let mut code = ExitCode::Done;
    let (mut made, mut there, mut forgotten) = (0_u64, 0_u64, 0_u64);
    for item in &plan.items {
        let started = Instant::now();
        let about = About {
            time: item.time,
            phone: phone_of(request, item).to_owned(),
            host: request.host.clone(),
            dry_run: false,
        };
        match import(item, request, &about, opened.cache.clone(), &writing, context) {
            Ok(outcome) => {
                code = code.and(super::backup::code(&outcome.summary));
                match status_of(&outcome, &about) {
                    Status::Created => made += 1,
                    Status::Forgotten => forgotten += 1,
                    Status::Unchanged | Status::DryRun => there += 1,
                }
                tell_outcome(item, &outcome, &about, started, context)?;
            }
            // This folder's problem; the others may still be imported.
            Err(error @ (IngestError::Source { .. } | IngestError::Request(_))) => {
                code = code.and(ExitCode::Incomplete);
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                let text = format!("{error}{}", cause.unwrap_or_default());
                opened.progress.warn(&text);
                if context.output.is_json() {
                    tell_failed(&item.path, text, context)?;
                }
            }
            Err(error) => {
                opened.progress.finish();
                let done = format!(
                    "{made} of {} folders are imported; run the same command again to go on",
                    plan.items.len()
                );
                let failure = Failure::from(error);
                return Err(if made > 0 { failure.hint(done) } else { failure });
            }
        }
    }
    writing.close()?;
    opened.tell_capabilities();
    opened.progress.finish();
    if !context.output.is_json() {
        let done = made + there + forgotten;
        let left = plan.undated.len() as u64 + (plan.items.len() as u64).saturating_sub(done);
        let before = match forgotten {
            0 => String::new(),
            number => format!("{number} forgotten before, "),
        };
        context.output.line(&format!(
            "{made} imported, {there} already in the repository, {before}{left} left"
        ))?;
    }
    Ok(code)
}

/// What became of a folder.
fn status_of(outcome: &ImportOutcome, about: &About) -> Status {
    match outcome.forgotten {
        Some(_) => Status::Forgotten,
        None => status(&outcome.summary, about),
    }
}

fn import(
    item: &ImportItem,
    request: &Import,
    about: &About,
    cache: Option<CacheDir>,
    writing: &Writing<'_>,
    context: &Context,
) -> Result<ImportOutcome, IngestError> {
    let backup = BackupRequest {
        input: Input::Sources(Vec::new()),
        phone: about.phone.clone(),
        host: about.host.clone(),
        tool: TOOL.into(),
        time: about.time,
        tags: Vec::new(),
        categorise: lumivault_phone::category,
        excludes: rules(&request.excludes),
        one_file_system: false,
        compression: compression(Compression::Default),
        threads: context.threads(),
        dry_run: false,
        skip_if_unchanged: false,
        skip_digests: Vec::new(),
        trust_metadata: true,
        cache,
    };
    import_one(writing, item, backup)
}

fn tell_outcome(
    item: &ImportItem,
    outcome: &ImportOutcome,
    about: &About,
    started: Instant,
    context: &Context,
) -> Result<(), Failure> {
    let summary = &outcome.summary;
    let conflict = summary.snapshot.and(outcome.same_period.first().copied());
    if context.output.is_json() {
        let mut backup = BackupAnswer::new(summary, about, started.elapsed());
        backup.status = status_of(outcome, about);
        return context.output.json_line(&Line {
            r#type: "import",
            folder: item.path.to_string_lossy().into_owned(),
            backup: Some(backup),
            planned: None,
            failed: None,
            conflict_with: conflict.map(SnapshotId::to_letters),
            forgotten: outcome.forgotten.map(SnapshotId::to_letters),
        });
    }
    let folder = printable_path(&item.path);
    let line = match summary.snapshot {
        None if outcome.forgotten.is_some() => {
            let id = outcome.forgotten.map_or_else(String::new, |id| id.to_string());
            format!(
                "{}  {folder}  was forgotten; lumivault forget --undo {id} brings it back",
                item.period
            )
        }
        Some(id) => format!(
            "{}  {folder}  snapshot {id}: {} ({}), {}, {} stored",
            item.period,
            files(summary.counts.files),
            changes(&summary.changes),
            size(summary.counts.bytes),
            size(stored(summary)),
        ),
        None if summary.written.data_chunks > 0 => format!(
            "{}  {folder}  is in the repository already; {} of it had been lost and {} stored again",
            item.period,
            count(summary.written.data_chunks, "chunk", "chunks"),
            if summary.written.data_chunks == 1 {
                "is"
            } else {
                "are"
            },
        ),
        None => format!("{}  {folder}  is in the repository already", item.period),
    };
    context.output.line(&line)?;
    if let Some(other) = conflict {
        context.output.line(&format!(
            "{}  second snapshot of {}: {other} holds other content",
            " ".repeat(item.period.to_string().len()),
            item.period,
        ))?;
    }
    Ok(())
}
