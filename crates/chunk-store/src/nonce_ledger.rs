//! A ledger of every (key, nonce) that sealed something, kept only in test builds: none may ever repeat.

#[cfg(feature = "nonce-ledger")]
mod kept {
    use std::collections::HashSet;
    use std::sync::{LazyLock, Mutex, PoisonError};

    static LEDGER: LazyLock<Mutex<(HashSet<[u8; 16]>, u64)>> = LazyLock::new(Mutex::default);

    /// Notes that `key` sealed under `nonce`.
    pub(crate) fn record(key: &[u8; 32], nonce: &[u8]) {
        let hash = blake3::Hasher::new().update(key).update(nonce).finalize();
        let mut short = [0u8; 16];
        short.copy_from_slice(&hash.as_bytes()[..16]);
        let mut ledger = LEDGER.lock().unwrap_or_else(PoisonError::into_inner);
        if !ledger.0.insert(short) {
            ledger.1 += 1;
        }
    }

    /// Pairs seen in this process, and how often one was seen again.
    pub fn totals() -> (usize, u64) {
        let ledger = LEDGER.lock().unwrap_or_else(PoisonError::into_inner);
        (ledger.0.len(), ledger.1)
    }
}

#[cfg(feature = "nonce-ledger")]
pub(crate) use kept::record;
#[cfg(feature = "nonce-ledger")]
pub use kept::totals;

/// Shipping builds keep no ledger.
#[cfg(not(feature = "nonce-ledger"))]
pub(crate) fn record(_key: &[u8; 32], _nonce: &[u8]) {}
