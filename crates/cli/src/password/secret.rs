//! A password in memory: wiped when dropped, never shown.

use std::fmt;

use zeroize::{Zeroize as _, Zeroizing};

/// Bytes a password may have; far more than anybody types, little enough to hash at once.
pub(crate) const PASSWORD_BYTES_MAX: usize = 4096;

/// A passphrase as it was given; the library normalises it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The passphrase itself, for the key derivation and nothing else.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Text from a file, a command or a descriptor: one byte order mark and one line end are taken off.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut text = Zeroizing::new(String::with_capacity(bytes.len().saturating_mul(3)));
        match bytes {
            // Windows PowerShell writes UTF-16 unless told otherwise.
            [0xff, 0xfe, rest @ ..] => push_utf16(&mut text, rest, u16::from_le_bytes)?,
            [0xfe, 0xff, rest @ ..] => push_utf16(&mut text, rest, u16::from_be_bytes)?,
            _ => {
                let rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
                text.push_str(std::str::from_utf8(rest).map_err(|_| "is not UTF-8 text")?);
            }
        }
        let ending = if text.ends_with("\r\n") {
            2
        } else {
            usize::from(text.ends_with('\n'))
        };
        let length = text.len() - ending;
        text.truncate(length);
        Self::checked(text)
    }

    /// Refuses what cannot be a password.
    pub(crate) fn checked(mut text: Zeroizing<String>) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("is empty");
        }
        if text.len() > PASSWORD_BYTES_MAX {
            return Err("is longer than 4096 bytes");
        }
        if text.contains('\0') {
            return Err("holds a zero byte");
        }
        Ok(Self::new(std::mem::take(&mut *text)))
    }
}

fn push_utf16(to: &mut String, bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<(), &'static str> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("is not UTF-16 text");
    }
    let mut units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    let mut whole = true;
    for character in char::decode_utf16(units.iter().copied()) {
        match character {
            Ok(character) => to.push(character),
            Err(_) => whole = false,
        }
    }
    units.zeroize();
    if whole { Ok(()) } else { Err("is not UTF-16 text") }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::{PASSWORD_BYTES_MAX, Secret};

    fn read(bytes: &[u8]) -> Result<String, &'static str> {
        Secret::from_bytes(bytes).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn one_mark_and_one_line_end_are_taken_off() {
        assert_eq!(read(b"pass"), Ok("pass".into()));
        assert_eq!(read(b"pass\n"), Ok("pass".into()));
        assert_eq!(read(b"pass\r\n"), Ok("pass".into()));
        assert_eq!(read(b"pass\n\n"), Ok("pass\n".into()));
        assert_eq!(read(b"pass\r"), Ok("pass\r".into()));
        assert_eq!(read(b"  two words \n"), Ok("  two words ".into()));
        assert_eq!(
            read("\u{feff}\u{feff}pass\n".as_bytes()),
            Ok("\u{feff}pass".into())
        );
    }

    #[test]
    fn utf16_with_a_mark_is_read() {
        let utf16 = |text: &str| text.encode_utf16().collect::<Vec<_>>();
        let little: Vec<u8> = utf16("\u{feff}пароль😀\r\n")
            .into_iter()
            .flat_map(u16::to_le_bytes)
            .collect();
        let big: Vec<u8> = utf16("\u{feff}пароль😀\r\n")
            .into_iter()
            .flat_map(u16::to_be_bytes)
            .collect();
        assert_eq!(read(&little), Ok("пароль😀".into()));
        assert_eq!(read(&big), Ok("пароль😀".into()));
        assert!(read(b"\xff\xfea").is_err());
        assert!(read(b"\xff\xfe\x00\xd8").is_err());
    }

    #[test]
    fn what_cannot_be_a_password_is_refused() {
        assert!(read(b"").is_err());
        assert!(read(b"\n").is_err());
        assert!(read(b"\xef\xbb\xbf\r\n").is_err());
        assert!(read(b"a\xff").is_err());
        assert!(read(b"a\0b").is_err());
        assert!(read(&[b'x'; PASSWORD_BYTES_MAX]).is_ok());
        assert!(read(&[b'x'; PASSWORD_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(
            format!("{:?}", Secret::new("hunter2".into())),
            "Secret(not shown)"
        );
    }
}
