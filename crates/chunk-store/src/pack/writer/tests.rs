use lumivault_format::{Codec, ObjectKind};

use super::*;
use crate::testing::repository;

fn entry(repository: &Repository, text: &[u8]) -> PackEntry {
    let length = u32::try_from(text.len()).unwrap();
    PackEntry {
        id: repository.chunk_id(ChunkKind::Data, text),
        codec: Codec::None,
        stored_len: length,
        plain_len: length,
    }
}

fn copying(repository: &Repository) -> (Arc<ChunkIndex>, ChunkWriter) {
    let index = Arc::new(ChunkIndex::load(repository, None).unwrap());
    let writer = ChunkWriter::for_copying(repository, Arc::clone(&index)).unwrap();
    (index, writer)
}

#[test]
fn a_chunk_that_is_copied_twice_is_written_once() {
    let (repository, _) = repository("writer: copied twice");
    let (index, writer) = copying(&repository);
    let text = b"a chunk that lay in two packs";
    let entry = entry(&repository, text);
    for _ in 0..2 {
        writer.copy(ChunkKind::Data, entry, &mut text.to_vec()).unwrap();
    }
    let summary = writer.finish().unwrap();
    assert_eq!((summary.chunks, summary.data_chunks, summary.packs), (1, 1, 1));
    assert_eq!((summary.plain_bytes, summary.stored_bytes), (29, 29));
    assert_eq!(index.places(&entry.id).len(), 1);
}

#[test]
fn dropping_a_run_waits_for_the_packs_under_way() {
    let (repository, _) = repository("writer: dropped");
    let (_, writer) = copying(&repository);
    let text = b"in a pack that takes a while to read back";
    let mut pack = OpenPack::begin(ChunkKind::Data, writer.shared.context()).unwrap();
    pack.add(entry(&repository, text), &mut text.to_vec()).unwrap();
    writer.close(pack).unwrap();
    let shared = Arc::clone(&writer.shared);
    drop(writer);
    assert_eq!(Arc::strong_count(&shared), 1, "no thread works on");
    assert_eq!(repository.backend().list(ObjectKind::Pack).unwrap().len(), 1);
}

#[test]
fn a_run_knows_whether_it_published_anything() {
    let (repository, _) = repository("writer: unpublished");
    let (_, mut writer) = copying(&repository);
    let text = b"published before the end";
    writer
        .copy(ChunkKind::Data, entry(&repository, text), &mut text.to_vec())
        .unwrap();
    assert!(writer.is_unpublished());
    for dealer in &writer.shared.dealers {
        writer.finish_dealer(dealer).unwrap();
    }
    drop(writer.publish.take());
    for publisher in std::mem::take(&mut writer.publishers) {
        publisher.join().unwrap();
    }
    assert!(!writer.is_unpublished());
}
