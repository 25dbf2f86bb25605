//! A repository with a machine's cache and state, and the program at work there, killed or not.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::World;

/// What is wrong, for whoever reads the test's output.
pub(super) type Try<T> = Result<T, String>;

/// How many seconds a run takes that is not killed, as far as is known. All repositories know of the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Usual(Arc<Mutex<BTreeMap<&'static str, f64>>>);

impl Usual {
    fn get(&self, what: &str) -> Option<f64> {
        self.0.lock().unwrap().get(what).copied()
    }

    fn ended(&self, what: &'static str, seconds: f64) {
        let mut all = self.0.lock().unwrap();
        let known = all.entry(what).or_insert(seconds);
        *known = known.mul_add(0.75, seconds * 0.25);
    }

    /// Those that end before they are killed are the fast ones, so what is known would become too short without this.
    fn outlasted(&self, what: &'static str) {
        if let Some(known) = self.0.lock().unwrap().get_mut(what) {
            *known *= 1.1;
        }
    }
}

/// What a run came to.
#[derive(Debug)]
pub(super) struct Ran {
    words: String,
    /// `None`: it was killed.
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ran {
    /// Fails if it ended by itself, and with another exit code than these.
    pub(super) fn must_end_with(&self, codes: &[i32]) -> Try<()> {
        match self.code {
            Some(code) if !codes.contains(&code) => Err(self.told()),
            _ => Ok(()),
        }
    }

    pub(super) fn told(&self) -> String {
        let ended = self
            .code
            .map_or("was killed".into(), |code| format!("ended with {code}"));
        format!("`{}` {ended}: {}{}", self.words, self.stdout, self.stderr)
    }

    /// The documents that it answered with: what was said is acknowledged, whatever came then.
    pub(super) fn answers(&self) -> Vec<Value> {
        let values = serde_json::Deserializer::from_str(&self.stdout).into_iter::<Value>();
        values.map_while(Result::ok).filter(Value::is_object).collect()
    }

    /// Whether it said that it is done.
    pub(super) fn is_acknowledged(&self) -> bool {
        matches!(self.code, None | Some(0)) && !self.answers().is_empty()
    }
}

/// A repository, and what the program needs to work on it.
pub(super) struct Site {
    pub(super) world: World,
    usual: Usual,
    /// Opens the repository throughout.
    key: PathBuf,
    /// Runs that were killed.
    pub(super) kills: BTreeMap<&'static str, usize>,
    /// Of these, those that left their session open: they were killed while they changed the repository.
    pub(super) at_work: usize,
    /// Runs that ended before they would have been killed.
    pub(super) survived: usize,
}

impl Site {
    /// With a password in the file `password`, a key file and no repository.
    pub(super) fn new(usual: Usual) -> Self {
        let world = World::new();
        Self {
            key: world.path("key"),
            world,
            usual,
            kills: BTreeMap::new(),
            at_work: 0,
            survived: 0,
        }
    }

    pub(super) fn key(&self) -> &str {
        self.key.to_str().unwrap()
    }

    fn command(&self, opens: &[&str], words: &[&str]) -> Command {
        let mut command = self.world.bare(&[words, &["--json"], opens].concat());
        command
            .env("LUMIVAULT_REPO", self.world.repository())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs to its end.
    pub(super) fn run_with(&self, opens: &[&str], words: &[&str]) -> Ran {
        let output = self.command(opens, words).output().unwrap();
        Ran {
            words: words.join(" "),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(super) fn run(&self, words: &[&str]) -> Ran {
        self.run_with(&["--key-file", self.key()], words)
    }

    /// Runs to its end, which must be a good one.
    pub(super) fn ok(&self, words: &[&str]) -> Try<Ran> {
        let ran = self.run(words);
        if ran.code == Some(0) {
            Ok(ran)
        } else {
            Err(ran.told())
        }
    }

    /// Runs, and kills it after this share of the time it would take. Where that is not known yet, or with no share, it
    /// is left alone.
    pub(super) fn kill_with(
        &mut self,
        opens: &[&str],
        what: &'static str,
        words: &[&str],
        share: Option<f64>,
    ) -> Ran {
        let sessions = self.sessions();
        let limit = self
            .usual
            .get(what)
            .zip(share)
            .map(|(usual, share)| usual * share);
        let begun = Instant::now();
        let mut child = self.command(opens, words).spawn().unwrap();
        let (stdout, stderr) = killed_after(&mut child, begun, limit);
        let took = begun.elapsed().as_secs_f64();
        let code = child.wait().unwrap().code();
        if code.is_some() {
            self.usual.ended(what, took);
            self.survived += usize::from(limit.is_some());
        } else {
            *self.kills.entry(what).or_default() += 1;
            self.at_work += usize::from(self.sessions() > sessions);
            if share.is_some_and(|share| share > 1.0) {
                self.usual.outlasted(what);
            }
        }
        Ran {
            words: words.join(" "),
            code,
            stdout,
            stderr,
        }
    }

    fn sessions(&self) -> usize {
        std::fs::read_dir(self.world.repository().join("sessions")).map_or(0, Iterator::count)
    }
}

/// What a process says until it ends by itself or, after so many seconds, is killed.
fn killed_after(child: &mut Child, begun: Instant, limit: Option<f64>) -> (String, String) {
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (ended, waiting) = channel();
    let (mut stdout, mut stderr) = (String::new(), String::new());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let left = |seconds| Duration::from_secs_f64(seconds).saturating_sub(begun.elapsed());
            if limit
                .is_some_and(|seconds| waiting.recv_timeout(left(seconds)) == Err(RecvTimeoutError::Timeout))
            {
                child.kill().unwrap();
            }
        });
        out.read_to_string(&mut stdout).unwrap();
        err.read_to_string(&mut stderr).unwrap();
        // Nobody may be waiting any more, or ever have been.
        let _ = ended.send(());
    });
    (stdout, stderr)
}
