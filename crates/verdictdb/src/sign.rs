//! Signatures: who made a file. Ed25519 (RFC 8032), over the digest that stands for all of it.
//!
//! A signature proves who made a base or a log, not that it is the newest. Keys arrive as bytes:
//! making and keeping them is the caller's part.

use crate::reader::Reader;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use std::fmt;
use std::str::FromStr;
use wardnet_model::hex;

const MAGIC: [u8; 8] = *b"WVDBsig\n";
const VERSION: u32 = 1;

/// Bytes of the block behind a signed base.
pub(crate) const BLOCK_LEN: usize = 128;

/// Bytes of a signature.
pub(crate) const SIGNATURE_LEN: usize = 64;

/// What is signed says what it is, so that a signature of one thing is none of another.
const OF_BASE: &[u8] = b"wardnet verdict database root\n";
const OF_LOG: &[u8] = b"wardnet change log chain\n";

/// The public half of a key. Written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey(pub [u8; 32]);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// A text that is no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a public key: 64 hexadecimal digits, as `wardnet db key` prints them")]
pub struct PublicKeyError;

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        hex::decode(text).map(Self).ok_or(PublicKeyError)
    }
}

impl PublicKey {
    fn verifies(&self, what: &[u8], digest: &[u8; 32], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(&message(what, digest), signature).is_ok()
    }

    pub(crate) fn verifies_log(&self, chain: &[u8; 32], signature: &[u8]) -> bool {
        self.verifies(OF_LOG, chain, signature)
    }
}

/// A key that signs. Never shown.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// The key of a seed: 32 bytes that nobody can guess. `None` where there is no such key.
    pub fn from_seed(seed: &[u8; 32]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let public = PublicKey(pair.public_key().as_ref().try_into().ok()?);
        Some(Self { pair, public })
    }

    /// The half that others may know.
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    fn sign(&self, what: &[u8], digest: &[u8; 32]) -> [u8; SIGNATURE_LEN] {
        let signature = self.pair.sign(&message(what, digest));
        let mut bytes = [0; SIGNATURE_LEN];
        bytes.iter_mut().zip(signature.as_ref()).for_each(|(to, from)| *to = *from);
        bytes
    }

    pub(crate) fn sign_log(&self, chain: &[u8; 32]) -> [u8; SIGNATURE_LEN] {
        self.sign(OF_LOG, chain)
    }

    /// The block that makes a base signed: it goes right behind the file whose `root` this is, see
    /// [`Written::root`](crate::Written::root).
    pub fn sign_base(&self, root: &[u8; 32]) -> Vec<u8> {
        let mut block = MAGIC.to_vec();
        block.extend_from_slice(&VERSION.to_le_bytes());
        block.extend_from_slice(&[0; 4]);
        block.extend_from_slice(&self.public.0);
        block.extend_from_slice(&self.sign(OF_BASE, root));
        block.extend_from_slice(&[0; 16]);
        block
    }
}

fn message(what: &[u8], digest: &[u8; 32]) -> Vec<u8> {
    [what, digest].concat()
}

/// What the block behind a base says.
pub(crate) struct Block<'a> {
    pub(crate) key: PublicKey,
    signature: &'a [u8],
}

impl<'a> Block<'a> {
    /// Takes the block off the end of a file; `None` where there is none. A block of a later
    /// version, or a damaged one, is none either, and then the file does not end as a base does.
    pub(crate) fn split(file: &'a [u8]) -> Option<(&'a [u8], Self)> {
        let (base, block) = file.split_at_checked(file.len().checked_sub(BLOCK_LEN)?)?;
        let mut fields = Reader(block);
        let known = fields.array() == Some(MAGIC) && fields.u32() == Some(VERSION);
        let (zero, key) = (fields.u32()?, PublicKey(fields.array()?));
        let signature = fields.take(SIGNATURE_LEN)?;
        let is_zero = zero == 0 && fields.0.iter().all(|byte| *byte == 0);
        (known && is_zero).then_some((base, Self { key, signature }))
    }

    pub(crate) fn fits(&self, root: &[u8; 32]) -> bool {
        self.key.verifies(OF_BASE, root, self.signature)
    }
}
