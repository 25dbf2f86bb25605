//! What was acknowledged, and so must be true from then on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;

use serde_json::Value;

use super::site::Try;
use super::sources::Tree;

/// A snapshot that was acknowledged, or seen whole.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) tree: Rc<Tree>,
    /// Those that it must have.
    pub(super) tags: BTreeSet<String>,
    /// Not forgotten: it must be listed.
    pub(super) live: bool,
    /// It was forgotten when a prune began that may remove it for good.
    pub(super) doomed: bool,
}

impl Held {
    pub(super) fn new(tree: Rc<Tree>) -> Self {
        Self {
            tree,
            tags: BTreeSet::new(),
            live: true,
            doomed: false,
        }
    }
}

/// What one run may have changed though it did not live to say so.
#[derive(Debug, Default)]
pub(super) struct May {
    /// What snapshots hold that may have been made, by their dates.
    pub(super) appear: BTreeMap<String, Rc<Tree>>,
    /// A snapshot that may be forgotten.
    pub(super) hide: Option<String>,
    /// A snapshot that may have been brought back.
    pub(super) show: Option<String>,
}

/// Whether there is parity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parity {
    Kept,
    None,
    Unknown,
}

/// A repository as it must be.
#[derive(Debug)]
pub(super) struct Expected {
    /// By their ids.
    pub(super) snapshots: BTreeMap<String, Held>,
    /// Key files that must open it, by the ids of their slots.
    pub(super) keys: BTreeMap<String, PathBuf>,
    /// Key files that must not.
    pub(super) refused: Vec<PathBuf>,
    pub(super) parity: Parity,
    /// Snapshots that were there though the run that made them did not live to say so.
    pub(super) unsaid: usize,
}

impl Expected {
    pub(super) fn new(parity: Parity) -> Self {
        Self {
            snapshots: BTreeMap::new(),
            keys: BTreeMap::new(),
            refused: Vec::new(),
            parity,
            unsaid: 0,
        }
    }

    /// Ids of those that are, or are not, forgotten.
    pub(super) fn ids(&self, live: bool) -> Vec<String> {
        let chosen = self.snapshots.iter().filter(|(_, held)| held.live == live);
        chosen.map(|(id, _)| id.clone()).collect()
    }

    /// A run said that this snapshot was made.
    pub(super) fn made(&mut self, id: &str, tree: &Rc<Tree>) {
        self.snapshots
            .entry(id.to_owned())
            .or_insert_with(|| Held::new(Rc::clone(tree)));
    }

    /// A prune begins that does not wait.
    pub(super) fn doom(&mut self) {
        for held in self.snapshots.values_mut().filter(|held| !held.live) {
            held.doomed = true;
        }
    }

    /// Compares with a list of snapshots. What may have changed without a word is certain from now on.
    pub(super) fn compare(&mut self, listed: &[Value], may: &May) -> Try<()> {
        let mut seen = BTreeSet::new();
        for one in listed {
            let id = one["id"].as_str().ok_or("a snapshot without an id")?;
            seen.insert(id.to_owned());
            self.compare_one(id, one, may)?;
        }
        for (id, held) in &mut self.snapshots {
            if held.live && !seen.contains(id) {
                if may.hide.as_ref() != Some(id) {
                    return Err(format!("the acknowledged snapshot {id} is lost"));
                }
                held.live = false;
                held.doomed = false;
            }
        }
        Ok(())
    }

    fn compare_one(&mut self, id: &str, one: &Value, may: &May) -> Try<()> {
        let Some(held) = self.snapshots.get_mut(id) else {
            let date = one["civil"].as_str().unwrap_or_default();
            let tree = may.appear.get(date);
            let tree = tree.ok_or_else(|| format!("the snapshot {id} of {date} should not be there"))?;
            self.unsaid += 1;
            self.made(id, tree);
            return Ok(());
        };
        if !held.live && may.show.as_deref() != Some(id) {
            return Err(format!("the forgotten snapshot {id} is back"));
        }
        held.live = true;
        held.doomed = false;
        let tags = one["tags"].as_array().ok_or("no tags")?;
        let lost = held
            .tags
            .iter()
            .find(|tag| !tags.contains(&Value::from(tag.as_str())));
        lost.map_or(Ok(()), |tag| {
            Err(format!("the acknowledged tag {tag} of {id} is lost: {tags:?}"))
        })
    }
}
