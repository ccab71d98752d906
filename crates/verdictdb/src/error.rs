//! What can go wrong, with what to do about it.

use crate::Layer;
use wardnet_model::{Key, Kind, Scope};

/// Why bytes are not opened as a verdict database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The bytes do not begin and end as a database does.
    #[error("not a verdict database; build one with `wardnet build` or fetch it again")]
    NotADatabase,
    /// A later format.
    #[error("format version {0} is newer than this program; update the program")]
    Version(u32),
    /// An earlier format.
    #[error("format version {0} is no longer read; build the database again or fetch a newer one")]
    Older(u32),
    /// The file ends early or has been added to.
    #[error("the file has {found} bytes, its trailer says {expected}; fetch it again")]
    Length {
        /// Bytes that the trailer names.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// A checksum of the header or the directory does not match.
    #[error("checksum of the {0} does not match; fetch the file again")]
    Digest(&'static str),
    /// The checksums match but the content breaks the format.
    #[error("malformed file: {0}; do not use it, and tell whoever published it")]
    Malformed(&'static str),
    /// More than [`Limits`](crate::Limits) allows.
    #[error("more {what} than the limit of {max}; raise `Limits` if you trust the file")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        max: u64,
    },
    /// A signature is required, and there is none.
    #[error("the file is not signed, and only what {0} signed is taken; fetch it again")]
    Unsigned(crate::PublicKey),
    /// Somebody else signed it.
    #[error("the file is signed by {found}, and only what {expected} signed is taken")]
    OtherSigner {
        /// Whose signature is required.
        expected: crate::PublicKey,
        /// Whose there is.
        found: crate::PublicKey,
    },
    /// The signature is not of this file.
    #[error("the signature does not fit the file; do not use it, and fetch it again")]
    BadSignature,
    /// A shard is damaged.
    #[error(transparent)]
    Shard(#[from] LookupError),
    /// The file cannot be read.
    #[error("cannot read the database: {0}")]
    Io(#[from] std::io::Error),
}

/// Why there is no answer. Never to be taken for "safe".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The shard that would hold the answer is damaged.
    #[error("shard {shard} of the {layer} section of kind {kind} is damaged; fetch the file again")]
    BadShard {
        /// Evidence or decisions.
        layer: Layer,
        /// Number of the section's kind.
        kind: u8,
        /// Number of the shard within its section.
        shard: u32,
    },
    /// A key of an address or network whose prefix length or host bits are impossible.
    #[error("the key is not an address or network in canonical form; parse it with the model")]
    BadKey,
}

/// Why a database is not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The output failed.
    #[error("cannot write the database: {0}")]
    Io(#[from] std::io::Error),
    /// Two entries for one question.
    #[error("two entries for {kind} {key:?} {scope}; merge them before building")]
    Duplicate {
        /// The kind of both.
        kind: Kind,
        /// The key of both.
        key: Key,
        /// The scope of both.
        scope: Scope,
    },
    /// A streamed entry does not come after the one before it.
    #[error("{kind} {key:?} is out of order; sort by `Entry::order` or use `Builder`")]
    OutOfOrder {
        /// The kind of the entry.
        kind: Kind,
        /// The key of the entry.
        key: Key,
    },
    /// A streamed entry that the plan does not know.
    #[error("{0} was not planned; show every entry to `Plan::note` first")]
    NotPlanned(&'static str),
    /// MD5 and SHA-1 can be forged.
    #[error("{kind} {key:?}: evidence on a forgeable hash cannot be trusted; use SHA-256")]
    TrustByWeakHash {
        /// The kind of hash.
        kind: Kind,
        /// The key.
        key: Key,
    },
    /// The key of an address or network is not canonical.
    #[error("{kind} {key:?} is not a canonical address or network; parse it with the model")]
    BadNetworkKey {
        /// The kind.
        kind: Kind,
        /// The key.
        key: Key,
    },
    /// A change names the decision layer without terms, or the evidence layer with them.
    #[error("a change of the {0} layer carries the data of the other; set or clear `terms`")]
    WrongLayer(Layer),
    /// More than the format or the limits allow.
    #[error("more {what} than {max}; split the data or raise `Limits`")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        max: u64,
    },
    /// The base of a delta cannot be read.
    #[error("cannot read the base: {0}")]
    Base(#[from] LookupError),
    /// The base has a section that this program does not know.
    #[error("the base holds kind number {0}, unknown here; update the program")]
    UnknownKind(u8),
}
