//! What parity and copies can do about what a check found. Small objects that are damaged are read from their copies, so
//! it is here that their damage is told.

use std::collections::HashSet;

use lumivault_format::{ObjectId, ObjectKind, ObjectName, limits};

use super::Health;
use super::objects::list;
use super::report::{CheckReport, Finding, Remedy, Severity};
use crate::index::ChunkIndex;
use crate::parity::{COPIED, Outlook, ParityMap, outlook_of_pack};
use crate::seal::load_object;
use crate::{Error, Repository};

/// Small objects that are damaged or lost and can be mended from a copy. Those without a good copy are told of by whoever
/// reads them.
pub(super) fn small_objects(repository: &Repository, report: &mut CheckReport) -> Result<(), Error> {
    if repository.config().parity_percent == 0 {
        return Ok(());
    }
    let mut map = None;
    for kind in COPIED {
        let names = list(repository, kind)?.into_iter().map(|id| id.name);
        let present: HashSet<ObjectName> = names.collect();
        for name in repository.list_small(kind)? {
            let id = ObjectId { kind, name };
            let error = match load_object(repository.backend(), &id, limits::SEALED_BYTES_MAX) {
                Ok(_) => continue,
                Err(error) if error.spares_the_rest() => error,
                Err(error) => return Err(error),
            };
            let map = match &map {
                Some(map) => map,
                None => map.insert(ParityMap::read(
                    repository.backend(),
                    Some(&repository.archive()),
                )?),
            };
            if map.copy(repository.backend(), &id)?.is_some() {
                let what = if present.contains(&name) {
                    error.with_causes()
                } else {
                    "it is missing".into()
                };
                let message = format!("{what}. `lumivault repair index` mends it from a copy");
                let finding = Finding::new(Severity::Damage, message).object(id);
                report.add_with(Remedy::Index, finding);
            }
        }
    }
    Ok(())
}

/// Says of every pack that something is wrong with whether its parity can mend it, and notes what helps.
pub(super) fn packs(
    repository: &Repository,
    index: &ChunkIndex,
    health: &Health,
    report: &mut CheckReport,
) -> Result<(), Error> {
    if health.suspects.is_empty() {
        return Ok(());
    }
    if repository.config().parity_percent == 0 {
        report.remedies.insert(Remedy::Packs);
        return Ok(());
    }
    let map = ParityMap::read(repository.backend(), Some(&repository.archive()))?;
    for pack in health.suspects.iter().filter_map(|number| index.pack(*number)) {
        repository.environment().check_cancelled()?;
        let outlook = outlook_of_pack(repository.backend(), &map, pack.name)?;
        report.remedies.insert(match outlook {
            Outlook::Parity { bad_shards: 0 } => Remedy::Index,
            Outlook::Parity { .. } => Remedy::Parity,
            _ => Remedy::Packs,
        });
        let message = match outlook {
            // The index and the pack's directory differ, and the pack is what its name says.
            Outlook::Parity { bad_shards: 0 } => continue,
            Outlook::Parity { bad_shards } => format!(
                "{} bad. `lumivault repair packs` mends it from parity",
                shards(bad_shards)
            ),
            Outlook::Beyond {
                bad_shards,
                mendable_shards,
            } => format!(
                "{} bad, and its parity mends at most {mendable_shards}",
                shards(bad_shards)
            ),
            Outlook::Copy | Outlook::Nothing => "it has no parity that could mend it".into(),
        };
        report.add(Finding::new(Severity::Note, message).object(ObjectId {
            kind: ObjectKind::Pack,
            name: pack.name,
        }));
    }
    Ok(())
}

fn shards(bad: usize) -> String {
    let are = if bad == 1 { "is" } else { "are" };
    format!("{bad} of its shards of 16 KiB {are}")
}
