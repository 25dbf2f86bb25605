//! A backend that fails where it is told to, and remembers every operation in order.
//!
//! Each call is one operation, counted from 0 over the whole life of the backend: listing, asking for a size,
//! reading, creating, healing, opening a spool, appending, reading a spool back, publishing, removing,
//! setting aside.

mod backend;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lumivault_chunk_store::backend::BackendError;
use lumivault_format::{ObjectId, ObjectKind};

pub use backend::FaultBackend;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// `list`.
    List(ObjectKind),
    /// `size`.
    Size,
    /// `read_at` of an object.
    Read,
    /// `create`.
    Create,
    /// `heal`.
    Heal,
    /// Opening a spool.
    Spool,
    /// `append` to a spool.
    Append,
    /// `read_at` of a spool.
    ReadBack,
    /// `publish` of a spool.
    Publish,
    /// `remove`.
    Remove,
    /// `set_aside`.
    SetAside,
}

impl Operation {
    /// Whether it may change what is stored.
    pub const fn writes(self) -> bool {
        matches!(
            self,
            Self::Create
                | Self::Heal
                | Self::Spool
                | Self::Append
                | Self::Publish
                | Self::Remove
                | Self::SetAside
        )
    }
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// An input/output error; nothing happened.
    Io,
    /// No space left; nothing happened.
    Full,
    /// Of an append, the first half of the bytes reaches the spool before there is no space left. Other
    /// operations fail as with [`Fault::Full`].
    ShortWrite,
    /// The bytes could not be made durable: the object is as it was before (absent, but for healing), and every later write is refused
    /// ([`BackendError::WritesStopped`]). Operations that make nothing durable fail as with [`Fault::Io`].
    Sync,
    /// It is carried out, but answers with an error, as over a network that breaks at the wrong moment.
    LostAnswer,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The backend below was asked and succeeded.
    Done,
    /// The backend below was asked and failed by itself.
    Failed,
    /// It was made to fail.
    Injected(Fault),
    /// It was a write after a failed sync.
    Refused,
}

/// One operation in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What was asked for.
    pub operation: Operation,
    /// The object, where the operation names one.
    pub object: Option<ObjectId>,
    /// The spool, numbered from 0 in the order of opening; ties appends to their publishing.
    pub spool: Option<usize>,
    /// Bytes asked for or given; of a publish, the whole spool; 0 where there are none.
    pub length: u64,
    /// How it ended.
    pub outcome: Outcome,
}

#[derive(Debug, Default)]
struct State {
    plan: Option<Plan>,
    log: Vec<Event>,
    spools: usize,
    stopped: bool,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    at: usize,
    for_ever: bool,
    fault: Fault,
}

/// Steers a [`FaultBackend`] from the test, also after the backend was given away.
#[derive(Clone, Debug, Default)]
pub struct FaultControl(Arc<Mutex<State>>);

impl FaultControl {
    /// Lets operation `index` fail once.
    pub fn fail_at(&self, index: usize, fault: Fault) {
        self.state().plan = Some(Plan {
            at: index,
            for_ever: false,
            fault,
        });
    }

    /// Lets operation `index` and all later ones fail.
    pub fn fail_from(&self, index: usize, fault: Fault) {
        self.state().plan = Some(Plan {
            at: index,
            for_ever: true,
            fault,
        });
    }

    /// Lets nothing fail any more, and writes go on after a failed sync, as with a new process.
    pub fn heal(&self) {
        let mut state = self.state();
        state.plan = None;
        state.stopped = false;
    }

    /// Operations so far; the index of the next one.
    pub fn count(&self) -> usize {
        self.state().log.len()
    }

    /// All operations so far, in the order in which they began.
    pub fn log(&self) -> Vec<Event> {
        self.state().log.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_spool(&self) -> usize {
        let mut state = self.state();
        let number = state.spools;
        state.spools += 1;
        number
    }

    /// Notes the beginning of an operation; says which index it has and how it shall end.
    fn begin(&self, call: Call) -> (usize, Verdict) {
        let mut state = self.state();
        let index = state.log.len();
        let Call {
            operation,
            object,
            spool,
            length,
        } = call;
        let planned = state
            .plan
            .filter(|plan| plan.at == index || (plan.for_ever && index > plan.at))
            .map(|plan| plan.fault);
        let verdict = match planned {
            _ if state.stopped && operation.writes() => Verdict::Refuse,
            Some(fault) => Verdict::Fail(fault),
            None => Verdict::Pass,
        };
        if verdict == Verdict::Fail(Fault::Sync) && makes_durable(operation) {
            state.stopped = true;
        }
        let outcome = match verdict {
            Verdict::Pass => Outcome::Failed, // until it is known to be done
            Verdict::Fail(fault) => Outcome::Injected(fault),
            Verdict::Refuse => Outcome::Refused,
        };
        state.log.push(Event {
            operation,
            object,
            spool,
            length,
            outcome,
        });
        (index, verdict)
    }

    /// Carries an operation out, or lets it fail.
    fn run<T>(
        &self,
        call: Call,
        location: &str,
        act: impl FnOnce() -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        let begun = self.begin(call);
        self.finish(begun, call, location, act)
    }

    fn finish<T>(
        &self,
        (index, verdict): (usize, Verdict),
        call: Call,
        location: &str,
        act: impl FnOnce() -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        match verdict {
            Verdict::Pass => {
                let result = act();
                if result.is_ok()
                    && let Some(event) = self.state().log.get_mut(index)
                {
                    event.outcome = Outcome::Done;
                }
                result
            }
            Verdict::Refuse => {
                let (action, location) = (call.action(), location.to_owned());
                Err(BackendError::WritesStopped { action, location })
            }
            Verdict::Fail(fault) => {
                if fault == Fault::LostAnswer {
                    // Whether it succeeded below does not matter: the answer is lost.
                    let _ = act();
                }
                Err(injected(fault, call.action(), location))
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    Fail(Fault),
    Refuse,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    operation: Operation,
    object: Option<ObjectId>,
    spool: Option<usize>,
    length: u64,
}

impl Call {
    fn of(operation: Operation, object: &ObjectId, length: u64) -> Self {
        Self {
            operation,
            object: Some(*object),
            spool: None,
            length,
        }
    }

    fn action(&self) -> String {
        self.object.map_or_else(
            || format!("{:?}", self.operation),
            |id| format!("{:?} {id}", self.operation),
        )
    }
}

const fn makes_durable(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Create | Operation::Heal | Operation::Publish | Operation::Remove | Operation::SetAside
    )
}

fn injected(fault: Fault, action: String, location: &str) -> BackendError {
    let location = location.to_owned();
    match fault {
        Fault::Full | Fault::ShortWrite => {
            let source = io::Error::new(io::ErrorKind::StorageFull, "injected: no space left");
            BackendError::Full {
                action,
                location,
                source,
            }
        }
        Fault::Io | Fault::Sync | Fault::LostAnswer => BackendError::Io {
            action,
            location,
            source: io::Error::other(format!("injected: {fault:?}")),
        },
    }
}
