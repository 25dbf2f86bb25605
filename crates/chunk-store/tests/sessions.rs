//! Who is at work is known to all others, and who is dead to those who may know it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::{Arc, Mutex};

use common::archive::{HOST, backup, holder, range};
use common::steered::Steered;
use common::{Fixture, id};
use lumivault_chunk_store::backend::{Backend, BackendError};
use lumivault_chunk_store::prune::{PruneOptions, prune};
use lumivault_chunk_store::repair::{SessionInfo, sessions};
use lumivault_chunk_store::session::{Holder, LEASE_SECONDS, Writing};
use lumivault_chunk_store::{Clock, Error};
use lumivault_format::{ObjectKind, SessionKind};
use lumivault_testkit::{Fault, FaultBackend};

const HOUR: i64 = 3600;

fn now() -> PruneOptions {
    PruneOptions {
        now: true,
        ..PruneOptions::default()
    }
}

/// What another machine sees; it changes nothing.
fn seen(f: &Fixture, by: &Holder) -> Vec<SessionInfo> {
    sessions(&f.open(), by, false, true).unwrap().sessions
}

fn someone(host: &str, process: u32) -> Holder {
    Holder {
        host: host.into(),
        process,
    }
}

#[test]
fn a_session_at_work_shows_every_hour_that_it_lives() {
    let f = Fixture::new("sessions: refreshed");
    let repository = f.open();
    let writing = Writing::begin(&repository, &holder(), None).unwrap();
    let began = f.world.clock.now().0;
    let first = f.list(ObjectKind::Session);
    f.world.clock.advance(HOUR - 1);
    writing.refresh().unwrap();
    assert_eq!(f.list(ObjectKind::Session), first, "not due yet");
    f.world.clock.advance(1);
    writing.refresh().unwrap();
    let second = f.list(ObjectKind::Session);
    assert_eq!(second.len(), first.len() + 1);
    // A clock that was set back makes it due as well.
    f.world.clock.advance(-1);
    writing.refresh().unwrap();
    assert_eq!(f.list(ObjectKind::Session).len(), second.len() + 1);
    assert_eq!(LEASE_SECONDS, 24 * HOUR);
    f.world.clock.advance(LEASE_SECONDS);
    let [info] = seen(&f, &someone("elsewhere", 1)).try_into().unwrap();
    assert_eq!(info.began_unix_seconds, began);
    assert_eq!(info.refreshed_unix_seconds, began + HOUR - 1);
    assert!(!info.is_dead, "silent for a day, and no second longer");
    f.world.clock.advance(1);
    assert!(seen(&f, &someone("elsewhere", 1))[0].is_dead);
}

#[test]
fn the_newest_object_of_a_session_counts() {
    let f = Fixture::new("sessions: newest");
    let repository = f.open();
    let writing = Writing::begin(&repository, &holder(), None).unwrap();
    let mut objects = Vec::new();
    for _ in 0..8 {
        let before = f.list(ObjectKind::Session);
        f.world.clock.advance(HOUR);
        writing.refresh().unwrap();
        let mut new = f.list(ObjectKind::Session);
        new.retain(|name| !before.contains(name));
        objects.push((id(ObjectKind::Session, new[0]), f.world.clock.now().0));
    }
    // In whatever order they are listed.
    for (object, refreshed) in objects.iter().rev() {
        let [info] = seen(&f, &holder()).try_into().unwrap();
        assert_eq!(info.refreshed_unix_seconds, *refreshed);
        f.memory.remove(object).unwrap();
    }
}

#[test]
fn only_its_own_machine_takes_a_session_for_dead_before_its_time() {
    let here = std::process::id();
    // No system has a process of this number.
    let gone = 0x7fff_fff0;
    for (host, process, by, dead) in [
        (HOST, here, someone(HOST, here), false),
        (HOST, here, someone(HOST, gone), false),
        (HOST, gone, someone(HOST, here), true),
        // Numbers of processes come again, in another container for example; whoever has this one now is no proof.
        (HOST, gone, someone(HOST, gone), false),
        ("phone", gone, someone(HOST, here), false),
        ("phone", here, someone(HOST, here), false),
        ("", gone, someone("", here), false),
        ("", gone, someone(HOST, here), false),
    ] {
        let f = Fixture::new(&format!("sessions: {host} {process} {by:?}"));
        let repository = f.open();
        let writing = Writing::begin(&repository, &someone(host, process), None).unwrap();
        let [info] = seen(&f, &by).try_into().unwrap();
        assert_eq!(
            (info.is_dead, info.process),
            (dead && cfg!(unix), process),
            "{host} {process}, seen by {by:?}"
        );
        writing.close().unwrap();
    }
}

#[test]
fn who_is_in_the_way_is_named() {
    let f = Fixture::new("sessions: named");
    let repository = f.open();
    let result = |holder: &Holder| {
        let writing = Writing::begin(&repository, holder, None).unwrap();
        let result = prune(&f.open(), &someone(HOST, 1), None, &now());
        writing.close().unwrap();
        result.unwrap_err().to_string()
    };
    let text = result(&someone("phone", 77));
    assert!(text.contains("by a backup on phone (process 77)"), "{text}");
    let text = result(&someone("", 78));
    assert!(
        text.contains("by a backup on another machine (process 78)"),
        "{text}"
    );
}

#[test]
fn maintenance_stays_out_of_the_way_of_maintenance() {
    for (options, name) in [
        (PruneOptions::default(), "by a prune or repair on"),
        (now(), "by a `prune --now` on"),
    ] {
        let f = Fixture::new(&format!("sessions: {name}"));
        backup(&f.open(), 0, &range(0, 3)).unwrap();
        let results = Arc::new(Mutex::new(None));
        let (other, note) = (f.open(), Arc::clone(&results));
        let steered = Steered::before(f.memory.clone(), ObjectKind::Snapshot, move || {
            let second = prune(&other, &someone("elsewhere", 1), None, &PruneOptions::default());
            let writer = Writing::begin(&other, &someone("elsewhere", 1), None).map(drop);
            *note.lock().unwrap() = Some((second.map(drop), writer));
        });
        prune(&f.open_on(steered).unwrap(), &holder(), None, &options).unwrap();
        let (second, writer) = results.lock().unwrap().take().unwrap();
        assert!(
            matches!(second, Err(Error::InUse(text)) if text.contains(name)),
            "{name}"
        );
        assert_eq!(writer.is_ok(), !options.now, "{name}: {writer:?}");
    }
}

#[test]
fn a_session_that_cannot_be_read_hinders_only_who_must_be_alone() {
    let f = Fixture::new("sessions: unreadable");
    let repository = f.open();
    backup(&repository, 0, &range(0, 3)).unwrap();
    f.plant(ObjectKind::Session, b"what is this");
    let result = prune(&f.open(), &holder(), None, &now());
    assert!(matches!(result, Err(Error::InUse(_))), "{result:?}");
    prune(&f.open(), &holder(), None, &PruneOptions::default()).unwrap();
    backup(&f.open(), 30, &range(2, 6)).unwrap();
    sessions(&f.open(), &holder(), true, false).unwrap();
    assert!(
        f.list(ObjectKind::Session).is_empty(),
        "set aside with the word that nobody is at work"
    );
    prune(&f.open(), &holder(), None, &now()).unwrap();
}

#[test]
fn storage_that_is_gone_is_no_session_that_cannot_be_read() {
    let f = Fixture::new("sessions: disk pulled out");
    backup(&f.open(), 0, &range(0, 3)).unwrap();
    let lost = Steered::losing(f.memory.clone(), |id| id.kind == ObjectKind::Session);
    let result = Writing::begin(&f.open_on(lost).unwrap(), &holder(), None).map(drop);
    assert!(
        matches!(result, Err(Error::Backend(BackendError::NoSuchPlace { .. }))),
        "{result:?}"
    );
}

#[test]
fn a_session_that_was_revoked_ends_though_its_objects_are_still_there() {
    let f = Fixture::new("sessions: revoked");
    let repository = f.open();
    let writing = Writing::begin(&repository, &holder(), None).unwrap();
    let names = f.list(ObjectKind::Session).into_iter();
    let objects: Vec<_> = names.map(|name| id(ObjectKind::Session, name)).collect();
    let bytes: Vec<_> = objects.iter().map(|object| f.bytes(object)).collect();
    let report = sessions(&f.open(), &someone("elsewhere", 1), true, false).unwrap();
    assert_eq!(report.sessions[0].kind, Some(SessionKind::Writer));
    // As if whoever revoked it had been stopped before it removed it.
    for (object, bytes) in objects.iter().zip(&bytes) {
        f.memory.create(object, bytes).unwrap();
    }
    assert!(matches!(writing.look_again(), Err(Error::Revoked)));
}

#[test]
fn a_session_that_cannot_be_closed_says_so() {
    let f = Fixture::new("sessions: not closed");
    let faulty = FaultBackend::new(f.memory.clone());
    let control = faulty.control();
    let repository = f.open_on(Arc::new(faulty)).unwrap();
    let writing = Writing::begin(&repository, &holder(), None).unwrap();
    control.fail_from(control.count(), Fault::Io);
    assert!(matches!(writing.close(), Err(Error::Backend(_))));
    assert!(!f.list(ObjectKind::Session).is_empty());
}

#[test]
fn only_a_dry_run_does_without_a_session() {
    let f = Fixture::new("sessions: dry");
    let repository = f.open();
    let dry = Writing::dry(&repository, None).unwrap();
    assert!(dry.is_dry() && f.list(ObjectKind::Session).is_empty());
    dry.refresh().unwrap();
    let writing = Writing::begin(&repository, &holder(), None).unwrap();
    assert!(!writing.is_dry() && !f.list(ObjectKind::Session).is_empty());
}
