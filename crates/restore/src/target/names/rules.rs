//! Which names a target cannot hold, and the nearest that it can.

use super::{Abilities, RenameReason, fold};
use crate::target::abilities::NameEncoding;
use crate::target::own;
use crate::target::wtf8::{self, Part};

/// Longest extension that is kept when a name is cut or gets a suffix.
const EXTENSION_BYTES_MAX: usize = 16;
const STAND_IN: u8 = b'_';

/// A rule that a name breaks, and the name without that.
pub(super) struct Broken {
    pub(super) reason: RenameReason,
    pub(super) repaired: Vec<u8>,
}

/// The first rule that a name breaks. The repaired name breaks none, save those that a suffix and cutting mend.
pub(super) fn broken(name: &[u8], abilities: &Abilities, long_names: bool) -> Option<Broken> {
    let mut reason = None;
    let mut repaired = name.to_vec();
    let mut note = |found: RenameReason| {
        reason.get_or_insert(found);
    };
    if !is_component(&repaired) {
        replace(&mut repaired, |b| matches!(b, 0 | b'/'));
        if matches!(repaired.as_slice(), b"" | b"." | b"..") {
            repaired.insert(0, STAND_IN);
        }
        note(RenameReason::NotAName);
    }
    if own::is_reserved(&fold_fully(&repaired)) {
        // What begins with another character is not ours, whatever suffix follows.
        repaired.splice(..first_character(&repaired), [STAND_IN]);
        note(RenameReason::OwnName);
    }
    if make_text(&mut repaired, abilities.encoding) {
        note(RenameReason::Encoding);
    }
    if abilities.windows_names {
        if replace(&mut repaired, |b| b < 0x20 || br#"<>:"\|?*"#.contains(&b)) {
            note(RenameReason::ForbiddenCharacter);
        }
        if is_device(&repaired) {
            repaired.insert(0, STAND_IN);
            note(RenameReason::ReservedName);
        }
        if replace_trailing(&mut repaired) {
            note(RenameReason::TrailingDotOrSpace);
        }
        if looks_short(&repaired) && (long_names || repaired.to_ascii_lowercase().starts_with(b"lu")) {
            note(RenameReason::ShortName);
        }
    }
    if !fits(&repaired, abilities) {
        note(RenameReason::TooLong);
    }
    reason.map(|reason| Broken { reason, repaired })
}

fn is_component(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|b| matches!(b, 0 | b'/'))
}

/// Our own names are recognised under every folding at once, so that the answer does not depend on the target.
fn fold_fully(name: &[u8]) -> Vec<u8> {
    let everything = Abilities {
        case_sensitive: false,
        normalising: true,
        ..Abilities::unix()
    };
    fold(name, &everything)
}

fn first_character(name: &[u8]) -> usize {
    let rest = name.get(1..).unwrap_or_default();
    rest.iter().take_while(|b| is_continuation(**b)).count() + 1
}

fn replace(name: &mut [u8], bad: impl Fn(u8) -> bool) -> bool {
    let mut any = false;
    for byte in name.iter_mut().filter(|byte| bad(**byte)) {
        *byte = STAND_IN;
        any = true;
    }
    any
}

fn replace_trailing(name: &mut [u8]) -> bool {
    let tail = name.iter().rev().take_while(|b| matches!(b, b'.' | b' ')).count();
    name.iter_mut().rev().take(tail).for_each(|byte| *byte = STAND_IN);
    tail > 0
}

/// Replaces what is no text in the encoding.
fn make_text(name: &mut Vec<u8>, encoding: NameEncoding) -> bool {
    let good = |part: &Part<'_>| match part {
        Part::Text(_) => true,
        Part::Surrogate(_) => encoding == NameEncoding::Wtf8,
        Part::Invalid(_) => false,
    };
    if encoding == NameEncoding::Bytes || wtf8::parts(name).iter().all(good) {
        return false;
    }
    let mut text = Vec::with_capacity(name.len());
    for part in wtf8::parts(name) {
        match part {
            Part::Text(valid) => text.extend_from_slice(valid.as_bytes()),
            Part::Surrogate(unit) if good(&part) => text.extend(wtf8::from_utf16([unit].into_iter())),
            _ => text.push(STAND_IN),
        }
    }
    *name = text;
    true
}

/// "Naming Files, Paths, and Namespaces" of Windows: these are devices in every folder, with any extension, in any
/// case, and with spaces before the dot.
fn is_device(name: &[u8]) -> bool {
    let stem = name.split(|b| *b == b'.').next().unwrap_or_default();
    let stem = stem.trim_ascii_end().to_ascii_uppercase();
    match stem.as_slice() {
        b"CON" | b"PRN" | b"AUX" | b"NUL" | b"CONIN$" | b"CONOUT$" | b"CLOCK$" => true,
        [b'C', b'O', b'M', number @ ..] | [b'L', b'P', b'T', number @ ..] => {
            // Superscript one, two and three count as digits there.
            matches!(number, [b'0'..=b'9'] | [0xC2, 0xB9 | 0xB2 | 0xB3])
        }
        _ => false,
    }
}

/// Whether a name is its own short name, so that Windows makes up none for it.
pub(super) fn is_short(name: &[u8]) -> bool {
    let (base, extension) = split_short(name);
    let plain = |part: &[u8]| {
        part.iter()
            .all(|b| b.is_ascii_graphic() && !b".\"/\\[]:;|=,+".contains(b))
    };
    (1..=8).contains(&base.len()) && extension.len() <= 3 && plain(base) && plain(extension)
}

fn looks_short(name: &[u8]) -> bool {
    let (base, _) = split_short(name);
    let digits = base.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let before = base.get(..base.len() - digits).unwrap_or_default();
    is_short(name) && digits > 0 && before.len() > 1 && before.ends_with(b"~")
}

fn split_short(name: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = name.splitn(2, |b| *b == b'.');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// Units of UTF-16 in WTF-8.
fn utf16_length(text: &[u8]) -> usize {
    let leads = text.iter().filter(|b| !is_continuation(**b)).count();
    leads + text.iter().filter(|b| **b >= 0xF0).count()
}

fn fits(name: &[u8], abilities: &Abilities) -> bool {
    abilities.name_bytes_max.is_none_or(|max| name.len() <= max)
        && abilities
            .name_utf16_max
            .is_none_or(|max| utf16_length(name) <= max)
}

/// `name.ext` and `~suffix` make `name~suffix.ext`, with so much cut from `name` that it fits.
pub(super) fn with_suffix(name: &[u8], suffix: &str, abilities: &Abilities) -> Vec<u8> {
    let (base, extension) = split_extension(name);
    let assemble = |base: &[u8]| [base, suffix.as_bytes(), extension].concat();
    let mut base = base;
    while !base.is_empty() && !fits(&assemble(base), abilities) {
        base = cut_last(base);
    }
    assemble(base)
}

/// The extension with its dot; none if it is long or the name begins with it.
fn split_extension(name: &[u8]) -> (&[u8], &[u8]) {
    let dot = name.iter().rposition(|b| *b == b'.').filter(|at| *at > 0);
    let at = dot
        .filter(|at| name.len() - at <= EXTENSION_BYTES_MAX)
        .unwrap_or(name.len());
    name.split_at(at)
}

/// Without its last character, or without its last byte where there are no characters.
fn cut_last(text: &[u8]) -> &[u8] {
    let tail = text.iter().rev().take_while(|b| is_continuation(**b)).count();
    let cut = if tail > 3 { 1 } else { tail + 1 };
    text.get(..text.len().saturating_sub(cut)).unwrap_or_default()
}
