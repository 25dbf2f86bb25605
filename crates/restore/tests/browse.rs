//! Looking into snapshots: references, listings, searches, comparisons, dumps; with repositories made by backups, and
//! with trees made by hand where a backup would not make such.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod browse {
    mod diff;
    mod dump;
    mod find;
    mod reference;
    mod support;
    mod walk;
}
