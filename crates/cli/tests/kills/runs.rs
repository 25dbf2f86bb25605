//! The commands that are killed, and what each may have changed or has acknowledged.

use std::path::PathBuf;
use std::rc::Rc;

use serde_json::Value;

use super::expect::{May, Parity};
use super::site::Try;
use super::sources::{self, Tree};
use super::work::Work;

impl Work<'_> {
    /// A backup of something new, or once more of what was killed.
    pub(super) fn backup(&mut self) -> Try<May> {
        let again = self.unfinished.take().filter(|_| !self.draw.one_in(4));
        let date = again.unwrap_or_else(|| {
            let mut tree = Tree::clone(&self.source);
            sources::change(&mut tree, &mut self.draw);
            sources::put(&self.site.world.path("phone"), &self.source, &tree);
            self.source = Rc::new(tree);
            self.date()
        });
        let words = ["backup", "--phone", "Lumia 950", "--time", &date, "phone"];
        let ran = self.run("backup", &words);
        ran.must_end_with(&[0])?;
        if ran.is_acknowledged() {
            let answers = ran.answers();
            let id = answers.first().and_then(|answer| answer["snapshot"].as_str());
            let id = id.ok_or_else(|| ran.told())?;
            self.expected.made(id, &self.source);
        } else {
            self.unfinished = Some(date.clone());
        }
        Ok(May {
            appear: [(date, Rc::clone(&self.source))].into(),
            ..May::default()
        })
    }

    /// An import of one or two folders, or once more of those that were not finished.
    pub(super) fn import(&mut self) -> Try<May> {
        if self.to_import.is_empty() || (self.to_import.len() < 4 && self.draw.one_in(3)) {
            for _ in 0..=self.draw.below(2) {
                let mut tree = Tree::clone(&self.source);
                sources::change(&mut tree, &mut self.draw);
                let date = self.date();
                sources::put(&self.folder(&date), &Tree::new(), &tree);
                self.to_import.insert(date, Rc::new(tree));
            }
        }
        let may = May {
            appear: self.to_import.clone(),
            ..May::default()
        };
        let folders: Vec<PathBuf> = self.to_import.keys().map(|date| self.folder(date)).collect();
        let mut words = vec!["import", "--phone", "Lumia 950"];
        words.extend(folders.iter().map(|folder| folder.to_str().unwrap()));
        let ran = self.run("import", &words);
        ran.must_end_with(&[0])?;
        for answer in ran.answers() {
            self.imported(&answer).ok_or_else(|| ran.told())?;
        }
        if ran.code == Some(0) && !self.to_import.is_empty() {
            return Err(format!("{:?} not told of: {}", self.to_import.keys(), ran.told()));
        }
        Ok(may)
    }

    fn folder(&self, date: &str) -> PathBuf {
        self.site
            .world
            .path("import")
            .join(format!("Lumia-Backup-{date}"))
    }

    /// Takes note of what was said of one folder; `None` if that makes no sense.
    fn imported(&mut self, answer: &Value) -> Option<()> {
        let folder = answer["folder"].as_str()?;
        let date = folder.rsplit_once("Lumia-Backup-")?.1;
        let tree = self.to_import.remove(date)?;
        let held = |field: &str| self.expected.snapshots.get(answer[field].as_str()?);
        match answer["status"].as_str()? {
            "created" => self.expected.made(answer["snapshot"].as_str()?, &tree),
            // The run before was killed after it had made the snapshot, which may have been forgotten since.
            "unchanged" => held("parent")
                .filter(|held| held.live && held.tree == tree)
                .map(drop)?,
            "forgotten" => held("forgotten")
                .filter(|held| !held.live && held.tree == tree)
                .map(drop)?,
            _ => return None,
        }
        std::fs::remove_dir_all(folder).ok()
    }

    pub(super) fn forget(&mut self) -> Try<May> {
        let live = self.expected.ids(true);
        let Some(id) = self.draw.pick(&live).cloned() else {
            return self.backup();
        };
        if self.run_well("forget", &["forget", &id])? {
            self.expected.snapshots.get_mut(&id).ok_or("unknown")?.live = false;
        }
        Ok(May {
            hide: Some(id),
            ..May::default()
        })
    }

    pub(super) fn undo(&mut self) -> Try<May> {
        let mut gone = self.expected.ids(false);
        if !self.draw.one_in(4) {
            gone.retain(|id| !self.expected.snapshots[id].doomed);
        }
        let Some(id) = self.draw.pick(&gone).cloned() else {
            return self.forget();
        };
        let ran = self.run("forget --undo", &["forget", "--undo", &id]);
        let held = self.expected.snapshots.get_mut(&id).ok_or("unknown")?;
        ran.must_end_with(if held.doomed { &[0, 1] } else { &[0] })?;
        if ran.is_acknowledged() {
            held.live = true;
            held.doomed = false;
        }
        Ok(May {
            show: (ran.code != Some(1)).then_some(id),
            ..May::default()
        })
    }

    pub(super) fn prune(&mut self) -> Try<May> {
        self.expected.doom();
        let unused = if self.draw.one_in(2) { "0" } else { "5%" };
        self.run_well("prune", &["prune", "--grace", "0h", "--max-unused", unused])?;
        Ok(May::default())
    }

    pub(super) fn prune_now(&mut self) -> Try<May> {
        self.expected.doom();
        let unused = if self.draw.one_in(2) { "0" } else { "5%" };
        self.run_well("prune --now", &["prune", "--now", "--max-unused", unused])?;
        Ok(May::default())
    }

    pub(super) fn tag(&mut self) -> Try<May> {
        let live = self.expected.ids(true);
        let Some(id) = self.draw.pick(&live).cloned() else {
            return self.backup();
        };
        let held = self.expected.snapshots.get_mut(&id).ok_or("unknown")?;
        let tag = format!("t{}", self.draw.below(5));
        let removes = held.tags.contains(&tag);
        if removes {
            held.tags.remove(&tag);
        }
        let option = if removes { "--remove" } else { "--add" };
        let acknowledged = self.run_well("tag", &["tag", option, &tag, &id])?;
        if acknowledged && !removes {
            let held = self.expected.snapshots.get_mut(&id).ok_or("unknown")?;
            held.tags.insert(tag);
        }
        Ok(May::default())
    }

    pub(super) fn parity(&mut self) -> Try<May> {
        let before = std::mem::replace(&mut self.expected.parity, Parity::Unknown);
        let (what, words, after): (_, &[&str], _) = match before {
            Parity::Kept if self.draw.one_in(6) => ("parity remove", &["parity", "remove"], Parity::None),
            Parity::Kept if self.draw.one_in(2) => ("parity scrub", &["parity", "scrub"], Parity::Kept),
            _ => ("parity add", &["parity", "add", "5"], Parity::Kept),
        };
        if self.run_well(what, words)? || what == "parity scrub" {
            self.expected.parity = after;
        }
        Ok(May::default())
    }

    pub(super) fn repair(&mut self) -> Try<May> {
        let (what, words): (_, &[&str]) = match self.draw.below(5) {
            0 => ("repair packs", &["repair", "packs"]),
            1 => ("repair snapshots", &["repair", "snapshots"]),
            2 => ("repair sessions", &["repair", "sessions"]),
            _ => ("repair index", &["repair", "index"]),
        };
        self.run_well(what, words)?;
        Ok(May::default())
    }
}
