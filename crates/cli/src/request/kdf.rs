//! How much memory deriving a key may take.

use crate::output::{parse_size, size};

/// The least a passphrase is protected with.
pub(crate) const KDF_MEMORY_MIN: u64 = 64 << 20;
/// The most a repository may ask for unless the user allows more.
pub(crate) const KDF_MEMORY_MAX: u64 = 1 << 30;
/// Argon2 counts in KiB, in 32 bits.
const KDF_MEMORY_LIMIT: u64 = (u32::MAX as u64) << 10;

/// Reads a size for key derivation; whole KiB.
pub(crate) fn parse_kdf_memory(text: &str) -> Result<u64, String> {
    let bytes = parse_size(text)?;
    if bytes < KDF_MEMORY_MIN {
        return Err(format!(
            "at least {} are needed against guessing",
            size(KDF_MEMORY_MIN)
        ));
    }
    if bytes > KDF_MEMORY_LIMIT {
        return Err(format!("at most {} are possible", size(KDF_MEMORY_LIMIT)));
    }
    Ok(bytes / 1024 * 1024)
}

#[cfg(test)]
mod tests {
    use super::parse_kdf_memory;

    #[test]
    fn bounds() {
        assert_eq!(parse_kdf_memory("64M"), Ok(64 << 20));
        assert_eq!(parse_kdf_memory("67108865"), Ok(64 << 20));
        assert_eq!(parse_kdf_memory("2G"), Ok(2 << 30));
        for text in ["0", "63.9M", "128", "5T", "x"] {
            assert!(parse_kdf_memory(text).is_err(), "{text}");
        }
    }
}
