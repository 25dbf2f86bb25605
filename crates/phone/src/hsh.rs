//! The `.hsh` file beside a message export: what the phone compares before it takes the messages back.
//!
//! It is `base64(AES-128-CBC-PKCS7(base64(SHA-256(export))))` with a key and an initialisation vector that are the
//! same on every phone. So it proves that an export arrived whole, and nothing about who wrote it.

use aes::Aes128;
use base64ct::{Base64, Encoding as _};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use sha2::{Digest, Sha256};

/// The GUID `D86B2FDE-C318-4DD2-8C9E-EB3F1A244DF8`; its first three fields are stored little-endian.
const KEY: [u8; 16] = [
    0xde, 0x2f, 0x6b, 0xd8, 0x18, 0xc3, 0xd2, 0x4d, 0x8c, 0x9e, 0xeb, 0x3f, 0x1a, 0x24, 0x4d, 0xf8,
];
/// The GUID `089B6AEC-E81D-49AC-91DF-AD071418E7A3`, stored likewise.
const IV: [u8; 16] = [
    0xec, 0x6a, 0x9b, 0x08, 0x1d, 0xe8, 0xac, 0x49, 0x91, 0xdf, 0xad, 0x07, 0x14, 0x18, 0xe7, 0xa3,
];

/// The text a phone expects in the `.hsh` file of the export `msg`: 64 letters, no line end.
pub fn checksum(msg: &[u8]) -> String {
    let digest = Base64::encode_string(&Sha256::digest(msg));
    let sealed =
        cbc::Encryptor::<Aes128>::new(&KEY.into(), &IV.into()).encrypt_padded_vec::<Pkcs7>(digest.as_bytes());
    Base64::encode_string(&sealed)
}

/// Whether `hsh` is the checksum of `msg`. White space around it is forgiven.
pub fn matches(msg: &[u8], hsh: &str) -> bool {
    hsh.trim() == checksum(msg)
}

#[cfg(test)]
mod tests {
    use super::{checksum, matches};

    /// Computed apart from this code, with `sha256sum`, `base64` and `openssl enc -aes-128-cbc`.
    #[test]
    fn known_answers() {
        let empty = "rWHrw2SMrLNCn3BCG54Oe6sUda9KmMhBu2zoT2F/LpX0XAXdVfu07FeR94/lcmht";
        let no_messages = "P+nGV39o/kiKXawSOd93aVO+l71jHJq+wJUqke74G/kPzkALwwF9/FWTA4dTeqDp";
        assert_eq!(checksum(b""), empty);
        assert_eq!(checksum(b"<ArrayOfMessage />"), no_messages);
    }

    #[test]
    fn one_changed_byte_is_refused() {
        let hsh = checksum(b"<ArrayOfMessage />");
        assert!(matches(b"<ArrayOfMessage />", &format!("{hsh}\r\n")));
        assert!(!matches(b"<ArrayOfMessage/>", &hsh));
        assert!(!matches(b"<ArrayOfMessage />", &hsh[1..]));
        assert!(!matches(b"<ArrayOfMessage />", ""));
    }
}
