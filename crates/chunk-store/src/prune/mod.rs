//! Removing what no snapshot needs, in two steps and without locking anybody out: packs are marked in one run and removed in a
//! later one. See docs/format.md §16. Every step may be interrupted; the next run goes on.

mod copying;
mod live;
mod mark;
mod plan;
mod sweep;

use std::collections::HashSet;
use std::sync::Arc;

use lumivault_format::{AnnotationKind, ObjectId, ObjectKind, ObjectName, SessionKind};

use crate::backend::BackendError;
use crate::forget::{FactTime, Facts, State};
use crate::index::CacheDir;
use crate::session::{Holder, Other, Session, load_marks, others};
use crate::{ChunkIndex, Error, Event, Repository, StoredSnapshot, parity};
use live::Live;
pub(crate) use sweep::{split, store_in_order, unlist};

/// How much of what the packs hold may stay though no snapshot needs it, so that little is written anew to free little.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MaxUnused {
    /// So many percent of what is stored.
    Percent(f64),
    /// So many bytes.
    Bytes(u64),
    /// Any amount: only packs that nobody needs at all are removed.
    Unlimited,
}

/// How to prune.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PruneOptions {
    /// What may stay.
    pub max_unused: MaxUnused,
    /// At most so many bytes are written anew.
    pub max_repack: Option<u64>,
    /// How long a mark waits, and how long a forgotten snapshot can be revived; seconds.
    pub grace_seconds: i64,
    /// Mark and remove at once; nobody else may be at work.
    pub now: bool,
    /// Change nothing; find out what would be done.
    pub dry_run: bool,
}

/// A week.
pub const GRACE_SECONDS: i64 = 7 * 24 * 3600;

impl Default for PruneOptions {
    fn default() -> Self {
        Self {
            max_unused: MaxUnused::Percent(5.0),
            max_repack: None,
            grace_seconds: GRACE_SECONDS,
            now: false,
            dry_run: false,
        }
    }
}

/// Packs, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Packs.
    pub packs: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.packs += 1;
        self.bytes += bytes;
    }
}

/// What was done, or in a dry run what would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PruneReport {
    /// Forgotten snapshots that were removed for good.
    pub snapshots_removed: u64,
    /// Forgotten snapshots that stay until they were forgotten for the grace period.
    pub snapshots_waiting: u64,
    /// When the first of them may be removed, in seconds since 1970.
    pub next_removal: Option<i64>,
    /// Packs there were.
    pub packs: Amount,
    /// Packs marked now, because nobody needs anything in them.
    pub dead: Amount,
    /// Packs marked now, whose needed chunks were written anew.
    pub repacked: Amount,
    /// Bytes written anew.
    pub copied_bytes: u64,
    /// Bytes that nobody needs and that stay, as removing them would cost more.
    pub unused_bytes: u64,
    /// Packs removed now.
    pub removed: Amount,
    /// Packs marked and waiting to be removed by a later run.
    pub waiting: Amount,
    /// When the earliest of the waiting marks may be swept, in seconds since 1970.
    pub next_sweep: Option<i64>,
    /// Why marks that are old enough were not swept.
    pub held_up: Vec<String>,
    /// There was no room to write needed chunks anew, so only packs that nobody needs at all were dealt with.
    pub no_room: bool,
}

/// Marks what no snapshot needs, and removes what was marked long enough ago.
pub fn prune(
    repository: &Repository,
    holder: &Holder,
    cache: Option<&CacheDir>,
    options: &PruneOptions,
) -> Result<PruneReport, Error> {
    let mut report = PruneReport::default();
    if options.dry_run {
        let mut view = View::load(repository, None, holder, cache)?;
        report.snapshots_removed = view.take_expired(holder, options, &mut report)?.len() as u64;
        mark::mark(&view, &[], options, &mut report)?;
        sweep::foresee(&view, options, &mut report)?;
        return Ok(report);
    }
    let kind = if options.now {
        SessionKind::Exclusive
    } else {
        SessionKind::Maintenance
    };
    let session = Session::open(repository, kind, holder)?;
    if options.now {
        mark_anew(repository, &session, cache, options, &mut report)?;
        sweep::sweep(repository, &session, cache, options, &mut report)?;
    } else {
        // In this order what is swept makes room for what is copied.
        sweep::sweep(repository, &session, cache, options, &mut report)?;
        mark_anew(repository, &session, cache, options, &mut report)?;
    }
    session.close()?;
    Ok(report)
}

fn mark_anew(
    repository: &Repository,
    session: &Session<'_>,
    cache: Option<&CacheDir>,
    options: &PruneOptions,
    report: &mut PruneReport,
) -> Result<(), Error> {
    loop {
        let mut view = View::load(repository, Some(session), session.holder(), cache)?;
        let mut done = report.clone();
        let expired = view.take_expired(session.holder(), options, &mut done)?;
        if mark::mark(&view, &expired, options, &mut done)? {
            *report = done;
            return Ok(());
        }
    }
}

/// A repository as whoever deletes must see it: complete, or not at all.
struct View<'r> {
    repository: &'r Repository,
    session: Option<&'r Session<'r>>,
    /// The sessions of others that may be alive.
    others: Vec<Other>,
    snapshots: Vec<StoredSnapshot>,
    index: Arc<ChunkIndex>,
    /// Packs that the index listed before the sessions were looked at.
    listed_before: HashSet<ObjectName>,
    /// Index objects there were then.
    indexes_before: Vec<ObjectName>,
    /// Packs in the storage that no index lists, and their sizes.
    unlisted: Vec<(ObjectName, u64)>,
}

impl<'r> View<'r> {
    /// Reads in the order that docs/format.md §16 gives for marking.
    fn load(
        repository: &'r Repository,
        session: Option<&'r Session<'r>>,
        holder: &Holder,
        cache: Option<&CacheDir>,
    ) -> Result<Self, Error> {
        repository
            .environment()
            .monitor
            .event(Event::Phase("reading what there is"));
        let listed = repository.backend().list(ObjectKind::Pack)?;
        // Not as a cache remembers it: what has become unreadable since is to be found before anything goes.
        let before = load_index(repository, None)?;
        let own = session.map(Session::id);
        let mut others = others(repository, own, holder)?;
        others.retain(|other| !other.dead);
        // What those committed whose sessions have ended shows by then.
        repository.settle()?;
        let marks = load_marks(repository, &HashSet::new())?;
        let snapshots = all_snapshots(repository)?;
        // And here the index objects of the snapshots that showed.
        repository.settle()?;
        let index = load_index(repository, cache)?;
        index.note_marked(marks.iter().flat_map(|stored| stored.mark.packs.iter().copied()));
        // What the index lists was there before it was listed, so only a later listing tells that a pack is gone.
        let there = index.packs_there(repository.backend())?;
        index.note_there(&there);
        let unlisted = listed
            .iter()
            .filter(|info| there.contains_key(&info.name) && !index.has_pack(&info.name));
        Ok(Self {
            repository,
            session,
            others,
            snapshots,
            unlisted: unlisted.map(|info| (info.name, info.size)).collect(),
            listed_before: before.packs().iter().map(|pack| pack.name).collect(),
            indexes_before: before.objects(),
            index: Arc::new(index),
        })
    }

    /// Takes out the snapshots that are to be removed for good: what only they need counts for nothing.
    fn take_expired(
        &mut self,
        holder: &Holder,
        options: &PruneOptions,
        report: &mut PruneReport,
    ) -> Result<Vec<StoredSnapshot>, Error> {
        let facts = Facts::read(self.repository, &holder.host)?.complete()?;
        let now = self.repository.environment().clock.now().0;
        let (expired, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.snapshots)
            .into_iter()
            .partition(|stored| is_expired(&facts.state(&stored.id), now, options));
        let states = kept.iter().map(|stored: &StoredSnapshot| facts.state(&stored.id));
        let forgotten = states
            .filter(|state| !state.pinned)
            .filter_map(|state| state.forgotten);
        let due = forgotten.map(|since| since.unix_seconds.saturating_add(options.grace_seconds));
        let due: Vec<i64> = due.collect();
        report.snapshots_waiting = due.len() as u64;
        report.next_removal = due.into_iter().min();
        self.snapshots = kept;
        Ok(expired)
    }

    fn live(&self) -> Result<Live<'_>, Error> {
        let monitor = &self.repository.environment().monitor;
        monitor.event(Event::Phase("finding out what the snapshots need"));
        Live::find(self.repository, &self.index, &self.snapshots)
    }

    /// Shows that the work goes on, and stops it where it was called off.
    fn tick(&self) -> Result<(), Error> {
        self.repository.environment().check_cancelled()?;
        self.session.map_or(Ok(()), Session::refresh)
    }
}

/// The whole index. A part that cannot be read blocks deleting, as it may list anything.
fn load_index(repository: &Repository, cache: Option<&CacheDir>) -> Result<ChunkIndex, Error> {
    let index = ChunkIndex::load(repository, cache.cloned())?;
    match index.unreadable() {
        [] => Ok(index),
        unreadable => Err(Error::Blocked(format!(
            "{} index objects cannot be read; `lumivault repair index` makes new ones from the packs",
            unreadable.len()
        ))),
    }
}

/// All snapshots. One that cannot be read blocks deleting, as it may need anything.
fn all_snapshots(repository: &Repository) -> Result<Vec<StoredSnapshot>, Error> {
    let loaded = repository.snapshots()?;
    match loaded.unreadable.first() {
        None => Ok(loaded.found),
        Some(error) => Err(Error::Blocked(format!(
            "{}; `lumivault repair snapshots` sets it aside",
            error.with_causes()
        ))),
    }
}

/// Whether a snapshot is to be removed for good.
fn is_expired(state: &State, now: i64, options: &PruneOptions) -> bool {
    let waited =
        |since: &FactTime| options.now || now.saturating_sub(since.unix_seconds) >= options.grace_seconds;
    let waited = |since: &FactTime| state.removal_begun || waited(since);
    !state.pinned && state.forgotten.as_ref().is_some_and(waited)
}

/// Removes snapshots that were forgotten for the grace period; returns how many went and whether one stays after all. Whoever revives
/// one at the same moment sees the removal, or is seen.
fn remove_expired(
    repository: &Repository,
    holder: &Holder,
    expired: &[StoredSnapshot],
) -> Result<(u64, bool), Error> {
    if expired.is_empty() {
        return Ok((0, false));
    }
    // One that was brought back just now should not be told that it is being removed.
    repository.settle()?;
    let mut facts = Facts::read(repository, &holder.host)?.complete()?;
    for stored in expired {
        let state = facts.state(&stored.id);
        if state.forgotten.is_some() && !state.removal_begun {
            facts.add(stored, AnnotationKind::Removal, "")?;
        }
    }
    // Whoever revives one from the moment on when the removal shows gives up; of whoever did it until then the revival has to show.
    repository.settle_twice()?;
    let facts = Facts::read(repository, &holder.host)?.complete()?;
    let (mut removed, mut one_stays) = (0, false);
    for stored in expired {
        // Revived in this moment: whoever did that may not have seen the removal, and was told that it is done.
        if facts.state(&stored.id).forgotten.is_none() {
            one_stays = true;
            continue;
        }
        let id = ObjectId {
            kind: ObjectKind::Snapshot,
            name: stored.object,
        };
        parity::remove_copies(repository, &[id])?;
        match repository.backend().remove(&id) {
            Ok(()) => removed += 1,
            Err(BackendError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok((removed, one_stays))
}
