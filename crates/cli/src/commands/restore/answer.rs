//! What a restore did, or would do, as docs/cli.md describes it.

use std::time::Duration;

use lumivault_restore::error::{About, Notice, Problem};
use lumivault_restore::target::{StoredPath, Warning};
use lumivault_restore::{Action, PlanTotals, RestorePlan, RestoreSummary};
use serde::Serialize;

use super::Told;
use crate::commands::answer::{ArchivePath, Selected};
use crate::commands::looking::joined;

/// Something that did not go as it should, or that one should know.
#[derive(Debug, Serialize)]
pub(super) struct Remark {
    #[serde(flatten)]
    path: ArchivePath,
    text: String,
}

/// An entry that the target cannot hold under its own name.
#[derive(Debug, Serialize)]
pub(super) struct RenamedAnswer {
    #[serde(flatten)]
    path: ArchivePath,
    to: String,
    reason: String,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Counts {
    files_created: u64,
    files_replaced: u64,
    files_updated: u64,
    files_unchanged: u64,
    files_skipped: u64,
    hard_links: u64,
    folders: u64,
    links: u64,
    bytes_written: u64,
    bytes_read: u64,
    deleted: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Answer<'r> {
    status: &'static str,
    snapshot: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    selected: &'r Option<Selected>,
    target: String,
    #[serde(flatten)]
    counts: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumed: Option<bool>,
    deletions_withheld: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_files: Option<u64>,
    renamed: Vec<RenamedAnswer>,
    left_out: Vec<Remark>,
    not_created: Vec<Remark>,
    damaged: Vec<Remark>,
    metadata: Vec<Remark>,
    unmatched: Vec<String>,
    problems_total: u64,
    notices_total: u64,
    seconds: f64,
}

/// A path of the library's reports, from the root of the snapshot, without the slash in front.
pub(super) fn whole(told: &Told<'_>, path: &StoredPath) -> Vec<u8> {
    joined(&[&told.above, path.components()].concat())
}

/// As the library has it, but for options that this program does not have.
pub(super) fn notice_text(notice: &Notice) -> String {
    if let About::Metadata(warning) = &notice.about {
        match **warning {
            Warning::SpecialBits => return "set-user, set-group and sticky bits are left out".into(),
            Warning::PrivilegedXattrs => {
                return "security and trusted extended attributes are left out".into();
            }
            _ => {}
        }
    }
    notice.to_string()
}

impl<'r> Answer<'r> {
    fn new(plan: &RestorePlan<'_>, told: &Told<'r>, elapsed: Duration, problems: &[Problem]) -> Self {
        let remark = |problem: &&Problem| Remark {
            path: ArchivePath::new(&whole(told, &problem.path)),
            text: problem.to_string(),
        };
        let (damaged, not_created): (Vec<&Problem>, Vec<&Problem>) =
            problems.iter().partition(|problem| problem.cause.is_damage());
        Self {
            status: if told.request.dry_run {
                "dry-run"
            } else {
                "restored"
            },
            snapshot: told.snapshot.id.to_letters(),
            selected: told.selected,
            target: told.request.target.to_string_lossy().into_owned(),
            counts: Counts::default(),
            resumed: None,
            deletions_withheld: false,
            verified_files: None,
            renamed: Vec::new(),
            left_out: Vec::new(),
            not_created: not_created.iter().map(remark).collect(),
            damaged: damaged.iter().map(remark).collect(),
            metadata: Vec::new(),
            unmatched: plan.unmatched_includes(),
            problems_total: 0,
            notices_total: 0,
            seconds: elapsed.as_secs_f64(),
        }
    }

    pub(super) fn of_summary(
        (plan, summary): (&RestorePlan<'_>, &RestoreSummary),
        told: &Told<'r>,
        elapsed: Duration,
    ) -> Self {
        let mut answer = Self::new(plan, told, elapsed, &summary.problems);
        answer.counts = Counts {
            files_created: summary.created,
            files_replaced: summary.replaced,
            files_updated: summary.updated,
            files_unchanged: summary.unchanged + summary.metadata,
            files_skipped: summary.kept,
            hard_links: summary.hard_links,
            folders: summary.folders,
            links: summary.others,
            bytes_written: summary.bytes,
            bytes_read: summary.fetched.read_bytes,
            deleted: summary.deleted,
        };
        answer.resumed = Some(summary.resumed);
        answer.deletions_withheld = summary.deletions_withheld;
        answer.verified_files = told.request.verify.then_some(summary.verified);
        answer.problems_total = summary.problems_total;
        answer.notices_total = summary.notices_total;
        for notice in &summary.notices {
            answer.add_notice(notice, told);
        }
        answer
    }

    pub(super) fn of_plan(plan: &RestorePlan<'_>, told: &Told<'r>, elapsed: Duration) -> Self {
        let mut answer = Self::new(plan, told, elapsed, plan.problems());
        answer.counts = planned(plan.totals());
        answer.problems_total = plan.problems_total();
        answer.notices_total = plan.totals().renamed;
        answer
    }

    fn add_notice(&mut self, notice: &Notice, told: &Told<'_>) {
        let path = whole(told, &notice.path);
        let list = match &notice.about {
            About::Renamed { written_as, reason } => return self.add_renamed(&path, written_as, reason),
            About::Metadata(_) | About::LinkCopied => &mut self.metadata,
            _ => &mut self.left_out,
        };
        list.push(Remark {
            path: ArchivePath::new(&path),
            text: notice_text(notice),
        });
    }

    pub(super) fn add_renamed(&mut self, path: &[u8], to: &[u8], reason: &dyn std::fmt::Display) {
        self.renamed.push(RenamedAnswer {
            path: ArchivePath::new(path),
            to: String::from_utf8_lossy(to).into_owned(),
            reason: reason.to_string(),
        });
    }
}

fn planned(totals: &PlanTotals) -> Counts {
    let (files, made) = (&totals.files, [Action::Create, Action::Replace]);
    Counts {
        files_created: files.of(Action::Create),
        files_replaced: files.of(Action::Replace),
        files_updated: files.of(Action::Update),
        files_unchanged: files.of(Action::Unchanged) + files.of(Action::Metadata),
        files_skipped: files.of(Action::Keep) + files.of(Action::KeepNewer),
        hard_links: files.of(Action::Link),
        folders: made.iter().map(|action| totals.folders.of(*action)).sum(),
        links: made.iter().map(|action| totals.others.of(*action)).sum(),
        bytes_written: totals.write_bytes,
        bytes_read: totals.stored_bytes,
        deleted: totals.deletions,
    }
}
