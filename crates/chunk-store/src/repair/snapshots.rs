//! Repairing snapshots: records that cannot be read come from another copy or are set aside; snapshots that lack something are,
//! with the user's word, replaced by ones without what is lost.

mod objects;
mod replace;

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use lumivault_format::{Annotation, AnnotationKind, ObjectId, ObjectKind, SnapshotId};

use super::open_session;
use super::other::OtherCopy;
use crate::check::{Affected, CheckOptions, ReadData, check};
use crate::index::CacheDir;
use crate::parity::{self, Scope};
use crate::session::{Holder, Session, load_marks};
use crate::{ChunkIndex, Error, Event, Repository};

/// How to repair snapshots.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotsOptions<'o> {
    /// Another copy of the archive.
    pub from: Option<&'o OtherCopy<'o>>,
    /// Replace snapshots that lack something by ones without what is lost, and remove the damaged ones for good.
    pub drop_lost: bool,
    /// Change nothing; find out what would be done.
    pub dry_run: bool,
}

/// A record that cannot be read and is nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostObject {
    /// The object.
    pub object: ObjectId,
    /// What is wrong with it.
    pub problem: String,
    /// Whether it was set aside; otherwise it stays, as the storage may give it another time, or a later program may read it.
    pub set_aside: bool,
}

/// A snapshot that was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplacedSnapshot {
    /// The damaged one.
    pub damaged: SnapshotId,
    /// The one without what is lost; `None` in a dry run.
    pub by: Option<SnapshotId>,
    /// How many files and folders it lacks.
    pub lost: u64,
}

/// What was found, and what was done about it; in a dry run, what would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotsReport {
    /// Records that copies in the repository, or the other copy, mended.
    pub mended: Vec<ObjectId>,
    /// Records that were gone without having been removed, and came from the other copy.
    pub brought_back: Vec<ObjectId>,
    /// Records that are lost.
    pub lost: Vec<LostObject>,
    /// Snapshots that others name as the ones before them, and that are nowhere.
    pub gone: Vec<SnapshotId>,
    /// Whether these were given up: they count as forgotten from now on, and `check` is content; in a dry run, would be.
    pub given_up: bool,
    /// Forgotten snapshots that stay for a whole grace period more, as what was lost may have said that they are needed.
    pub grace_restarted: Vec<SnapshotId>,
    /// Snapshots that cannot be restored whole, those included that were replaced.
    pub affected_snapshots: Vec<SnapshotId>,
    /// The first 1,000 files and folders that cannot be restored whole.
    pub affected: Vec<Affected>,
    /// How many there are.
    pub affected_total: u64,
    /// Snapshots that were replaced.
    pub replaced: Vec<ReplacedSnapshot>,
}

impl SnapshotsReport {
    /// Whether something is lost or stays damaged.
    pub fn is_damaged(&self) -> bool {
        !self.lost.is_empty()
            || !self.affected_snapshots.is_empty()
            || !self.gone.is_empty() && !self.given_up
    }
}

/// Makes every snapshot readable again, as far as that is possible.
pub fn snapshots(
    repository: &Repository,
    holder: &Holder,
    cache: Option<&CacheDir>,
    options: &SnapshotsOptions<'_>,
) -> Result<SnapshotsReport, Error> {
    let session = open_session(repository, holder, options.dry_run)?;
    let mut work = Work {
        repository,
        session: session.as_ref(),
        holder,
        options,
        report: SnapshotsReport::default(),
    };
    work.mend()?;
    work.objects()?;
    work.gone()?;
    let index = work.index(cache)?;
    work.find_affected(&index)?;
    if options.drop_lost && !work.report.affected_snapshots.is_empty() {
        // What was stored since it was read, or did not show, lies in no part of it.
        repository.settle()?;
        let index = work.index(cache)?;
        work.may_drop(&index)?;
        work.replace(&index)?;
    }
    let report = work.report;
    session.map_or(Ok(()), Session::close)?;
    Ok(report)
}

struct Work<'w> {
    repository: &'w Repository,
    session: Option<&'w Session<'w>>,
    holder: &'w Holder,
    options: &'w SnapshotsOptions<'w>,
    report: SnapshotsReport,
}

impl Work<'_> {
    fn phase(&self, text: &'static str) {
        self.repository.environment().monitor.event(Event::Phase(text));
    }

    /// What has whole copies in the repository needs nothing else.
    fn mend(&mut self) -> Result<(), Error> {
        let scope = Scope::Kind(ObjectKind::Snapshot);
        let none = ChunkIndex::empty()?;
        let report = parity::mend(self.repository, &none, &scope, self.options.dry_run)?;
        self.report
            .mended
            .extend(report.mended.iter().map(|one| one.object));
        if !self.options.dry_run {
            self.repository.copies().forget();
        }
        Ok(())
    }

    /// Which snapshots are missing. Given up, they leave tombstones, as those do that were forgotten.
    fn gone(&mut self) -> Result<(), Error> {
        let mut chain = self.repository.chain()?;
        if !chain.gaps().is_empty() && self.repository.listings_lag() {
            self.repository.settle()?;
            chain = self.repository.chain()?;
        }
        if !chain.is_complete() {
            return Ok(());
        }
        self.report.gone = chain.gaps();
        self.report.given_up = self.options.drop_lost;
        if !self.options.drop_lost || self.options.dry_run {
            return Ok(());
        }
        for id in &self.report.gone {
            let (unix_seconds, nanoseconds) = self.repository.environment().clock.now();
            self.repository.annotate(&Annotation {
                kind: AnnotationKind::Tombstone,
                snapshot: *id,
                text: "lost".into(),
                unix_seconds,
                nanoseconds,
                host: self.holder.host.clone(),
                predecessors: Vec::new(),
            })?;
        }
        Ok(())
    }

    /// The index. With a part of it unread, everything in that would look lost.
    fn index(&self, cache: Option<&CacheDir>) -> Result<Arc<ChunkIndex>, Error> {
        let index = ChunkIndex::load(self.repository, cache.cloned())?;
        if !index.unreadable().is_empty() {
            return Err(Error::Blocked(format!(
                "{} index objects cannot be read, so what the snapshots lack is not known; `lumivault repair index` comes \
                 first",
                index.unreadable().len()
            )));
        }
        let marks = load_marks(self.repository, &HashSet::new())?;
        index.note_marked(marks.iter().flat_map(|stored| stored.mark.packs.iter().copied()));
        Ok(Arc::new(index))
    }

    fn find_affected(&mut self, index: &ChunkIndex) -> Result<(), Error> {
        let options = CheckOptions {
            read: ReadData::Structure,
            threads: NonZeroUsize::MIN,
        };
        let checked = check(self.repository, index, &options)?;
        self.report.affected_snapshots = checked.affected_snapshots;
        self.report.affected = checked.affected;
        self.report.affected_total = checked.affected_total;
        Ok(())
    }

    /// Nothing is given up that could still be found.
    fn may_drop(&self, index: &ChunkIndex) -> Result<(), Error> {
        let there = index.packs_there(self.repository.backend())?;
        let names = there.keys();
        let unlisted = names.filter(|name| !index.has_pack(name) && !index.is_marked(name));
        let unlisted = unlisted.count();
        if unlisted > 0 {
            return Err(Error::Blocked(format!(
                "{unlisted} packs are in no index, and what seems lost may be in them; `lumivault repair index` comes first"
            )));
        }
        let absent = index.note_there(&there);
        let absent = absent.iter().filter(|pack| !index.is_marked(&pack.name)).count();
        if absent > 0 {
            return Err(Error::Blocked(format!(
                "{absent} packs are missing or cut short; `lumivault repair packs` comes first, with --from if there is \
                 another copy of the repository"
            )));
        }
        Ok(())
    }
}
