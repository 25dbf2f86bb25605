//! Brings snapshots back: which one is meant, what is in it, what restoring it will do, and doing it safely.
//!
//! A restore is a request, then a plan that can be shown, then its execution:
//! [`RestoreRequest`] → [`open_target`] → [`plan`] → [`execute`] → [`RestoreSummary`].

pub mod browse;
pub mod error;
mod execute;
pub mod filter;
mod plan;
pub mod target;
mod verify;
pub mod when;

pub use error::RestoreError;
pub use execute::{Fetched, Outcome, RestoreSummary, execute, inspect_target, open_target};
pub use plan::{
    Action, ActionCounts, OverwriteWhen, PlanTotals, Planned, PlannedKind, RestorePlan, RestoreRequest, plan,
};
