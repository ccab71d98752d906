//! Keys: fixed-width names of indicators, for stores and databases.

use std::fmt;

/// The 32 bytes that stand for a canonical indicator of one kind.
///
/// * Hashed kinds (domain, URL, e-mail …): SHA-256 of the canonical form; for domains and URLs, of
///   the Safe Browsing expression.
/// * SHA-256 of a file or certificate: the hash itself.
/// * Addresses and networks: the address in network byte order from byte 0 (4 or 16 bytes), the
///   prefix length in byte 16, zeros elsewhere, so that keys sort as addresses do.
///
/// Keys of different kinds are never compared with each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; 32]);

impl Key {
    /// SHA-256 of `bytes`.
    pub fn digest(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The first eight bytes, big-endian: they order keys as the bytes do.
    pub const fn prefix64(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// The first sixteen bytes, big-endian.
    pub const fn prefix128(&self) -> u128 {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = self.0;
        u128::from_be_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&crate::hex::Hex(&self.0), f)
    }
}
