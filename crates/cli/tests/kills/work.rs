//! A repository at work: which commands are run, when each is killed, and what is looked at then.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use super::expect::{Expected, May, Parity};
use super::look;
use super::site::{Ran, Site, Try};
use super::sources::{self, Draw, Tree};

/// Runs one command, possibly killed, and takes note of what it said; returns what it may have changed without a word.
type Run = fn(&mut Work<'_>) -> Try<May>;

/// How often each is drawn, relative to the others.
const RUNS: &[(usize, Run)] = &[
    (24, |work| work.backup()),
    (8, |work| work.import()),
    (8, |work| work.forget()),
    (5, |work| work.undo()),
    (12, |work| work.prune()),
    (8, |work| work.prune_now()),
    (8, |work| work.tag()),
    (6, |work| work.keys()),
    (1, |work| work.passwd()),
    (1, |work| work.rotate()),
    (5, |work| work.parity()),
    (5, |work| work.repair()),
];

/// A repository in the course of work that is killed time and again.
pub(super) struct Work<'s> {
    pub(super) site: &'s mut Site,
    pub(super) expected: Expected,
    pub(super) draw: Draw,
    /// What the folder `phone` holds.
    pub(super) source: Rc<Tree>,
    /// Dates given so far; each is of one state of a source.
    dates: usize,
    /// The date of the backup that was killed last and not finished since.
    pub(super) unfinished: Option<String>,
    /// Folders whose import was not acknowledged: their dates, and what is in them.
    pub(super) to_import: BTreeMap<String, Rc<Tree>>,
    /// Files that were given as outputs so far.
    files: usize,
    /// The file with the password in force.
    pub(super) password: PathBuf,
    /// Where in the time of a run it is to be killed; `None`: it is left alone.
    pub(super) share: Option<f64>,
}

impl<'s> Work<'s> {
    /// Makes a repository, of which the first attempt may be killed.
    pub(super) fn begin(site: &'s mut Site, mut draw: Draw) -> Try<Self> {
        let parity = if draw.one_in(2) {
            Parity::Kept
        } else {
            Parity::None
        };
        let mut words = vec!["init", "--no-recovery-code"];
        if parity == Parity::Kept {
            words.extend(["--parity", "5"]);
        }
        let password = site.world.path("password");
        let opens = ["--password-file", password.to_str().unwrap()];
        let share = Some(draw.share());
        let mut ran = site.kill_with(&opens, "init", &words, share);
        if ran.code.is_none() {
            ran = site.run_with(&opens, &words);
        }
        if ran.stderr.contains("remove the folder `keys` and try again") {
            std::fs::remove_dir_all(site.world.repository().join("keys")).unwrap();
            ran = site.run_with(&opens, &words);
        }
        // The first attempt may have got to its end without saying so; what follows tells whether the repository is whole.
        if ran.code != Some(0) && !ran.stderr.contains("there is a lumivault repository in") {
            return Err(ran.told());
        }
        let key = site.key().to_owned();
        let added = site.run_with(&opens, &["key", "add", "--key-file-out", &key]);
        if added.code != Some(0) {
            return Err(added.told());
        }
        let source = sources::first(&mut draw);
        sources::put(&site.world.path("phone"), &Tree::new(), &source);
        Ok(Self {
            expected: Expected::new(parity),
            draw,
            source: Rc::new(source),
            dates: 0,
            unfinished: None,
            to_import: BTreeMap::new(),
            files: 0,
            password,
            share: None,
            site,
        })
    }

    /// One run, and a look at what is there now.
    pub(super) fn step(&mut self) -> Try<()> {
        let kills = self.kills();
        let total = RUNS.iter().map(|(weight, _)| weight).sum();
        let mut drawn = self.draw.below(total);
        let run = RUNS.iter().find(|(weight, _)| {
            let found = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            found
        });
        let (_, run) = run.ok_or("nothing was drawn")?;
        // Some a little later than they should end, some not at all.
        self.share = (!self.draw.one_in(12)).then(|| self.draw.share() * 1.15);
        let may = run(self)?;
        look::at_the_list(self.site, &mut self.expected, &may)?;
        if self.kills() == kills {
            return Ok(());
        }
        look::at_the_records(self.site)?;
        if self.draw.one_in(4) {
            self.share = None;
            let may = self.backup()?;
            look::at_the_list(self.site, &mut self.expected, &may)?;
        }
        Ok(())
    }

    pub(super) fn look_at_everything(&mut self) -> Try<()> {
        look::at_everything(self.site, &self.expected, &mut self.draw)?;
        self.opens_with_password()
    }

    pub(super) fn kills(&self) -> usize {
        self.site.kills.values().sum()
    }

    pub(super) fn run(&mut self, what: &'static str, words: &[&str]) -> Ran {
        let key = self.site.key().to_owned();
        self.site
            .kill_with(&["--key-file", &key], what, words, self.share)
    }

    /// The same, which must end well unless it is killed; with whether it said so.
    pub(super) fn run_well(&mut self, what: &'static str, words: &[&str]) -> Try<bool> {
        let ran = self.run(what, words);
        ran.must_end_with(&[0])?;
        Ok(ran.is_acknowledged())
    }

    pub(super) fn date(&mut self) -> String {
        self.dates += 1;
        let days = i64::try_from(self.dates).unwrap();
        let first = jiff::civil::date(1990, 1, 1);
        (first + jiff::Span::new().days(days)).to_string()
    }

    pub(super) fn file(&mut self, name: &str) -> PathBuf {
        self.files += 1;
        self.site.world.path(&format!("{name}-{}", self.files))
    }
}
