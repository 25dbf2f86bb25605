//! Which packs are worth removing.

use std::collections::HashSet;

use lumivault_format::{ObjectId, ObjectKind, ObjectName};

use super::live::Live;
use super::{MaxUnused, PruneOptions, View};
use crate::Error;
use crate::index::{Location, PackInfo, read_index};

/// A pack is written anew only if at least a fifth of its content goes: rewriting a hundred to free five is no gain.
const DEAD_SHARE_MIN: f64 = 0.2;

/// What a pack holds, in bytes of sealed chunks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Content {
    /// Needed, and taken from here.
    pub(super) live: u64,
    /// Not needed, or taken from elsewhere.
    pub(super) dead: u64,
}

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Numbers of the packs of which nothing is needed.
    pub(super) dead: HashSet<u32>,
    /// Numbers of the packs that are not there any more and still listed.
    pub(super) gone: HashSet<u32>,
    /// Numbers of the packs whose needed chunks are to be copied.
    pub(super) repack: HashSet<u32>,
    /// Bytes of these chunks.
    pub(super) copied_bytes: u64,
    /// Bytes that stay though nobody needs them.
    pub(super) unused_bytes: u64,
    /// Bytes that nobody needs in the packs whose needed chunks are to be copied.
    pub(super) freed_bytes: u64,
    /// Packs that no index lists.
    pub(super) unlisted: Vec<(ObjectName, u64)>,
}

pub(super) fn plan(view: &View<'_>, live: &Live<'_>, options: &PruneOptions) -> Result<Plan, Error> {
    let packs = view.index.packs();
    let content = content(view, live, packs.len());
    let allowed = allowed(view)?;
    let may_mark = |pack: &PackInfo| {
        view.listed_before.contains(&pack.name)
            && !view.index.is_marked(&pack.name)
            && allowed
                .as_ref()
                .is_none_or(|allowed| allowed.contains(&pack.name))
    };
    let mut plan = Plan::default();
    let mut partly = Vec::new();
    let mut live_bytes = 0;
    for (number, pack) in (0..).zip(&packs) {
        let held = content.get(number as usize).copied().unwrap_or_default();
        live_bytes += held.live;
        if view.index.is_marked(&pack.name) {
            continue;
        }
        if !view.index.is_present(number) {
            // Whatever snapshots need of it lies elsewhere, or the walk would have ended; the index need not list it.
            if may_mark(pack) {
                plan.gone.insert(number);
            }
            continue;
        }
        if held.live == 0 && may_mark(pack) {
            plan.dead.insert(number);
            continue;
        }
        plan.unused_bytes += held.dead;
        if may_mark(pack) && held.dead_share() >= DEAD_SHARE_MIN {
            partly.push((number, held));
        }
    }
    let unused_max = match options.max_unused {
        MaxUnused::Unlimited => u64::MAX,
        MaxUnused::Bytes(bytes) => bytes,
        MaxUnused::Percent(percent) => share(live_bytes, percent),
    };
    partly.sort_by(|(a, x), (b, y)| y.dead_share().total_cmp(&x.dead_share()).then(a.cmp(b)));
    for (number, held) in partly {
        let copied = plan.copied_bytes + held.live;
        if plan.unused_bytes <= unused_max {
            break;
        }
        if options.max_repack.is_some_and(|most| copied > most) {
            continue;
        }
        plan.repack.insert(number);
        plan.copied_bytes = copied;
        plan.unused_bytes -= held.dead;
        plan.freed_bytes += held.dead;
    }
    if view.others.is_empty() {
        plan.unlisted = view
            .unlisted
            .iter()
            .filter(|(name, _)| !view.index.is_marked(name))
            .copied()
            .collect();
    }
    Ok(plan)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of bytes need not be exact, and percentages are positive"
)]
fn share(bytes: u64, percent: f64) -> u64 {
    (bytes as f64 * percent.max(0.0) / 100.0) as u64
}

impl Content {
    #[expect(clippy::cast_precision_loss, reason = "a share of bytes need not be exact")]
    fn dead_share(self) -> f64 {
        self.dead as f64 / (self.live + self.dead).max(1) as f64
    }
}

/// What each pack holds. A chunk in several packs counts as needed in one of them.
fn content(view: &View<'_>, live: &Live<'_>, packs: usize) -> Vec<Content> {
    let mut content = vec![Content::default(); packs];
    live.for_each(|_, needed, places| {
        let keeper = keeper(view, places).filter(|_| needed);
        for place in places {
            let bytes = u64::from(place.place.entry.sealed_len());
            if let Some(held) = content.get_mut(place.pack as usize) {
                if keeper == Some(*place) {
                    held.live += bytes;
                } else {
                    held.dead += bytes;
                }
            }
        }
    });
    content
}

/// Where a needed chunk is taken from in the first place: from a pack that stays and is there, the same for all chunks that are
/// twice in two packs, so that one of both becomes free.
pub(super) fn keeper(view: &View<'_>, places: &[Location]) -> Option<Location> {
    let may_stay = |place: &&Location| {
        let pack = view.index.pack(place.pack);
        view.index.is_present(place.pack) && pack.is_some_and(|pack| !view.index.is_marked(&pack.name))
    };
    places
        .iter()
        .filter(may_stay)
        .min_by_key(|place| place.pack)
        .copied()
}

/// The packs that were listed before any session of others could have written them; `None`: all, as there are no others. A session
/// that has not read yet has written nothing.
fn allowed(view: &View<'_>) -> Result<Option<HashSet<ObjectName>>, Error> {
    let mut allowed: Option<HashSet<ObjectName>> = None;
    for other in &view.others {
        let Some(record) = &other.record else {
            return Ok(Some(HashSet::new()));
        };
        if !record.has_read {
            continue;
        }
        let seen: HashSet<&ObjectName> = record.indexes_seen.iter().collect();
        let mut packs = HashSet::new();
        for object in view.indexes_before.iter().filter(|object| seen.contains(object)) {
            let index = match read_index(view.repository, object) {
                Ok(index) => index,
                // Replaced meanwhile, which only a repair or another prune does.
                Err(Error::Backend(crate::backend::BackendError::NotFound { .. })) => continue,
                Err(error) => return Err(error),
            };
            packs.extend(index.packs.iter().map(|pack| pack.name));
        }
        allowed = Some(match allowed {
            None => packs,
            Some(before) => before.intersection(&packs).copied().collect(),
        });
    }
    Ok(allowed)
}

/// The object of a pack.
pub(super) fn pack_id(name: ObjectName) -> ObjectId {
    ObjectId {
        kind: ObjectKind::Pack,
        name,
    }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn a_share_is_so_many_of_a_hundred() {
        for (bytes, percent, expected) in [
            (1000, 5.0, 50),
            (1000, 100.0, 1000),
            (400, 0.5, 2),
            (1000, -1.0, 0),
        ] {
            assert_eq!(share(bytes, percent), expected, "{percent} % of {bytes}");
        }
    }
}
