//! Repairing sessions: those of processes that are gone are revoked, and with the user's word all.

use lumivault_format::{ObjectId, ObjectKind, SessionKind};

use super::{list, set_aside};
use crate::session::{Holder, Other, others};
use crate::{Error, Repository};

/// A session of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// What it is for; `None` if it cannot be read, and nothing else is known of it then.
    pub kind: Option<SessionKind>,
    /// The machine.
    pub host: String,
    /// The process on it.
    pub process: u32,
    /// When it began, seconds since 1970.
    pub began_unix_seconds: i64,
    /// When it last showed that it lives, seconds since 1970.
    pub refreshed_unix_seconds: i64,
    /// Whether it does not work any more.
    pub is_dead: bool,
    /// Whether it was removed, or would be in a dry run.
    pub removed: bool,
}

/// Which sessions there were, and what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionsReport {
    /// All of them.
    pub sessions: Vec<SessionInfo>,
    /// Revocations that could not be read, which were set aside with the word that nobody is at work.
    pub unreadable_revocations: Vec<ObjectId>,
}

impl SessionsReport {
    /// Whether something that cannot be read stays.
    pub fn is_damaged(&self) -> bool {
        self.sessions
            .iter()
            .any(|session| session.kind.is_none() && !session.removed)
    }
}

/// Revokes and removes the sessions of the dead; with `all`, the word that nobody is at work, all others too. What a
/// revoked session commits afterwards counts for nothing, should it be alive after all.
pub fn sessions(
    repository: &Repository,
    holder: &Holder,
    all: bool,
    dry_run: bool,
) -> Result<SessionsReport, Error> {
    let mut report = SessionsReport::default();
    for other in others(repository, None, holder)? {
        let removed = other.dead || all;
        report.sessions.push(info(&other, removed));
        if !removed || dry_run {
            continue;
        }
        if other.record.is_some() {
            other.revoke(repository, holder)?;
        } else {
            for name in other.objects() {
                let kind = ObjectKind::Session;
                set_aside(repository, &ObjectId { kind, name: *name })?;
            }
        }
    }
    if all {
        report.unreadable_revocations = set_aside_revocations(repository, dry_run)?;
    }
    Ok(report)
}

fn info(other: &Other, removed: bool) -> SessionInfo {
    let record = other.record.as_ref();
    SessionInfo {
        kind: record.map(|record| record.kind),
        host: record.map(|record| record.host.clone()).unwrap_or_default(),
        process: record.map_or(0, |record| record.process),
        began_unix_seconds: record.map_or(0, |record| record.began_unix_seconds),
        refreshed_unix_seconds: record.map_or(0, |record| record.refreshed_unix_seconds),
        is_dead: other.dead,
        removed,
    }
}

/// Nobody may write while a revocation cannot be read, as it could be anybody's. Whoever was revoked finds its session gone, too.
fn set_aside_revocations(repository: &Repository, dry_run: bool) -> Result<Vec<ObjectId>, Error> {
    let kind = ObjectKind::Revocation;
    let mut unreadable = Vec::new();
    for name in list(repository, kind)? {
        let id = ObjectId { kind, name };
        match super::twice(|| repository.load_sealed(lumivault_format::ObjectType::Revocation, &id)) {
            Err(error) if error.is_damage() => {}
            Ok(_) => continue,
            Err(error) => return Err(error),
        }
        if !dry_run {
            set_aside(repository, &id)?;
        }
        unreadable.push(id);
    }
    Ok(unreadable)
}
