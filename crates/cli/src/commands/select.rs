//! Which snapshot was meant: by the beginning of its id or by time.

use lumivault_chunk_store::StoredSnapshot;
use lumivault_chunk_store::forget::FactTime;
use lumivault_format::SnapshotId;
use lumivault_restore::when::{self, Candidate, SelectError, When};

use super::Context;
use super::answer::Selected;
use crate::failure::Failure;
use crate::request::{Filter, Selection, Selector};

/// Ids named in a message about an ambiguous one.
const IDS_NAMED_MAX: usize = 8;

/// The snapshot that was chosen.
#[derive(Debug)]
pub(crate) struct Chosen<'s> {
    pub(crate) snapshot: &'s StoredSnapshot,
    /// How it lies to the time that was named; absent where it was named by its id.
    pub(crate) selected: Option<Selected>,
}

/// Finds the snapshot that was named. Which one a time took is said on standard error. A forgotten one is found by its id
/// alone, with a warning.
pub(crate) fn choose<'s>(
    snapshots: &'s [StoredSnapshot],
    selection: &Selection,
    context: &Context,
) -> Result<Chosen<'s>, Failure> {
    let chosen = find(snapshots, selection, context)?;
    if !chosen.snapshot.is_live() {
        context.warn(&forgotten(chosen.snapshot, context));
    }
    Ok(chosen)
}

/// What to mind with a snapshot that is forgotten.
fn forgotten(stored: &StoredSnapshot, context: &Context) -> String {
    let (id, time) = (stored.id, stored.snapshot.time);
    if stored.removal {
        return format!("snapshot {id}, {time}, is being removed, and parts of it may be gone");
    }
    let since = stored
        .forgotten
        .map_or_else(String::new, |since| format!(" on {}", day(since, context)));
    format!(
        "snapshot {id}, {time}, was forgotten{since}; lumivault forget --undo {id} keeps it from being removed"
    )
}

/// The day of a fact where this machine is.
pub(crate) fn day(fact: FactTime, context: &Context) -> String {
    jiff::Timestamp::from_second(fact.unix_seconds).map_or_else(
        |_| "an unknown day".to_owned(),
        |moment| moment.to_zoned(context.time_zone.clone()).date().to_string(),
    )
}

/// The same without a word about what is forgotten.
fn find<'s>(
    snapshots: &'s [StoredSnapshot],
    selection: &Selection,
    context: &Context,
) -> Result<Chosen<'s>, Failure> {
    match &selection.snapshot {
        Selector::Id(prefix) => by_id(snapshots, prefix, selection.phone.as_deref()),
        Selector::When(text) => by_time(snapshots, text, selection, context),
    }
}

/// Several snapshots: those that are named, or all that are not forgotten where none is, as far as they pass the filter;
/// the oldest first.
pub(crate) fn choose_all<'s>(
    snapshots: &'s [StoredSnapshot],
    named: &[Selector],
    filter: &Filter,
    context: &Context,
) -> Result<Vec<&'s StoredSnapshot>, Failure> {
    if named.is_empty() {
        let live = snapshots.iter().filter(|one| one.is_live());
        return Ok(live.filter(|one| passes(one, filter)).collect());
    }
    let chosen = each(snapshots, named, filter, false, context)?;
    let gone = chosen.iter().filter(|one| !one.is_live());
    gone.for_each(|one| context.warn(&forgotten(one, context)));
    Ok(chosen)
}

/// Those that are named, without a word about what is forgotten; the oldest first.
pub(crate) fn each<'s>(
    snapshots: &'s [StoredSnapshot],
    named: &[Selector],
    filter: &Filter,
    strict: bool,
    context: &Context,
) -> Result<Vec<&'s StoredSnapshot>, Failure> {
    let passing: Vec<StoredSnapshot>;
    let from = if filter.is_empty() {
        snapshots
    } else {
        // A time means the snapshot among those that pass, so that `--phone` makes `latest` unambiguous.
        passing = snapshots
            .iter()
            .filter(|one| passes(one, filter))
            .cloned()
            .collect();
        &passing
    };
    // A phone that is not there is told as where it chooses alone.
    let (from, phone) = match (from, filter) {
        ([], Filter { phones, hosts, tags }) if hosts.is_empty() && tags.is_empty() => {
            (snapshots, phones.first().cloned())
        }
        ([], _) if !snapshots.is_empty() => {
            return Err(Failure::failed("no snapshot is chosen by these options")
                .hint("lumivault snapshots lists what there is"));
        }
        (from, _) => (from, None),
    };
    let mut ids = Vec::with_capacity(named.len());
    for selector in named {
        let selection = Selection {
            snapshot: selector.clone(),
            phone: phone.clone(),
            strict,
        };
        ids.push(find(from, &selection, context)?.snapshot.id);
    }
    Ok(snapshots.iter().filter(|one| ids.contains(&one.id)).collect())
}

/// Whether a snapshot is of one of the phones and machines named, and has one of the tags.
pub(crate) fn passes(snapshot: &StoredSnapshot, filter: &Filter) -> bool {
    let any = |wanted: &[String], have: &str| wanted.is_empty() || wanted.iter().any(|one| one == have);
    let phone = &snapshot.snapshot.phone;
    (filter.phones.is_empty() || filter.phones.iter().any(|given| is_phone(given, phone)))
        && any(&filter.hosts, &snapshot.snapshot.host)
        && (filter.tags.is_empty() || filter.tags.iter().any(|tag| snapshot.tags.contains(tag)))
}

/// Whether this is how the phone is called, or shown if it has no name.
fn is_phone(given: &str, name: &str) -> bool {
    given == name || name.is_empty() && given == when::shown(name)
}

fn by_id<'s>(
    snapshots: &'s [StoredSnapshot],
    prefix: &str,
    phone: Option<&str>,
) -> Result<Chosen<'s>, Failure> {
    const LIST: &str = "lumivault snapshots lists what there is";
    let fitting: Vec<&StoredSnapshot> = snapshots.iter().filter(|one| one.id.has_prefix(prefix)).collect();
    let snapshot = match fitting.as_slice() {
        [] => return Err(Failure::failed(format!("no snapshot's id begins with `{prefix}`")).hint(LIST)),
        [only] => *only,
        several => {
            let mut names: Vec<String> = several
                .iter()
                .take(IDS_NAMED_MAX)
                .map(|one| distinct(one.id, several))
                .collect();
            if several.len() > IDS_NAMED_MAX {
                names.push("…".into());
            }
            let problem = format!(
                "several snapshots' ids begin with `{prefix}`: {}",
                names.join(", ")
            );
            return Err(Failure::usage(problem).hint("type more of the id"));
        }
    };
    if let Some(phone) = phone.filter(|phone| !is_phone(phone, &snapshot.snapshot.phone)) {
        let problem = format!(
            "snapshot {} is of {}, not of {phone}",
            snapshot.id,
            when::shown(&snapshot.snapshot.phone)
        );
        return Err(Failure::usage(problem).hint(LIST));
    }
    Ok(Chosen {
        snapshot,
        selected: None,
    })
}

/// At least eight letters, and as many as tell the id from the others.
fn distinct(id: SnapshotId, others: &[&StoredSnapshot]) -> String {
    let letters = id.to_letters();
    let shared = |other: &&StoredSnapshot| {
        let other = other.id.to_letters();
        letters
            .chars()
            .zip(other.chars())
            .take_while(|(a, b)| a == b)
            .count()
    };
    let longest = others.iter().filter(|one| one.id != id).map(shared).max();
    let length = longest.map_or(8, |shared| (shared + 1).max(8));
    format!("{id:.length$}")
}

fn by_time<'s>(
    snapshots: &'s [StoredSnapshot],
    text: &str,
    selection: &Selection,
    context: &Context,
) -> Result<Chosen<'s>, Failure> {
    let when: When = text.parse()?;
    let candidates: Vec<Candidate<(u64, SnapshotId)>> = snapshots
        .iter()
        .filter(|one| one.is_live())
        .map(|one| Candidate {
            id: (one.rank, one.id),
            time: one.snapshot.time,
            phone: one.snapshot.phone.clone(),
        })
        .collect();
    if candidates.is_empty() && !snapshots.is_empty() {
        return Err(Failure::failed("all snapshots here are forgotten").hint(
            "lumivault snapshots --forgotten lists them, and lumivault forget --undo ID brings one back",
        ));
    }
    let request = when::Request {
        when: &when,
        phone: selection.phone.as_deref(),
        strict: selection.strict,
    };
    let found = when::select(&candidates, &request, context.today())
        .map_err(|error| or_forgotten(error, forgotten_at(snapshots, &request, context)))?;
    context.remark(&found.to_string());
    let request = when::Request {
        phone: Some(&found.taken.phone),
        ..request
    };
    let taken = found.taken.time.since_epoch();
    let forgotten = forgotten_at(snapshots, &request, context);
    if let Some(nearer) = forgotten.filter(|one| one.snapshot.time.since_epoch() > taken) {
        context.remark(&way_back(nearer));
    }
    let selected = Selected::new(text, &found, &when.named(context.today()));
    let snapshot = snapshots.iter().find(|one| one.id == found.taken.id.1);
    let snapshot = snapshot.ok_or_else(|| Failure::failed("the snapshot is gone"))?;
    Ok(Chosen {
        snapshot,
        selected: Some(selected),
    })
}

/// The forgotten snapshot that would have been taken if none were forgotten.
fn forgotten_at<'s>(
    snapshots: &'s [StoredSnapshot],
    request: &when::Request<'_>,
    context: &Context,
) -> Option<&'s StoredSnapshot> {
    let there = snapshots.iter().filter(|one| !one.removal);
    let candidates: Vec<Candidate<SnapshotId>> = there
        .map(|one| Candidate {
            id: one.id,
            time: one.snapshot.time,
            phone: one.snapshot.phone.clone(),
        })
        .collect();
    let id = when::select(&candidates, request, context.today()).ok()?.taken.id;
    snapshots.iter().find(|one| one.id == id && !one.is_live())
}

fn way_back(forgotten: &StoredSnapshot) -> String {
    let (id, time) = (forgotten.id, forgotten.snapshot.time);
    format!("{time} was forgotten; lumivault forget --undo {id} brings it back")
}

/// Nothing fits, unless what is forgotten does.
fn or_forgotten(error: SelectError, forgotten: Option<&StoredSnapshot>) -> Failure {
    let failure = Failure::from(error);
    match forgotten {
        Some(forgotten) => failure.hint(way_back(forgotten)),
        None => failure,
    }
}
