//! `stats`: how much is stored, what it would be without sharing and compression, and what each snapshot added.

mod measure;
mod show;

use std::collections::BTreeMap;
use std::time::Duration;

use lumivault_chunk_store::{ChunkIndex, Repository, StoredSnapshot};
use lumivault_format::ObjectKind;
use serde::Serialize;

use super::answer::Time;
use super::pack_size::padding;
use super::select::choose_all;
use super::{Context, repo};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::request::{Access, Category, Choice as _, Stats};
use measure::{Measured, measure};

pub(crate) fn run(request: &Stats, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    let mut opened = repo::open(access, context, "stats")?;
    let listed = opened.snapshots()?;
    let chosen = choose_all(&listed.snapshots, &request.only, &request.filter, context)?;
    let index = opened.index()?;
    let measured = measure(&opened.repository, &index, &chosen, &opened.progress)?;
    let is_all = request.only.is_empty() && request.filter.is_empty();
    let mut answer = Answer::new(&chosen, &measured, opened.progress.elapsed());
    if is_all {
        answer.repository = Some(Place::new(&opened.repository, &index, &measured)?);
    }
    opened.progress.finish();
    if context.output.is_json() {
        context.output.document(&answer)?;
    } else {
        show::show(&answer, context)?;
    }
    let code = if measured.unreadable > 0 {
        ExitCode::Damage
    } else {
        ExitCode::Done
    };
    Ok(if is_all { code.and(listed.code()) } else { code })
}

#[derive(Serialize)]
struct CategoryTotals {
    files: u64,
    bytes_logical: u64,
}

#[derive(Serialize)]
struct PhoneTotals<'s> {
    phone: &'s str,
    snapshots: u64,
    first: String,
    last: String,
    bytes_logical: u64,
}

/// What one snapshot, or one month, added to those before it.
#[derive(Clone, Copy, Default, Serialize)]
struct Cost {
    files: u64,
    bytes_logical: u64,
    bytes_added: u64,
    bytes_stored: u64,
}

impl Cost {
    fn add(&mut self, other: &Self) {
        self.files = self.files.saturating_add(other.files);
        self.bytes_logical = self.bytes_logical.saturating_add(other.bytes_logical);
        self.bytes_added = self.bytes_added.saturating_add(other.bytes_added);
        self.bytes_stored = self.bytes_stored.saturating_add(other.bytes_stored);
    }
}

#[derive(Serialize)]
struct SnapshotCost<'s> {
    snapshot: String,
    #[serde(skip)]
    short: String,
    #[serde(skip)]
    date: String,
    #[serde(flatten)]
    time: Time,
    phone: &'s str,
    #[serde(flatten)]
    cost: Cost,
}

#[derive(Serialize)]
struct MonthCost {
    month: String,
    snapshots: u64,
    #[serde(flatten)]
    cost: Cost,
}

/// Objects of one kind in the repository.
#[derive(Serialize)]
struct KindTotals {
    objects: u64,
    bytes: u64,
}

/// The repository as a whole.
#[derive(Serialize)]
struct Place {
    bytes_stored: u64,
    bytes_overhead: u64,
    bytes_padding: u64,
    bytes_unreferenced: u64,
    bytes_parity: u64,
    packs: u64,
    objects: BTreeMap<String, KindTotals>,
}

#[derive(Serialize)]
struct Answer<'s> {
    snapshots: u64,
    phones: u64,
    files: u64,
    bytes_logical: u64,
    contents: u64,
    bytes_unique: u64,
    chunks: u64,
    bytes_chunks: u64,
    bytes_compressed: u64,
    tree_chunks: u64,
    bytes_trees: u64,
    unreadable: u64,
    sharing_ratio: Option<f64>,
    compression_ratio: Option<f64>,
    total_ratio: Option<f64>,
    #[serde(flatten)]
    repository: Option<Place>,
    categories: BTreeMap<&'static str, CategoryTotals>,
    by_phone: Vec<PhoneTotals<'s>>,
    by_snapshot: Vec<SnapshotCost<'s>>,
    by_month: Vec<MonthCost>,
    seconds: f64,
}

impl<'s> Answer<'s> {
    fn new(chosen: &[&'s StoredSnapshot], measured: &Measured, elapsed: Duration) -> Self {
        let by_snapshot: Vec<SnapshotCost<'s>> = chosen
            .iter()
            .zip(&measured.added)
            .map(|(one, added)| SnapshotCost {
                snapshot: one.id.to_letters(),
                short: one.id.to_string(),
                date: one.snapshot.time.to_string(),
                time: Time::new(&one.snapshot.time),
                phone: &one.snapshot.phone,
                cost: Cost {
                    files: one.snapshot.counts.files,
                    bytes_logical: one.snapshot.counts.bytes,
                    bytes_added: added.plain,
                    bytes_stored: added.stored,
                },
            })
            .collect();
        let mut total = Cost::default();
        by_snapshot.iter().for_each(|one| total.add(&one.cost));
        let by_phone = by_phone(chosen);
        Self {
            snapshots: chosen.len() as u64,
            phones: by_phone.len() as u64,
            files: total.files,
            bytes_logical: total.bytes_logical,
            contents: measured.contents,
            bytes_unique: measured.bytes_unique,
            chunks: measured.data.number,
            bytes_chunks: measured.data.plain,
            bytes_compressed: measured.data.stored,
            tree_chunks: measured.trees.number,
            bytes_trees: measured.trees.stored,
            unreadable: measured.unreadable,
            sharing_ratio: ratio(total.bytes_logical, measured.data.plain),
            compression_ratio: ratio(measured.data.plain, measured.data.stored),
            total_ratio: ratio(total.bytes_logical, measured.data.stored),
            repository: None,
            categories: by_category(chosen),
            by_phone,
            by_month: by_month(chosen, &by_snapshot),
            by_snapshot,
            seconds: elapsed.as_secs_f64(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "three digits of it are of interest")]
fn ratio(of: u64, to: u64) -> Option<f64> {
    (to > 0).then(|| of as f64 / to as f64)
}

fn by_category(chosen: &[&StoredSnapshot]) -> BTreeMap<&'static str, CategoryTotals> {
    let mut totals = BTreeMap::new();
    for count in chosen.iter().flat_map(|one| &one.snapshot.counts.categories) {
        let known = Category::ALL
            .iter()
            .find(|(_, category, _)| category.number() == count.category);
        let Some((name, ..)) = known else { continue };
        let total = totals.entry(*name).or_insert(CategoryTotals {
            files: 0,
            bytes_logical: 0,
        });
        total.files = total.files.saturating_add(count.files);
        total.bytes_logical = total.bytes_logical.saturating_add(count.bytes);
    }
    totals
}

fn by_phone<'s>(chosen: &[&'s StoredSnapshot]) -> Vec<PhoneTotals<'s>> {
    let mut totals: BTreeMap<&str, PhoneTotals<'s>> = BTreeMap::new();
    for one in chosen {
        let snapshot = &one.snapshot;
        let time = snapshot.time.rfc3339();
        let total = totals.entry(&snapshot.phone).or_insert_with(|| PhoneTotals {
            phone: &snapshot.phone,
            snapshots: 0,
            first: time.clone(),
            last: String::new(),
            bytes_logical: 0,
        });
        total.snapshots += 1;
        total.last = time;
        total.bytes_logical = total.bytes_logical.saturating_add(snapshot.counts.bytes);
    }
    totals.into_values().collect()
}

/// By the month that the calendar showed where the snapshot was made.
fn by_month(chosen: &[&StoredSnapshot], costs: &[SnapshotCost<'_>]) -> Vec<MonthCost> {
    let mut months: BTreeMap<String, MonthCost> = BTreeMap::new();
    for (one, cost) in chosen.iter().zip(costs) {
        let date = one.snapshot.time.civil().date;
        let month = format!("{:04}-{:02}", date.year(), date.month());
        let total = months.entry(month.clone()).or_insert(MonthCost {
            month,
            snapshots: 0,
            cost: Cost::default(),
        });
        total.snapshots += 1;
        total.cost.add(&cost.cost);
    }
    months.into_values().collect()
}

impl Place {
    fn new(repository: &Repository, index: &ChunkIndex, measured: &Measured) -> Result<Self, Failure> {
        let mut objects = BTreeMap::new();
        let (mut bytes_stored, mut bytes_parity) = (0, 0);
        for kind in ObjectKind::ALL {
            let listed = repository.backend().list(kind)?;
            let bytes: u64 = listed.iter().map(|info| info.size).sum();
            bytes_stored += bytes;
            if kind == ObjectKind::Parity {
                bytes_parity = bytes;
            }
            if !listed.is_empty() {
                let totals = KindTotals {
                    objects: listed.len() as u64,
                    bytes,
                };
                objects.insert(kind.to_string().replace(' ', "-"), totals);
            }
        }
        let packs = index.packs();
        let (mut sealed, mut entries) = (0, 0);
        index.for_each(|_, location| {
            entries += 1;
            sealed += u64::from(location.place.entry.sealed_len());
        });
        let size = packs.iter().map(|pack| u64::from(pack.size)).sum();
        let needed = measured.data.stored + measured.trees.stored;
        Ok(Self {
            bytes_stored,
            bytes_overhead: bytes_stored.saturating_sub(sealed),
            bytes_padding: padding(size, sealed, packs.len() as u64, entries),
            bytes_parity,
            bytes_unreferenced: sealed.saturating_sub(needed),
            packs: packs.len() as u64,
            objects,
        })
    }
}
