//! A world that does as it is told: seeded randomness, a clock that stands still, a monitor that remembers.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lumivault_chunk_store::{Clock, Environment, Error, Event, Monitor, Random};

/// The same bytes for the same seed, on every machine. Two sources with one seed would repeat nonces, so every test
/// takes a seed of its own; its name is a good one.
pub struct SeededRandom {
    seed: String,
    stream: Mutex<blake3::OutputReader>,
}

impl SeededRandom {
    /// A source that begins anew.
    pub fn new(seed: &str) -> Self {
        let hasher = blake3::Hasher::new_derive_key("lumivault testkit seeded random")
            .update(seed.as_bytes())
            .finalize_xof();
        Self {
            seed: seed.to_owned(),
            stream: Mutex::new(hasher),
        }
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        lock(&self.stream).fill(&mut out);
        out
    }

    /// The next `length` bytes; they do not compress.
    pub fn bytes(&self, length: usize) -> Vec<u8> {
        let mut out = vec![0; length];
        lock(&self.stream).fill(&mut out);
        out
    }

    /// A number below `end`, which is not 0; the bias is below 2^-32 for any `end` below 2^32.
    pub fn below(&self, end: u64) -> u64 {
        u64::from_le_bytes(self.array()) % end
    }
}

impl fmt::Debug for SeededRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeededRandom")
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

impl Random for SeededRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Error> {
        lock(&self.stream).fill(buffer);
        Ok(())
    }
}

type Deed = Box<dyn FnOnce() + Send>;

/// A clock that shows one time until it is set, or until somebody lets time pass.
pub struct FixedClock {
    set_to: AtomicI64,
    /// Milliseconds that passed, however the clock was set.
    passed: AtomicU64,
    /// Whether others work while somebody sleeps.
    shared: AtomicBool,
    planned: Mutex<Vec<(Duration, Deed)>>,
}

impl fmt::Debug for FixedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedClock")
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}

impl FixedClock {
    /// A clock that shows so many seconds since 1970.
    pub fn new(unix_seconds: i64) -> Self {
        Self {
            set_to: AtomicI64::new(unix_seconds),
            passed: AtomicU64::new(0),
            shared: AtomicBool::new(false),
            planned: Mutex::default(),
        }
    }

    /// Sets it forward, or back. No time passes.
    pub fn advance(&self, seconds: i64) {
        self.set_to.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Lets time pass, and what was planned happen.
    pub fn pass(&self, duration: Duration) {
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.passed.fetch_add(milliseconds, Ordering::SeqCst);
        let due: Vec<_> = {
            let now = self.passed();
            lock(&self.planned).extract_if(.., |(at, _)| *at <= now).collect()
        };
        for (_, deed) in due {
            deed();
        }
    }

    /// Somebody does something when so much time has passed from now.
    pub fn plan(&self, after: Duration, deed: impl FnOnce() + Send + 'static) {
        let at = self.passed() + after;
        lock(&self.planned).push((at, Box::new(deed)));
    }

    /// How much time passed since it was made.
    pub fn passed(&self) -> Duration {
        Duration::from_millis(self.passed.load(Ordering::SeqCst))
    }

    /// From now on somebody who sleeps gives others the time to do something meanwhile.
    pub fn share(&self) {
        self.shared.store(true, Ordering::SeqCst);
    }
}

impl Default for FixedClock {
    /// 2026-05-14T12:00:00Z.
    fn default() -> Self {
        Self::new(1_778_760_000)
    }
}

impl Clock for FixedClock {
    fn now(&self) -> (i64, u32) {
        let passed = self.passed();
        let seconds = i64::try_from(passed.as_secs()).unwrap_or(i64::MAX);
        let set_to = self.set_to.load(Ordering::SeqCst);
        (set_to.saturating_add(seconds), passed.subsec_nanos())
    }

    fn sleep(&self, duration: Duration) {
        let until = self.passed() + duration;
        if self.shared.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_micros(50));
        }
        // What others do takes time too.
        self.pass(until.saturating_sub(self.passed()));
    }
}

/// Remembers the warnings and the phases, and can call the work off.
#[derive(Debug, Default)]
pub struct Notes {
    warnings: Mutex<Vec<String>>,
    phases: Mutex<Vec<String>>,
    total: Mutex<(u64, u64)>,
    done: Mutex<(u64, u64)>,
    cancelled: AtomicBool,
}

impl Notes {
    /// Warnings since the last call.
    pub fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.warnings))
    }

    /// Phases so far.
    pub fn phases(&self) -> Vec<String> {
        lock(&self.phases).clone()
    }

    /// Items and bytes that were announced last.
    pub fn total(&self) -> (u64, u64) {
        *lock(&self.total)
    }

    /// Items and bytes reported as done so far.
    pub fn done(&self) -> (u64, u64) {
        *lock(&self.done)
    }

    /// Calls the work off.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
    }
}

impl Monitor for Notes {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Warning(text) => lock(&self.warnings).push(text.to_owned()),
            Event::Phase(text) => lock(&self.phases).push(text.to_owned()),
            Event::Total { items, bytes } => *lock(&self.total) = (items, bytes),
            Event::Done { items, bytes } => {
                let mut done = lock(&self.done);
                *done = (done.0 + items, done.1 + bytes);
            }
            _ => {}
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }
}

/// A seeded world with handles to its parts.
#[derive(Clone, Debug)]
pub struct World {
    /// The randomness that keys and nonces come from.
    pub random: Arc<SeededRandom>,
    /// The clock.
    pub clock: Arc<FixedClock>,
    /// What was reported.
    pub notes: Arc<Notes>,
}

impl World {
    /// A world with this seed.
    pub fn new(seed: &str) -> Self {
        Self {
            random: Arc::new(SeededRandom::new(seed)),
            clock: Arc::default(),
            notes: Arc::default(),
        }
    }

    /// What the engine takes. All environments of one world share its parts, so that their randomness never repeats.
    pub fn environment(&self) -> Environment {
        Environment {
            random: self.random.clone(),
            clock: self.clock.clone(),
            monitor: self.notes.clone(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
