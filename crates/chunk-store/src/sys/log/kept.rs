//! The log itself. A step below a recorded folder is taken while the log is locked: what it says happened in exactly
//! that order, and a sync covers just what stands before it. A test can also let steps fail, or a disk rot.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use super::Step;

/// A file from its making on, whatever it is called later. Never given twice in one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileNumber(pub u64);

/// What was done. Paths are relative to the recorded folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A new, empty file.
    Create {
        /// Its first name.
        path: PathBuf,
        /// What it is called in this log.
        file: FileNumber,
    },
    /// Bytes were written to a file.
    Write {
        /// The file.
        file: FileNumber,
        /// Where its first byte went.
        offset: u64,
        /// The bytes that arrived.
        bytes: Arc<[u8]>,
    },
    /// A file's bytes were made durable.
    SyncFile(FileNumber),
    /// The names in a folder were made durable.
    SyncDir(PathBuf),
    /// A new, empty folder.
    MakeDir(PathBuf),
    /// An empty folder was removed.
    RemoveDir(PathBuf),
    /// A name was removed.
    RemoveFile(PathBuf),
    /// A name was given up for another.
    Rename {
        /// The old name.
        from: PathBuf,
        /// The new name.
        to: PathBuf,
    },
    /// A file got a second name.
    Link {
        /// The name it has.
        from: PathBuf,
        /// The second.
        to: PathBuf,
    },
    /// Bytes of a file became others by themselves, on the disk.
    Damage {
        /// The file.
        path: PathBuf,
        /// Where the first of them is.
        offset: u64,
        /// What they are now.
        bytes: Arc<[u8]>,
    },
    /// A test wrote something down, e.g. that something was acknowledged.
    Note(String),
}

/// A deed and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What was asked for.
    pub deed: Deed,
    /// Whether the system did it. What it refused changed nothing.
    pub done: bool,
}

/// What becomes of a step instead.
#[derive(Debug)]
pub enum Fault {
    /// It is not taken.
    Fails(io::Error),
    /// Of a write, only half of the bytes arrive, at least one; the answer says so. Other steps are taken.
    Short,
}

/// Asked before each step; what it looks like then: a write has all its bytes, nothing is done yet.
type Plan = Box<dyn FnMut(&Deed) -> Option<Fault> + Send>;

/// Records what happens below one folder, in this process, as long as it lives.
#[derive(Debug)]
pub struct StorageLog(Arc<Kept>);

struct Kept {
    /// The folder as it was given, and without links: callers use both.
    roots: [PathBuf; 2],
    records: Mutex<Vec<Record>>,
    plan: Mutex<Option<Plan>>,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("roots", &self.roots)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Registry {
    logs: Vec<Arc<Kept>>,
    files: HashMap<Identity, (Arc<Kept>, FileNumber)>,
}

static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);
static NEXT: AtomicU64 = AtomicU64::new(0);

impl StorageLog {
    /// Begins to record what happens below `root`, which exists.
    pub fn begin(root: &Path) -> io::Result<Self> {
        let kept = Arc::new(Kept {
            roots: [root.to_owned(), fs::canonicalize(root)?],
            records: Mutex::default(),
            plan: Mutex::default(),
        });
        lock(&REGISTRY).logs.push(Arc::clone(&kept));
        Ok(Self(kept))
    }

    /// Writes something down between the steps.
    pub fn note(&self, text: impl Into<String>) {
        self.0.push(Deed::Note(text.into()), true);
    }

    /// From now on asks `plan` before every step whether it shall fail.
    pub fn fail_by(&self, plan: impl FnMut(&Deed) -> Option<Fault> + Send + 'static) {
        *lock(&self.0.plan) = Some(Box::new(plan));
    }

    /// From now on nothing fails by a plan.
    pub fn heal(&self) {
        *lock(&self.0.plan) = None;
    }

    /// Changes bytes of a file (named relative to the recorded folder) as a disk does that rots.
    pub fn damage(&self, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut records = lock(&self.0.records);
        let [root, _] = &self.0.roots;
        let file = OpenOptions::new().write(true).open(root.join(path))?;
        super::super::imp::write_at(&file, bytes, offset)?;
        let (path, bytes) = (path.to_owned(), bytes.into());
        let deed = Deed::Damage { path, offset, bytes };
        records.push(Record { deed, done: true });
        Ok(())
    }

    /// Everything so far.
    pub fn records(&self) -> Vec<Record> {
        lock(&self.0.records).clone()
    }
}

impl Drop for StorageLog {
    fn drop(&mut self) {
        let mut registry = lock(&REGISTRY);
        registry.logs.retain(|kept| !Arc::ptr_eq(kept, &self.0));
        registry.files.retain(|_, (kept, _)| !Arc::ptr_eq(kept, &self.0));
    }
}

impl Kept {
    fn push(&self, deed: Deed, done: bool) {
        lock(&self.records).push(Record { deed, done });
    }

    fn fault(&self, deed: &Deed) -> Option<Fault> {
        lock(&self.plan).as_mut().and_then(|plan| plan(deed))
    }

    /// Takes a step, unless it shall fail.
    fn take<T>(&self, deed: &Deed, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.fault(deed) {
            Some(Fault::Fails(error)) => Err(error),
            Some(Fault::Short) | None => act(),
        }
    }

    fn relative(&self, path: &Path) -> Option<PathBuf> {
        let below = |root: &PathBuf| path.strip_prefix(root).ok().map(Path::to_owned);
        self.roots.iter().find_map(below)
    }
}

/// The log that a path belongs to, and the path in it.
fn log_of(path: &Path) -> Option<(Arc<Kept>, PathBuf)> {
    let registry = lock(&REGISTRY);
    let of = |kept: &Arc<Kept>| kept.relative(path).map(|relative| (Arc::clone(kept), relative));
    registry.logs.iter().find_map(of)
}

fn log_of_file(file: &File) -> Option<(Arc<Kept>, FileNumber)> {
    let registry = lock(&REGISTRY);
    if registry.files.is_empty() {
        return None;
    }
    registry.files.get(&identity(file)?).cloned()
}

pub(in super::super) fn step<T>(step: Step<'_>, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let one = |path: &Path, deed: fn(PathBuf) -> Deed| log_of(path).map(|(kept, path)| (kept, deed(path)));
    let two = |from: &Path, to: &Path, deed: fn(PathBuf, PathBuf) -> Deed| {
        let (kept, from) = log_of(from)?;
        let to = kept.relative(to)?;
        Some((kept, deed(from, to)))
    };
    let logged = match step {
        Step::MakeDir(path) => one(path, Deed::MakeDir),
        Step::RemoveDir(path) => one(path, Deed::RemoveDir),
        Step::SyncDir(path) => one(path, Deed::SyncDir),
        Step::RemoveFile(path) => one(path, Deed::RemoveFile),
        Step::Rename(from, to) => two(from, to, |from, to| Deed::Rename { from, to }),
        Step::Link(from, to) => two(from, to, |from, to| Deed::Link { from, to }),
        Step::SyncFile(file) => log_of_file(file).map(|(kept, file)| (kept, Deed::SyncFile(file))),
    };
    let Some((kept, deed)) = logged else {
        return act();
    };
    let mut records = lock(&kept.records);
    let result = kept.take(&deed, act);
    let done = result.is_ok();
    records.push(Record { deed, done });
    result
}

pub(in super::super) fn create(path: &Path, act: impl FnOnce() -> io::Result<File>) -> io::Result<File> {
    let Some((kept, path)) = log_of(path) else {
        let file = act()?;
        // It may have got the identity of a recorded file that is gone.
        if let Some(identity) = identity(&file) {
            lock(&REGISTRY).files.remove(&identity);
        }
        return Ok(file);
    };
    let number = FileNumber(NEXT.fetch_add(1, Ordering::Relaxed));
    let mut records = lock(&kept.records);
    let deed = Deed::Create { path, file: number };
    let result = kept.take(&deed, act);
    if let Some(identity) = result.as_ref().ok().and_then(identity) {
        let known = (Arc::clone(&kept), number);
        lock(&REGISTRY).files.insert(identity, known);
    }
    let done = result.is_ok();
    records.push(Record { deed, done });
    result
}

pub(in super::super) fn write(
    file: &File,
    bytes: &[u8],
    act: impl FnOnce(&[u8]) -> io::Result<usize>,
    offset: u64,
) -> io::Result<usize> {
    let Some((kept, file)) = log_of_file(file) else {
        return act(bytes);
    };
    let mut records = lock(&kept.records);
    let deed = |bytes: &[u8]| Deed::Write {
        file,
        offset,
        bytes: bytes.into(),
    };
    let result = match kept.fault(&deed(bytes)) {
        Some(Fault::Fails(error)) => Err(error),
        Some(Fault::Short) => act(&bytes[..bytes.len().div_ceil(2)]),
        None => act(bytes),
    };
    let arrived = result.as_ref().map_or(0, |count| *count).min(bytes.len());
    let done = result.is_ok();
    let deed = deed(&bytes[..arrived]);
    records.push(Record { deed, done });
    result
}

/// What tells an open file from every other: on Unix the file itself.
#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(file: &File) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// On Windows its handle: only the handle that made a file writes to it.
#[cfg(windows)]
type Identity = usize;

#[cfg(windows)]
#[expect(clippy::unnecessary_wraps, reason = "the Unix half can fail")]
fn identity(file: &File) -> Option<Identity> {
    use std::os::windows::io::AsRawHandle;
    Some(file.as_raw_handle().addr())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
