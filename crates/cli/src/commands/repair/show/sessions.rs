//! `repair sessions`

use jiff::Timestamp;
use lumivault_chunk_store::repair::{SessionInfo, SessionsReport};
use lumivault_format::{ObjectName, SessionKind};
use serde::Serialize;

use super::{Context, Failure, hex, status};
use crate::output::Table;
use crate::output::table::Align;

#[derive(Serialize)]
struct SessionAnswer {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    began: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refreshed: Option<String>,
    dead: bool,
    removed: bool,
}

#[derive(Serialize)]
struct SessionsAnswer {
    status: &'static str,
    dry_run: bool,
    sessions: Vec<SessionAnswer>,
    revocations_set_aside: Vec<String>,
}

fn kind(session: &SessionInfo) -> &'static str {
    match session.kind {
        Some(SessionKind::Writer) => "backup",
        Some(SessionKind::Maintenance) => "maintenance",
        Some(SessionKind::Exclusive) => "exclusive",
        None => "unreadable",
    }
}

fn moment(unix_seconds: i64, context: &Context, form: &str) -> String {
    let at = Timestamp::from_second(unix_seconds).unwrap_or(Timestamp::MAX);
    at.to_zoned(context.time_zone.clone()).strftime(form).to_string()
}

pub(in super::super) fn sessions(
    report: &SessionsReport,
    dry_run: bool,
    context: &Context,
) -> Result<(), Failure> {
    let removed = report.sessions.iter().any(|session| session.removed);
    if context.output.is_json() {
        let rfc3339 = |at| moment(at, context, "%Y-%m-%dT%H:%M:%S%:z");
        let answer = |session: &SessionInfo| {
            let known = session.kind.is_some();
            SessionAnswer {
                kind: kind(session),
                host: known.then(|| session.host.clone()),
                process: known.then_some(session.process),
                began: known.then(|| rfc3339(session.began_unix_seconds)),
                refreshed: known.then(|| rfc3339(session.refreshed_unix_seconds)),
                dead: session.is_dead,
                removed: session.removed && !dry_run,
            }
        };
        let names: Vec<ObjectName> = report.unreadable_revocations.iter().map(|id| id.name).collect();
        return context.output.document(&SessionsAnswer {
            status: status(removed, report.is_damaged()),
            dry_run,
            sessions: report.sessions.iter().map(answer).collect(),
            revocations_set_aside: hex(&names),
        });
    }
    if report.sessions.is_empty() {
        return context.output.line("nobody is at work");
    }
    let mut table = Table::new(&[
        ("kind", Align::Left),
        ("host", Align::Left),
        ("process", Align::Right),
        ("began", Align::Left),
        ("last seen", Align::Left),
        ("", Align::Left),
    ]);
    for session in &report.sessions {
        let state = match (session.removed, dry_run) {
            (true, false) => "removed",
            (true, true) => "would be removed",
            (false, _) if session.kind.is_none() => "cannot be read; --all sets it aside",
            (false, _) => "at work, as far as is known",
        };
        let known = session.kind.is_some();
        let when = |at| {
            if known {
                moment(at, context, "%Y-%m-%d %H:%M")
            } else {
                String::new()
            }
        };
        table.row([
            kind(session).to_owned(),
            session.host.clone(),
            if known {
                session.process.to_string()
            } else {
                String::new()
            },
            when(session.began_unix_seconds),
            when(session.refreshed_unix_seconds),
            state.to_owned(),
        ]);
    }
    context.output.table(&table)
}
