//! Lets a unit test make any single step of this module fail, on the test's own thread.

use std::cell::RefCell;
use std::fs::File;
use std::io;

/// A step that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    MakeDir,
    CreateFile,
    Write,
    SyncFile,
    SyncDir,
    Rename,
    /// Making a second name, where renaming without replacing is missing.
    #[cfg(unix)]
    Link,
    /// The rename happened; its success is about to be reported.
    AnswerRename,
    RemoveFile,
    Lock,
}

/// Answers with an error for the steps that shall fail. Gets the index of the step, counted from 0.
type Plan = Box<dyn FnMut(usize, Step) -> Option<io::Error>>;

struct Running {
    plan: Plan,
    steps: Vec<Step>,
}

thread_local! {
    static RUNNING: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// Runs `body` under `plan`; returns its result and the steps it took.
pub(crate) fn under<T>(
    plan: impl FnMut(usize, Step) -> Option<io::Error> + 'static,
    body: impl FnOnce() -> T,
) -> (T, Vec<Step>) {
    RUNNING.set(Some(Running {
        plan: Box::new(plan),
        steps: Vec::new(),
    }));
    let result = body();
    let steps = RUNNING.take().map(|running| running.steps).unwrap_or_default();
    (result, steps)
}

pub(super) fn before(step: Step) -> io::Result<()> {
    RUNNING.with_borrow_mut(|running| {
        let Some(running) = running else { return Ok(()) };
        let index = running.steps.len();
        running.steps.push(step);
        (running.plan)(index, step).map_or(Ok(()), Err)
    })
}

/// A write that fails has written half of the bytes.
pub(super) fn before_write(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    before(Step::Write).or_else(|error| {
        super::imp::write_at(file, &bytes[..bytes.len() / 2], offset)?;
        Err(error)
    })
}
