//! Another process exchanges folders for links while files are being written.

use crate::*;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const SWAPS: u64 = 3_000;

/// Takes `victim` away, puts a link to the outside in its place, and undoes it, over and over.
fn swap_for_ever(scene: &Scene, victim: &str, swaps: &AtomicU64, stop: &AtomicBool) {
    let [at, away] = [victim, "away"].map(|name| scene.inside.join(name));
    while !stop.load(Ordering::Relaxed) && swaps.load(Ordering::Relaxed) < SWAPS {
        // The restore may have replaced the link by a folder of its own: then that one is swapped next.
        if fs::rename(&at, &away).is_ok() && symlink(&scene.outside, &at).is_ok() {
            swaps.fetch_add(1, Ordering::Relaxed);
        }
        if at.is_symlink() {
            let _ = fs::remove_file(&at);
        }
        if fs::rename(&away, &at).is_err() {
            let _ = fs::remove_dir_all(&away);
        }
    }
}

fn race(overwrite: Overwrite, act: impl Fn(&Folder, u64) -> Result<(), TargetError>) {
    let scene = Scene::new();
    let target = scene.open();
    let root = target.root();
    fs::create_dir(scene.inside.join("victim")).unwrap();
    let (swaps, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let (mut done, mut refused) = (0_u64, 0_u64);
    std::thread::scope(|scope| {
        scope.spawn(|| swap_for_ever(&scene, "victim", &swaps, &stop));
        let mut round = 0;
        while swaps.load(Ordering::Relaxed) < SWAPS {
            let result = root
                .create_folder(&name(root, b"victim"), overwrite)
                .and_then(|victim| act(&victim, round));
            match result {
                Ok(()) => done += 1,
                Err(_) => refused += 1,
            }
            round += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(done > 0, "{done} done, {refused} refused");
    scene.check_outside();
}

fn write_one(folder: &Folder, round: u64) -> Result<(), TargetError> {
    write(folder, &format!("f{}", round % 7), b"evil", Overwrite::Always).map(drop)
}

#[test]
fn files_never_land_outside_when_links_are_in_the_way() {
    race(Overwrite::Never, write_one);
}

#[test]
fn files_never_land_outside_when_links_are_replaced() {
    race(Overwrite::Always, write_one);
}

#[test]
fn folders_links_and_permissions_never_land_outside() {
    race(Overwrite::Never, |folder, round| {
        let inner = folder.create_folder(&name(folder, b"inner"), Overwrite::Always)?;
        inner.create_symlink(&name(&inner, b"link"), b"..", &stat(0o777), Overwrite::Always)?;
        write(&inner, "canary", b"evil", Overwrite::Always)?;
        let canary = name(folder, b"canary");
        folder.hard_link(&canary, (&inner, &name(&inner, b"canary")), Overwrite::Always)?;
        if let Some(existing) = folder.open_existing(&canary)? {
            existing.fix_metadata(&stat(0o777))?;
        }
        if round.is_multiple_of(5) {
            for child in folder.children()? {
                folder.remove(&child)?;
            }
        }
        folder.finish(Some(&stat(0o755))).map(drop)
    });
}
