//! `lumivault import`

use std::path::PathBuf;

use clap::Args;

use super::exclude::ExcludeArgs;
use super::values::choice;
use crate::failure::Failure;
use crate::request::{DateFrom, Import, phone};
use crate::surroundings::Surroundings;

/// Make dated snapshots of existing copies of a phone
///
/// Each DIR, such as Lumia-Backup-2026-05, becomes one snapshot, the oldest first. A folder that is in the repository
/// already is skipped, also under another name.
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault -r D:\\Archive import --phone \"Lumia 930\" D:\\Lumia-Backup-2026-04 D:\\Lumia-Backup-2026-05
  lumivault import --date-from exif -n /mnt/old-disk/phone-*")]
pub(crate) struct ImportArgs {
    /// Folders to import
    #[arg(value_name = "DIR")]
    folders: Vec<PathBuf>,

    /// What tells the date of a folder
    #[arg(long, value_name = "WHAT", value_parser = choice::<DateFrom>(), default_value = "name")]
    date_from: DateFrom,

    /// The phone these are of [default: the model in the name of the folder, if any]
    #[arg(long, value_name = "NAME", value_parser = phone)]
    phone: Option<String>,

    /// Tell what would be imported, but store nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    // Last, because its heading holds for everything behind it.
    #[command(flatten)]
    excludes: ExcludeArgs,
}

impl ImportArgs {
    pub(crate) fn validate(self, around: &Surroundings) -> Result<Import, Failure> {
        if self.folders.is_empty() || self.folders.iter().any(|path| path.as_os_str().is_empty()) {
            return Err(Failure::usage("no DIR is named").hint("lumivault import --help shows examples"));
        }
        Ok(Import {
            folders: self.folders,
            date_from: self.date_from,
            phone: self.phone,
            host: around.host_name().unwrap_or_else(|| "unknown".into()),
            excludes: self.excludes.validate()?,
            dry_run: self.dry_run,
        })
    }
}
