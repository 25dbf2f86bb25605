//! A repository with two months of one small phone, and ways to damage it.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::{World, files_below};

pub const PHONE: &str = "Lumia 950";
pub const MAY: &str = "Lumia-Backup-2026-05";
pub const JUNE: &str = "Lumia-Backup-2026-06";

/// Bytes that nothing compresses; the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// In June `a.bin` has been sorted into an album, the list has grown, a note is gone and a photo has come.
pub fn two_months() -> World {
    let world = World::with_repository();
    let a = noise(1, 50_000);
    let b = noise(2, 60_000);
    world.write(&format!("{MAY}/Pictures/a.bin"), &a);
    world.write(&format!("{MAY}/Pictures/b.bin"), &b);
    world.write(&format!("{MAY}/Documents/list.txt"), b"bread");
    world.write(&format!("{MAY}/Documents/note.txt"), b"call home");
    world.write(&format!("{JUNE}/Pictures/Album/a.bin"), &a);
    world.write(&format!("{JUNE}/Pictures/b.bin"), &b);
    world.write(&format!("{JUNE}/Pictures/c.bin"), &noise(3, 70_000));
    world.write(&format!("{JUNE}/Documents/list.txt"), b"bread, butter");
    world.ok(&["import", "--phone", PHONE, MAY, JUNE]);
    world
}

/// The files below a folder, by their paths in it.
pub fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let inside =
        |(path, content): (PathBuf, Vec<u8>)| (path.strip_prefix(folder).unwrap().to_owned(), content);
    files_below(folder).into_iter().map(inside).collect()
}

/// The paths of those.
pub fn paths(folder: &Path) -> Vec<String> {
    let text = |(path, _): (PathBuf, Vec<u8>)| path.to_str().unwrap().replace('\\', "/");
    tree(folder).into_iter().map(text).collect()
}

/// Pack and offset of the chunk that a file begins with.
pub fn place_of(world: &World, snapshot: &str, path: &str) -> (String, usize) {
    let (folder, name) = path.rsplit_once('/').unwrap();
    let folder = world.json(&["cat", "tree", &format!("{snapshot}:{folder}")]);
    let entries = folder["entries"].as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["name"] == name).unwrap();
    let content = usize::try_from(entry["content"].as_u64().unwrap()).unwrap();
    let chunk = &folder["contents"][content]["extents"][0]["chunk"];
    for (index, _) in tree(&world.repository().join("index")) {
        let index: Value = world.json(&["cat", "index", index.to_str().unwrap()]);
        for pack in index["packs"].as_array().unwrap() {
            let entries = pack["entries"].as_array().unwrap();
            if let Some(entry) = entries.iter().find(|entry| entry["id"] == *chunk) {
                let offset = usize::try_from(entry["offset"].as_u64().unwrap()).unwrap();
                return (pack["object"].as_str().unwrap().to_owned(), offset);
            }
        }
    }
    panic!("the first chunk of {path} is in no index");
}

pub fn pack_path(world: &World, pack: &str) -> PathBuf {
    world.repository().join("packs").join(&pack[..2]).join(pack)
}

/// Turns over a bit of the chunk that a file begins with.
pub fn damage(world: &World, snapshot: &str, path: &str) {
    let (pack, offset) = place_of(world, snapshot, path);
    let path = pack_path(world, &pack);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[offset + 1000] ^= 1;
    // The file itself may be write-protected.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
}
