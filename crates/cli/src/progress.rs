//! Progress on standard error, for anything that takes over a second: a bar on a terminal, a line every ten seconds
//! elsewhere, nothing when asked to be quiet. Warnings are always shown. The engine tells it through [`Monitor`].

use std::collections::{HashSet, VecDeque};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lumivault_chunk_store::{Event, Monitor};

use crate::interrupt;
use crate::output::{count, duration, printable, rate, size};

/// Nothing is shown of work that is done before this.
const FIRST_BAR: Duration = Duration::from_secs(1);
const BAR_INTERVAL: Duration = Duration::from_millis(100);
const RATE_WINDOW: Duration = Duration::from_secs(5);
const LINE_INTERVAL: Duration = Duration::from_secs(10);
const UNKNOWN: u64 = u64::MAX;
/// Warnings remembered, so that none is repeated.
const WARNED_MAX: usize = 1000;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Not at all.
    Quiet,
    /// A line now and then.
    Lines,
    /// A bar that moves.
    Bar,
}

impl Style {
    /// What suits standard error.
    pub(crate) fn suiting(quiet: bool, stderr_is_terminal: bool) -> Self {
        match (quiet, stderr_is_terminal) {
            (true, _) => Self::Quiet,
            (false, false) => Self::Lines,
            (false, true) => Self::Bar,
        }
    }
}

/// Counts what is done and shows it from a thread of its own. All methods may be called from any thread.
pub(crate) struct Progress {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Whether details are shown too.
    verbose: bool,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress")
            .field("verb", &self.shared.verb)
            .finish_non_exhaustive()
    }
}

impl Monitor for Progress {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Phase(name) => self.shared.begin(name),
            Event::Total { bytes: 0, .. } => {}
            Event::Total { bytes, .. } => self.set_total(bytes),
            Event::Done { items, bytes } => {
                self.add_files(items);
                self.add_bytes(bytes);
            }
            Event::Warning(text) => self.warn(text),
            Event::Detail(text) if self.verbose => self.note(text),
            _ => {}
        }
    }

    fn is_cancelled(&self) -> bool {
        interrupt::is_stopping()
    }
}

struct Shared {
    /// What is being done, for the lines: `backup`.
    verb: &'static str,
    started: Instant,
    phase: Mutex<Phase>,
    bytes: AtomicU64,
    files: AtomicU64,
    total_bytes: AtomicU64,
    warnings: AtomicU64,
    /// What was warned of, as far as it is remembered.
    warned: Mutex<HashSet<String>>,
    finished: Mutex<bool>,
    wake: Condvar,
    bar: Mutex<Option<ProgressBar>>,
    sink: Mutex<Box<dyn Write + Send>>,
    sink_failed: AtomicBool,
}

/// A step of the work; bytes and files are counted anew in each.
struct Phase {
    name: String,
    started: Instant,
}

impl Progress {
    /// Begins to count and, unless quiet, to show.
    pub(crate) fn start(verb: &'static str, style: Style, verbose: bool) -> Self {
        let mut progress = Self::start_with(verb, style, Box::new(io::stderr()));
        progress.verbose = verbose;
        progress
    }

    fn start_with(verb: &'static str, style: Style, sink: Box<dyn Write + Send>) -> Self {
        let started = Instant::now();
        let phase = Phase {
            name: String::new(),
            started,
        };
        let shared = Arc::new(Shared {
            verb,
            started,
            phase: Mutex::new(phase),
            bytes: AtomicU64::new(0),
            files: AtomicU64::new(0),
            total_bytes: AtomicU64::new(UNKNOWN),
            warnings: AtomicU64::new(0),
            warned: Mutex::default(),
            finished: Mutex::new(false),
            wake: Condvar::new(),
            bar: Mutex::new(None),
            sink: Mutex::new(sink),
            sink_failed: AtomicBool::new(false),
        });
        let thread = (style != Style::Quiet).then(|| {
            let shared = Arc::clone(&shared);
            let show = move || {
                if style == Style::Bar {
                    shared.show_bar();
                } else {
                    shared.show_lines();
                }
            };
            std::thread::Builder::new().name("progress".into()).spawn(show)
        });
        // Work without its progress shown is better than no work.
        let thread = Mutex::new(thread.and_then(Result::ok));
        Self {
            shared,
            thread,
            verbose: false,
        }
    }

    pub(crate) fn add_bytes(&self, bytes: u64) {
        self.shared.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_files(&self, files: u64) {
        self.shared.files.fetch_add(files, Ordering::Relaxed);
    }

    /// Bytes there are in all, once known.
    pub(crate) fn set_total(&self, bytes: u64) {
        self.shared
            .total_bytes
            .store(bytes.min(UNKNOWN - 1), Ordering::Relaxed);
    }

    /// A line of its own for something that went wrong and did not stop the work; the same once in a run.
    pub(crate) fn warn(&self, text: &str) {
        self.shared.warnings.fetch_add(1, Ordering::Relaxed);
        let mut warned = lock(&self.shared.warned);
        if warned.contains(text) {
            return;
        }
        if warned.len() < WARNED_MAX {
            warned.insert(text.to_owned());
        }
        drop(warned);
        self.shared
            .line(&format!("lumivault: warning: {}", printable(text)));
    }

    /// A line of its own for those who want to see more.
    pub(crate) fn note(&self, text: &str) {
        self.shared.line(&printable(text));
    }

    #[cfg(test)]
    pub(crate) fn warnings(&self) -> u64 {
        self.shared.warnings.load(Ordering::Relaxed)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.shared.started.elapsed()
    }

    /// Takes the bar away; nothing is shown any more but warnings.
    pub(crate) fn finish(&self) {
        *lock(&self.shared.finished) = true;
        self.shared.wake.notify_all();
        if let Some(thread) = lock(&self.thread).take() {
            // It only draws; should it have panicked, the work is no worse for it.
            let _ = thread.join();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Shared {
    /// A new step begins.
    fn begin(&self, name: &str) {
        let mut phase = lock(&self.phase);
        name.clone_into(&mut phase.name);
        phase.started = Instant::now();
        self.bytes.store(0, Ordering::Relaxed);
        self.files.store(0, Ordering::Relaxed);
        self.total_bytes.store(UNKNOWN, Ordering::Relaxed);
    }

    /// Waits, and says whether there is still something to show afterwards.
    fn pause(&self, time: Duration) -> bool {
        let finished = lock(&self.finished);
        let waited = self
            .wake
            .wait_timeout_while(finished, time, |finished| !*finished);
        let (finished, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !*finished
    }

    fn show_lines(&self) {
        let mut recent = Recent::new(LINE_INTERVAL);
        while self.pause(LINE_INTERVAL) {
            self.line(&format!("{}: {}", self.verb, self.state(&mut recent).line()));
        }
    }

    fn show_bar(&self) {
        let mut recent = Recent::new(RATE_WINDOW);
        // Watched from the beginning, so that the first rate shown is not that of a jump from nothing.
        while self.started.elapsed() < FIRST_BAR {
            self.state(&mut recent);
            if !self.pause(BAR_INTERVAL) {
                return;
            }
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        *lock(&self.bar) = Some(bar.clone());
        *lock(&VISIBLE) = Some(bar.clone());
        bar.set_style(bar_style(false));
        let mut total = None;
        loop {
            let state = self.state(&mut recent);
            if total != state.total_bytes {
                total = state.total_bytes;
                bar.set_length(total.unwrap_or_default());
                bar.set_style(bar_style(total.is_some()));
            }
            bar.set_position(state.bytes);
            bar.set_message(state.line());
            bar.tick();
            if !self.pause(BAR_INTERVAL) {
                break;
            }
        }
        *lock(&self.bar) = None;
        *lock(&VISIBLE) = None;
        bar.finish_and_clear();
    }

    /// How things stand, and with that one more point of `recent`.
    fn state(&self, recent: &mut Recent) -> State {
        let (bytes, elapsed) = (self.bytes.load(Ordering::Relaxed), self.started.elapsed());
        let (recent_bytes, recent_time) = recent.add(bytes, elapsed);
        let phase = lock(&self.phase);
        State {
            phase: phase.name.clone(),
            bytes,
            recent_bytes,
            recent_time,
            files: self.files.load(Ordering::Relaxed),
            total_bytes: self.total(),
            elapsed: phase.started.elapsed(),
        }
    }

    fn total(&self) -> Option<u64> {
        Some(self.total_bytes.load(Ordering::Relaxed)).filter(|total| *total != UNKNOWN)
    }

    fn line(&self, text: &str) {
        let write = || {
            let mut sink = lock(&self.sink);
            if !self.sink_failed.load(Ordering::Relaxed) && writeln!(sink, "{text}").is_err() {
                self.sink_failed.store(true, Ordering::Relaxed);
            }
        };
        match &*lock(&self.bar) {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

fn bar_style(with_total: bool) -> ProgressStyle {
    let template = if with_total {
        "{wide_bar} {msg}"
    } else {
        "{spinner} {msg}"
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// What was done in the last while, for a rate that is neither that of a moment nor that of the whole run.
struct Recent {
    window: Duration,
    /// The oldest first; at first the beginning of the run.
    points: VecDeque<(Duration, u64)>,
}

impl Recent {
    fn new(window: Duration) -> Self {
        Self {
            window,
            points: VecDeque::from([(Duration::ZERO, 0)]),
        }
    }

    /// Adds a point, and tells the bytes and the time since the youngest one that is at least a window old, or else
    /// since the beginning.
    fn add(&mut self, bytes: u64, elapsed: Duration) -> (u64, Duration) {
        if self.points.back().is_some_and(|(_, before)| *before > bytes) {
            // A new step counts from nothing.
            self.points.clear();
        }
        let is_old = |point: &(Duration, u64)| elapsed.saturating_sub(point.0) >= self.window;
        while self.points.get(1).is_some_and(is_old) {
            self.points.pop_front();
        }
        self.points.push_back((elapsed, bytes));
        let (then, before) = self.points.front().copied().unwrap_or_default();
        (bytes.saturating_sub(before), elapsed.saturating_sub(then))
    }
}

/// The bar that is on the terminal now.
static VISIBLE: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Writes something to the terminal while the bar, if there is one, stands aside.
pub(crate) fn aside<T>(write: impl FnOnce() -> T) -> T {
    let bar = lock(&VISIBLE).clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// What a line tells.
struct State {
    phase: String,
    bytes: u64,
    recent_bytes: u64,
    recent_time: Duration,
    files: u64,
    total_bytes: Option<u64>,
    elapsed: Duration,
}

impl State {
    fn line(&self) -> String {
        let mut line = String::new();
        if !self.phase.is_empty() {
            let _ = write!(line, "{}: ", printable(&self.phase));
        }
        if (self.bytes, self.files) == (0, 0) {
            line.push_str(&duration(self.elapsed));
            return line;
        }
        line.push_str(&size(self.bytes));
        if let Some(total) = self.total_bytes {
            let _ = write!(line, " of {}", size(total));
        }
        let files = count(self.files, "file", "files");
        let rate = rate(self.recent_bytes, self.recent_time);
        let _ = write!(line, ", {files}, {rate}, {}", duration(self.elapsed));
        if let Some(left) = self.time_left() {
            let _ = write!(line, ", about {} left", duration(left));
        }
        line
    }

    /// By the average so far.
    fn time_left(&self) -> Option<Duration> {
        let left = u128::from(self.total_bytes?.saturating_sub(self.bytes));
        let milliseconds = left
            .checked_mul(self.elapsed.as_millis())?
            .checked_div(u128::from(self.bytes))?;
        Some(Duration::from_millis(u64::try_from(milliseconds).ok()?))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::{Progress, Recent, State, Style, bar_style};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn state() -> State {
        State {
            phase: String::new(),
            bytes: 30 << 20,
            recent_bytes: 20 << 20,
            recent_time: Duration::from_secs(10),
            files: 1,
            total_bytes: None,
            elapsed: Duration::from_secs(30),
        }
    }

    #[test]
    fn a_line_tells_bytes_files_rate_and_time_left() {
        assert_eq!(state().line(), "30.0 MiB, 1 file, 2.0 MiB/s, 30 s");
        let known = State {
            total_bytes: Some(90 << 20),
            files: 12,
            ..state()
        };
        assert_eq!(
            known.line(),
            "30.0 MiB of 90.0 MiB, 12 files, 2.0 MiB/s, 30 s, about 1:00 left"
        );
        let nothing_yet = State {
            bytes: 0,
            total_bytes: Some(5),
            ..state()
        };
        assert_eq!(nothing_yet.line(), "0 B of 5 B, 1 file, 2.0 MiB/s, 30 s");
        let opening = State {
            phase: "opening the repository".into(),
            bytes: 0,
            files: 0,
            ..state()
        };
        assert_eq!(opening.line(), "opening the repository: 30 s");
        let more_than_expected = State {
            total_bytes: Some(1),
            ..state()
        };
        assert!(more_than_expected.line().ends_with(", about 0 s left"));
        let huge = State {
            total_bytes: Some(u64::MAX),
            bytes: 1,
            elapsed: Duration::MAX,
            ..state()
        };
        assert!(huge.line().starts_with("1 B of 16.0 EiB"));
    }

    #[test]
    fn the_engine_is_heard() {
        use lumivault_chunk_store::{Event, Monitor as _};

        let shared = Shared::default();
        let progress = Progress::start_with("backup", Style::Quiet, Box::new(shared.clone()));
        progress.event(Event::Phase("reading"));
        progress.event(Event::Total { items: 2, bytes: 100 });
        progress.event(Event::Done { items: 1, bytes: 50 });
        progress.event(Event::Warning("odd"));
        progress.event(Event::Detail("not asked for"));
        let mut recent = Recent::new(Duration::from_secs(5));
        let line = progress.shared.state(&mut recent).line();
        assert!(line.starts_with("reading: 50 B of 100 B, 1 file, "), "{line}");
        progress.event(Event::Phase("writing"));
        let line = progress.shared.state(&mut recent).line();
        assert!(line.starts_with("writing: 0 s"), "{line}");
        let text = String::from_utf8(shared.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "lumivault: warning: odd\n");
    }

    #[test]
    fn style_follows_the_terminal() {
        assert_eq!(Style::suiting(true, true), Style::Quiet);
        assert_eq!(Style::suiting(false, true), Style::Bar);
        assert_eq!(Style::suiting(false, false), Style::Lines);
    }

    #[test]
    fn the_bars_templates_are_valid() {
        for with_total in [false, true] {
            let bar = indicatif::ProgressBar::hidden();
            bar.set_style(bar_style(with_total));
            bar.tick();
        }
        assert!(indicatif::ProgressStyle::with_template("{wide_bar} {msg}").is_ok());
        assert!(indicatif::ProgressStyle::with_template("{spinner} {msg}").is_ok());
    }

    #[test]
    fn the_rate_is_that_of_the_last_while() {
        let seconds = Duration::from_secs;
        let mut recent = Recent::new(seconds(5));
        assert_eq!(recent.add(10, seconds(1)), (10, seconds(1)));
        assert_eq!(recent.add(40, seconds(4)), (40, seconds(4)));
        // A stall shows after the window, not only in the average of the whole run.
        assert_eq!(recent.add(40, seconds(9)), (0, seconds(5)));
        assert_eq!(recent.add(41, seconds(20)), (1, seconds(11)));
        // A new step begins at nothing, and must not look like a step back.
        assert_eq!(recent.add(3, seconds(20)), (0, seconds(0)));
        assert_eq!(recent.add(7, seconds(21)), (4, seconds(1)));
        for second in 22..1000 {
            recent.add(41, seconds(second));
        }
        assert!(recent.points.len() <= 8, "{}", recent.points.len());
    }

    #[test]
    fn warnings_are_shown_whatever_the_style_and_cannot_forge_lines() {
        for style in [Style::Quiet, Style::Lines, Style::Bar] {
            let shared = Shared::default();
            let progress = Progress::start_with("backup", style, Box::new(shared.clone()));
            progress.warn("a\nb\x1b[2J");
            progress.add_bytes(5);
            progress.add_files(1);
            progress.set_total(10);
            progress.finish();
            progress.warn("late");
            progress.warn("late");
            assert_eq!(progress.warnings(), 3);
            let text = String::from_utf8(shared.0.lock().unwrap().clone()).unwrap();
            assert_eq!(
                text, "lumivault: warning: a\\nb\\x1b[2J\nlumivault: warning: late\n",
                "{style:?}"
            );
        }
    }

    #[test]
    fn a_closed_standard_error_does_not_stop_the_work() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let progress = Progress::start_with("backup", Style::Lines, Box::new(Closed));
        progress.warn("a");
        progress.warn("b");
        assert_eq!(progress.warnings(), 2);
    }
}
