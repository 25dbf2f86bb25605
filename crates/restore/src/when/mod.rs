//! As-of selection: a WHEN names a time or a period, and the newest snapshot at or before its *end* is taken.
//!
//! - Snapshots are compared by the civil date and time recorded with them (their instant plus their own offset from
//!   UTC), because that is the date their owner saw on the wall. Only a WHEN with an offset of its own compares
//!   instants.
//! - A snapshot known only to its day, month or year counts at the last second of it: `2025-06-15` does not take a
//!   snapshot of `2025-06`, which may well be from the 30th.
//! - Relative forms are counted from the caller's civil day. `3m-ago` and the like name one *day*, so many months
//!   before today (the last day of a shorter month); `last-month` and `last-year` name the whole month or year
//!   before the present one.
//! - A time of day names the unit of its last written digit: `18:00` lasts for a minute, `18:00:00.5` for a tenth of
//!   a second. So a time copied from a listing finds its own snapshot.
//!
//! Nothing here asks for the time: today is an argument.

mod distance;
mod error;
mod named;
mod parse;
mod select;

pub use distance::Distance;
pub use error::{PhoneNames, SelectError, shown};
pub use named::Named;
pub use parse::{Ago, FORMS, Moment, When, WhenError};
pub use select::{Candidate, Relation, Request, Selection, select};

#[cfg(test)]
mod tests;
