//! Config, key slots, epochs and reserved objects: each is read whole.

use lumivault_format::{ObjectId, ObjectKind, limits};

use super::count;
use super::report::{CheckReport, Finding, Severity};
use crate::backend::BackendError;
use crate::keys::{LoadedSlots, epoch_boxes};
use crate::repository::read_config;
use crate::seal::load_object;
use crate::{Error, Repository};

const FROM_A_COPY: &str = "Restore the file from another copy of the repository, if there is one";

pub(super) fn check(repository: &Repository, report: &mut CheckReport) -> Result<(), Error> {
    check_configs(repository, report)?;
    let slots = repository.load_slots()?;
    check_slots(repository, &slots, report);
    check_epochs(repository, &slots, report)?;
    for kind in [ObjectKind::Session, ObjectKind::Mark, ObjectKind::Revocation] {
        for id in list(repository, kind)? {
            report.counts.objects += 1;
            let read = load_object(repository.backend(), &id, limits::SEALED_BYTES_MAX);
            set_aside(read, id, report, FROM_A_COPY)?;
        }
    }
    Ok(())
}

fn check_configs(repository: &Repository, report: &mut CheckReport) -> Result<(), Error> {
    let keyring = &repository.secrets().keyring;
    let configs = list(repository, ObjectKind::Config)?;
    if configs.is_empty() {
        let message =
            format!("there is no config any more; the repository cannot be opened again. {FROM_A_COPY}");
        report.add(Finding::new(Severity::Damage, message));
    }
    for id in configs {
        report.counts.objects += 1;
        let read = read_config(repository.copies(), keyring, &repository.archive(), &id);
        set_aside(read, id, report, FROM_A_COPY)?;
    }
    Ok(())
}

fn check_slots(repository: &Repository, slots: &LoadedSlots, report: &mut CheckReport) {
    report.counts.objects += count(slots.len());
    if slots.get(repository.opened_slot()).is_none() {
        let message = "the key slot that this repository was opened with is not there any more. Add one for the \
                       secret that you use, now that the repository is open";
        report.add(Finding::new(Severity::Warning, message));
    }
    for error in &slots.unreadable {
        let advice = "Other key slots still open the repository; remove this file and add a new key slot";
        report.add(Finding::of_error(error, advice));
    }
    for name in slots.outdated() {
        let message = "an interrupted change left an older generation of a key slot; change that slot again to \
                       remove it";
        report.add(Finding::new(Severity::Warning, message).object(ObjectId {
            kind: ObjectKind::KeySlot,
            name,
        }));
    }
}

fn check_epochs(repository: &Repository, slots: &LoadedSlots, report: &mut CheckReport) -> Result<(), Error> {
    let (boxes, unreadable) = epoch_boxes(repository.copies(), &repository.archive())?;
    report.counts.objects += count(boxes.len());
    for error in &unreadable {
        let advice = "Remove the file; the next backup writes the key anew for every slot";
        report.add(Finding::of_error(error, advice));
    }
    let later = repository.secrets().keyring.epochs().iter().skip(1);
    let missing = later.flat_map(|(number, _)| slots.newest().map(|slot| (*number, slot.slot.id)));
    let missing = missing.filter(|pair| !boxes.contains(pair)).count();
    if missing > 0 {
        let message = format!(
            "{missing} keys of newer epochs were not written for all key slots: a rotation was interrupted. The next \
             backup finishes it"
        );
        report.add(Finding::new(Severity::Warning, message));
    }
    Ok(())
}

/// All objects of one kind, in one order.
pub(super) fn list(repository: &Repository, kind: ObjectKind) -> Result<Vec<ObjectId>, Error> {
    let mut listed = repository.backend().list(kind)?;
    listed.sort_unstable();
    Ok(listed
        .into_iter()
        .map(|info| ObjectId {
            kind,
            name: info.name,
        })
        .collect())
}

/// Reports what is wrong with one listed object, and lets the check go on; any other error ends it. One that is gone since it was
/// listed was removed by others at work: sessions end, marks are swept.
pub(super) fn set_aside<T>(
    read: Result<T, Error>,
    object: ObjectId,
    report: &mut CheckReport,
    advice: &str,
) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Error::Backend(BackendError::NotFound { object: gone, .. })) if gone == object => Ok(None),
        Err(error) if error.spares_the_rest() => {
            report.add(Finding::of_error(&error, advice).object(object));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
