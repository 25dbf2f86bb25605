//! Recovery codes: 256 bits on paper. See docs/format.md §5.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{Environment, Error};

/// Crockford's base32 alphabet: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHECK_BYTES: usize = 3;
const CODE_CHARS: usize = 56;

/// A raw key that people can write down.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RecoveryCode([u8; 32]);

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode")
    }
}

/// Why a text is no recovery code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryCodeError {
    /// Other characters, or not 56 of them.
    #[error("a recovery code has 56 letters and digits in 14 groups of four")]
    Form,
    /// A typing error.
    #[error("the recovery code has a typing error: its check digits do not fit")]
    Checksum,
}

impl RecoveryCode {
    /// A new random code.
    pub fn generate(env: &Environment) -> Result<Self, Error> {
        Ok(Self(env.random_array()?))
    }

    /// A code for this raw key.
    pub fn from_key(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The raw key.
    pub fn key(&self) -> &[u8; 32] {
        &self.0
    }

    /// 14 groups of four characters, joined by hyphens.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(32 + CHECK_BYTES));
        bytes.extend_from_slice(&self.0);
        bytes.extend_from_slice(&check(&self.0));
        let mut text = Zeroizing::new(String::with_capacity(CODE_CHARS + 13));
        for (i, group) in bytes.chunks(5).enumerate() {
            let bits = group.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
            for place in 0..8u32 {
                let digit = (bits >> (35 - 5 * place)) & 31;
                if place % 4 == 0 && (i, place) != (0, 0) {
                    text.push('-');
                }
                text.push(char::from(ALPHABET[usize::try_from(digit).unwrap_or(0)]));
            }
        }
        text
    }

    /// Reads a code as people type it: any case, hyphens and spaces anywhere, O for 0, I and L for 1.
    pub fn parse(text: &str) -> Result<Self, RecoveryCodeError> {
        let mut digits = Zeroizing::new(Vec::with_capacity(CODE_CHARS));
        for c in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let c = match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                c => c,
            };
            let place = ALPHABET
                .iter()
                .position(|a| char::from(*a) == c)
                .ok_or(RecoveryCodeError::Form)?;
            if digits.len() == CODE_CHARS {
                return Err(RecoveryCodeError::Form);
            }
            digits.push(u64::try_from(place).unwrap_or(0));
        }
        if digits.len() != CODE_CHARS {
            return Err(RecoveryCodeError::Form);
        }
        let mut bytes = Zeroizing::new([0u8; 32 + CHECK_BYTES]);
        for (group, out) in digits.chunks(8).zip(bytes.chunks_mut(5)) {
            let bits = group
                .iter()
                .fold(0u64, |sum, digit| sum << 5 | digit)
                .to_be_bytes();
            out.copy_from_slice(&bits[3..]);
        }
        let key: [u8; 32] = bytes[..32].try_into().map_err(|_| RecoveryCodeError::Form)?;
        if check(&key) == bytes[32..] {
            Ok(Self(key))
        } else {
            Err(RecoveryCodeError::Checksum)
        }
    }
}

fn check(key: &[u8; 32]) -> [u8; CHECK_BYTES] {
    let hash = blake3::Hasher::new()
        .update(b"lumivault recovery code")
        .update(key)
        .finalize();
    [hash.as_bytes()[0], hash.as_bytes()[1], hash.as_bytes()[2]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip_as_people_type_them() {
        let code = RecoveryCode(std::array::from_fn(|i| u8::try_from(i * 37 % 256).unwrap()));
        let text = code.to_text();
        assert_eq!((text.len(), text.split('-').count()), (69, 14));
        assert!(text.split('-').all(|group| group.len() == 4));
        let sloppy = text
            .to_lowercase()
            .replace('-', " ")
            .replace('0', "o")
            .replace('1', "l");
        for text in [text.as_str(), &sloppy] {
            assert_eq!(RecoveryCode::parse(text).unwrap().key(), code.key());
        }
    }

    #[test]
    fn every_single_typing_error_is_found() {
        let text = RecoveryCode([7; 32]).to_text();
        for (i, c) in text.char_indices().filter(|(_, c)| *c != '-') {
            let other = if c == '7' { "8" } else { "7" };
            let wrong = format!("{}{other}{}", &text[..i], &text[i + 1..]);
            assert_eq!(
                RecoveryCode::parse(&wrong).unwrap_err(),
                RecoveryCodeError::Checksum,
                "{wrong}"
            );
        }
        for bad in ["", "hunter2", &text[1..], &format!("{}7", *text), "U"] {
            assert_eq!(
                RecoveryCode::parse(bad).unwrap_err(),
                RecoveryCodeError::Form,
                "{bad}"
            );
        }
    }
}
