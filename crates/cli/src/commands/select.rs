//! Which snapshot was meant: by the beginning of its id or by time.

use lumivault_chunk_store::StoredSnapshot;
use lumivault_format::SnapshotId;
use lumivault_restore::when::{self, Candidate, When};

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

/// Finds the snapshot that was named. Which one a time took is said on standard error.
pub(crate) fn choose<'s>(
    snapshots: &'s [StoredSnapshot],
    selection: &Selection,
    context: &Context,
) -> Result<Chosen<'s>, Failure> {
    match &selection.snapshot {
        Selector::Id(prefix) => by_id(snapshots, prefix, selection.phone.as_deref()),
        Selector::When(text) => by_time(snapshots, text, selection, context),
    }
}

/// Several snapshots: those that are named, or all where none is, as far as they pass the filter; the oldest first.
pub(crate) fn choose_all<'s>(
    snapshots: &'s [StoredSnapshot],
    named: &[Selector],
    filter: &Filter,
    context: &Context,
) -> Result<Vec<&'s StoredSnapshot>, Failure> {
    if named.is_empty() {
        return Ok(snapshots.iter().filter(|one| passes(one, filter)).collect());
    }
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
    let mut ids = Vec::with_capacity(named.len());
    for selector in named {
        let selection = Selection {
            snapshot: selector.clone(),
            phone: None,
            strict: false,
        };
        ids.push(choose(from, &selection, context)?.snapshot.id);
    }
    Ok(snapshots.iter().filter(|one| ids.contains(&one.id)).collect())
}

/// Whether a snapshot is of one of the phones and machines named, and has one of the tags.
pub(crate) fn passes(snapshot: &StoredSnapshot, filter: &Filter) -> bool {
    let any = |wanted: &[String], have: &str| wanted.is_empty() || wanted.iter().any(|one| one == have);
    any(&filter.phones, &snapshot.snapshot.phone)
        && any(&filter.hosts, &snapshot.snapshot.host)
        && (filter.tags.is_empty() || filter.tags.iter().any(|tag| snapshot.tags.contains(tag)))
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
    if let Some(phone) = phone.filter(|phone| *phone != snapshot.snapshot.phone) {
        let problem = format!(
            "snapshot {} is of {}, not of {phone}",
            snapshot.id, snapshot.snapshot.phone
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
    let candidates: Vec<Candidate<SnapshotId>> = snapshots
        .iter()
        .map(|one| Candidate {
            id: one.id,
            time: one.snapshot.time,
            phone: one.snapshot.phone.clone(),
        })
        .collect();
    let request = when::Request {
        when: &when,
        phone: selection.phone.as_deref(),
        strict: selection.strict,
    };
    let found = when::select(&candidates, &request, context.today())?;
    context.remark(&found.to_string());
    let selected = Selected::new(text, &found, &when.named(context.today()));
    let snapshot = snapshots.iter().find(|one| one.id == found.taken.id);
    let snapshot = snapshot.ok_or_else(|| Failure::failed("the snapshot is gone"))?;
    Ok(Chosen {
        snapshot,
        selected: Some(selected),
    })
}
