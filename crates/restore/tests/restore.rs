//! Snapshots made by real backups come back: whole, in part, interrupted, over what is there, from damaged archives.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod restore {
    mod damage;
    mod forged;
    mod in_place;
    #[cfg(unix)]
    mod interrupted;
    mod planned;
    mod removal;
    mod round_trip;
    mod support;
    mod verified;
}
