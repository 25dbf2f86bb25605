//! What every command may do about damage, and what it must not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::base::{Base, Files, KEPT, write_all};
use super::harm::{Damage, Harm, Kind};
use super::place::{Listing, Place};
use super::tar;
use crate::common::{Ran, files_below};

/// How a command is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// It says the same as without damage, or something about it.
    Says,
    /// Each line of what it says is one that it says without damage.
    Lists,
    /// Its numbers change with the damage itself.
    Counts,
    Restore(&'static str),
    RestoreLatest,
    DumpFile,
    DumpFolder,
    Check,
    CheckData,
    Backup,
    Forget,
    Prune,
    Tag,
    Repair,
    Scrub,
}

impl Verb {
    pub(super) fn writes(self) -> bool {
        matches!(
            self,
            Self::Backup | Self::Forget | Self::Prune | Self::Tag | Self::Repair | Self::Scrub
        )
    }
}

/// A command line, with `{5}` and `{6}` for the ids of snapshots, and so on.
pub(super) const COMMANDS: [(&str, Verb); 35] = [
    ("snapshots", Verb::Says),
    ("ls -R {6}", Verb::Lists),
    ("ls -R {5}", Verb::Lists),
    ("find *.jpg", Verb::Says),
    ("diff {5} {6}", Verb::Says),
    ("stats", Verb::Counts),
    ("key list", Verb::Says),
    ("cat config", Verb::Says),
    ("cat snapshot {5}", Verb::Says),
    ("cat tree {5}:/Pictures", Verb::Says),
    ("cat index {index}", Verb::Says),
    ("cat pack {pack}", Verb::Says),
    ("cat key {slot}", Verb::Says),
    ("restore {5} --json --target 5", Verb::Restore("2026-05")),
    ("restore {6} --json --target 6", Verb::Restore("2026-06")),
    ("restore latest --json --target latest", Verb::RestoreLatest),
    ("dump {6}:/Pictures/photo+60.jpg", Verb::DumpFile),
    ("dump {6}:/ --archive tar", Verb::DumpFolder),
    ("check --json", Verb::Check),
    ("check --read-data --json", Verb::CheckData),
    ("prune -n", Verb::Counts),
    ("prune --now -n", Verb::Counts),
    ("repair index -n", Verb::Counts),
    ("repair packs -n", Verb::Counts),
    ("repair snapshots -n", Verb::Counts),
    ("parity scrub -n", Verb::Counts),
    (
        "backup --phone Lumia+930 --time 2026-07 --json phone",
        Verb::Backup,
    ),
    ("forget 2026-04", Verb::Forget),
    ("tag --add new 2026-05", Verb::Tag),
    ("prune", Verb::Prune),
    ("prune --now", Verb::Prune),
    ("parity scrub", Verb::Scrub),
    ("repair index", Verb::Repair),
    ("repair packs", Verb::Repair),
    ("repair snapshots", Verb::Repair),
];

/// What commands say where nothing is damaged.
pub(super) struct Sound {
    said: BTreeMap<&'static str, String>,
    problems: BTreeMap<&'static str, u64>,
    pub(super) listing: Listing,
    index: String,
    pack: String,
}

/// One damaged repository, and what is found wrong with the program.
pub(super) struct Case<'c> {
    pub(super) kind: Kind,
    pub(super) damage: Damage,
    pub(super) harm: &'c Harm,
    pub(super) remembers: bool,
    pub(super) base: &'c Base,
    pub(super) sound: &'c Sound,
    pub(super) listing: Listing,
    /// What of the snapshots that nobody forgets came back before commands did anything.
    pub(super) came_back: BTreeMap<&'static str, BTreeSet<String>>,
    pub(super) wrong: Vec<String>,
}

pub(super) fn words(command: &str, base: &Base, index: &str, pack: &str) -> Vec<String> {
    let fill = |word: &str| {
        word.replace("{5}", &base.ids[KEPT[0]])
            .replace("{6}", &base.ids[KEPT[1]])
            .replace("{index}", index)
            .replace("{pack}", pack)
            .replace("{slot}", &base.slot)
            .replace('+', " ")
    };
    command.split(' ').map(fill).collect()
}

pub(super) fn run(place: &Place<'_>, command: &str, sound: &Sound) -> (Ran, Vec<u8>) {
    let words = words(command, place.base, &sound.index, &sound.pack);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    place.run(&words)
}

fn document(ran: &Ran) -> Option<Value> {
    serde_json::from_str(&ran.stdout).ok()
}

fn problems(ran: &Ran) -> Option<u64> {
    document(ran)?["problems_total"].as_u64()
}

impl Sound {
    pub(super) fn of(base: &Base) -> Self {
        let place = Place::of_base(base, true);
        let listing = place.listing();
        let first = |folder: &str| {
            let mut found = listing.keys().filter(|name| name.starts_with(folder));
            let path = found.next().unwrap();
            path.rsplit_once('/').unwrap().1.to_owned()
        };
        let mut sound = Self {
            said: BTreeMap::new(),
            problems: BTreeMap::new(),
            index: first("index/"),
            pack: first("packs/"),
            listing,
        };
        for (command, verb) in COMMANDS {
            if verb.writes() {
                continue;
            }
            let (ran, _) = run(&place, command, &sound);
            let expected = match command {
                "parity scrub -n" if !base.parity => 1,
                _ => 0,
            };
            assert_eq!(
                ran.code,
                Some(expected),
                "{command}: {}{}",
                ran.stdout,
                ran.stderr
            );
            if let Some(problems) = problems(&ran) {
                sound.problems.insert(command, problems);
            }
            sound.said.insert(command, ran.stdout);
        }
        sound
    }
}

/// What a restore left.
fn restored(place: &Place<'_>, target: &str) -> Files {
    let target = place.path(target);
    let files = files_below(&target).into_iter();
    let inside = |path: &std::path::Path| path.strip_prefix(&target).unwrap().to_str().unwrap().to_owned();
    let mut files: Files = files.map(|(path, content)| (inside(&path), content)).collect();
    files.retain(|name, _| !name.starts_with(".lumivault"));
    files
}

impl Case<'_> {
    fn fail(&mut self, command: &str, ran: &Ran, what: &str) {
        let said: String = ran.stdout.chars().take(1500).collect();
        let text = format!(
            "{what}\n  `{command}` on {:?} {:?} ({}), exit code {:?}\n  {said}\n  {}",
            self.kind, self.damage, self.harm.text, ran.code, ran.stderr
        );
        self.wrong.push(text);
    }

    /// Runs a command and judges it.
    pub(super) fn try_command(
        &mut self,
        place: &Place<'_>,
        command: &'static str,
        verb: Verb,
    ) -> Option<i32> {
        if verb == Verb::Backup {
            let mut files = place.base.contents[KEPT[1]].clone();
            files.insert("Pictures/new.jpg".into(), vec![77; 30_000]);
            write_all(&place.path("phone"), &files);
        }
        let (ran, stdout) = run(place, command, self.sound);
        let known = [0, 1, 3, 10, 11, 12, 20, 21];
        if ran.stderr.contains("panicked") || !ran.code.is_some_and(|code| known.contains(&code)) {
            self.fail(command, &ran, "it broke");
        }
        match verb {
            Verb::Says | Verb::Lists => self.judge_answer(command, verb, &ran),
            Verb::Counts => {}
            Verb::Restore(month) => {
                let files = restored(place, &month[6..].replace('0', ""));
                let all = &place.base.contents[month];
                self.judge_files(command, &ran, &files, all);
                self.came_back.insert(month, files.into_keys().collect());
            }
            Verb::RestoreLatest => self.judge_latest(command, &ran, place),
            Verb::DumpFile => self.judge_dump(command, &ran, &stdout, place),
            Verb::DumpFolder => {
                let complete = ran.code == Some(0) || ran.code == Some(20);
                let files = if complete {
                    tar::files(&stdout)
                } else {
                    Files::new()
                };
                self.judge_files(command, &ran, &files, &place.base.contents[KEPT[1]]);
            }
            Verb::Check | Verb::CheckData => self.judge_check(command, verb, &ran, place),
            Verb::Backup | Verb::Forget | Verb::Prune | Verb::Tag | Verb::Repair | Verb::Scrub => {
                self.judge_changes(command, verb, &ran, place);
            }
        }
        ran.code
    }

    /// Whether nobody could know: what is absent says nothing, unless it is named by others or was seen here before.
    fn is_unknowable(&self) -> bool {
        let unnamed = match self.kind {
            Kind::Annotation | Kind::Session | Kind::Mark | Kind::Revocation | Kind::KeySlot => true,
            Kind::Snapshot if self.is_about_head() => !self.remembers,
            Kind::Snapshot => self.harm.objects == [self.base.forgotten.as_str()],
            _ => false,
        };
        unnamed && matches!(self.damage, Damage::Delete | Damage::RollBack)
    }

    fn is_about_head(&self) -> bool {
        self.harm.objects.contains(&self.base.head)
    }

    /// Whether something is gone that only a check looks for: a snapshot with which no list would end, a config that nobody needs
    /// to read.
    fn is_gap(&self) -> bool {
        match self.damage {
            Damage::Delete => self.kind == Kind::Snapshot && !self.is_about_head(),
            Damage::RollBack => self.kind == Kind::Config,
            _ => false,
        }
    }

    fn judge_answer(&mut self, command: &'static str, verb: Verb, ran: &Ran) {
        let said = &self.sound.said[command];
        let same = ran.stdout == *said;
        // That shows what is in a file, whatever its name is.
        let is_of_the_file = command.starts_with("cat pack");
        let is_silent = ran.code == Some(0) && !same && !ran.stderr.contains("warning");
        if is_silent && !is_of_the_file && !self.is_unknowable() && !self.is_gap() {
            self.fail(command, ran, "it said something else, without a warning");
        }
        let known: BTreeSet<&str> = said.lines().collect();
        if verb == Verb::Lists && !ran.stdout.lines().all(|line| known.contains(line)) {
            self.fail(command, ran, "it listed what is not there");
        }
    }

    /// Every file that came back is right; with exit code 0 all are there, and otherwise what is missing is named.
    fn judge_files(&mut self, command: &str, ran: &Ran, files: &Files, all: &Files) {
        for (name, content) in files {
            if all.get(name) != Some(content) {
                self.fail(command, ran, &format!("WRONG BYTES in {name}"));
            }
        }
        let missing: Vec<&String> = all.keys().filter(|name| !files.contains_key(*name)).collect();
        if missing.is_empty() || files.is_empty() && ran.code != Some(0) {
            return;
        }
        if ran.code == Some(0) {
            self.fail(command, ran, &format!("exit code 0 without {missing:?}"));
        }
        let mut named: Vec<String> = Vec::new();
        for list in ["damaged", "not_created"] {
            let entries =
                document(ran).map_or(Vec::new(), |d| d[list].as_array().cloned().unwrap_or_default());
            named.extend(
                entries
                    .iter()
                    .filter_map(|e| e["path"].as_str().map(str::to_owned)),
            );
        }
        for name in missing {
            let path = format!("/{name}");
            let is_above = |above: &String| {
                path == *above || path.starts_with(&format!("{}/", above.trim_end_matches('/')))
            };
            let said = path.match_indices('/').skip(1).map(|(at, _)| &path[..at]);
            let said = said
                .chain([path.as_str()])
                .any(|place| ran.stderr.contains(place));
            if !said && !named.iter().any(is_above) {
                return self.fail(command, ran, &format!("{path} is missing and was not named"));
            }
        }
    }

    /// The latest one, or an older one with a warning.
    fn judge_latest(&mut self, command: &str, ran: &Ran, place: &Place<'_>) {
        let files = restored(place, "latest");
        let document = document(ran);
        let id = document.as_ref().and_then(|d| d["snapshot"].as_str());
        let month = place
            .base
            .ids
            .iter()
            .find(|(_, known)| Some(known.as_str()) == id);
        let Some((month, _)) = month else {
            if !files.is_empty() || ran.code == Some(0) {
                self.fail(command, ran, "something came back of an unknown snapshot");
            }
            return;
        };
        let known_absence =
            self.remembers || self.damage != Damage::Delete && self.damage != Damage::RollBack;
        if month != KEPT[1] && known_absence && !ran.stderr.contains("warning") && !self.is_unknowable() {
            self.fail(
                command,
                ran,
                "an older snapshot was taken for the latest without a warning",
            );
        }
        if let Some(all) = place.base.contents.get(month) {
            self.judge_files(command, ran, &files, all);
        }
    }

    fn judge_dump(&mut self, command: &str, ran: &Ran, stdout: &[u8], place: &Place<'_>) {
        let all = &place.base.contents[KEPT[1]]["Pictures/photo 60.jpg"];
        if !all.starts_with(stdout) || ran.code == Some(0) && all.len() != stdout.len() {
            self.fail(command, ran, "WRONG BYTES in a dump");
        }
    }

    fn all_came_back(&self, contents: &BTreeMap<String, Files>) -> bool {
        let all = |month: &&str| {
            self.came_back
                .get(*month)
                .is_some_and(|back| back.len() == contents[*month].len())
        };
        KEPT.iter().all(all)
    }

    /// Damage that can be known is named.
    fn judge_check(&mut self, command: &'static str, verb: Verb, ran: &Ran, place: &Place<'_>) {
        let said = format!("{}{}", ran.stdout, ran.stderr);
        let noticed = ran.code != Some(0)
            || problems(ran) > self.sound.problems.get(command).copied()
            || ran.stderr.contains("warning");
        let named = self.harm.objects.iter().all(|name| said.contains(name.as_str()));
        let ended = !matches!(ran.code, Some(0 | 20));
        let in_data = self.kind.is_pack() && verb == Verb::Check && self.damage != Damage::Truncate;
        let is_wrong = match self.damage {
            Damage::Truncate | Damage::Flip | Damage::Zero | Damage::Swap if in_data => false,
            // Parity is what `parity scrub` reads.
            _ if self.kind.is_parity() => false,
            Damage::Truncate | Damage::Flip | Damage::Zero | Damage::Swap | Damage::Duplicate => {
                !(named || ended && noticed)
            }
            Damage::Delete | Damage::RollBack => {
                // An index object may list nothing but what others list too.
                let harmless = self.kind == Kind::Index && self.all_came_back(&place.base.contents);
                !noticed && !self.is_unknowable() && !harmless
            }
        };
        if is_wrong {
            self.fail(command, ran, "the damage was not named");
        }
    }

    fn judge_changes(&mut self, command: &str, verb: Verb, ran: &Ran, place: &Place<'_>) {
        let after = place.listing();
        for (name, hash) in &after {
            let is_new = self.listing.get(name) != Some(hash);
            let stem = name.rsplit_once('/').map_or("", |(_, stem)| stem);
            if is_new && !name.starts_with("quarantine/") && stem != hash.to_hex().as_str() {
                self.fail(
                    command,
                    ran,
                    &format!("{name} was written with other bytes than its name says"),
                );
            }
        }
        let unhurt = |name: &&String| !name.starts_with("sessions/") && !after.contains_key(*name);
        let gone: Vec<String> = self.listing.keys().filter(unhurt).cloned().collect();
        let keeps_all = match verb {
            Verb::Prune => !matches!(ran.code, Some(0 | 3)),
            // What is mended is set aside; parity that cannot be told from rubbish is made anew and cleared away.
            Verb::Repair | Verb::Scrub => false,
            _ => true,
        };
        if keeps_all && !gone.is_empty() {
            self.fail(command, ran, &format!("it removed {gone:?}"));
        }
        let changes = matches!(
            self.damage,
            Damage::Truncate | Damage::Flip | Damage::Zero | Damage::Swap
        );
        let unreadable = self.kind.is_record() && changes && !place.base.parity;
        // What cannot be read is as good as gone for whoever saw it before: 21.
        if verb == Verb::Prune && unreadable && !matches!(ran.code, Some(20 | 21)) {
            self.fail(command, ran, "it pruned what it could not understand");
        }
        if verb == Verb::Backup && matches!(ran.code, Some(0 | 3)) {
            self.judge_backup(command, ran, place);
        }
        self.judge_what_is_left(command, ran, place);
    }

    /// A backup that succeeded can be restored whole, unless rot that nobody saw is in a pack that it shares.
    fn judge_backup(&mut self, command: &str, ran: &Ran, place: &Place<'_>) {
        let Some(id) = document(ran).and_then(|d| Some(d["snapshot"].as_str()?.to_owned())) else {
            return self.fail(command, ran, "no snapshot was named");
        };
        let (again, _) = place.run(&["restore", &id, "--json", "--target", "new"]);
        let files = restored(place, "new");
        let mut all = place.base.contents[KEPT[1]].clone();
        all.insert("Pictures/new.jpg".into(), vec![77; 30_000]);
        self.judge_files("restore of the new snapshot", &again, &files, &all);
        let unseen = self.kind.is_pack() && matches!(self.damage, Damage::Flip | Damage::Zero | Damage::Swap);
        if again.code != Some(0) && !unseen {
            let both = Ran {
                code: again.code,
                stdout: format!("{}{}", ran.stdout, again.stdout),
                stderr: format!("{}{}", ran.stderr, again.stderr),
            };
            self.fail(command, &both, "the new snapshot cannot be restored");
        }
    }

    /// Nothing that came back before is lost now.
    fn judge_what_is_left(&mut self, command: &str, ran: &Ran, place: &Place<'_>) {
        for month in KEPT {
            let Some(before) = self
                .came_back
                .get(month)
                .filter(|before| !before.is_empty())
                .cloned()
            else {
                continue;
            };
            let (again, _) = place.run(&["restore", &place.base.ids[month], "--json", "--target", month]);
            let files = restored(place, month);
            self.judge_files("restore afterwards", &again, &files, &place.base.contents[month]);
            if let Some(lost) = before.iter().find(|name| !files.contains_key(*name)) {
                let both = Ran {
                    code: again.code,
                    stdout: format!("{}{}", ran.stdout, again.stdout),
                    stderr: format!("{}{}", ran.stderr, again.stderr),
                };
                self.fail(
                    command,
                    &both,
                    &format!("LOST: {lost} of {month} came back before"),
                );
            }
        }
    }
}
