//! Stored paths as they may be shown to a person: no name can drive a terminal or pose as another.

use std::fmt::{self, Write};

/// A path in the archive, for messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoredPath(Vec<Vec<u8>>);

impl StoredPath {
    /// From its components, outermost first.
    pub fn new(components: Vec<Vec<u8>>) -> Self {
        Self(components)
    }

    /// Its components, outermost first; none for the root.
    pub fn components(&self) -> &[Vec<u8>] {
        &self.0
    }
}

impl fmt::Display for StoredPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the target folder");
        }
        for (index, component) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_char('/')?;
            }
            f.write_str(&escape(component))?;
        }
        Ok(())
    }
}

/// Text of a name in which control and invisible characters, backslashes, slashes and stray bytes are escaped.
pub fn escape(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '/' {
                text.extend(c.escape_unicode());
            } else if c.is_control() || is_invisible(c) || c == '\\' {
                text.extend(c.escape_default());
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            text.extend(byte.escape_ascii().map(char::from));
        }
    }
    text
}

/// Line ends, direction marks, joiners, tags: what moves or hides the characters around it.
fn is_invisible(c: char) -> bool {
    matches!(u32::from(c),
        0xAD | 0x61C | 0x180E | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xFEFF | 0xFFF9..=0xFFFB
        | 0xE_0000..=0xE_0FFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hidden_is_printed() {
        for (name, shown) in [
            (&b"photo.jpg"[..], "photo.jpg"),
            ("Öl für 2 €".as_bytes(), "Öl für 2 €"),
            (b"\x1b]0;owned\x07", "\\u{1b}]0;owned\\u{7}"),
            (b"a\r\nb\tc", "a\\r\\nb\\tc"),
            ("\u{202e}gpj.exe".as_bytes(), "\\u{202e}gpj.exe"),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            (b"\xff\x9b", "\\xff\\x9b"),
            (b"a\\b", "a\\\\b"),
            (b"a/b", "a\\u{2f}b"),
        ] {
            assert_eq!(escape(name), shown);
        }
        assert_eq!(StoredPath::default().to_string(), "the target folder");
        let path = StoredPath::new(vec![b"a".to_vec(), b"b\n".to_vec()]);
        assert_eq!(path.to_string(), "a/b\\n");
    }
}
