//! What is backed up: small folders whose content follows from numbers, so that any state of them can be compared later.

use std::collections::BTreeMap;
use std::path::Path;

use crate::common::files_below;

/// Numbers that follow from a seed (SplitMix64).
#[derive(Debug)]
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `count`, which is not 0.
    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).unwrap()
    }

    pub(super) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// From 0 up to 1.
    pub(super) fn share(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap()) / f64::from(u32::MAX)
    }

    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        (!of.is_empty()).then(|| &of[self.below(of.len())])
    }
}

/// The bytes of a file: as many as this from this seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bytes {
    seed: u64,
    length: usize,
}

impl Bytes {
    fn make(self) -> Vec<u8> {
        let mut draw = Draw::new(self.seed);
        let words = std::iter::repeat_with(|| draw.next().to_le_bytes()).flatten();
        words.take(self.length).collect()
    }
}

/// The files of a folder.
pub(super) type Tree = BTreeMap<String, Bytes>;

/// As the folder is at first.
pub(super) fn first(draw: &mut Draw) -> Tree {
    (0..6).map(|_| file(draw)).collect()
}

/// A photo, or a small file.
fn file(draw: &mut Draw) -> (String, Bytes) {
    let number = draw.below(12);
    let (name, length) = if draw.one_in(3) {
        (format!("Documents/{number}.txt"), draw.below(3_000))
    } else {
        let length = 20_000 + draw.below(150_000);
        (format!("Pictures/{number}.jpg"), length)
    };
    let seed = draw.next();
    (name, Bytes { seed, length })
}

/// A month later: some files are new or other, one may be gone.
pub(super) fn change(tree: &mut Tree, draw: &mut Draw) {
    for _ in 0..=draw.below(3) {
        let (name, bytes) = file(draw);
        tree.insert(name, bytes);
    }
    if tree.len() > 4 && draw.one_in(2) {
        let names: Vec<_> = tree.keys().cloned().collect();
        tree.remove(&names[draw.below(names.len())]);
    }
}

/// Makes a folder that held `before` hold `after`.
pub(super) fn put(folder: &Path, before: &Tree, after: &Tree) {
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    for (name, bytes) in after {
        if before.get(name) != Some(bytes) {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes.make()).unwrap();
        }
    }
}

/// The first difference between a folder and what it must hold, bit for bit.
pub(super) fn difference(folder: &Path, expected: &Tree) -> Option<String> {
    let found: BTreeMap<String, Vec<u8>> = files_below(folder)
        .into_iter()
        .map(|(path, bytes)| {
            (
                path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned(),
                bytes,
            )
        })
        .collect();
    if !found.keys().eq(expected.keys()) {
        return Some(format!("{:?} instead of {:?}", found.keys(), expected.keys()));
    }
    let other = expected.iter().find(|(name, bytes)| found[*name] != bytes.make());
    other.map(|(name, _)| format!("{name} has other bytes"))
}
