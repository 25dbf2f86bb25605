//! Builds a table from an older one and new packs, with bounded memory: sorted runs are merged, streaming.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use lumivault_format::{IndexedPack, ObjectName, PACK_PREFIX_BYTES};

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
        Self {
            base,
            parts: Vec::new(),
            run: Vec::new(),
            packs,
            numbers,
            covered,
            cache,
            changed: false,
        }
    }

    pub(super) fn covers(&self, object: &ObjectName) -> bool {
        self.covered.contains(object)
    }

    /// Adds the packs of one index object. A pack that is there already adds nothing.
    pub(super) fn add(&mut self, object: ObjectName, packs: &[IndexedPack]) -> Result<(), Error> {
        self.changed = true;
        self.covered.insert(object);
        for pack in packs {
            if self.numbers.contains_key(&pack.name) {
                continue;
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
        let part = write_table(to, &[], &BTreeSet::new(), count, &mut run.into_iter())?;
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
        // Equal ids are rare (two machines at once); a first pass counts them out.
        let count = Merge::new(&sources).count();
        let to = self.cache.map_or(To::Memory, To::Cache);
        write_table(to, &self.packs, &self.covered, count, &mut Merge::new(&sources))
    }
}

/// The records of several sorted tables in one order, each id once.
struct Merge<'t> {
    tables: &'t [&'t Table],
    heap: BinaryHeap<Reverse<(Record, usize, usize)>>,
    last: Option<[u8; 32]>,
}

impl<'t> Merge<'t> {
    fn new(tables: &'t [&'t Table]) -> Self {
        let first = |(i, table): (usize, &&Table)| table.record(0).map(|r| Reverse((*r, i, 0)));
        let heap = tables.iter().enumerate().filter_map(first).collect();
        Self {
            tables,
            heap,
            last: None,
        }
    }
}

impl Iterator for Merge<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            let Reverse((record, source, position)) = self.heap.pop()?;
            if let Some(next) = self.tables.get(source).and_then(|t| t.record(position + 1)) {
                self.heap.push(Reverse((*next, source, position + 1)));
            }
            let id: [u8; 32] = *record.first_chunk()?;
            if self.last != Some(id) {
                self.last = Some(id);
                return Some(record);
            }
        }
    }
}

/// Where a table is written.
enum To<'c> {
    Memory,
    TemporaryFile(&'c CacheDir),
    Cache(&'c CacheDir),
}

/// Writes a table with its checksum and opens it.
fn write_table(
    to: To<'_>,
    packs: &[PackInfo],
    covered: &BTreeSet<ObjectName>,
    count: usize,
    records: &mut dyn Iterator<Item = Record>,
) -> Result<Table, Error> {
    let mut to_file = |file: &File| {
        let mut out = Hashed {
            inner: BufWriter::with_capacity(256 * 1024, file),
            hasher: blake3::Hasher::new(),
        };
        let hash = encode(&mut out, packs, covered, count, records)?;
        out.inner.flush().map(|()| hash)
    };
    let bytes = match to {
        To::Cache(cache) => cache.create(&mut to_file)?,
        To::TemporaryFile(cache) => cache.create_temporary(&mut to_file)?,
        To::Memory => {
            let size = 64 + covered.len() * 32 + packs.len() * 37 + count * RECORD_BYTES + HASH_BYTES;
            let mut out = Hashed {
                inner: Vec::with_capacity(size),
                hasher: blake3::Hasher::new(),
            };
            encode(&mut out, packs, covered, count, records).map_err(|source| {
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
    packs: &[PackInfo],
    covered: &BTreeSet<ObjectName>,
    count: usize,
    records: &mut dyn Iterator<Item = Record>,
) -> io::Result<blake3::Hash> {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    out.put(&MAGIC)?;
    out.put(&u64::try_from(count).unwrap_or(u64::MAX).to_le_bytes())?;
    out.put(&small(packs.len()))?;
    out.put(&small(covered.len()))?;
    for name in covered {
        out.put(name.as_bytes())?;
    }
    for pack in packs {
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
