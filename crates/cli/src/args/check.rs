//! `lumivault check`

use clap::Args;

use crate::request::{Check, ReadData, Subset};

/// Check that the repository is whole
///
/// Without an option all records are read and it is made sure that every chunk of every snapshot is there. The data
/// itself is read only on request.
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault check
  lumivault check --read-data
  lumivault check --read-data-subset 1/12    a twelfth each month; after a year everything was read")]
pub(crate) struct CheckArgs {
    /// Also read, decrypt and hash every byte
    #[arg(long, conflicts_with = "read_data_subset")]
    read_data: bool,

    /// The same for a part: 5% or 500M at random, or n/m for a fixed group
    #[arg(long, value_name = "SUBSET", value_parser = Subset::parse)]
    read_data_subset: Option<Subset>,
}

impl CheckArgs {
    pub(crate) fn validate(self) -> Check {
        let read_data = match (self.read_data, self.read_data_subset) {
            (true, _) => ReadData::All,
            (false, Some(subset)) => ReadData::Some(subset),
            (false, None) => ReadData::None,
        };
        Check { read_data }
    }
}
