//! Keys added, changed and removed under kills: one that was acknowledged opens the repository, one that is gone does not.

use serde_json::Value;

use super::expect::May;
use super::look::opens;
use super::site::Try;
use super::work::Work;

/// Slots that are made besides the first ones, of which 16 are possible.
const SLOTS: usize = 6;

impl Work<'_> {
    /// Adds a key file, or removes one where there are many; also what killed runs have left.
    pub(super) fn keys(&mut self) -> Try<May> {
        let listed = self.site.ok(&["key", "list"])?;
        let listed: Vec<Value> = serde_json::from_str(&listed.stdout).map_err(|_| listed.told())?;
        let files = listed
            .iter()
            .filter(|slot| slot["kind"] == "key-file" && slot["current"] == false);
        let ids: Vec<String> = files
            .filter_map(|slot| slot["id"].as_str().map(str::to_owned))
            .collect();
        if let Some(lost) = self.expected.keys.keys().find(|id| !ids.contains(id)) {
            return Err(format!("the acknowledged key {lost} is lost"));
        }
        if ids.len() < SLOTS && !self.draw.one_in(3) {
            return self.add_key();
        }
        let Some(id) = self.draw.pick(&ids).cloned() else {
            return self.add_key();
        };
        let file = self.expected.keys.remove(&id);
        if self.run_well("key remove", &["key", "remove", &id])? {
            self.expected.refused.extend(file);
        }
        Ok(May::default())
    }

    fn add_key(&mut self) -> Try<May> {
        let file = self.file("key");
        let ran = self.run(
            "key add",
            &["key", "add", "--key-file-out", file.to_str().unwrap()],
        );
        ran.must_end_with(&[0])?;
        if ran.is_acknowledged() {
            let answers = ran.answers();
            let id = answers.first().and_then(|answer| answer["id"].as_str());
            let id = id.ok_or_else(|| ran.told())?;
            self.expected.keys.insert(id.to_owned(), file);
        }
        Ok(May::default())
    }

    /// Changes the password, of which the old or the new one opens the repository whatever happens.
    pub(super) fn passwd(&mut self) -> Try<May> {
        let new = self.file("password");
        let name = new.file_name().and_then(|name| name.to_str()).unwrap();
        self.site
            .world
            .password_file(name, &format!("the words of {name}"));
        let old = std::mem::replace(&mut self.password, new);
        let (old, new) = (old.to_str().unwrap(), self.password.to_str().unwrap());
        let words = ["key", "passwd", "--new-password-file", new];
        let ran = self
            .site
            .kill_with(&["--password-file", old], "key passwd", &words, self.share);
        ran.must_end_with(&[0])?;
        if ran.is_acknowledged() {
            opens(self.site, "--password-file", new, true)?;
            opens(self.site, "--password-file", old, false)?;
        } else if opens(self.site, "--password-file", new, true).is_err() {
            opens(self.site, "--password-file", old, true)?;
            self.password = old.into();
        }
        Ok(May::default())
    }

    pub(super) fn opens_with_password(&self) -> Try<()> {
        opens(
            self.site,
            "--password-file",
            self.password.to_str().unwrap(),
            true,
        )
    }

    pub(super) fn rotate(&mut self) -> Try<May> {
        self.run_well("key rotate", &["key", "rotate"])?;
        Ok(May::default())
    }
}
