//! What becomes of what a comparison comes upon: noted in a first pass, reported in the second.

use std::io;

use lumivault_chunk_store::Error;

use super::moves::{Census, Moves, Verdict};
use super::{BrowseError, Change, DiffEvent, DiffSummary, Difference, Listed, Side};

/// What becomes of what the comparison comes upon.
pub(super) enum Pass<'p, 'e> {
    /// First, only the contents of files that vanished or appeared are gathered.
    Census(&'p mut Census),
    /// Then everything is reported.
    Report {
        each: &'p mut (dyn FnMut(DiffEvent<'_>) -> io::Result<()> + 'e),
        moves: &'p mut Moves,
        summary: &'p mut DiffSummary,
    },
}

impl Pass<'_, '_> {
    pub(super) fn report(
        &mut self,
        change: Change,
        before: Option<&Listed>,
        after: Option<&Listed>,
    ) -> Result<(), BrowseError> {
        let Self::Report { each, summary, .. } = self else {
            return Ok(());
        };
        let difference = Difference {
            change,
            before,
            after,
        };
        summary.count(&difference);
        each(DiffEvent::Difference(difference)).map_err(BrowseError::Output)
    }

    pub(super) fn one_sided(&mut self, entry: &Listed, appeared: bool) -> Result<(), BrowseError> {
        if appeared {
            self.report(Change::Added, None, Some(entry))
        } else {
            self.report(Change::Removed, Some(entry), None)
        }
    }

    /// Reports an entry that is on one side only, unless it may have moved.
    pub(super) fn vanished_or_appeared(&mut self, entry: Listed, appeared: bool) -> Result<(), BrowseError> {
        let verdict = match self {
            Self::Report { moves, .. } if !moves.is_empty() => moves.take(entry, appeared),
            _ => Verdict::Plain(entry),
        };
        match verdict {
            Verdict::Waits => Ok(()),
            Verdict::Plain(entry) => self.one_sided(&entry, appeared),
            Verdict::Pair { this, other } if appeared => {
                self.report(Change::Moved, Some(&other), Some(&this))
            }
            Verdict::Pair { this, other } => self.report(Change::Moved, Some(&this), Some(&other)),
        }
    }

    pub(super) fn unreadable(&mut self, path: &[u8], side: Side, error: &Error) -> Result<(), BrowseError> {
        if matches!(error, Error::Cancelled) {
            return Err(Error::Cancelled.into());
        }
        let Self::Report { each, summary, .. } = self else {
            // The second pass will come upon it again.
            return Ok(());
        };
        summary.unreadable += 1;
        each(DiffEvent::Unreadable { path, side, error }).map_err(BrowseError::Output)
    }
}
