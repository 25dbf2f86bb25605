//! WTF-8: what Windows names look like as bytes. UTF-8 in which a lone surrogate is written as three bytes.
//!
//! See Simon Sapin, "The WTF-8 encoding", §3. A pair of surrogates written as six bytes is no WTF-8.

/// A stretch of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// UTF-8.
    Text(&'a str),
    /// A lone surrogate.
    Surrogate(u16),
    /// One byte that belongs to no character.
    Invalid(u8),
}

/// Takes bytes apart.
pub(super) fn parts(bytes: &[u8]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (text, after) = match std::str::from_utf8(rest) {
            Ok(text) => (text, &[][..]),
            Err(error) => {
                let (text, after) = rest.split_at(error.valid_up_to());
                (std::str::from_utf8(text).unwrap_or_default(), after)
            }
        };
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        if after.is_empty() {
            break;
        }
        let (part, used) = first_invalid(after);
        // A low half right after a high half should have been one character of four bytes.
        let pair = matches!(
            (parts.last(), part),
            (
                Some(Part::Surrogate(0xD800..=0xDBFF)),
                Part::Surrogate(0xDC00..=0xDFFF)
            )
        );
        if pair {
            parts.extend(after.iter().take(used).map(|byte| Part::Invalid(*byte)));
        } else {
            parts.push(part);
        }
        rest = after.get(used..).unwrap_or_default();
    }
    parts
}

fn first_invalid(bytes: &[u8]) -> (Part<'_>, usize) {
    match bytes {
        [0xED, second @ 0xA0..=0xBF, third @ 0x80..=0xBF, ..] => {
            let unit = 0xD000 | u16::from(second & 0x3F) << 6 | u16::from(third & 0x3F);
            (Part::Surrogate(unit), 3)
        }
        [byte, ..] => (Part::Invalid(*byte), 1),
        [] => (Part::Text(""), 0),
    }
}

/// The UTF-16 of well-formed WTF-8.
#[cfg_attr(not(any(windows, test)), expect(dead_code, reason = "names of Windows"))]
pub(super) fn to_utf16(bytes: &[u8]) -> Option<Vec<u16>> {
    let mut units = Vec::with_capacity(bytes.len());
    for part in parts(bytes) {
        match part {
            Part::Text(text) => units.extend(text.encode_utf16()),
            Part::Surrogate(unit) => units.push(unit),
            Part::Invalid(_) => return None,
        }
    }
    Some(units)
}

/// The WTF-8 of any UTF-16.
pub(super) fn from_utf16(units: impl Iterator<Item = u16>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for decoded in char::decode_utf16(units) {
        match decoded {
            Ok(character) => {
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Err(lone) => {
                let [high, low] = lone.unpaired_surrogate().to_be_bytes();
                let second = 0x80 | (high & 0x0F) << 2 | low >> 6;
                bytes.extend([0xED, second, 0x80 | (low & 0x3F)]);
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_comes_back() {
        for first in (0..=u16::MAX).step_by(7).chain(0xD7FF..=0xE000) {
            for second in [0x41, 0xD800, 0xDBFF, 0xDC00, 0xDFFF] {
                let units = [first, second];
                let bytes = from_utf16(units.into_iter());
                assert_eq!(to_utf16(&bytes), Some(units.to_vec()), "{units:x?}");
            }
        }
    }

    #[test]
    fn what_is_no_wtf8_is_refused() {
        for bytes in [
            &b"\xff"[..],
            b"a\x80",
            b"\xed\xa0",
            b"\xc0\xaf",
            b"\xed\xa0\xbd\xed\xb8\x80",
            b"\xf5\x80\x80\x80",
        ] {
            assert_eq!(to_utf16(bytes), None, "{bytes:x?}");
        }
        assert_eq!(to_utf16(b"\xed\xa0\xbdx"), Some(vec![0xD83D, 0x78]));
    }
}
