//! Stored names become names that the target can hold: every one, each under its own name, the same at every run.
//!
//! A name that the target can hold stays as it is, unless an earlier one of the same folder (in byte order) would be
//! the same file to the target. Every other gets a suffix derived from the stored name, so that it does not depend on
//! its neighbours.

mod fold;
mod rules;
#[cfg(test)]
mod tests;

use super::abilities::Abilities;
use super::path::escape;
use std::collections::HashMap;
use std::fmt;

pub(super) use fold::fold;
use rules::Broken;

/// Why a name is written differently from how it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenameReason {
    /// It is no single component (`..`, or with a slash or zero byte). No sound archive has such names.
    NotAName,
    /// It is a name that the restore uses itself.
    OwnName,
    /// It has characters that the target forbids.
    ForbiddenCharacter,
    /// It names a device on Windows (`CON`, `COM1.txt`).
    ReservedName,
    /// It ends in a dot or space, which Windows drops.
    TrailingDotOrSpace,
    /// Its bytes are no text in the target's encoding.
    Encoding,
    /// It looks like the short name (`PROGRA~1`) that Windows gives a neighbour.
    ShortName,
    /// It is longer than the target allows.
    TooLong,
    /// To the target it is the same name as this stored one.
    Collision(Vec<u8>),
}

impl fmt::Display for RenameReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAName => "it is no single name",
            Self::OwnName => "lumivault uses this name itself during a restore",
            Self::ForbiddenCharacter => "the target forbids a character of it",
            Self::ReservedName => "it is a device name on Windows",
            Self::TrailingDotOrSpace => "it ends in a dot or a space, which Windows drops",
            Self::Encoding => "its bytes are no text",
            Self::ShortName => "it looks like the short name of another file",
            Self::TooLong => "it is too long for the target",
            Self::Collision(other) => return write!(f, "to the target it is the same as {}", escape(other)),
        })
    }
}

/// A stored name and the one under which it is written. Only [`map_names`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedName {
    stored: Vec<u8>,
    written: Vec<u8>,
    reason: Option<RenameReason>,
}

impl MappedName {
    /// The name in the archive.
    pub fn stored(&self) -> &[u8] {
        &self.stored
    }

    /// The name in the target: bytes on Unix, WTF-8 on Windows.
    pub fn written(&self) -> &[u8] {
        &self.written
    }

    /// Why the two differ, if they do.
    pub fn reason(&self) -> Option<&RenameReason> {
        self.reason.as_ref()
    }
}

/// Maps the names of one folder, in their order. Give all names of the folder, also those that are not restored now:
/// which of two colliding names keeps its own depends on the others.
pub fn map_names(names: &[&[u8]], abilities: &Abilities) -> Vec<MappedName> {
    let long_names = abilities.windows_names && names.iter().any(|name| !rules::is_short(name));
    let mut broken: Vec<Option<Broken>> = names
        .iter()
        .map(|name| rules::broken(name, abilities, long_names))
        .collect();
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|&at| (names.get(at), at));

    let mut holders: HashMap<Vec<u8>, usize> = HashMap::with_capacity(names.len());
    for &at in &order {
        let (Some(name), Some(slot @ None)) = (names.get(at), broken.get_mut(at)) else {
            continue;
        };
        let first = *holders.entry(fold(name, abilities)).or_insert(at);
        if first != at {
            let other = names.get(first).copied().unwrap_or_default().to_vec();
            *slot = Some(Broken {
                reason: RenameReason::Collision(other),
                repaired: name.to_vec(),
            });
        }
    }

    let mut mapped: Vec<MappedName> = names
        .iter()
        .map(|name| MappedName {
            stored: name.to_vec(),
            written: name.to_vec(),
            reason: None,
        })
        .collect();
    for at in order {
        let (Some(entry), Some(Some(broken))) = (mapped.get_mut(at), broken.get_mut(at).map(Option::take))
        else {
            continue;
        };
        entry.written = free_name(&entry.stored, &broken.repaired, abilities, |key| {
            let free = !holders.contains_key(&key);
            if free {
                holders.insert(key, at);
            }
            free
        });
        entry.reason = Some(broken.reason);
    }
    mapped
}

/// The first name with a suffix that nobody has yet.
fn free_name(
    stored: &[u8],
    repaired: &[u8],
    abilities: &Abilities,
    mut take: impl FnMut(Vec<u8>) -> bool,
) -> Vec<u8> {
    let mut attempt = 0_u32;
    loop {
        let name = rules::with_suffix(repaired, &suffix(stored, attempt), abilities);
        if take(fold(&name, abilities)) {
            return name;
        }
        attempt = attempt.wrapping_add(1);
    }
}

/// Six letters of 30 bits of a hash of the stored name. No digits: `~1` is what Windows' own short names end in.
fn suffix(stored: &[u8], attempt: u32) -> String {
    const LETTERS: &[u8; 20] = b"bcdfghjkmnpqrstvwxyz";
    let mut hasher = blake3::Hasher::new_derive_key("lumivault 2026 suffix of a renamed file");
    hasher.update(&attempt.to_le_bytes());
    hasher.update(stored);
    let letters = hasher.finalize().as_bytes()[..6]
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte % 20)]))
        .collect::<String>();
    format!("~{letters}")
}
