//! A storage that fails, a user who calls off, a program that panics: no snapshot, the reason told, and the next backup
//! succeeds.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use lumivault_chunk_store::backend::{BackendError, Memory};
use lumivault_chunk_store::{Environment, Error, Event, Monitor, Silent};
use lumivault_format::{ObjectId, ObjectKind};
use lumivault_ingest::IngestError;
use lumivault_testkit::{Fault, FaultBackend, Operation, Outcome, World};
use support::{Hook, Vault, noise, prose, write};

fn folder() -> tempfile::TempDir {
    let source = tempfile::tempdir().unwrap();
    write(source.path(), "Pictures/a.jpg", &noise(1, 150_000));
    write(source.path(), "Documents/diary.txt", &prose(2, 200_000));
    for i in 0..60 {
        write(source.path(), &format!("notes/{}/{i}", i % 7), &prose(i, 900));
    }
    source
}

/// Lets one operation of a backup fail; returns how it ended.
fn with_fault(
    source: &std::path::Path,
    at: impl Fn(usize) -> usize,
    fault: Fault,
    for_ever: bool,
) -> Result<(), String> {
    let seed = format!("failing {fault:?} {for_ever} {}", at(0));
    let world = World::new(&seed);
    let memory = Arc::new(FaultBackend::new(Memory::default()));
    let control = memory.control();
    support::init(memory.clone(), world.environment());
    let repository = support::open(memory.clone(), world.environment());
    let index = at(control.count());
    if for_ever {
        control.fail_from(index, fault);
    } else {
        control.fail_at(index, fault);
    }
    let result = support::run(&repository, support::root(source), |_| ());
    let reached = control.count() > index;
    control.heal();
    drop(repository);

    let repository = support::open(memory, world.environment());
    let snapshots = repository.snapshots().unwrap().found;
    let outcome = match &result {
        Ok(summary) => {
            assert!(!reached || summary.snapshot.is_some(), "{seed}");
            assert_eq!(snapshots.len(), 1, "{seed}");
            Ok(())
        }
        Err(error) => {
            // Where only the answer was lost, or only what comes after it failed, the snapshot is there all the same.
            let is_snapshot = |id: ObjectId| id.kind == ObjectKind::Snapshot;
            let log = control.log();
            let first = log.iter().position(|e| matches!(e.outcome, Outcome::Injected(_)));
            let created = log
                .iter()
                .position(|e| e.operation == Operation::Create && e.object.is_some_and(is_snapshot));
            let committed = match (created, first) {
                (Some(created), Some(first)) if created == first => fault == Fault::LostAnswer,
                (Some(created), Some(first)) => created < first,
                _ => false,
            };
            assert!(
                snapshots.is_empty() || committed,
                "{seed}: a snapshot in spite of {error}"
            );
            Err(root_cause(error))
        }
    };
    // The next one succeeds, and all of it can be read.
    let summary =
        support::run(&repository, support::root(source), |_| ()).unwrap_or_else(|e| panic!("{seed}: {e}"));
    support::assert_sound(&repository);
    let stored = repository.snapshots().unwrap().found;
    let made = stored.iter().find(|s| Some(s.id) == summary.snapshot).unwrap();
    let entries = support::entries(&repository, made);
    assert_eq!(entries.len(), 62 + 3 + 7, "{seed}");
    for path in support::files_below(source) {
        let name = path
            .strip_prefix(source)
            .unwrap()
            .to_str()
            .unwrap()
            .replace('\\', "/");
        assert!(
            entries[name.as_bytes()].bytes == std::fs::read(&path).unwrap(),
            "{seed}: {name}"
        );
    }
    outcome
}

fn root_cause(error: &IngestError) -> String {
    let mut error: &dyn std::error::Error = error;
    let mut text = error.to_string();
    while let Some(source) = error.source() {
        text = format!("{text}: {source}");
        error = source;
    }
    text
}

#[test]
fn a_storage_that_fails_at_any_operation() {
    let source = folder();
    // How many there are when nothing fails; their order varies, as threads do.
    let operations = {
        let memory = Arc::new(FaultBackend::new(Memory::default()));
        let world = World::new("counting operations");
        support::init(memory.clone(), world.environment());
        let repository = support::open(memory.clone(), world.environment());
        let before = memory.control().count();
        support::run(&repository, support::root(source.path()), |_| ()).unwrap();
        memory.control().count() - before
    };
    assert!(operations > 30, "{operations}");
    let (mut failed, mut survived) = (0, 0);
    let mut run = |after: usize, fault, for_ever| match with_fault(
        source.path(),
        |begin| begin + after,
        fault,
        for_ever,
    ) {
        Ok(()) => survived += 1,
        Err(text) => {
            failed += 1;
            // Who fails because others did must not hide why.
            assert!(text.contains("injected"), "{fault:?} {for_ever} {after}: {text}");
        }
    };
    for after in (0..operations).step_by(2) {
        run(after, Fault::Io, false);
    }
    for fault in [Fault::Full, Fault::ShortWrite, Fault::Sync, Fault::LostAnswer] {
        for after in (0..operations).step_by(7) {
            run(after, fault, after % 2 == 0);
        }
    }
    assert!(
        failed > survived,
        "{failed} failed, {survived} did not, of {operations} operations each"
    );
}

/// Calls the work off at the first event of a kind, and counts what is still reported afterwards.
#[derive(Debug, Default)]
struct CallOff {
    off: AtomicBool,
    bytes_after: AtomicU64,
    files_after: AtomicU64,
}

impl Monitor for CallOff {
    fn event(&self, event: Event<'_>) {
        if let Event::Done { items, bytes } = event {
            if self.off.load(Ordering::SeqCst) {
                self.bytes_after.fetch_add(bytes, Ordering::SeqCst);
                self.files_after.fetch_add(items, Ordering::SeqCst);
            }
            if bytes > 0 {
                self.off.store(true, Ordering::SeqCst);
            }
        }
    }

    fn is_cancelled(&self) -> bool {
        self.off.load(Ordering::SeqCst)
    }
}

#[test]
fn calling_off_takes_effect_within_what_is_in_memory() {
    let vault = Vault::new();
    let source = tempfile::tempdir().unwrap();
    write(source.path(), "large.bin", &noise(1, 60_000_000));
    for i in 0..5000 {
        write(source.path(), &format!("many/{i}"), &[5; 50]);
    }
    let monitor = Arc::new(CallOff::default());
    let error = vault
        .try_backup(source.path(), monitor.clone(), |_| ())
        .unwrap_err();
    assert!(error.is_cancelled(), "{error}");
    let after = (
        monitor.bytes_after.load(Ordering::SeqCst),
        monitor.files_after.load(Ordering::SeqCst),
    );
    assert!(after.0 <= 16 * 1024 * 1024 && after.1 <= 8, "{after:?}");
    assert!(vault.snapshots().is_empty());
    vault.backup(source.path());
    vault.check();
}

#[test]
fn a_panic_in_a_worker_ends_the_run_instead_of_hanging_it() {
    let source = tempfile::tempdir().unwrap();
    // More than there may be in work at once, so that the walk waits for workers.
    for i in 0..3000 {
        write(source.path(), &format!("{i}"), &noise(i, 300));
    }
    let vault = Vault::new();
    let path = source.path().to_owned();
    let (tell, told) = mpsc::channel();
    let running = std::thread::spawn(move || {
        let main = std::thread::current().id();
        let hook = Hook::new(move |event| {
            let here = std::thread::current();
            if matches!(event, Event::Done { items: 1, .. }) && here.id() != main {
                // Without the report, which would only look like a failed test.
                std::panic::resume_unwind(Box::new("a monitor that panics"));
            }
        });
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            vault.try_backup(&path, hook, |_| ()).is_ok()
        }));
        tell.send(outcome.is_err()).unwrap();
        (vault, path)
    });
    let panicked = told
        .recv_timeout(Duration::from_secs(120))
        .expect("the walk waits for ever for workers that are gone");
    assert!(panicked, "the panic is passed on");
    let (vault, path) = running.join().unwrap();
    assert!(vault.snapshots().is_empty());
    vault.backup(&path);
    vault.check();
}

#[test]
fn a_full_disk_is_told_as_such() {
    let source = folder();
    let memory = Arc::new(FaultBackend::new(Memory::default()));
    let control = memory.control();
    let environment = Environment::system(Arc::new(Silent));
    support::init(memory.clone(), environment.clone());
    let repository = support::open(memory, environment);
    control.fail_from(control.count() + 6, Fault::Full);
    let error = support::run(&repository, support::root(source.path()), |_| ()).unwrap_err();
    assert!(
        matches!(
            error,
            IngestError::Store(Error::Backend(BackendError::Full { .. }))
        ),
        "{error:?}"
    );
}
