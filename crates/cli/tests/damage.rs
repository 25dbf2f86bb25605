//! Damage: everything that can happen to the files of a repository, on every type of object, under every command. Nothing panics,
//! no wrong byte comes back, what matters is named, no backup succeeds on what it could not read, and nothing gets worse by what a
//! command does about it.
//!
//! A third of the matrix is tried unless `LUMIVAULT_DAMAGE_ALL` is set; `LUMIVAULT_DAMAGE_SEED` draws other places and
//! another third, `LUMIVAULT_DAMAGE_DRAWS` multiplies the places, and `LUMIVAULT_DAMAGE_ONLY` keeps cases whose name contains it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;

mod damage {
    mod base;
    mod campaign;
    mod harm;
    mod judge;
    mod place;
    mod tar;
}
