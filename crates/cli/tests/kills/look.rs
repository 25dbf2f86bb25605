//! Looking at a repository after a kill.

use std::rc::Rc;

use serde_json::Value;

use super::expect::{Expected, May};
use super::site::{Site, Try};
use super::sources::{Draw, difference};

/// What is looked at after every run: the snapshots that are listed.
pub(super) fn at_the_list(site: &Site, expected: &mut Expected, may: &May) -> Try<()> {
    let ran = site.ok(&["snapshots"])?;
    if ran.stderr.contains("is not what it was") {
        return Err(ran.told());
    }
    let listed: Vec<Value> =
        serde_json::from_str(&ran.stdout).map_err(|error| format!("{error}: {}", ran.told()))?;
    expected.compare(&listed, may)
}

/// After every kill: whether everything is there that snapshots need.
pub(super) fn at_the_records(site: &Site) -> Try<()> {
    site.ok(&["check"]).map(drop)
}

/// Now and then: every byte, one snapshot as it comes back, every key.
pub(super) fn at_everything(site: &Site, expected: &Expected, draw: &mut Draw) -> Try<()> {
    site.ok(&["check", "--read-data"])?;
    if let Some(id) = draw.pick(&expected.ids(true)) {
        restored(site, expected, id)?;
    }
    for file in expected.keys.values() {
        opens(site, "--key-file", file.to_str().unwrap(), true)?;
    }
    if let Some(file) = draw.pick(&expected.refused) {
        opens(site, "--key-file", file.to_str().unwrap(), false)?;
    }
    Ok(())
}

fn restored(site: &Site, expected: &Expected, id: &str) -> Try<()> {
    let target = site.world.path("back");
    site.ok(&["restore", "--target", target.to_str().unwrap(), id])?;
    let tree = Rc::clone(&expected.snapshots[id].tree);
    let wrong = difference(&target, &tree);
    std::fs::remove_dir_all(&target).unwrap();
    wrong.map_or(Ok(()), |wrong| {
        Err(format!("{id} does not come back as it was: {wrong}"))
    })
}

/// Whether a password or key file opens the repository, as it must or must not.
pub(super) fn opens(site: &Site, option: &str, file: &str, must: bool) -> Try<()> {
    let ran = site.run_with(&[option, file], &["key", "list"]);
    match ran.code {
        Some(0) if must => Ok(()),
        Some(12) if !must => Ok(()),
        _ => Err(format!("with {option} {file}, {}", ran.told())),
    }
}
