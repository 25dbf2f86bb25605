//! `lumivault find`

use clap::Args;

use super::exclude::patterns;
use super::selection::FilterArgs;
use super::values::choice;
use crate::failure::Failure;
use crate::request::{Category, Filter, Find, FindWithin, Selection, Selector};

/// Find files by name in all snapshots
///
/// Identical files in several snapshots are listed with each of them.
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault find 'WP_201409*.jpg'
  lumivault find -i '*holiday*' --phone \"Lumia 930\"
  lumivault find --at 2026-05 '*.vcf'")]
pub(crate) struct FindArgs {
    /// Names or paths, with * ? [a-z] and **
    #[arg(value_name = "PATTERN", required = true)]
    patterns: Vec<String>,

    /// Whatever the case of letters
    #[arg(short, long)]
    ignore_case: bool,

    /// Only in the newest snapshot at or before the end of this time (as in restore)
    #[arg(long, value_name = "WHEN", value_parser = Selector::parse, conflicts_with = "snapshots")]
    at: Option<Selector>,

    /// Only in this snapshot, by id or time; may be given several times
    #[arg(short, long = "snapshot", value_name = "SNAPSHOT", value_parser = Selector::parse)]
    snapshots: Vec<Selector>,

    #[command(flatten)]
    filter: FilterArgs,

    /// Fail where the named time holds no snapshot, instead of taking an earlier one
    #[arg(long)]
    strict: bool,

    /// Show permissions, sizes, times and categories
    #[arg(short, long)]
    long: bool,

    /// Only files of these categories, separated by commas
    #[arg(long, value_name = "CATEGORY", value_delimiter = ',', value_parser = choice::<Category>())]
    only: Vec<Category>,
}

impl FindArgs {
    pub(crate) fn validate(self) -> Result<Find, Failure> {
        let named: Vec<Selector> = self.at.into_iter().chain(self.snapshots).collect();
        Ok(Find {
            patterns: patterns("PATTERN", self.patterns, self.ignore_case)?,
            within: within(named, self.filter.validate(), self.strict)?,
            long: self.long,
            only: self.only,
        })
    }
}

fn within(named: Vec<Selector>, filter: Filter, strict: bool) -> Result<FindWithin, Failure> {
    if named.is_empty() {
        if strict {
            return Err(
                Failure::option("--strict", "no time is named").hint("use it with --at or --snapshot")
            );
        }
        return Ok(FindWithin::Filtered(filter));
    }
    if !filter.hosts.is_empty() || !filter.tags.is_empty() || filter.phones.len() > 1 {
        return Err(Failure::usage(
            "--host, --tag and several --phone choose among all snapshots, not within some",
        ));
    }
    let phone = filter.phones.into_iter().next();
    let select = |snapshot| Selection {
        snapshot,
        phone: phone.clone(),
        strict,
    };
    Ok(FindWithin::Selected(named.into_iter().map(select).collect()))
}
