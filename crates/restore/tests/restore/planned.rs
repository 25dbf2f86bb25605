//! A plan shows what will be done, and does nothing.

use std::collections::BTreeMap;
use std::fs;

use lumivault_restore::{Action, OverwriteWhen, PlannedKind};

use super::support::{Scene, plant_phone, tree};

#[test]
fn a_plan_for_a_folder_that_is_not_there_makes_none() {
    let scene = Scene::new();
    plant_phone(&scene, "not there");
    let snapshot = scene.backup();
    scene.plan(
        &snapshot,
        |_| (),
        |plan, reader| {
            let mut shown = Vec::new();
            plan.show(reader, None, &mut |planned| {
                assert_eq!(planned.action, Action::Create);
                assert!(matches!(planned.kind, PlannedKind::Stored(_)));
                shown.push((planned.path.to_string(), planned.size));
                Ok(())
            })
            .unwrap();
            let totals = plan.totals();
            assert_eq!(totals.files.total() + totals.folders.total(), shown.len() as u64);
            assert_eq!(
                shown.iter().map(|(_, size)| size).sum::<u64>(),
                totals.write_bytes
            );
            let all = tree(&scene.source());
            assert_eq!(shown.len(), all.len() - 1, "all but the target itself");
            assert!(shown.contains(&("Music/long.bin".into(), 5_000_000)));
        },
    );
    assert!(!scene.target().exists());
}

#[test]
fn a_plan_over_what_is_there_writes_nothing_and_names_every_action() {
    let scene = Scene::new();
    plant_phone(&scene, "what is there");
    let snapshot = scene.backup();
    scene.restore(&snapshot, |_| ());
    fs::remove_file(scene.target().join("Documents/0.txt")).unwrap();
    fs::write(scene.target().join("Documents/1.txt"), b"other").unwrap();
    fs::write(scene.target().join("foreign"), b"foreign").unwrap();
    let before = tree(&scene.target());
    let counts = scene.plan(
        &snapshot,
        |request| {
            request.overwrite = Some(OverwriteWhen::Always);
            request.delete = true;
        },
        |plan, reader| {
            let request = lumivault_restore::RestoreRequest::new(&snapshot);
            let policy = lumivault_restore::target::TargetPolicy::InPlace;
            let target =
                lumivault_restore::target::Target::inspect(&scene.target(), &policy, request.special)
                    .unwrap();
            let mut counts: BTreeMap<Action, u64> = BTreeMap::new();
            plan.show(reader, target.as_ref(), &mut |planned| {
                *counts.entry(planned.action).or_default() += 1;
                Ok(())
            })
            .unwrap();
            counts
        },
    );
    assert_eq!(
        tree(&scene.target()),
        before,
        "nothing was written, not even times changed"
    );
    assert_eq!(counts[&Action::Create], 1);
    assert_eq!(counts[&Action::Replace], 1);
    assert_eq!(counts[&Action::Unchanged], 129);
    assert_eq!(counts[&Action::Delete], 1);
}
