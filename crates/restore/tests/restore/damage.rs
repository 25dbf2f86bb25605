//! Damage costs only the files that need what is damaged: they are named, and everything else comes back.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use lumivault_chunk_store::StoredSnapshot;
use lumivault_restore::error::Cause;
use lumivault_restore::{Outcome, OverwriteWhen, RestoreSummary};
use lumivault_testkit::SeededRandom;

use super::support::{Scene, assert_same_inside, plant_phone, tree};

/// Restores from a damaged archive and checks that what is there is right, and that what is missing is named.
fn check(scene: &Scene, snapshot: &StoredSnapshot, what: &str) -> Option<RestoreSummary> {
    let _ = fs::remove_dir_all(scene.target());
    let summary = match scene.try_restore(
        snapshot,
        std::sync::Arc::new(lumivault_chunk_store::Silent),
        |request| request.verify = true,
    ) {
        Ok(summary) => summary,
        Err(error) => {
            assert!(error.is_damage(), "{what}: {error}");
            return None;
        }
    };
    let (source, target) = (tree(&scene.source()), tree(&scene.target()));
    let problems: BTreeSet<PathBuf> = summary
        .problems
        .iter()
        .map(|problem| PathBuf::from(problem.path.to_string()))
        .collect();
    for (path, node) in &source {
        let named = path.ancestors().any(|at| problems.contains(at));
        match target.get(path) {
            Some(found) if path.as_os_str().is_empty() => assert_eq!(found.kind, node.kind, "{what}"),
            Some(found) => {
                assert!(!named, "{what}: {} is there and named", path.display());
                assert_eq!(found, node, "{what}: {}", path.display());
            }
            None => assert!(named, "{what}: {} is missing and not named", path.display()),
        }
    }
    for path in target.keys() {
        assert!(
            source.contains_key(path),
            "{what}: {} is too much",
            path.display()
        );
    }
    assert_eq!(
        summary.problems_total == 0,
        summary.outcome() == Outcome::Complete,
        "{what}"
    );
    if summary.problems_total > 0 {
        assert_eq!(summary.outcome(), Outcome::Damaged, "{what}");
    }
    Some(summary)
}

#[test]
fn flipped_bits_cost_the_files_that_need_them() {
    let scene = Scene::new();
    let seed = "flipped bits";
    plant_phone(&scene, seed);
    let snapshot = scene.backup();
    let random = SeededRandom::new("where bits flip");
    let (mut found, mut spared) = (0, 0);
    for round in 0..40 {
        let packs = scene.packs();
        let pack = &packs[round % packs.len()];
        let original = fs::read(pack).unwrap();
        let mut bytes = original.clone();
        let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
        bytes[at] ^= 1 << random.below(8);
        fs::write(pack, &bytes).unwrap();
        let what = format!("seed {seed:?}, byte {at} of {}", pack.display());
        match check(&scene, &snapshot, &what) {
            Some(summary) if summary.problems_total == 0 => spared += 1,
            _ => found += 1,
        }
        fs::write(pack, &original).unwrap();
    }
    assert!(found > 10, "{found} found, {spared} in padding or directories");
    assert_eq!(check(&scene, &snapshot, "mended").unwrap().problems_total, 0);
}

#[test]
fn missing_and_cut_packs() {
    let scene = Scene::new();
    plant_phone(&scene, "missing packs");
    let snapshot = scene.backup();
    for pack in scene.packs() {
        let original = fs::read(&pack).unwrap();
        for length in [
            None,
            Some(0),
            Some(50),
            Some(original.len() / 2),
            Some(original.len() * 9 / 10),
        ] {
            match length {
                None => fs::remove_file(&pack).unwrap(),
                Some(length) => fs::write(&pack, &original[..length]).unwrap(),
            }
            let what = format!("{} cut to {length:?}", pack.display());
            let summary = check(&scene, &snapshot, &what);
            if length.is_none_or(|length| length < 80) {
                assert!(summary.is_none_or(|s| s.problems_total > 0), "{what}");
            }
            fs::write(&pack, &original).unwrap();
        }
    }
}

#[test]
fn a_damaged_bundle_names_each_of_its_files_and_the_chunk() {
    let scene = Scene::new();
    for number in 0..30 {
        scene.write(
            &format!("tiny/{number}"),
            format!("tiny {number}").repeat(20).as_bytes(),
        );
    }
    let snapshot = scene.backup();
    for pack in scene.packs() {
        let mut bytes = fs::read(&pack).unwrap();
        bytes[100] ^= 1;
        fs::write(&pack, &bytes).unwrap();
    }
    // The tree is damaged too, unless it is within the snapshot: then mend what is not the bundle.
    let outcome = check(&scene, &snapshot, "the bundle");
    if let Some(summary) = outcome {
        let chunks: BTreeSet<String> = summary
            .problems
            .iter()
            .filter_map(|problem| match &problem.cause {
                Cause::Chunk { chunk, .. } => Some(chunk.to_string()),
                _ => None,
            })
            .collect();
        assert!(chunks.len() <= 1, "{:?}", summary.problems);
    }
}

#[test]
fn what_is_there_already_heals_an_update() {
    let scene = Scene::new();
    plant_phone(&scene, "heals an update");
    let snapshot = scene.backup();
    scene.restore(&snapshot, |_| ());
    for pack in scene
        .packs()
        .into_iter()
        .filter(|p| p.metadata().unwrap().len() > 1_000_000)
    {
        fs::remove_file(pack).unwrap();
    }
    // Contents are all there, so nothing needs the packs that are gone.
    let photo = scene.target().join("Pictures/Camera Roll/WP_1.jpg");
    super::support::set_time(&photo, 1_000_000_000, 0);
    let summary = scene.restore(&snapshot, |request| {
        request.overwrite = Some(OverwriteWhen::Always);
    });
    assert_eq!((summary.metadata, summary.problems_total), (1, 0));
    assert_same_inside(&scene.source(), &scene.target());

    // A file that cannot be restored stays as it is.
    fs::write(&photo, b"something else").unwrap();
    let summary = scene.restore(&snapshot, |request| {
        request.overwrite = Some(OverwriteWhen::Always);
    });
    assert_eq!(summary.outcome(), Outcome::Damaged);
    assert_eq!(
        summary.problems[0].path.to_string(),
        "Pictures/Camera Roll/WP_1.jpg"
    );
    assert_eq!(fs::read(&photo).unwrap(), b"something else");
}
