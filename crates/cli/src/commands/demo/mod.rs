//! `demo`: everything once, on a made-up phone, in a folder of its own. It runs what the commands run; nothing is
//! prepared beforehand and nothing outside that folder is touched.

mod same;
mod stage;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use lumivault_chunk_store::ChunkIndex;
use lumivault_chunk_store::check::{CheckOptions, ReadData, check};
use lumivault_chunk_store::session::Writing;
use lumivault_ingest::backup::{BackupRequest, BackupSummary, Input};
use lumivault_ingest::import::{DateFrom, ImportItem, import_one, plan};
use lumivault_ingest::source::ExcludeRules;
use lumivault_phone::sample::{SampleOptions, SamplePhone};
use serde::Serialize;

use super::summary::{About, BackupAnswer, changes, files, stored};
use super::{Context, TOOL};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::{printable_path, size};
use crate::password::quoted;
use crate::progress::Progress;
use crate::request::Demo;
use stage::{Opened, Stage};

const MONTHS: u32 = 3;
const PHONE: &str = "Lumia 950";

#[derive(Serialize)]
struct Answer {
    repository: Option<String>,
    phone: Option<String>,
    backups: Vec<BackupAnswer>,
    restore: RestoreAnswer,
    check: CheckAnswer,
}

#[derive(Serialize)]
struct RestoreAnswer {
    requested: String,
    snapshot: String,
    files: u64,
    bytes: u64,
    identical: bool,
}

#[derive(Serialize)]
struct CheckAnswer {
    status: &'static str,
    packs_read: u64,
    bytes_read: u64,
}

pub(crate) fn run(request: &Demo, context: &Context) -> Result<ExitCode, Failure> {
    let stage = Stage::new(request.keep.as_deref())?;
    let progress = context.progress("demo");
    let played = play(&stage, &progress, context);
    progress.finish();
    let answer = played?;
    if context.output.is_json() {
        context.output.document(&answer)?;
    }
    stage.close(context)?;
    Ok(ExitCode::Done)
}

/// A line for people.
fn tell(context: &Context, line: &str) -> Result<(), Failure> {
    if context.output.is_json() {
        return Ok(());
    }
    context.output.line(line)
}

fn play(stage: &Stage, progress: &Arc<Progress>, context: &Context) -> Result<Answer, Failure> {
    tell(
        context,
        &format!("everything happens in {}", printable_path(stage.root())),
    )?;
    make_phone(stage, progress, context)?;
    let opened = stage.make_repository(progress)?;
    tell(
        context,
        "made a repository; a random recovery code opens it (a raw key: a password would also be stretched by Argon2id)",
    )?;
    tell(context, "")?;
    let writing = Writing::begin(&opened.repository, &context.holder(), None)?;
    let backups = import(stage, &writing, context)?;
    writing.close()?;
    let index = Arc::new(ChunkIndex::load(&opened.repository, None)?);
    let restore = restore(stage, &opened, &index, context)?;
    let check = check_all(&opened, &index, context)?;
    let kept = |path: &Path| stage.is_kept().then(|| path.to_string_lossy().into_owned());
    Ok(Answer {
        repository: kept(&stage.repository()),
        phone: kept(&stage.phone()),
        backups,
        restore,
        check,
    })
}

fn make_phone(stage: &Stage, progress: &Progress, context: &Context) -> Result<(), Failure> {
    let phone = SamplePhone::new(SampleOptions::default());
    for month in 0..MONTHS {
        stage::not_stopped(progress)?;
        let folder = stage.phone().join(SamplePhone::month_name(month));
        let made = phone.write_month(month, &folder).map_err(|error| {
            Failure::failed(format!("cannot make up {}", printable_path(&folder))).because(&error)
        })?;
        tell(
            context,
            &format!(
                "made up {}: {}, {}",
                SamplePhone::month_name(month),
                files(made.files),
                size(made.bytes)
            ),
        )?;
    }
    Ok(())
}

fn import(stage: &Stage, writing: &Writing<'_>, context: &Context) -> Result<Vec<BackupAnswer>, Failure> {
    let now = context.now().timestamp();
    let plan = plan(&[stage.phone()], DateFrom::Name, &context.time_zone, now)?;
    let mut answers = Vec::new();
    let (mut logical, mut grown) = (0, 0);
    for item in &plan.items {
        let started = Instant::now();
        let summary = import_one(writing, item, request_of(item, context))?.summary;
        tell_month(item, &summary, context)?;
        logical += summary.counts.bytes;
        grown += stored(&summary);
        let about = About {
            time: item.time,
            phone: PHONE.into(),
            host: context.host.clone(),
            dry_run: false,
        };
        answers.push(BackupAnswer::new(&summary, &about, started.elapsed()));
    }
    tell(
        context,
        &format!(
            "all months together: {} of files, {} stored",
            size(logical),
            size(grown)
        ),
    )?;
    tell(context, "")?;
    Ok(answers)
}

fn request_of(item: &ImportItem, context: &Context) -> BackupRequest<'static> {
    BackupRequest {
        input: Input::Sources(Vec::new()),
        phone: PHONE.into(),
        host: context.host.clone(),
        tool: TOOL.into(),
        time: item.time,
        tags: Vec::new(),
        categorise: lumivault_phone::category,
        excludes: ExcludeRules::default(),
        one_file_system: false,
        compression: lumivault_chunk_store::Compression::default(),
        threads: context.threads(),
        dry_run: false,
        skip_if_unchanged: false,
        skip_digests: Vec::new(),
        trust_metadata: true,
        cache: None,
    }
}

fn tell_month(item: &ImportItem, summary: &BackupSummary, context: &Context) -> Result<(), Failure> {
    let Some(id) = summary.snapshot else {
        return Err(Failure::failed(format!(
            "no snapshot was made of {}",
            item.period
        )));
    };
    tell(
        context,
        &format!(
            "imported {} as snapshot {id}: {} ({}), {}; {} stored",
            item.period,
            files(summary.counts.files),
            changes(&summary.changes),
            size(summary.counts.bytes),
            size(stored(summary)),
        ),
    )
}

/// Brings back the month in the middle by its date, and compares it with what was backed up.
fn restore(
    stage: &Stage,
    opened: &Opened,
    index: &ChunkIndex,
    context: &Context,
) -> Result<RestoreAnswer, Failure> {
    let middle = SamplePhone::month_name(MONTHS / 2);
    let month = middle.rsplitn(3, '-').take(2).collect::<Vec<_>>();
    let requested = month.into_iter().rev().collect::<Vec<_>>().join("-");
    let restored = stage.restore(opened, index, &requested, context)?;
    tell(
        context,
        &format!(
            "restored {requested} into {}: {}, {}",
            printable_path(&stage.restored()),
            files(restored.files),
            size(restored.bytes)
        ),
    )?;
    let compared = same::compare(&stage.phone().join(&middle), &stage.restored())?;
    tell(
        context,
        &format!(
            "compared with the phone: {}, {}, every byte and every time the same; {} of Windows' own were left out, as \
             always",
            files(compared.files),
            size(compared.bytes),
            compared.left_out,
        ),
    )?;
    Ok(RestoreAnswer {
        requested,
        snapshot: restored.snapshot.to_letters(),
        files: restored.files,
        bytes: restored.bytes,
        identical: true,
    })
}

fn check_all(opened: &Opened, index: &ChunkIndex, context: &Context) -> Result<CheckAnswer, Failure> {
    let options = CheckOptions {
        read: ReadData::AllData,
        threads: std::num::NonZero::new(context.threads()).unwrap_or(std::num::NonZero::<usize>::MIN),
    };
    let report = check(&opened.repository, index, &options)?;
    if report.is_damaged() {
        let problem =
            "the repository is damaged just after it was made; this points to faulty memory or a faulty disk";
        return Err(Failure::new(ExitCode::Damage, problem));
    }
    let counts = report.counts;
    tell(
        context,
        &format!(
            "checked every byte stored: {}, no damage",
            size(counts.bytes_read)
        ),
    )?;
    Ok(CheckAnswer {
        status: "clean",
        packs_read: counts.packs_read,
        bytes_read: counts.bytes_read,
    })
}

/// What can be tried next on a demonstration that stays.
fn tell_next(stage: &Stage, context: &Context) -> Result<(), Failure> {
    let path = |path: &Path| quoted(&printable_path(path));
    let with = format!(
        "lumivault -r {} --password-file {}",
        path(&stage.repository()),
        path(&stage.code())
    );
    tell(context, "")?;
    tell(context, "try:")?;
    tell(context, &format!("  {with} snapshots"))?;
    tell(
        context,
        &format!(
            "  {with} restore 2026-05 --target {}",
            path(&stage.root().join("again"))
        ),
    )
}
