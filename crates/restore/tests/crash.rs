//! Power cuts: whatever a cut leaves of a local repository, nothing that was acknowledged is lost, `check` finds no
//! damage, and work goes on. The states come from the log of real runs; see `lumivault_testkit::crash`. And storage that
//! fails while the same work is done.
//!
//! `LUMIVAULT_CRASH_STATES=100000` visits so many states instead of the usual number, `LUMIVAULT_CRASH_SEED` others;
//! `LUMIVAULT_FAULTS=all` lets everything fail that can, instead of some of it, and with the beginning of a failure's name only those.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod crash {
    mod campaign;
    mod expect;
    mod failing;
    mod site;
    mod sources;
    mod states;
    mod verify;
    mod work;
}
