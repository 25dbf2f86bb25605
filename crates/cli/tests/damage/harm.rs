//! What happens to the files of a repository.

use std::fs;
use std::path::{Path, PathBuf};

use super::place::{Place, replace, walk};

/// The types of objects, with the folders they lie in and what tells them from others in there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Config,
    KeySlot,
    Epoch,
    DataPack,
    TreePack,
    Index,
    Snapshot,
    Annotation,
    Session,
    Mark,
    Revocation,
    Parity,
    Copy,
}

pub(super) const KINDS: [Kind; 13] = [
    Kind::Config,
    Kind::KeySlot,
    Kind::Epoch,
    Kind::DataPack,
    Kind::TreePack,
    Kind::Index,
    Kind::Snapshot,
    Kind::Annotation,
    Kind::Session,
    Kind::Mark,
    Kind::Revocation,
    Kind::Parity,
    Kind::Copy,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    Delete,
    Truncate,
    Flip,
    Zero,
    Swap,
    Duplicate,
    RollBack,
}

/// Each with how many places are drawn.
pub(super) const DAMAGES: [(Damage, usize); 7] = [
    (Damage::Delete, 2),
    (Damage::Truncate, 2),
    (Damage::Flip, 4),
    (Damage::Zero, 2),
    (Damage::Swap, 1),
    (Damage::Duplicate, 1),
    (Damage::RollBack, 1),
];

/// The same numbers for the same seed.
pub(super) struct Draws(u64);

impl Draws {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

impl Kind {
    fn folder(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::KeySlot => "keys",
            Self::Epoch => "epochs",
            Self::DataPack | Self::TreePack => "packs",
            Self::Index => "index",
            Self::Snapshot => "snapshots",
            Self::Annotation => "notes",
            Self::Session => "sessions",
            Self::Mark => "marks",
            Self::Revocation => "revoked",
            Self::Parity | Self::Copy => "parity",
        }
    }

    /// docs/format.md §3 and §18.
    fn is(self, bytes: &[u8]) -> bool {
        match self {
            Self::DataPack => bytes[10] == 4,
            Self::TreePack => bytes[10] == 5,
            Self::Parity => bytes[32] == 1,
            Self::Copy => bytes[32] == 2,
            _ => true,
        }
    }

    /// What is needed to read snapshots or to change the repository without doing harm, and is read whole by whoever does.
    pub(super) fn is_record(self) -> bool {
        matches!(self, Self::Index | Self::Snapshot | Self::Annotation | Self::Mark)
    }

    pub(super) fn is_pack(self) -> bool {
        matches!(self, Self::DataPack | Self::TreePack)
    }

    pub(super) fn is_parity(self) -> bool {
        matches!(self, Self::Parity | Self::Copy)
    }

    /// All objects of this type, in an order that is not that of their names, which are random.
    fn objects(self, repository: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        walk(&repository.join(self.folder()), &mut |path| {
            let bytes = fs::read(path).unwrap();
            if self.is(&bytes) {
                found.push((path.to_owned(), bytes));
            }
        });
        found.sort_by_key(|(path, bytes)| (bytes.len(), fs::metadata(path).unwrap().modified().unwrap()));
        found
    }
}

/// What was done.
pub(super) struct Harm {
    /// Names of the objects whose files are not what they were.
    pub(super) objects: Vec<String>,
    /// For whoever reads a failure.
    pub(super) text: String,
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Damages an object of this type; None where that cannot be: nothing to exchange it with, nothing older.
pub(super) fn harm(place: &Place<'_>, kind: Kind, damage: Damage, draws: &mut Draws) -> Option<Harm> {
    let repository = place.repository();
    let objects = kind.objects(&repository);
    let older = kind.objects(&place.base.path("older repository"));
    if damage == Damage::RollBack {
        return roll_back(
            &repository,
            &objects,
            &older,
            &place.base.path("older repository"),
        );
    }
    let at = draws.below(objects.len());
    let (path, bytes) = objects.get(at)?;
    let mut changed = bytes.clone();
    let mut harm = Harm {
        objects: vec![name(path)],
        text: format!("{damage:?} {}", path.strip_prefix(&repository).unwrap().display()),
    };
    match damage {
        Damage::Delete => {
            fs::remove_file(path).unwrap();
            return Some(harm);
        }
        Damage::Truncate => changed.truncate(draws.below(bytes.len())),
        Damage::Flip => {
            let (byte, bit) = (draws.below(bytes.len()), draws.below(8));
            changed[byte] ^= 1 << bit;
            harm.text = format!("{} byte {byte} bit {bit}", harm.text);
        }
        Damage::Zero => {
            let from = draws.below(bytes.len());
            let to = bytes.len().min(from + 4096);
            changed[from..to].fill(0);
            // A place with something in it.
            if changed == *bytes {
                changed[..bytes.len().min(4096)].fill(0);
            }
            harm.text = format!("{} from byte {from}", harm.text);
        }
        Damage::Swap => {
            let (other, theirs) = &objects[(at + 1 + draws.below(objects.len() - 1)) % objects.len()];
            if other == path {
                return None;
            }
            replace(other, bytes);
            harm.objects.push(name(other));
            changed.clone_from(theirs);
        }
        Damage::Duplicate => {
            let hash = blake3::hash(harm.text.as_bytes()).to_hex().to_string();
            let copy = copy_path(path, &hash);
            replace(&copy, bytes);
            harm.objects = vec![hash];
            return Some(harm);
        }
        Damage::RollBack => unreachable!("done above"),
    }
    replace(path, &changed);
    Some(harm)
}

/// Beside an object, or in the folder of its first digits.
fn copy_path(path: &Path, hash: &str) -> PathBuf {
    let folder = path.parent().unwrap();
    if folder.file_name().unwrap().len() == 2 {
        folder.with_file_name(&hash[..2]).join(hash)
    } else {
        folder.join(hash)
    }
}

fn roll_back(
    repository: &Path,
    objects: &[(PathBuf, Vec<u8>)],
    older: &[(PathBuf, Vec<u8>)],
    older_repository: &Path,
) -> Option<Harm> {
    let mut gone: Vec<String> = objects.iter().map(|(path, _)| name(path)).collect();
    for (path, _) in objects {
        fs::remove_file(path).unwrap();
    }
    for (path, bytes) in older {
        replace(
            &repository.join(path.strip_prefix(older_repository).unwrap()),
            bytes,
        );
        gone.retain(|gone| *gone != name(path));
    }
    // Nothing older, or nothing else than there was.
    let is_same = gone.is_empty() && older.len() == objects.len();
    (!older.is_empty() && !is_same).then(|| Harm {
        text: format!("{} objects rolled back to {}", objects.len(), older.len()),
        objects: gone,
    })
}
