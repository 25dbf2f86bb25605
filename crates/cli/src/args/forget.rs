//! `lumivault forget`

use clap::Args;
use lumivault_chunk_store::forget::policy::{GroupBy, Keep, KeepRules, Span};

use super::selection::FilterArgs;
use crate::failure::Failure;
use crate::request::{Forget, Forgetting, Selector, TagList, parse_group_by, parse_keep};

/// Forget snapshots: those that are named, or all but what rules keep
///
/// What is forgotten is hidden from lists and from choice by date, and comes back with --undo until `lumivault prune` has
/// removed it, 7 days later at the earliest. Only that frees space. Pinned snapshots (lumivault tag --pin) are not forgotten.
///
/// Rules hold for each phone by itself; what satisfies one of them is kept. N is a number or `all`, SPAN is like 1y6m, 14d or
/// 2y5m7d3h.
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault forget --keep-monthly 24 --keep-yearly all --dry-run
  lumivault forget --keep-within-daily 14d --keep-monthly 12 --phone \"Lumia 930\"
  lumivault forget kmzwtpqs 2026-05
  lumivault forget --undo kmzwtpqs")]
pub(crate) struct ForgetArgs {
    /// Snapshots, by id or time; a time must hold the snapshot
    #[arg(value_name = "SNAPSHOT", value_parser = Selector::parse)]
    snapshots: Vec<Selector>,

    #[command(flatten)]
    keep: KeepArgs,

    #[command(flatten)]
    filter: FilterArgs,

    /// What rules hold for by itself: phone, host, tags, paths, separated by commas; '' for all together
    #[arg(long, value_name = "BY", value_parser = parse_group_by, default_value = "phone",
        conflicts_with_all = ["snapshots", "undo"])]
    group_by: GroupBy,

    /// Bring these snapshots back, by id
    #[arg(long)]
    undo: bool,

    /// Prune afterwards, as `lumivault prune` does: what was forgotten at least 7 days ago goes
    #[arg(long, conflicts_with = "undo")]
    prune: bool,

    /// Tell what would be forgotten, and why what stays stays, but change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

// No doc comment: clap would show it in place of the command's.
#[derive(Args)]
struct KeepArgs {
    /// Keep the newest N
    #[arg(short = 'l', long = "keep-last", value_name = "N", value_parser = parse_keep, allow_negative_numbers = true,
        conflicts_with_all = ["snapshots", "undo"])]
    last: Option<Keep>,

    /// Keep the last of each of the N most recent hours that have one
    #[arg(long = "keep-hourly", value_name = "N", value_parser = parse_keep, allow_negative_numbers = true,
        conflicts_with_all = ["snapshots", "undo"])]
    hourly: Option<Keep>,

    /// Keep the last of each of the N most recent days that have one
    #[arg(short = 'd', long = "keep-daily", value_name = "N", value_parser = parse_keep, allow_negative_numbers = true,
        conflicts_with_all = ["snapshots", "undo"])]
    daily: Option<Keep>,

    /// Keep the last of each of the N most recent weeks that have one
    #[arg(short = 'w', long = "keep-weekly", value_name = "N", value_parser = parse_keep, allow_negative_numbers = true,
        conflicts_with_all = ["snapshots", "undo"])]
    weekly: Option<Keep>,

    /// Keep the last of each of the N most recent months that have one
    #[arg(short = 'm', long = "keep-monthly", value_name = "N", value_parser = parse_keep, allow_negative_numbers = true,
        conflicts_with_all = ["snapshots", "undo"])]
    monthly: Option<Keep>,

    /// Keep the last of each of the N most recent years that have one
    #[arg(short = 'y', long = "keep-yearly", value_name = "N", value_parser = parse_keep, allow_negative_numbers = true,
        conflicts_with_all = ["snapshots", "undo"])]
    yearly: Option<Keep>,

    /// Keep everything that is not older than the newest by more than SPAN
    #[arg(long = "keep-within", value_name = "SPAN", conflicts_with_all = ["snapshots", "undo"])]
    within: Option<Span>,

    /// Of that, keep the last of each hour
    #[arg(long = "keep-within-hourly", value_name = "SPAN", conflicts_with_all = ["snapshots", "undo"])]
    within_hourly: Option<Span>,

    /// Of that, keep the last of each day
    #[arg(long = "keep-within-daily", value_name = "SPAN", conflicts_with_all = ["snapshots", "undo"])]
    within_daily: Option<Span>,

    /// Of that, keep the last of each week
    #[arg(long = "keep-within-weekly", value_name = "SPAN", conflicts_with_all = ["snapshots", "undo"])]
    within_weekly: Option<Span>,

    /// Of that, keep the last of each month
    #[arg(long = "keep-within-monthly", value_name = "SPAN", conflicts_with_all = ["snapshots", "undo"])]
    within_monthly: Option<Span>,

    /// Of that, keep the last of each year
    #[arg(long = "keep-within-yearly", value_name = "SPAN", conflicts_with_all = ["snapshots", "undo"])]
    within_yearly: Option<Span>,

    /// Keep what has this tag, or all of these, separated by commas; '' what has none; may be given several times
    #[arg(long = "keep-tag", value_name = "TAG", value_parser = TagList::parse,
        conflicts_with_all = ["snapshots", "undo"])]
    keep_tags: Vec<TagList>,
}

impl KeepArgs {
    fn rules(self) -> KeepRules {
        let each = [self.hourly, self.daily, self.weekly, self.monthly, self.yearly];
        KeepRules {
            last: self.last.unwrap_or_default(),
            each: each.map(Option::unwrap_or_default),
            within: self.within,
            each_within: [
                self.within_hourly,
                self.within_daily,
                self.within_weekly,
                self.within_monthly,
                self.within_yearly,
            ],
            tags: self.keep_tags.into_iter().map(|list| list.0).collect(),
        }
    }
}

impl ForgetArgs {
    pub(crate) fn validate(self) -> Result<Forget, Failure> {
        let rules = self.keep.rules();
        let filter = self.filter.validate();
        let what = if self.undo {
            if !filter.is_empty() {
                return Err(Failure::option("--undo", "ids need no --phone, --host or --tag"));
            }
            Forgetting::Undo(ids(self.snapshots)?)
        } else if !self.snapshots.is_empty() {
            Forgetting::Named(self.snapshots)
        } else if rules.is_empty() {
            return Err(Failure::usage("nothing says what is to be forgotten, or what is to be kept")
                .hint("name snapshots, or use rules such as --keep-monthly 12; with --dry-run nothing is changed"));
        } else {
            Forgetting::Rules {
                keep: rules,
                by: self.group_by,
            }
        };
        Ok(Forget {
            what,
            filter,
            prune: self.prune,
            dry_run: self.dry_run,
        })
    }
}

/// A time never names what is forgotten.
fn ids(snapshots: Vec<Selector>) -> Result<Vec<String>, Failure> {
    const LIST: &str = "lumivault snapshots --forgotten lists what can be brought back";
    if snapshots.is_empty() {
        return Err(Failure::option("--undo", "no snapshot is named").hint(LIST));
    }
    let id = |selector| match selector {
        Selector::Id(prefix) => Ok(prefix),
        Selector::When(text) => {
            let problem = format!("`{text}` is no id, and a time does not name what is forgotten");
            Err(Failure::option("--undo", problem).hint(LIST))
        }
    };
    snapshots.into_iter().map(id).collect()
}
