//! What lies inside a sealed object: payload length, padding, required features. See docs/format.md §4.

use crate::limits::{FEATURE_NAME_BYTES_MAX, FEATURES_MAX};
use crate::wire::Reader;
use crate::{DecodeError, HEADER_BYTES};

/// Bytes of a sealed object before its ciphertext: header and nonce.
pub const SEALED_PREFIX_BYTES: usize = HEADER_BYTES + 24;
/// Least padded plaintext.
const PADDED_BYTES_MIN: u64 = 1024;

/// Padmé: rounds a length up so that it shows at most O(log log L) bits of itself (Nikitin et al., "Reducing
/// Metadata Leakage from Encrypted Files and Communication with PURBs", PETS 2019); at most 12 % more.
/// Saturates near 2^64.
pub fn padme(length: u64) -> u64 {
    let Some(exponent) = length.checked_ilog2().filter(|&e| e > 0) else {
        return length;
    };
    let significant = exponent.ilog2().saturating_add(1);
    let low = exponent.saturating_sub(significant);
    let mask = 1u64.checked_shl(low).unwrap_or(0).wrapping_sub(1);
    length.checked_add(mask).map_or(u64::MAX, |sum| sum & !mask)
}

/// Puts a body that requires no features behind its length, and pads it: the plaintext to seal.
pub fn pad_body(body: &[u8]) -> Vec<u8> {
    let payload = body.len().saturating_add(1);
    let wanted = padme(u64::try_from(payload).unwrap_or(u64::MAX).saturating_add(4)).max(PADDED_BYTES_MIN);
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    // The payload is bounded by the sealed-object limit long before u32 ends.
    let length = u32::try_from(payload).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(wanted.saturating_add(16));
    out.extend_from_slice(&length.to_le_bytes());
    out.push(0);
    out.extend_from_slice(body);
    out.resize(wanted, 0);
    out
}

/// The body of an unsealed plaintext; refuses required features by name, as version 1 knows none.
pub fn unpad_body<'a>(plaintext: &'a [u8], what: &'static str) -> Result<&'a [u8], DecodeError> {
    let mut r = Reader::new(plaintext, what);
    let length = usize::try_from(r.u32()?).map_err(|_| DecodeError::Truncated(what))?;
    let mut payload = Reader::new(r.take(length)?, what);
    let features = payload.u8()?;
    if features > FEATURES_MAX {
        return Err(DecodeError::TooLarge {
            what,
            value: features.into(),
            max: FEATURES_MAX.into(),
        });
    }
    if features > 0 {
        // Version 1 defines no features, so the first one named is already unknown.
        let length = payload.u8()?;
        if length == 0 || length > FEATURE_NAME_BYTES_MAX {
            return Err(DecodeError::Invalid(
                what,
                "a feature's name is empty or too long",
            ));
        }
        let name = payload.take(length.into())?;
        let feature = name
            .iter()
            .map(|&b| if b.is_ascii_graphic() { char::from(b) } else { '?' })
            .collect();
        return Err(DecodeError::UnsupportedFeature { what, feature });
    }
    let rest = payload.remaining();
    payload.take(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padme_matches_the_paper() {
        for (length, padded) in [
            (0, 0),
            (1, 1),
            (2, 2),
            (9, 10),
            (100, 104),
            (1000, 1024),
            (1_000_000, 1_015_808),
        ] {
            assert_eq!(padme(length), padded, "{length}");
        }
        assert_eq!(padme(u64::MAX), u64::MAX);
        for shift in 0..40 {
            for length in [1u64 << shift, (1 << shift) + 1, (3 << shift) - 1] {
                assert!(
                    padme(length) >= length && padme(padme(length)) == padme(length),
                    "{length}"
                );
                assert!(padme(length) - length <= length * 12 / 100 + 1, "{length}");
            }
        }
    }

    #[test]
    fn bodies_round_trip_and_features_are_refused_by_name() {
        for length in [0, 1, 1018, 1019, 1020, 70_000] {
            let body: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let padded = pad_body(&body);
            assert!(padded.len() >= 1024);
            assert_eq!(unpad_body(&padded, "index").unwrap(), body);
        }
        let mut payload = vec![9, 0, 0, 0, 1, 7];
        payload.extend_from_slice(b"shine-2");
        assert_eq!(
            unpad_body(&payload, "index"),
            Err(DecodeError::UnsupportedFeature {
                what: "index",
                feature: "shine-2".into()
            })
        );
        assert!(unpad_body(&[255, 255, 255, 255, 0], "index").is_err());
        assert!(unpad_body(&[0, 0, 0, 0, 0], "index").is_err());
    }
}
