//! `lumivault tag`

use clap::Args;

use super::selection::FilterArgs;
use crate::failure::Failure;
use crate::request::{Selector, Tag, TagChange, tag};

/// Change the tags of snapshots, and keep some from being forgotten
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault tag --add before-reset latest
  lumivault tag --remove test kmzwtpqs kxytrunv
  lumivault tag --set family,2014 --phone \"Lumia 930\"
  lumivault tag --pin 2014-07
  lumivault tag --set '' latest              no tags any more")]
pub(crate) struct TagArgs {
    /// Snapshots, by id or time [default: all that --phone, --host and --tag leave]
    #[arg(value_name = "SNAPSHOT", value_parser = Selector::parse)]
    snapshots: Vec<Selector>,

    /// Add these tags, separated by commas
    #[arg(long, value_name = "TAG", value_delimiter = ',', value_parser = tag)]
    add: Vec<String>,

    /// Remove these tags, separated by commas
    #[arg(long, value_name = "TAG", value_delimiter = ',', value_parser = tag)]
    remove: Vec<String>,

    /// Have exactly these tags, separated by commas
    #[arg(long, value_name = "TAG", conflicts_with_all = ["add", "remove"])]
    set: Option<String>,

    /// Keep these snapshots from being forgotten
    #[arg(long, conflicts_with = "unpin")]
    pin: bool,

    /// Let these snapshots be forgotten again
    #[arg(long)]
    unpin: bool,

    #[command(flatten)]
    filter: FilterArgs,

    /// Tell what would change, but change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

impl TagArgs {
    pub(crate) fn validate(self) -> Result<Tag, Failure> {
        let filter = self.filter.validate();
        if self.snapshots.is_empty() && filter.is_empty() {
            return Err(Failure::usage("no snapshot is named")
                .hint("name snapshots, or choose them with --phone, --host or --tag"));
        }
        if let Some(both) = self.add.iter().find(|tag| self.remove.contains(tag)) {
            return Err(Failure::option(
                "--add",
                format!("`{both}` is also to be removed"),
            ));
        }
        let pin = match (self.pin, self.unpin) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        };
        let change = match self.set {
            Some(tags) => TagChange::Set(exactly(&tags)?),
            None if self.add.is_empty() && self.remove.is_empty() && pin.is_none() => {
                return Err(Failure::usage("nothing is to be changed")
                    .hint("use --add, --remove, --set, --pin or --unpin"));
            }
            None => TagChange::Edit {
                add: self.add,
                remove: self.remove,
            },
        };
        Ok(Tag {
            snapshots: self.snapshots,
            filter,
            change,
            pin,
            dry_run: self.dry_run,
        })
    }
}

fn exactly(tags: &str) -> Result<Vec<String>, Failure> {
    if tags.trim().is_empty() {
        return Ok(Vec::new());
    }
    let tags = tags.split(',').map(tag).collect::<Result<_, _>>();
    tags.map_err(|problem| Failure::option("--set", problem))
}
