//! The real program is killed with SIGKILL at random times, again and again in the same repositories: nothing that was
//! acknowledged is lost, `check` finds no damage, and whatever is run next works at once.
//!
//! `LUMIVAULT_KILLS=10000` kills so often instead of the usual number, `LUMIVAULT_KILLS_SEED` draws otherwise. What is
//! run, on what and how far each run gets is drawn; which system call that hits is for the machine to decide.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;

mod kills {
    mod campaign;
    mod expect;
    mod keys;
    mod look;
    mod runs;
    mod site;
    mod sources;
    mod work;
}
