//! When two names are one to the target.
//!
//! File systems fold by tables of their own age. This folds more than any of them, so that two names that differ here
//! differ everywhere; a few names that would not collide are renamed in vain.

use super::Abilities;
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// A key that two names share if the target may take them for one.
pub(in crate::target) fn fold(name: &[u8], abilities: &Abilities) -> Vec<u8> {
    if (abilities.case_sensitive && !abilities.normalising) || name.is_ascii() {
        return fold_ascii(name, abilities.case_sensitive).into_owned();
    }
    let mut key = Vec::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        key.extend_from_slice(fold_text(chunk.valid(), abilities).as_bytes());
        key.extend_from_slice(chunk.invalid());
    }
    key
}

fn fold_ascii(name: &[u8], case_sensitive: bool) -> Cow<'_, [u8]> {
    if case_sensitive {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(name.to_ascii_lowercase())
    }
}

fn fold_text(text: &str, abilities: &Abilities) -> String {
    let decomposed: String = if abilities.normalising {
        text.nfd().filter(|c| !is_ignorable(*c)).collect()
    } else {
        text.to_owned()
    };
    if abilities.case_sensitive {
        return decomposed;
    }
    // Down, up and down again: ẞ becomes ß, SS and ss.
    let folded = decomposed
        .chars()
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase);
    if abilities.normalising {
        folded.nfd().collect()
    } else {
        folded.collect()
    }
}

/// `Default_Ignorable_Code_Point` of Unicode 16, which HFS+ and ext4 leave out of comparisons.
fn is_ignorable(c: char) -> bool {
    matches!(u32::from(c),
        0xAD | 0x34F | 0x61C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F
        | 0x202A..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFF8
        | 0x1_BCA0..=0x1_BCA3 | 0x1_D173..=0x1_D17A | 0xE_0000..=0xE_0FFF)
}
