//! The tools themselves: faults strike where they are told to, and the suite finds broken backends.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use lumivault_chunk_store::backend::{Backend, BackendError, Memory, ObjectInfo, Spool};
use lumivault_format::{ObjectId, ObjectKind};
use lumivault_testkit::backend_suite::{self, id, read};
use lumivault_testkit::{Event, Fault, FaultBackend, Operation, Outcome};

#[test]
fn a_fault_strikes_once_or_for_ever() {
    let backend = FaultBackend::new(Memory::new());
    let control = backend.control();
    let lists = |count| -> Vec<bool> {
        (0..count)
            .map(|_| backend.list(ObjectKind::Pack).is_ok())
            .collect()
    };
    control.fail_at(1, Fault::Io);
    assert_eq!(lists(4), [true, false, true, true]);
    control.fail_from(5, Fault::Full);
    assert_eq!(lists(4), [true, false, false, false]);
    control.heal();
    assert_eq!(lists(1), [true]);
    assert_eq!(control.count(), 9);
}

#[test]
fn the_log_tells_what_was_done_to_what() {
    let memory = Memory::new();
    let backend = FaultBackend::new(memory.clone());
    let control = backend.control();
    let pack = id(ObjectKind::Pack, 1);
    control.fail_at(2, Fault::ShortWrite);
    let mut first = backend.spool().unwrap();
    let mut second = backend.spool().unwrap();
    let failed = first.append(b"12345678");
    assert!(matches!(failed, Err(BackendError::Full { .. })), "{failed:?}");
    assert_eq!(first.len(), 4, "half of it arrived");
    assert!(
        first.append(b"more").is_err() && first.publish(&pack).is_err(),
        "and the spool is spoilt"
    );
    second.append(b"abc").unwrap();
    second.publish(&pack).unwrap();
    assert!(backend.create(&pack, b"").is_err());
    backend.read_at(&pack, 1, &mut [0; 2]).unwrap();
    let event = |operation, object, spool, length, outcome| Event {
        operation,
        object,
        spool,
        length,
        outcome,
    };
    assert_eq!(
        control.log(),
        [
            event(Operation::Spool, None, Some(0), 0, Outcome::Done),
            event(Operation::Spool, None, Some(1), 0, Outcome::Done),
            event(
                Operation::Append,
                None,
                Some(0),
                8,
                Outcome::Injected(Fault::ShortWrite)
            ),
            event(Operation::Append, None, Some(1), 3, Outcome::Done),
            event(Operation::Publish, Some(pack), Some(1), 3, Outcome::Done),
            event(Operation::Create, Some(pack), None, 0, Outcome::Failed),
            event(Operation::Read, Some(pack), None, 2, Outcome::Done),
        ]
    );
}

#[test]
fn a_failed_sync_stops_every_write() {
    let memory = Memory::new();
    let backend = FaultBackend::new(memory.clone());
    let control = backend.control();
    let (lost, kept) = (id(ObjectKind::Index, 1), id(ObjectKind::Index, 2));
    backend.create(&kept, b"kept").unwrap();
    control.fail_at(1, Fault::Sync);
    assert!(matches!(
        backend.create(&lost, b"lost"),
        Err(BackendError::Io { .. })
    ));
    for refused in [
        backend.create(&lost, b"x"),
        backend.spool().map(drop),
        backend.remove(&kept),
    ] {
        assert!(
            matches!(refused, Err(BackendError::WritesStopped { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(read(&backend, &kept), b"kept");
    assert!(matches!(memory.size(&lost), Err(BackendError::NotFound { .. })));
    control.heal();
    backend.create(&lost, b"found").unwrap();
}

#[test]
fn a_lost_answer_is_a_deed_all_the_same() {
    let memory = Memory::new();
    let backend = FaultBackend::new(memory.clone());
    let index = id(ObjectKind::Index, 1);
    backend.control().fail_at(0, Fault::LostAnswer);
    assert!(backend.create(&index, b"there").is_err());
    assert_eq!(read(&memory, &index), b"there");
}

/// Ways to break a promise.
#[derive(Clone, Copy, Debug)]
enum Flaw {
    Replaces,
    ListsTooFew,
    ListsAllKinds,
    PublishesAPart,
    ReadsShort,
    RemovesSilently,
    SetsNothingAside,
    HealsWithAnything,
    HealsOnlyWhatIsThere,
    Nothing,
}

#[derive(Debug)]
struct Flawed(Memory, Flaw);

impl Backend for Flawed {
    fn location(&self) -> String {
        self.0.location()
    }

    fn list(&self, kind: ObjectKind) -> Result<Vec<ObjectInfo>, BackendError> {
        let mut list = self.0.list(kind)?;
        match self.1 {
            Flaw::ListsTooFew => drop(list.pop()),
            Flaw::ListsAllKinds => list.extend(self.0.list(ObjectKind::Pack)?),
            _ => {}
        }
        Ok(list)
    }

    fn size(&self, id: &ObjectId) -> Result<u64, BackendError> {
        self.0.size(id)
    }

    fn read_at(&self, id: &ObjectId, offset: u64, buffer: &mut [u8]) -> Result<(), BackendError> {
        match self.0.read_at(id, offset, buffer) {
            Err(BackendError::Truncated { .. }) if matches!(self.1, Flaw::ReadsShort) => Ok(()),
            result => result,
        }
    }

    fn create(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError> {
        if matches!(self.1, Flaw::Replaces) {
            let _ = self.0.remove(id);
        }
        self.0.create(id, bytes)
    }

    fn heal(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError> {
        match self.0.heal(id, bytes) {
            Err(BackendError::NotItsBytes { .. }) if matches!(self.1, Flaw::HealsWithAnything) => Ok(()),
            Ok(()) if matches!(self.1, Flaw::HealsOnlyWhatIsThere) => self.0.remove(id),
            result => result,
        }
    }

    fn spool(&self) -> Result<Box<dyn Spool>, BackendError> {
        let spool = self.0.spool()?;
        Ok(if matches!(self.1, Flaw::PublishesAPart) {
            Box::new(Partial(spool))
        } else {
            spool
        })
    }

    fn remove(&self, id: &ObjectId) -> Result<(), BackendError> {
        match self.0.remove(id) {
            Err(BackendError::NotFound { .. }) if matches!(self.1, Flaw::RemovesSilently) => Ok(()),
            result => result,
        }
    }

    fn set_aside(&self, id: &ObjectId) -> Result<(), BackendError> {
        match self.1 {
            Flaw::SetsNothingAside => Ok(()),
            _ => self.0.set_aside(id),
        }
    }
}

/// Loses the last byte of every append over 1 MB.
#[derive(Debug)]
struct Partial(Box<dyn Spool>);

impl Spool for Partial {
    fn append(&mut self, bytes: &[u8]) -> Result<(), BackendError> {
        let lost = usize::from(bytes.len() > 1_000_000);
        self.0.append(&bytes[..bytes.len() - lost])
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), BackendError> {
        self.0.read_at(offset, buffer)
    }

    fn len(&self) -> u64 {
        self.0.len()
    }

    fn publish(self: Box<Self>, id: &ObjectId) -> Result<(), BackendError> {
        self.0.publish(id)
    }
}

#[test]
fn the_suite_finds_every_flaw() {
    let passes = |flaw| {
        let memory = Memory::new();
        let run = || backend_suite::run(|| Box::new(Flawed(memory.clone(), flaw)));
        catch_unwind(AssertUnwindSafe(run)).is_ok()
    };
    assert!(passes(Flaw::Nothing));
    for flaw in [
        Flaw::Replaces,
        Flaw::ListsTooFew,
        Flaw::ListsAllKinds,
        Flaw::PublishesAPart,
        Flaw::ReadsShort,
        Flaw::RemovesSilently,
        Flaw::SetsNothingAside,
        Flaw::HealsWithAnything,
        Flaw::HealsOnlyWhatIsThere,
    ] {
        assert!(!passes(flaw), "{flaw:?} went unnoticed");
    }
}
