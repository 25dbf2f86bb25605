//! What is said later about a snapshot counts in the order in which it was said.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::tree::{Layout, commit, file, folder};
use common::{Fixture, begin};
use lumivault_chunk_store::Clock;
use lumivault_format::AnnotationKind::{TagAdded, TagRemoved};
use lumivault_format::{Annotation, AnnotationKind};

#[test]
fn tags_are_added_once_and_removed() {
    let f = Fixture::new("snapshots: tags");
    let repository = f.open();
    let (_, writer) = begin(&repository).unwrap();
    let root = folder(&writer, Layout::Chunk, vec![("a.txt", file("a"))]);
    writer.finish().unwrap();
    let snapshot = commit(&repository, 0, &root).unwrap();
    let tags = |said: &[(AnnotationKind, &str)]| {
        for (kind, text) in said {
            f.world.clock.advance(1);
            let annotation = Annotation {
                kind: *kind,
                snapshot,
                text: (*text).into(),
                unix_seconds: f.world.clock.now().0,
                nanoseconds: 0,
                host: "desk".into(),
                predecessors: Vec::new(),
            };
            repository.annotate(&annotation).unwrap();
        }
        repository.snapshots().unwrap().found[0].tags.clone()
    };
    assert_eq!(tags(&[]), ["monthly"]);
    assert_eq!(
        tags(&[(TagAdded, "dear"), (TagAdded, "monthly"), (TagAdded, "dear")]),
        ["dear", "monthly"]
    );
    assert_eq!(
        tags(&[(TagRemoved, "monthly"), (TagRemoved, "unknown")]),
        ["dear"]
    );
    assert_eq!(tags(&[(TagAdded, "monthly"), (TagRemoved, "dear")]), ["monthly"]);
}
