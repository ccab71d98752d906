//! What is remembered of a secret that has proved right.
//!
//! A digest of every request's secret would cost as much as a lookup, where the processor has no
//! instructions for SHA-256. So a token remembers, once its secret has proved right, a short keyed
//! digest of it: SipHash-2-4 of 128 bits under a key that is drawn when the program starts and
//! never leaves it. Whoever does not know the key can only guess, against 128 bits; and whatever
//! does not fit the seal is hashed in full. The secret itself is not kept.

use std::fmt;
use std::hash::Hasher as _;
use std::sync::OnceLock;

use siphasher::sip128::{Hasher128 as _, SipHasher24};
use subtle::ConstantTimeEq as _;

use super::TokenStoreError;

/// The key of all seals of one process.
pub(super) struct SealKey([u8; 16]);

impl SealKey {
    /// Draws a key.
    pub(super) fn draw() -> Result<Self, TokenStoreError> {
        let mut key = [0; 16];
        getrandom::fill(&mut key).map_err(|error| TokenStoreError::Random(error.to_string()))?;
        Ok(Self(key))
    }

    fn seal(&self, secret: &[u8]) -> [u8; 16] {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(secret);
        hasher.finish128().as_bytes()
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SealKey(…)")
    }
}

/// The seal of one token: empty until its secret has proved right.
#[derive(Default)]
pub(super) struct Seal(OnceLock<[u8; 16]>);

impl Seal {
    /// Whether this is the secret: by the seal, or else by `prove`, which may take its time.
    pub(super) fn is_right(
        &self,
        key: &SealKey,
        secret: &[u8],
        prove: impl FnOnce() -> bool,
    ) -> bool {
        let seal = key.seal(secret);
        if self.0.get().is_some_and(|own| own.ct_eq(&seal).into()) {
            return true;
        }
        let is_right = prove();
        if is_right {
            self.0.get_or_init(|| seal);
        }
        is_right
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Seal(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_proved_passes_without_proof() {
        let (key, seal) = (SealKey([7; 16]), Seal::default());
        assert!(!seal.is_right(&key, b"wrong", || false));
        assert!(!seal.is_right(&key, b"wrong", || false), "a failure leaves no seal");
        assert!(seal.is_right(&key, b"right", || true));
        let unasked = || -> bool { panic!("the seal is enough") };
        assert!(seal.is_right(&key, b"right", unasked));
        assert!(!seal.is_right(&key, b"wrong", || false));
        assert!(!seal.is_right(&SealKey([8; 16]), b"right", || false), "another key, other seals");
    }

    #[test]
    fn neither_is_shown() {
        assert_eq!(format!("{:?}", SealKey([7; 16])), "SealKey(…)");
        assert_eq!(format!("{:?}", Seal::default()), "Seal(…)");
    }
}
