//! Repositories to be damaged: every type of object is in them, at least two of each, and there is an older state of each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use lumivault_chunk_store::backend::LocalDisk;
use lumivault_chunk_store::forget::{forget, pin};
use lumivault_chunk_store::keys::{RecoveryCode, SlotSecret};
use lumivault_chunk_store::prune::{PruneOptions, prune};
use lumivault_chunk_store::session::{Holder, Writing};
use lumivault_chunk_store::{Clock, Environment, OpenOptions, Repository, Silent};

use crate::common::{World, copy, files_below, noise};

const HOUR: i64 = 3600;
/// Snapshots that no command forgets and that are restored after each.
pub(super) const KEPT: [&str; 2] = ["2026-05", "2026-06"];

/// Files by their paths.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// A repository and all that belongs to it.
pub(super) struct Base {
    pub(super) world: World,
    /// Where it lies for others to copy. In memory where that can be: what survives a power cut is another test's subject, and
    /// syncing takes most of the time here.
    ground: tempfile::TempDir,
    pub(super) parity: bool,
    /// Ids of snapshots by month.
    pub(super) ids: BTreeMap<String, String>,
    /// What was backed up, by month.
    pub(super) contents: BTreeMap<String, Files>,
    /// Another key slot than that of the key file.
    pub(super) slot: String,
    /// The object of the newest snapshot, of which all others are known predecessors.
    pub(super) head: String,
    /// The object of a snapshot that was forgotten, which its tombstone accounts for.
    pub(super) forgotten: String,
}

/// A clock that is behind by so many seconds.
#[derive(Debug)]
struct Behind(i64);

impl Clock for Behind {
    fn now(&self) -> (i64, u32) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        (
            i64::try_from(since.as_secs()).unwrap() - self.0,
            since.subsec_nanos(),
        )
    }
}

/// What a phone holds in a month: some of it since long, some of it new.
fn phone(month: u64) -> Files {
    let mut files = Files::new();
    let old = month.saturating_sub(1);
    for photo in [month * 10, month * 10 + 1, old * 10] {
        files.insert(format!("Pictures/photo {photo}.jpg"), noise(photo, 20_000));
    }
    for number in 0..20 {
        // A few change each month.
        let version = if number % 7 == month % 7 { month } else { 0 };
        files.insert(
            format!("Documents/Letters/a letter with a long name, {number:03}.txt"),
            format!("letter {number}, version {version}").into_bytes(),
        );
    }
    files.insert(
        "Documents/diary.txt".into(),
        format!("until month {month}").into_bytes(),
    );
    files
}

pub(super) fn write_all(folder: &Path, files: &Files) {
    for (name, content) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

impl Base {
    pub(super) fn new(parity: bool) -> Self {
        let world = World::new();
        let code = world.path("code");
        let mut words = vec!["init", "--recovery-file", code.to_str().unwrap()];
        if parity {
            words.extend(["--parity", "5%"]);
        }
        world.ok(&words);
        let key = world.path("key");
        world.ok(&[
            "key",
            "add",
            "--key-file-out",
            key.to_str().unwrap(),
            "--label",
            "tests",
        ]);
        let mut base = Self {
            world,
            ground: ground(),
            parity,
            ids: BTreeMap::new(),
            contents: BTreeMap::new(),
            slot: String::new(),
            head: String::new(),
            forgotten: String::new(),
        };
        base.first_half();
        for name in ["repository", "state"] {
            copy(&base.world.path(name), &base.path(&format!("older {name}")));
        }
        base.second_half();
        let slots = base.json(&["key", "list"]);
        let other = slots
            .as_array()
            .unwrap()
            .iter()
            .find(|slot| slot["current"] == false);
        for name in ["repository", "state", "cache"] {
            copy(&base.world.path(name), &base.path(name));
        }
        base.head = base.object_of(KEPT[1]);
        base.forgotten = base.object_of("2026-03");
        let slot = other.unwrap()["id"].as_str().unwrap();
        slot.clone_into(&mut base.slot);
        base
    }

    fn first_half(&mut self) {
        self.ok(&["key", "rotate"]);
        for month in 2..=5 {
            self.backup(month);
        }
        self.ok(&["tag", "--add", "early", "2026-04"]);
        self.leave_session(40);
        self.prune_now();
        self.forget_at("2026-02", 30);
        self.prune_at(20);
        self.leave_session(39);
        self.config_generation();
    }

    fn second_half(&mut self) {
        self.prune_now();
        // Deriving a key takes its time, so that this is the only change of a password.
        self.world.password_file("new password", "staple");
        let new = self.world.path("new password");
        let words = ["key", "passwd", "--new-password-file", new.to_str().unwrap()];
        self.world.ok(&words);
        self.ok(&["key", "rotate"]);
        self.ok(&["tag", "--add", "late", "2026-05"]);
        let repository = self.open(0);
        pin(&repository, &[self.id(&repository, "2026-05")], "base").unwrap();
        drop(repository);
        for (month, forgotten, pruned) in [(7, 10, 4), (8, 8, 3)] {
            self.backup(month);
            self.forget_at(&format!("2026-{month:02}"), forgotten);
            self.prune_at(pruned);
        }
        self.ok(&["forget", "2026-03"]);
        self.config_generation();
        self.backup(6);
        self.leave_session(38);
        self.leave_session(37);
        // All that is not asked for again by a command.
        self.contents
            .retain(|month, _| KEPT.contains(&month.as_str()) || month == "2026-04");
    }

    /// A part of the finished base, or of its older state.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.ground.path().join(name)
    }

    /// The program on this repository, with the key file.
    pub(super) fn ok(&self, words: &[&str]) -> String {
        let key = self.world.path("key");
        let mut command = self.world.bare(words);
        command
            .env("LUMIVAULT_REPO", self.world.repository())
            .arg("--key-file")
            .arg(key);
        let ran = crate::common::Ran::of(command.output().unwrap());
        ran.expect(0, "");
        ran.stdout
    }

    fn json(&self, words: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.ok(&[words, &["--json"]].concat())).unwrap()
    }

    fn object_of(&self, month: &str) -> String {
        let snapshot = self.json(&["cat", "snapshot", &self.ids[month]]);
        snapshot["object"].as_str().unwrap().to_owned()
    }

    fn backup(&mut self, month: u64) {
        let name = format!("2026-{month:02}");
        let files = phone(month);
        std::fs::remove_dir_all(self.world.path("phone")).ok();
        write_all(&self.world.path("phone"), &files);
        let made = self.json(&["backup", "--phone", "Lumia 930", "--time", &name, "phone"]);
        self.ids
            .insert(name.clone(), made["snapshot"].as_str().unwrap().to_owned());
        self.contents.insert(name, files);
    }

    /// The library, in whose hands clocks may be behind.
    fn open(&self, hours_ago: i64) -> Repository {
        let key: [u8; 32] = std::fs::read(self.world.path("key")).unwrap().try_into().unwrap();
        let disk = LocalDisk::open(&self.world.repository()).unwrap();
        let env = Environment {
            clock: Arc::new(Behind(hours_ago * HOUR)),
            ..Environment::system(Arc::new(Silent))
        };
        let secret = SlotSecret::Raw(RecoveryCode::from_key(key));
        Repository::open(Arc::new(disk), &secret, OpenOptions::default(), env).unwrap()
    }

    fn id(&self, repository: &Repository, month: &str) -> lumivault_format::SnapshotId {
        let all = repository.snapshots().unwrap().found;
        let found = all
            .iter()
            .find(|stored| stored.id.to_letters() == self.ids[month]);
        found.unwrap().id
    }

    fn forget_at(&self, month: &str, hours_ago: i64) {
        let repository = self.open(hours_ago);
        forget(&repository, &[self.id(&repository, month)], "base").unwrap();
    }

    /// Removes what was forgotten an hour before, and leaves a mark.
    fn prune_at(&self, hours_ago: i64) {
        let options = PruneOptions {
            grace_seconds: HOUR * 2,
            ..PruneOptions::default()
        };
        let report = prune(&self.open(hours_ago), &holder(), None, &options).unwrap();
        assert!(report.dead.packs + report.repacked.packs > 0, "{report:?}");
    }

    /// Frees everything at once; dead sessions are revoked.
    fn prune_now(&self) {
        let before = self.count("revoked");
        self.ok(&["prune", "--now"]);
        assert_eq!(self.count("revoked"), before + 1);
    }

    /// A session whose process died.
    fn leave_session(&self, hours_ago: i64) {
        let repository = self.open(hours_ago);
        std::mem::forget(Writing::begin(&repository, &holder(), None).unwrap());
    }

    /// Another config, of the next generation.
    fn config_generation(&self) {
        self.ok(&["parity", "add", if self.parity { "6%" } else { "1%" }]);
        if !self.parity {
            self.ok(&["parity", "remove"]);
        }
    }

    fn count(&self, folder: &str) -> usize {
        files_below(&self.world.repository().join(folder)).len()
    }
}

fn ground() -> tempfile::TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm");
    in_memory.or_else(|_| tempfile::tempdir()).unwrap()
}

fn holder() -> Holder {
    Holder {
        host: "another machine".into(),
        process: 1,
    }
}
