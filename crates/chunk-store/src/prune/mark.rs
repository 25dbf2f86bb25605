//! The first step: needed chunks are copied out of packs that are to go, and the packs are marked.

use lumivault_format::ObjectName;

use super::copying::{Copied, Moves};
use super::live::Live;
use super::plan::{Plan, keeper, plan};
use super::{PruneOptions, PruneReport, View, remove_expired};
use crate::pack::PackReader;
use crate::session::write_mark;
use crate::{Error, Event, StoredSnapshot};

/// Marks what nobody needs but snapshots that are `expired`, and removes those: nothing goes before all that is needed was found, read
/// and copied where it has to be. Returns whether that was done: one that was brought back meanwhile is needed, and nothing is marked.
pub(super) fn mark(
    view: &View<'_>,
    expired: &[StoredSnapshot],
    options: &PruneOptions,
    report: &mut PruneReport,
) -> Result<bool, Error> {
    let live = view.live()?;
    let mut plan = plan(view, &live, options)?;
    for pack in view.index.packs() {
        report.packs.add(pack.size.into());
    }
    for (_, size) in &view.unlisted {
        report.packs.add(*size);
    }
    let goes = |plan: &Plan, pack: u32| {
        let marked = || {
            view.index
                .pack(pack)
                .is_some_and(|info| view.index.is_marked(&info.name))
        };
        plan.dead.contains(&pack) || plan.repack.contains(&pack) || marked()
    };
    let moves = Moves::find(view, &live, &|pack| goes(&plan, pack));
    if view.session.is_none() {
        report.copied_bytes += moves.bytes;
    }
    if let Some(session) = view.session {
        verify_kept(view, &live, &|pack| goes(&plan, pack))?;
        if !moves.is_empty() {
            let needed_from = moves.packs();
            match moves.carry_out(view)? {
                Copied::All(bytes) => report.copied_bytes += bytes,
                Copied::NoRoom => {
                    report.no_room = true;
                    report.unused_bytes += plan.freed_bytes;
                    plan.repack.clear();
                    plan.dead.retain(|pack| !needed_from.contains(pack));
                }
            }
        }
        session.check()?;
        let (removed, one_stays) = remove_expired(view.repository, session.holder(), expired)?;
        report.snapshots_removed += removed;
        if one_stays {
            return Ok(false);
        }
        let packs = marked_packs(view, &plan);
        if !packs.is_empty() {
            session.check()?;
            write_mark(view.repository, session.holder(), packs)?;
        }
    }
    report.unused_bytes += plan.unused_bytes;
    for (numbers, amount) in [
        (&plan.dead, &mut report.dead),
        (&plan.repack, &mut report.repacked),
    ] {
        for pack in numbers.iter().filter_map(|number| view.index.pack(*number)) {
            amount.add(pack.size.into());
        }
    }
    for (_, size) in &plan.unlisted {
        report.dead.add(*size);
    }
    if !options.now {
        report.waiting.packs += report.dead.packs + report.repacked.packs;
        report.waiting.bytes += report.dead.bytes + report.repacked.bytes;
        let due = view
            .repository
            .environment()
            .clock
            .now()
            .0
            .saturating_add(options.grace_seconds);
        if report.dead.packs + report.repacked.packs > 0 {
            report.next_sweep = Some(report.next_sweep.map_or(due, |known| known.min(due)));
        }
    }
    Ok(true)
}

fn marked_packs(view: &View<'_>, plan: &Plan) -> Vec<ObjectName> {
    let numbers = plan.dead.iter().chain(&plan.repack).chain(&plan.gone);
    let mut packs: Vec<ObjectName> = numbers
        .filter_map(|number| view.index.pack(*number).map(|pack| pack.name))
        .chain(plan.unlisted.iter().map(|(name, _)| *name))
        .collect();
    packs.sort_unstable();
    packs
}

/// Reads what is left of chunks one of whose copies goes: the other one must be good.
fn verify_kept(view: &View<'_>, live: &Live<'_>, goes: &dyn Fn(u32) -> bool) -> Result<(), Error> {
    let mut kept = Vec::new();
    live.for_each(|_, needed, places| {
        if needed && places.len() > 1 && places.iter().any(|place| goes(place.pack)) {
            let stays = places
                .iter()
                .filter(|place| !goes(place.pack))
                .copied()
                .collect::<Vec<_>>();
            kept.extend(keeper(view, &stays));
        }
    });
    if kept.is_empty() {
        return Ok(());
    }
    let monitor = &view.repository.environment().monitor;
    monitor.event(Event::Phase("checking what is kept"));
    kept.sort_unstable_by_key(|place| (place.pack, place.place.offset));
    let (mut stored, mut plain) = (Vec::new(), Vec::new());
    let mut open: Option<(u32, PackReader<'_>)> = None;
    for place in kept {
        view.tick()?;
        if open.as_ref().is_none_or(|(number, _)| *number != place.pack) {
            let Some(pack) = view.index.pack(place.pack) else {
                continue;
            };
            let reader = PackReader::open(view.repository, pack.name, pack.kind).map_err(blocked)?;
            open = Some((place.pack, reader));
        }
        if let Some((_, reader)) = &open {
            reader
                .read_stored(&place.place, &mut stored, &mut plain)
                .map_err(blocked)?;
        }
    }
    Ok(())
}

fn blocked(error: Error) -> Error {
    if error.is_damage() {
        let text = format!("{}; `lumivault repair packs` mends it", error.with_causes());
        return Error::Blocked(text);
    }
    error
}
