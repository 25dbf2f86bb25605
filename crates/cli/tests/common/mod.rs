//! A world of its own for each test: a repository, a password file, a cache and a state folder, and nobody at a
//! terminal.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not recognised as tests")]
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub struct World {
    folder: tempfile::TempDir,
}

/// What a run came to.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    pub fn new() -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        world.password_file("password", "correct horse");
        world
    }

    /// With a repository that has a recovery code in `code`.
    pub fn with_repository() -> Self {
        let world = Self::new();
        let code = world.path("code");
        world.ok(&["init", "--recovery-file", code.to_str().unwrap()]);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    pub fn password_file(&self, name: &str, password: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, password).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        path
    }

    /// What every run says about this world's password file: Windows does not tell who may read a file, so the
    /// program cannot and warns; elsewhere it knows that nobody else can and says nothing.
    pub fn said_of_the_password(&self) -> String {
        if cfg!(windows) {
            let path = self.path("password");
            format!(
                "lumivault: warning: {}: whether other users can read this file is not known here; \
                 keep it where only you can\n",
                path.display()
            )
        } else {
            String::new()
        }
    }

    /// Writes a file below the world's folder, with the folders above it.
    pub fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The program without a word of where the repository is and what opens it.
    pub fn bare(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lumivault"));
        command
            .args(words)
            .stdin(Stdio::null())
            .current_dir(self.folder.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LUMIVAULT_") {
                command.env_remove(name);
            }
        }
        command
            .env("TZ", "UTC")
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("LOCALAPPDATA", self.path("local"))
            .env("APPDATA", self.path("roaming"));
        command
    }

    /// The program with this world's repository and password.
    pub fn command(&self, words: &[&str]) -> Command {
        self.command_with("password", words)
    }

    /// The same with another password file.
    pub fn command_with(&self, password: &str, words: &[&str]) -> Command {
        let mut command = self.bare(words);
        command
            .env("LUMIVAULT_REPO", self.repository())
            .env("LUMIVAULT_PASSWORD_FILE", self.path(password));
        command
    }

    pub fn run(&self, words: &[&str]) -> Ran {
        Ran::of(self.command(words).output().unwrap())
    }

    pub fn run_with(&self, password: &str, words: &[&str]) -> Ran {
        Ran::of(self.command_with(password, words).output().unwrap())
    }

    /// Must end with exit code 0; returns standard output.
    pub fn ok(&self, words: &[&str]) -> String {
        let ran = self.run(words);
        ran.expect(0, "");
        ran.stdout
    }

    /// Must end with exit code 0; returns the document.
    pub fn json(&self, words: &[&str]) -> Value {
        let words = [words, &["--json"]].concat();
        serde_json::from_str(&self.ok(&words)).unwrap()
    }

    pub fn snapshots(&self) -> Vec<Value> {
        self.json(&["snapshots"]).as_array().unwrap().clone()
    }
}

impl Ran {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Must have ended with this exit code, and have said this on standard error.
    #[track_caller]
    pub fn expect(&self, code: i32, said: &str) {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        assert!(self.stderr.contains(said), "`{said}` is not in: {}", self.stderr);
    }

    /// The objects of JSON Lines.
    pub fn json_lines(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// All files below a folder with their content.
pub fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            let content = std::fs::read(&path).unwrap();
            found.push((path, content));
        }
    }
    found.sort();
    found
}

/// Copies a folder into another, file by file, as people copy repositories.
pub fn copy(from: &Path, to: &Path) {
    for (path, content) in files_below(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(target, content).unwrap();
    }
}

/// Bytes that do not compress, the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}
