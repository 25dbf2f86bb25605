//! Builds a table from an older one and new packs, with bounded memory: sorted runs are merged, streaming.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use lumivault_format::{Index, IndexedPack, ObjectName, PACK_PREFIX_BYTES};

use super::cache::CacheDir;
use super::kind_number;
use super::table::{Bytes, HASH_BYTES, MAGIC, PackInfo, RECORD_BYTES, Record, Table, encode_record};
use crate::Error;

/// Records sorted in memory at a time: 24 MB.
const RUN_RECORDS: usize = 500_000;

/// A table in the making. Every part in it is sorted; the older table is the first part.
pub(super) struct Builder<'c> {
    base: Option<Arc<Table>>,
    parts: Vec<Table>,
    run: Vec<Record>,
    packs: Vec<PackInfo>,
    numbers: HashMap<ObjectName, u32>,
    covered: BTreeSet<ObjectName>,
    replaced: BTreeSet<ObjectName>,
    cache: Option<&'c CacheDir>,
    changed: bool,
}

impl<'c> Builder<'c> {
    pub(super) fn new(base: Option<Arc<Table>>, cache: Option<&'c CacheDir>) -> Self {
        let packs = base.as_ref().map(|t| t.packs().to_vec()).unwrap_or_default();
        let numbers = packs
            .iter()
            .zip(0..)
            .map(|(pack, number)| (pack.name, number))
            .collect();
        let covered = base.as_ref().map(|t| t.covered().clone()).unwrap_or_default();
        let replaced = base.as_ref().map(|t| t.replaced().clone()).unwrap_or_default();
        Self {
            base,
            parts: Vec::new(),
            run: Vec::new(),
            packs,
            numbers,
            covered,
            replaced,
            cache,
            changed: false,
        }
    }

    /// Starts over with nothing but what is known to be replaced.
    pub(super) fn without_replaced(&self) -> Self {
        let mut fresh = Self::new(None, self.cache);
        fresh.replaced.clone_from(&self.replaced);
        fresh
    }

    pub(super) fn covers(&self, object: &ObjectName) -> bool {
        self.covered.contains(object)
    }

    /// Whether an index object counts no more.
    pub(super) fn is_replaced(&self, object: &ObjectName) -> bool {
        self.replaced.contains(object)
    }

    /// Whether something in the table turned out to be replaced.
    pub(super) fn is_outdated(&self) -> bool {
        !self.covered.is_disjoint(&self.replaced)
    }

    /// Adds one index object. A pack that is there already adds nothing; of an object that is replaced, only what it
    /// replaces counts, so that the order of reading makes no difference.
    pub(super) fn add(&mut self, object: ObjectName, index: &Index) -> Result<(), Error> {
        let known = self.replaced.len();
        self.replaced.extend(index.replaces.iter().copied());
        self.changed |= self.replaced.len() > known;
        if self.replaced.contains(&object) {
            return Ok(());
        }
        self.changed = true;
        self.covered.insert(object);
        index.packs.iter().try_for_each(|pack| self.add_pack(pack))
    }

    fn add_pack(&mut self, pack: &IndexedPack) -> Result<(), Error> {
        if self.numbers.contains_key(&pack.name) {
            return Ok(());
        }
        let number = u32::try_from(self.packs.len())
            .map_err(|_| Error::Unsupported("the index lists more than 2^32 packs".into()))?;
        self.numbers.insert(pack.name, number);
        self.packs.push(PackInfo {
            name: pack.name,
            kind: pack.kind,
            size: pack.size,
        });
        let mut offset = u32::try_from(PACK_PREFIX_BYTES).unwrap_or(u32::MAX);
        for entry in &pack.entries {
            self.run.push(encode_record(number, offset, entry));
            offset = offset.saturating_add(entry.sealed_len());
        }
        if self.run.len() >= RUN_RECORDS {
            self.close_run()
        } else {
            Ok(())
        }
    }

    /// Sorts what is in memory into a part of its own.
    fn close_run(&mut self) -> Result<(), Error> {
        let mut run = std::mem::take(&mut self.run);
        if run.is_empty() {
            return Ok(());
        }
        run.sort_unstable();
        let count = run.len();
        let to = self.cache.map_or(To::Memory, To::TemporaryFile);
        let part = write_table(to, Lists::default(), count, &mut run.into_iter())?;
        self.parts.push(part);
        Ok(())
    }

    /// Merges the parts. With a cache the table is a mapped file there, otherwise it stays in memory.
    pub(super) fn finish(mut self) -> Result<Table, Error> {
        if !self.changed
            && let Some(base) = self.base.take()
        {
            match Arc::try_unwrap(base) {
                Ok(table) => return Ok(table),
                Err(shared) => self.base = Some(shared),
            }
        }
        self.close_run()?;
        let sources: Vec<&Table> = self.base.as_deref().into_iter().chain(&self.parts).collect();
        let count = sources.iter().map(|table| table.count()).sum();
        let to = self.cache.map_or(To::Memory, To::Cache);
        let lists = Lists {
            packs: &self.packs,
            covered: Some(&self.covered),
            replaced: Some(&self.replaced),
        };
        write_table(to, lists, count, &mut Merge::new(&sources))
    }
}

/// The records of several sorted tables in one order. A chunk in two packs keeps both places: one of them may be lost.
struct Merge<'t> {
    tables: &'t [&'t Table],
    heap: BinaryHeap<Reverse<(Record, usize, usize)>>,
}

impl<'t> Merge<'t> {
    fn new(tables: &'t [&'t Table]) -> Self {
        let first = |(i, table): (usize, &&Table)| table.record(0).map(|r| Reverse((*r, i, 0)));
        let heap = tables.iter().enumerate().filter_map(first).collect();
        Self { tables, heap }
    }
}

impl Iterator for Merge<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let Reverse((record, source, position)) = self.heap.pop()?;
        if let Some(next) = self.tables.get(source).and_then(|t| t.record(position + 1)) {
            self.heap.push(Reverse((*next, source, position + 1)));
        }
        Some(record)
    }
}

/// What a table lists besides its records.
#[derive(Clone, Copy, Default)]
struct Lists<'l> {
    packs: &'l [PackInfo],
    covered: Option<&'l BTreeSet<ObjectName>>,
    replaced: Option<&'l BTreeSet<ObjectName>>,
}

/// Where a table is written.
#[derive(Clone, Copy)]
enum To<'c> {
    Memory,
    TemporaryFile(&'c CacheDir),
    Cache(&'c CacheDir),
}

/// Writes a table with its checksum and opens it.
fn write_table(
    to: To<'_>,
    lists: Lists<'_>,
    count: usize,
    records: &mut dyn Iterator<Item = Record>,
) -> Result<Table, Error> {
    let mut to_file = |file: &File| {
        let mut out = Hashed {
            inner: BufWriter::with_capacity(256 * 1024, file),
            hasher: blake3::Hasher::new(),
        };
        let hash = encode(&mut out, lists, count, records)?;
        out.inner.flush().map(|()| hash)
    };
    let bytes = match to {
        To::Cache(cache) => cache.create(&mut to_file)?,
        To::TemporaryFile(cache) => cache.create_temporary(&mut to_file)?,
        To::Memory => {
            let names = lists.covered.map_or(0, BTreeSet::len) + lists.replaced.map_or(0, BTreeSet::len);
            let size = 64 + names * 32 + lists.packs.len() * 37 + count * RECORD_BYTES + HASH_BYTES;
            let mut out = Hashed {
                inner: Vec::with_capacity(size),
                hasher: blake3::Hasher::new(),
            };
            encode(&mut out, lists, count, records).map_err(|source| {
                Error::Unsupported(format!("the index does not fit in memory: {source}"))
            })?;
            Bytes::Owned(out.inner)
        }
    };
    Table::open(bytes).map_err(|source| Error::Content {
        what: "the index table just built".into(),
        source,
    })
}

struct Hashed<W> {
    inner: W,
    hasher: blake3::Hasher,
}

impl<W: Write> Hashed<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.inner.write_all(bytes)
    }
}

fn encode<W: Write>(
    out: &mut Hashed<W>,
    lists: Lists<'_>,
    count: usize,
    records: &mut dyn Iterator<Item = Record>,
) -> io::Result<blake3::Hash> {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    out.put(&MAGIC)?;
    out.put(&u64::try_from(count).unwrap_or(u64::MAX).to_le_bytes())?;
    out.put(&small(lists.packs.len()))?;
    let names = [lists.covered, lists.replaced];
    for list in names {
        out.put(&small(list.map_or(0, BTreeSet::len)))?;
    }
    for name in names.into_iter().flatten().flatten() {
        out.put(name.as_bytes())?;
    }
    for pack in lists.packs {
        out.put(pack.name.as_bytes())?;
        out.put(&[kind_number(pack.kind)])?;
        out.put(&pack.size.to_le_bytes())?;
    }
    let mut block = Vec::with_capacity(1024 * RECORD_BYTES);
    for record in records {
        block.extend_from_slice(&record);
        if block.len() == block.capacity() {
            out.put(&block)?;
            block.clear();
        }
    }
    out.put(&block)?;
    let hash = out.hasher.finalize();
    out.inner.write_all(hash.as_bytes())?;
    Ok(hash)
}
