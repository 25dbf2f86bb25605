//! Text from elsewhere, made harmless for a terminal: nothing that passes through here moves a cursor, changes a
//! title, reorders a line or breaks it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

/// Whether a terminal would act on the character, or show text in another order because of it.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character,
            // Marks and overrides of the writing direction, line and paragraph separators.
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Invisible tag characters and the byte order mark.
            | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

fn push_escaped(to: &mut String, character: char) {
    match character {
        '\n' => to.push_str("\\n"),
        '\r' => to.push_str("\\r"),
        '\t' => to.push_str("\\t"),
        '\0'..='\x7f' => {
            let _ = write!(to, "\\x{:02x}", u32::from(character));
        }
        _ => {
            let _ = write!(to, "\\u{{{:x}}}", u32::from(character));
        }
    }
}

/// The text on one line, with everything harmful spelled out as `\n`, `\x1b`, `\u{202e}`.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_harmful(character) {
            push_escaped(&mut out, character);
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// The same for a stored name, which need not be UTF-8: other bytes become `\xff`.
pub(crate) fn printable_bytes(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return printable(text);
    }
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        out.push_str(&printable(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    Cow::Owned(out)
}

/// The same for a path of this system.
pub(crate) fn printable_path(path: &Path) -> String {
    printable_bytes(path.as_os_str().as_encoded_bytes()).into_owned()
}

/// Passes file content on to a terminal: line ends and tabs stay, everything else that is harmful is spelled out.
pub(crate) struct EscapingWriter<W: Write> {
    inner: W,
    /// The beginning of a character whose rest has not been written yet, at most three bytes.
    pending: Vec<u8>,
}

impl<W: Write> EscapingWriter<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self {
            inner,
            pending: Vec::with_capacity(4),
        }
    }

    fn pass(&mut self, bytes: &[u8], last: bool) -> io::Result<()> {
        let mut rest = bytes;
        let mut text = String::with_capacity(bytes.len() + 16);
        while !rest.is_empty() {
            let (valid, invalid) = match std::str::from_utf8(rest) {
                Ok(valid) => (valid, 0),
                Err(error) => {
                    let (valid, _) = rest.split_at(error.valid_up_to());
                    let invalid = error.error_len().unwrap_or(0);
                    (std::str::from_utf8(valid).unwrap_or_default(), invalid)
                }
            };
            push_content(&mut text, valid);
            rest = &rest[valid.len()..];
            if invalid == 0 && !last {
                self.pending.extend_from_slice(rest);
                break;
            }
            let broken = if invalid == 0 { rest.len() } else { invalid };
            for byte in &rest[..broken] {
                let _ = write!(text, "\\x{byte:02x}");
            }
            rest = &rest[broken..];
        }
        self.inner.write_all(text.as_bytes())
    }
}

fn push_content(to: &mut String, text: &str) {
    for character in text.chars() {
        if is_harmful(character) && character != '\n' && character != '\t' {
            push_escaped(to, character);
        } else {
            to.push(character);
        }
    }
}

impl<W: Write> Write for EscapingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = std::mem::take(&mut self.pending);
        all.extend_from_slice(bytes);
        self.pass(&all, false)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write> Drop for EscapingWriter<W> {
    fn drop(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        // What is left is half a character; there is nobody left to tell if even that cannot be written.
        let _ = self.pass(&pending, true);
        let _ = self.inner.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::{EscapingWriter, printable, printable_bytes};

    #[test]
    fn plain_text_is_left_alone() {
        assert!(matches!(
            printable("Сб, июл 29 写真 é C:\\x"),
            std::borrow::Cow::Borrowed(_)
        ));
    }

    #[test]
    fn everything_a_terminal_acts_on_is_spelled_out() {
        assert_eq!(printable("a\x1b[2Jb"), "a\\x1b[2Jb");
        assert_eq!(printable("a\nb\rc\td\0e\x7f"), "a\\nb\\rc\\td\\x00e\\x7f");
        assert_eq!(printable("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(printable("photo\u{202e}gpj.exe"), "photo\\u{202e}gpj.exe");
        assert_eq!(
            printable("a\u{2028}b\u{2066}c\u{feff}"),
            "a\\u{2028}b\\u{2066}c\\u{feff}"
        );
        for code in (0..0x20).chain(0x7f..0xa0) {
            let character = char::from_u32(code).unwrap().to_string();
            assert!(printable(&character).starts_with('\\'), "U+{code:04x} passed");
        }
    }

    #[test]
    fn names_need_not_be_utf8() {
        assert_eq!(printable_bytes(b"a\xffb\x1b\xc3"), "a\\xffb\\x1b\\xc3");
        assert_eq!(printable_bytes("фото".as_bytes()), "фото");
    }

    #[test]
    fn content_for_a_terminal_keeps_lines_and_loses_escapes() {
        let input = "one\ttwo\nдва\x1b[31m\u{202e}é\r\n".as_bytes();
        let expected = "one\ttwo\nдва\\x1b[31m\\u{202e}é\\r\n";
        for step in 1..=input.len() {
            let mut out = Vec::new();
            {
                let mut writer = EscapingWriter::new(&mut out);
                for piece in input.chunks(step) {
                    writer.write_all(piece).unwrap();
                }
            }
            assert_eq!(String::from_utf8(out).unwrap(), expected, "pieces of {step}");
        }
    }

    #[test]
    fn half_a_character_at_the_end_is_not_lost() {
        let mut out = Vec::new();
        EscapingWriter::new(&mut out).write_all(b"a\xff\xe2\x82").unwrap();
        assert_eq!(out, b"a\\xff\\xe2\\x82");
    }
}
