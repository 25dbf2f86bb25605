//! Carrying out a plan.
//!
//! The order: the marker; folders and files, in waves; hard links, special files and symbolic links; reading back;
//! deletions, only if nothing went wrong before, and the metadata of folders, deepest first; the marker goes; the
//! metadata of the target itself. Called off or stopped by a full disk, the same restore goes on from there when it
//! is run again.

pub(crate) mod budget;
mod engine;
mod file;
mod files;
mod finish;
mod late;
pub(crate) mod parallel;
mod places;
pub(crate) mod report;
mod reuse;
mod summary;
mod wave;

use std::path::Path;

use lumivault_chunk_store::{Event, TreeReader};
use lumivault_format::tree::StatRecord;

pub use summary::{Fetched, Outcome, RestoreSummary};

pub(crate) use engine::Engine;
pub(crate) use files::is_file;
pub(crate) use places::Places;
pub(crate) use wave::place_of;

use crate::error::{About, stops_writing};
use crate::plan::{Action, OverwriteWhen, RestorePlan, RestoreRequest, TokenState, run_pass};
use crate::target::{Overwrite, StoredPath, Target, TargetError, TargetPolicy};
use crate::{RestoreError, verify};
use files::FilesPass;
use finish::FinishPass;
use late::LatePass;

/// Opens the folder that a request is to be restored to, or makes it. Refuses one that holds something, unless the
/// request says what to do with that, or it is what an interrupted restore of the same left.
pub fn open_target(path: &Path, request: &RestoreRequest<'_>) -> Result<Target, TargetError> {
    with_policy(request, |policy| Target::open_with(path, policy, request.special))
}

/// As [`open_target`], to plan a restore that will not be carried out: nothing is written. `None` if the folder is
/// not there.
pub fn inspect_target(path: &Path, request: &RestoreRequest<'_>) -> Result<Option<Target>, TargetError> {
    with_policy(request, |policy| Target::inspect(path, policy, request.special))
}

fn with_policy<T>(
    request: &RestoreRequest<'_>,
    open: impl Fn(&TargetPolicy) -> Result<T, TargetError>,
) -> Result<T, TargetError> {
    if request.overwrite.is_some() {
        return open(&TargetPolicy::InPlace);
    }
    match open(&TargetPolicy::Resume(request.token(TokenState::Running))) {
        Err(TargetError::NotEmpty {
            interrupted: true, ..
        }) => open(&TargetPolicy::Resume(request.token(TokenState::Stopped))),
        result => result,
    }
}

/// What all passes of a restore share.
pub(crate) struct Restore<'e, 'r> {
    plan: &'e RestorePlan<'e>,
    engine: Engine<'e, 'r>,
}

/// Carries out a plan. What single entries cost is in the summary; an error means that the restore ended early.
///
/// After [`RestoreError::is_cancelled`] and after a full disk the same request, with its target opened and planned
/// again, goes on.
pub fn execute(
    plan: &RestorePlan<'_>,
    reader: &TreeReader<'_>,
    target: &Target,
) -> Result<RestoreSummary, RestoreError> {
    let marker = target.read_marker()?;
    target.write_marker(&plan.request.token(TokenState::Running))?;
    if marker.as_ref() == Some(&plan.request.token(TokenState::Stopped)) {
        // The older marker vouches for files that are about to change.
        target.make_durable()?;
    }
    let restore = Restore {
        plan,
        engine: Engine::new(reader, plan.request.threads),
    };
    let report = &restore.engine.report;
    report.take_over(plan.problems(), plan.problems_total());
    match restore.run(target, marker.is_some()) {
        Ok(deletions_withheld) => {
            let mut summary = restore.into_summary();
            summary.deletions_withheld = deletions_withheld;
            summary.resumed = marker.is_some();
            summary.skipped = target.skipped();
            Ok(summary)
        }
        Err(error) => {
            restore.stop(target, &error);
            Err(error)
        }
    }
}

impl<'e, 'r> Restore<'e, 'r> {
    /// Tells whether deletions were asked for and withheld.
    fn run(&self, target: &Target, interrupted: bool) -> Result<bool, RestoreError> {
        let (plan, engine, root) = (self.plan, &self.engine, target.root());
        let totals = plan.totals();
        let monitor = &engine.reader.repository().environment().monitor;
        monitor.event(Event::Phase("restoring"));
        monitor.event(Event::Total {
            items: [Action::Create, Action::Replace, Action::Update]
                .iter()
                .map(|action| totals.files.of(*action))
                .sum(),
            bytes: totals.write_bytes,
        });
        let mut places = Places::default();
        if interrupted {
            root.clean_leftovers()?;
        }
        let mut files = FilesPass::new(self, &mut places, interrupted);
        run_pass(plan, engine.reader, Some(root), &mut files)?;
        let masters = files.finish()?;

        let mut late = LatePass::new(self, &mut places, masters);
        run_pass(plan, engine.reader, Some(root), &mut late)?;
        late.finish()?;

        // Before folders get permissions that may forbid reading, and before anything is deleted.
        if plan.request.verify {
            verify::verify(self, &places, root)?;
        }
        let delete = plan.request.delete && plan.scope.only.is_none();
        let withheld = delete && engine.report.problems_total() > 0;
        let mut finish = FinishPass::new(self, &mut places, delete && !withheld);
        run_pass(plan, engine.reader, Some(root), &mut finish)?;
        // Removing the marker is a change of the target itself, so its metadata comes last.
        target.remove_marker()?;
        if let Some(stat) = self.root_stat(target) {
            let warnings = root.finish(Some(stat))?;
            engine.report.warnings(StoredPath::default, warnings);
        }
        Ok(withheld)
    }

    /// The metadata for the target itself; a folder that the user restores into in place keeps its own.
    fn root_stat(&self, target: &Target) -> Option<&StatRecord> {
        let stat = self.plan.scope.stat.as_ref()?;
        let ours = self.plan.request.overwrite.is_none() || target.root().is_new();
        ours.then_some(stat)
    }

    pub(crate) fn plan(&self) -> &RestorePlan<'_> {
        self.plan
    }

    pub(crate) fn engine(&self) -> &Engine<'e, 'r> {
        &self.engine
    }

    /// Whether something that has an entry's name by now makes way for it. Where the plan saw nothing, it does so only
    /// if everything would.
    fn overwrite(&self, action: Action) -> Overwrite {
        match (self.plan.request.overwrite, action) {
            (Some(OverwriteWhen::Never), _) | (None | Some(OverwriteWhen::IfNewer), Action::Create) => {
                Overwrite::Never
            }
            _ => Overwrite::Always,
        }
    }

    /// After a clean stop everything that is under its name is whole. Told in the marker, this spares the next attempt
    /// the reading, but only once it is durable; what cannot be told is only read again.
    fn stop(&self, target: &Target, error: &RestoreError) {
        let clean = match error {
            RestoreError::Target(error) => stops_writing(error),
            error => error.is_cancelled(),
        };
        if clean && self.plan.trusted && target.make_durable().is_ok() {
            drop(target.write_marker(&self.plan.request.token(TokenState::Stopped)));
        }
    }

    fn into_summary(self) -> RestoreSummary {
        let fetched = self.engine.fetched();
        let Engine { report, tally, .. } = self.engine;
        let (damaged_total, left_out_total) = (report.damaged_total(), report.left_out_total());
        let ((problems, problems_total), (notices, notices_total)) = report.into_lists();
        RestoreSummary {
            fetched,
            problems,
            problems_total,
            damaged_total,
            notices,
            notices_total,
            left_out_total,
            ..tally.into_summary()
        }
    }

    /// Counts how an entry that is no regular file ended.
    fn count(
        &self,
        path: impl Fn() -> StoredPath,
        finished: crate::target::Finished,
    ) -> crate::target::Outcome {
        use crate::target::Outcome as Ended;
        let report = &self.engine.report;
        match finished.outcome {
            Ended::Written => {}
            Ended::Kept | Ended::Shared => self.engine.tally.kept(),
            Ended::NotPermitted => report.notice(path(), About::NotPermitted),
            Ended::NotAsked => report.notice(path(), About::NotAsked),
            Ended::NotSupported => report.notice(path(), About::NotSupported),
        }
        report.warnings(path, finished.warnings);
        finished.outcome
    }
}
