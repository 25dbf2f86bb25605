//! Each hot path alone, in memory: cutting, hashing, sealing and packing, compressing, looking up, reading back.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lumivault_chunk_store::backend::Memory;
use lumivault_chunk_store::keys::{NewSlot, RecoveryCode, SlotSecret};
use lumivault_chunk_store::{
    ChunkIndex, ChunkWriter, Compression, CompressionHint, Environment, InitOptions, Repository, Silent,
    TreeReader, WriterOptions,
};
use lumivault_format::{ChunkId, ChunkKind, KdfParams};
use lumivault_ingest::chunking::{Chunker, Cut, ReadAt, classify, parameters};

const MIB: usize = 1024 * 1024;

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    blake3::Hasher::new()
        .update(&seed.to_le_bytes())
        .finalize_xof()
        .fill(&mut out);
    out
}

fn text(length: usize) -> Vec<u8> {
    let words = [
        " the", " message", " was", " sent", " again", " from", " Oulu", " to", " Salo", "\n",
    ];
    let picks = noise(1, length / 3);
    let mut out: Vec<u8> = picks
        .iter()
        .flat_map(|b| words[usize::from(*b) % words.len()].bytes())
        .collect();
    out.truncate(length);
    out
}

fn repository() -> Repository {
    let secret = || SlotSecret::Raw(RecoveryCode::from_key([7; 32]));
    let slot = NewSlot {
        secret: secret(),
        label: "bench".into(),
        kdf: KdfParams::DEFAULT,
    };
    let options = InitOptions::new(vec![slot], parameters());
    Repository::init(
        Arc::new(Memory::new()),
        &options,
        Environment::system(Arc::new(Silent)),
    )
    .unwrap()
}

fn writer(repository: &Repository) -> ChunkWriter {
    let index = Arc::new(ChunkIndex::load(repository, None).unwrap());
    let options = WriterOptions {
        compression: Compression::default(),
        threads: 1,
        dry_run: false,
    };
    ChunkWriter::new(repository, index, options).unwrap()
}

fn cut(chunker: &Chunker, content: &[u8]) -> usize {
    let plan = classify(&content as &dyn ReadAt).unwrap();
    let mut cutter = chunker.cutter(&plan);
    let (mut at, mut chunks) = (0, 0);
    while let Cut::Chunk { length, .. } | Cut::Hole { length } = cutter.next(&content[at..], true) {
        at += length;
        chunks += 1;
    }
    chunks
}

fn chunking(c: &mut Criterion) {
    let chunker = Chunker::new(&[1; 32]);
    let mut group = c.benchmark_group("chunking");
    let (fine, coarse) = (text(16 * MIB), noise(2, 40 * MIB));
    let zeros = vec![0u8; 40 * MIB];
    for (name, content) in [
        ("64 KiB average", &fine),
        ("1 MiB average", &coarse),
        ("zeros", &zeros),
    ] {
        group.throughput(Throughput::Bytes(content.len() as u64));
        group.bench_function(name, |b| b.iter(|| cut(&chunker, black_box(content))));
    }
    group.finish();
}

fn hashing(c: &mut Criterion) {
    let repository = repository();
    let mut group = c.benchmark_group("hashing");
    for length in [64 * 1024, MIB] {
        let chunk = noise(3, length);
        group.throughput(Throughput::Bytes(length as u64));
        group.bench_function(format!("chunk id of {} KiB", length / 1024), |b| {
            b.iter(|| repository.chunk_id(ChunkKind::Data, black_box(&chunk)));
        });
    }
    group.finish();
}

/// Hash, encode, seal, spool, read back, verify, publish to memory.
fn packing(c: &mut Criterion) {
    let mut group = c.benchmark_group("sealing and packing, 64 MiB");
    group
        .sample_size(10)
        .throughput(Throughput::Bytes(64 * MIB as u64));
    let photos: Vec<Vec<u8>> = (0..64).map(|i| noise(100 + i, MIB)).collect();
    let texts: Vec<Vec<u8>> = text(64 * MIB).chunks(64 * 1024).map(<[u8]>::to_vec).collect();
    let cases = [
        ("stored", &photos, CompressionHint::Store),
        ("sampled, stored", &photos, CompressionHint::Sample),
        ("compressed", &texts, CompressionHint::Compress),
    ];
    for (name, chunks, hint) in cases {
        group.bench_function(name, |b| {
            b.iter_batched(
                repository,
                |repository| {
                    let writer = writer(&repository);
                    for chunk in chunks {
                        writer.store(ChunkKind::Data, chunk, hint).unwrap();
                    }
                    writer.finish().unwrap()
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn index(c: &mut Criterion) {
    let repository = repository();
    let writer = writer(&repository);
    let ids: Vec<ChunkId> = (0..200_000u64)
        .map(|i| {
            writer
                .store(ChunkKind::Data, &i.to_le_bytes(), CompressionHint::Store)
                .unwrap()
                .id
        })
        .collect();
    writer.finish().unwrap();
    let index = ChunkIndex::load(&repository, None).unwrap();
    let mut next = 0;
    c.bench_function("index lookup among 200,000, found", |b| {
        b.iter(|| {
            next = (next + 7919) % ids.len();
            index.find(black_box(&ids[next])).unwrap()
        });
    });
    let unknown = ChunkId::from_bytes([0x5a; 32]);
    c.bench_function("index lookup among 200,000, not found", |b| {
        b.iter(|| index.find(black_box(&unknown)));
    });
}

fn reading(c: &mut Criterion) {
    let repository = repository();
    let writer = writer(&repository);
    let id = writer
        .store(ChunkKind::Data, &noise(4, MIB), CompressionHint::Store)
        .unwrap()
        .id;
    writer.finish().unwrap();
    let index = ChunkIndex::load(&repository, None).unwrap();
    let reader = TreeReader::new(&repository, &index);
    let mut group = c.benchmark_group("reading");
    group.throughput(Throughput::Bytes(MIB as u64));
    group.bench_function("open and verify a chunk of 1 MiB", |b| {
        b.iter(|| reader.chunk(black_box(&id)).unwrap());
    });
    group.finish();
}

criterion_group!(benches, chunking, hashing, packing, index, reading);
criterion_main!(benches);
