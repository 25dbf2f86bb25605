//! Stopping: the first Ctrl-C (or SIGTERM) asks the work to end cleanly, the second ends the process at once.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::exit::ExitCode;
use crate::output::complain;

static STOPPING: AtomicBool = AtomicBool::new(false);
static ASKING: AtomicU8 = AtomicU8::new(0);

/// What somebody is being asked while the process waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// Nothing is being written; a stop ends the process at once.
    Shown = 1,
    /// The terminal does not echo; the question itself ends when Ctrl-C is typed, and puts the terminal right.
    Hidden = 2,
}

/// What to do about a request to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    /// Tell the work to stop.
    Ask,
    /// Leave it to the hidden question.
    Leave,
    /// End the process.
    End,
}

fn reaction(asking: u8, already_stopping: bool) -> Reaction {
    if asking == Asking::Hidden as u8 && !already_stopping {
        Reaction::Leave
    } else if already_stopping || asking == Asking::Shown as u8 {
        Reaction::End
    } else {
        Reaction::Ask
    }
}

/// Whether the user wants the work to stop. Cheap enough to be asked for every chunk.
pub(crate) fn is_stopping() -> bool {
    STOPPING.load(Ordering::Relaxed)
}

/// While this lives, a stop means the question, not work.
pub(crate) struct WhileAsking(());

pub(crate) fn while_asking(asking: Asking) -> WhileAsking {
    ASKING.store(asking as u8, Ordering::SeqCst);
    WhileAsking(())
}

impl Drop for WhileAsking {
    fn drop(&mut self) {
        ASKING.store(0, Ordering::SeqCst);
    }
}

/// Begins to listen. To be called once, before any work.
pub(crate) fn listen() -> io::Result<()> {
    listen_with(requested)
}

fn requested() {
    let already = STOPPING.swap(true, Ordering::SeqCst);
    match reaction(ASKING.load(Ordering::SeqCst), already) {
        Reaction::Leave => {}
        Reaction::Ask => {
            complain("stopping: finishing what is being written; once more to stop at once");
        }
        Reaction::End => end(),
    }
}

#[allow(clippy::exit, reason = "the second request is not to wait for anything")]
fn end() -> ! {
    std::process::exit(i32::from(ExitCode::Interrupted.number()))
}

#[cfg(unix)]
fn listen_with(requested: fn()) -> io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};

    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new()
        .name("interrupt".into())
        .spawn(move || signals.forever().for_each(|_| requested()))?;
    Ok(())
}

#[cfg(windows)]
fn listen_with(requested: fn()) -> io::Result<()> {
    ctrlc::set_handler(requested).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::{ASKING, Asking, Reaction, reaction, while_asking};
    use std::sync::atomic::Ordering;

    #[test]
    fn first_asks_second_ends() {
        assert_eq!(reaction(0, false), Reaction::Ask);
        assert_eq!(reaction(0, true), Reaction::End);
    }

    #[test]
    fn a_question_is_left_at_once() {
        assert_eq!(reaction(Asking::Shown as u8, false), Reaction::End);
        assert_eq!(reaction(Asking::Hidden as u8, false), Reaction::Leave);
        assert_eq!(reaction(Asking::Hidden as u8, true), Reaction::End);
    }

    #[cfg(unix)]
    #[test]
    fn a_signal_is_heard() {
        super::listen().unwrap();
        assert!(!super::is_stopping());
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::TERM).unwrap();
        // Without a listener the signal would end the tests at once.
        while !super::is_stopping() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_question_ends_with_its_guard() {
        let guard = while_asking(Asking::Hidden);
        assert_eq!(ASKING.load(Ordering::SeqCst), Asking::Hidden as u8);
        drop(guard);
        assert_eq!(ASKING.load(Ordering::SeqCst), 0);
    }
}
