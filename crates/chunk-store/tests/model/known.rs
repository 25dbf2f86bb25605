//! What is known of one snapshot. After a failure it may be in one of several states, until somebody looks.

use lumivault_chunk_store::StoredSnapshot;

/// A time, seconds since 1970, that is not known better than this.
#[derive(Clone, Copy, Debug)]
pub(super) struct Since {
    pub(super) earliest: i64,
    pub(super) latest: i64,
}

/// The states that a snapshot may be in.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) numbers: Vec<u64>,
    pub(super) live: bool,
    pub(super) forgotten: Option<Since>,
    pub(super) absent: bool,
    /// `None`: one or the other.
    pub(super) pinned: Option<bool>,
    /// Whether somebody may have begun to remove it.
    pub(super) removal: bool,
    /// The time of the latest fact about it.
    latest_fact: Since,
}

impl Known {
    pub(super) fn new(numbers: Vec<u64>) -> Self {
        Self {
            numbers,
            live: true,
            forgotten: None,
            absent: false,
            pinned: Some(false),
            removal: false,
            latest_fact: Since {
                earliest: i64::MIN,
                latest: i64::MIN,
            },
        }
    }

    /// A fact that is written now, or if `sure` is false perhaps, is not earlier than those before it.
    fn fact(&mut self, now: i64, sure: bool) -> Since {
        let time = Since {
            earliest: self.latest_fact.earliest.max(now),
            latest: self.latest_fact.latest.max(now),
        };
        self.latest_fact.latest = time.latest;
        if sure {
            self.latest_fact = time;
        }
        time
    }

    pub(super) fn is_live(&self) -> bool {
        self.live && self.forgotten.is_none() && !self.absent
    }

    pub(super) fn is_forgotten(&self) -> bool {
        !self.live && self.forgotten.is_some() && !self.absent
    }

    pub(super) fn is_absent(&self) -> bool {
        !self.live && self.forgotten.is_none() && self.absent
    }

    /// It was forgotten, or if `sure` is false perhaps.
    pub(super) fn forget(&mut self, now: i64, sure: bool) {
        if !self.live || self.pinned == Some(true) {
            return;
        }
        let before = self.forgotten;
        let time = self.fact(now, sure && before.is_none());
        self.forgotten = Some(Since {
            earliest: before.map_or(time.earliest, |since| since.earliest.min(time.earliest)),
            latest: before.map_or(time.latest, |since| since.latest.max(time.latest)),
        });
        if sure {
            self.live = false;
            self.pinned = Some(false);
        }
    }

    pub(super) fn revive(&mut self, now: i64, sure: bool) {
        if self.forgotten.is_none() {
            return;
        }
        self.fact(now, sure && self.is_forgotten());
        self.live = true;
        if sure {
            self.forgotten = None;
            self.absent = false;
        }
    }

    pub(super) fn pin(&mut self, now: i64, pinned: bool, sure: bool) {
        if self.pinned != Some(pinned) {
            self.fact(now, sure && self.pinned.is_some());
        }
        if sure {
            self.pinned = Some(pinned);
        } else if self.pinned != Some(pinned) {
            self.pinned = None;
        }
    }

    /// Somebody pruned and was done, or if `sure` is false was stopped somewhere.
    pub(super) fn prune(&mut self, now: i64, grace_seconds: i64, at_once: bool, sure: bool) {
        let Some(since) = self.forgotten else { return };
        let waited = |since: i64| at_once || now.saturating_sub(since) >= grace_seconds;
        let may_go = waited(since.earliest) || self.removal;
        let must_go = waited(since.latest);
        if may_go {
            self.absent = true;
            self.removal |= !(sure && must_go);
            self.fact(now, false);
        }
        if sure && must_go {
            self.forgotten = None;
        }
    }

    /// Compares with what is there; from then on that is known.
    pub(super) fn look(&mut self, found: Option<&StoredSnapshot>) -> Result<(), String> {
        let Some(stored) = found else {
            if !self.absent {
                return Err("it is gone".into());
            }
            (self.live, self.forgotten) = (false, None);
            return Ok(());
        };
        if let Some(time) = stored.forgotten {
            let time = time.unix_seconds;
            let fits = |since: &Since| (since.earliest..=since.latest).contains(&time);
            if !self.forgotten.as_ref().is_some_and(fits) {
                return Err(format!("it is forgotten since {time}"));
            }
            self.forgotten = Some(Since {
                earliest: time,
                latest: time,
            });
            self.live = false;
        } else {
            if !self.live {
                return Err("it is not forgotten".into());
            }
            self.forgotten = None;
        }
        if self.pinned.is_some_and(|pinned| pinned != stored.pinned) {
            return Err(format!("pinned is {}", stored.pinned));
        }
        self.pinned = Some(stored.pinned);
        self.absent = false;
        Ok(())
    }
}
