//! The sessions of others: which there are, which are dead, and how one is revoked.

use std::collections::{BTreeMap, HashSet};

use lumivault_format::{
    ObjectId, ObjectKind, ObjectName, ObjectType, Revocation, SessionId, SessionKind, SessionRecord,
};

use super::{Holder, LEASE_SECONDS};
use crate::backend::BackendError;
use crate::{Error, Repository, sys};

/// Somebody else's session, with all its objects.
#[derive(Debug)]
pub(crate) struct Other {
    /// The newest record; `None` if it cannot be read.
    pub(crate) record: Option<SessionRecord>,
    objects: Vec<ObjectName>,
    /// Whether it does not work any more.
    pub(crate) dead: bool,
}

impl Other {
    pub(crate) fn kind(&self) -> Option<SessionKind> {
        self.record.as_ref().map(|record| record.kind)
    }

    /// Whether it knew this mark before it wrote anything.
    pub(crate) fn knows_mark(&self, mark: &ObjectName) -> bool {
        self.record
            .as_ref()
            .is_some_and(|record| record.has_read && record.marks_seen.contains(mark))
    }

    /// All its objects; of one that cannot be read, that one.
    pub(crate) fn objects(&self) -> &[ObjectName] {
        &self.objects
    }

    /// Who it is, for a message.
    pub(crate) fn description(&self) -> String {
        let Some(record) = &self.record else {
            return "by a session that cannot be read".into();
        };
        let what = match record.kind {
            SessionKind::Writer => "a backup",
            SessionKind::Maintenance => "a prune or repair",
            SessionKind::Exclusive => "a `prune --now`",
        };
        let host = if record.host.is_empty() {
            "another machine"
        } else {
            &record.host
        };
        format!("by {what} on {host} (process {})", record.process)
    }

    /// Says for ever that whatever this session commits from now on counts for nothing; then removes it. In this order, as a
    /// session that is gone without a revocation has ended well.
    pub(crate) fn revoke(&self, repository: &Repository, holder: &Holder) -> Result<(), Error> {
        if let Some(record) = &self.record {
            let revocation = Revocation {
                session: record.id,
                unix_seconds: repository.environment().clock.now().0,
                host: holder.host.clone(),
            };
            repository.store_sealed(ObjectType::Revocation, &revocation.encode())?;
        }
        for name in &self.objects {
            match repository.backend().remove(&super::object_id(*name)) {
                Ok(()) | Err(BackendError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// All sessions but one's own. The objects of a session stay until it ends, so one that vanishes between listing and reading is of a
/// session that has ended, or is ending.
pub(crate) fn others(
    repository: &Repository,
    own: Option<SessionId>,
    holder: &Holder,
) -> Result<Vec<Other>, Error> {
    let mut sessions: BTreeMap<SessionId, Other> = BTreeMap::new();
    let mut unreadable = Vec::new();
    for info in repository.backend().list(ObjectKind::Session)? {
        let id = super::object_id(info.name);
        let record = match repository.load_sealed(ObjectType::Session, &id) {
            Ok(body) => SessionRecord::decode(&body).map_err(|source| Error::Decode { object: id, source }),
            Err(Error::Backend(BackendError::NotFound { .. })) => continue,
            Err(error) => Err(error),
        };
        match record {
            Ok(record) if Some(record.id) == own => {}
            Ok(record) => {
                let other = sessions.entry(record.id).or_insert_with(|| Other {
                    record: None,
                    objects: Vec::new(),
                    dead: false,
                });
                other.objects.push(info.name);
                if other
                    .record
                    .as_ref()
                    .is_none_or(|known| known.sequence < record.sequence)
                {
                    other.record = Some(record);
                }
            }
            Err(error) if error.spares_the_rest() => unreadable.push(Other {
                record: None,
                objects: vec![info.name],
                dead: false,
            }),
            Err(error) => return Err(error),
        }
    }
    let now = repository.environment().clock.now().0;
    let mut found: Vec<Other> = sessions.into_values().collect();
    for other in &mut found {
        other.dead = other
            .record
            .as_ref()
            .is_some_and(|record| is_dead(record, now, holder));
    }
    found.append(&mut unreadable);
    Ok(found)
}

/// Being taken for dead wrongly costs a run, never data: a revoked session finds out before it reports success.
fn is_dead(record: &SessionRecord, now: i64, holder: &Holder) -> bool {
    let silent = now.saturating_sub(record.refreshed_unix_seconds) > LEASE_SECONDS;
    let is_of_here = !holder.host.is_empty() && record.host == holder.host;
    silent
        || is_of_here
            && record.process != holder.process
            && sys::process_exists(record.process) == Some(false)
}

/// The sessions that were revoked. One that cannot be read could be any, so nobody may go on.
pub(super) fn revocations(repository: &Repository) -> Result<HashSet<SessionId>, Error> {
    let mut revoked = HashSet::new();
    for info in repository.backend().list(ObjectKind::Revocation)? {
        let id = ObjectId {
            kind: ObjectKind::Revocation,
            name: info.name,
        };
        let body = repository.load_sealed(ObjectType::Revocation, &id)?;
        let record = Revocation::decode(&body).map_err(|source| Error::Decode { object: id, source })?;
        revoked.insert(record.session);
    }
    Ok(revoked)
}
