//! What the tests of every crate share. Never part of the shipped program.
//!
//! Functions here panic where a test would: with a message that says which promise was broken.

pub mod backend_suite;
pub mod crash;
pub mod env;
pub mod fault;
pub mod fuzz;
pub mod lagging;
pub mod remote;

pub use env::{FixedClock, Notes, SeededRandom, World};
pub use fault::{Event, Fault, FaultBackend, FaultControl, Operation, Outcome};
