//! The members of each feed's latest snapshot, so that the next one can be told from it.
//!
//! They lie in 64 sorted chunks per feed, chosen by a byte of the key, so that a small change to a
//! large feed rewrites little.

use crate::DossierKey;
use wardnet_model::{RecordId, SourceId, TenantId};

/// How many chunks a feed's members are spread over.
pub(crate) const CHUNKS: u8 = 64;

/// One piece of evidence of a feed's snapshot: where it lies and which record it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// The dossier.
    pub dossier: DossierKey,
    /// The record in it.
    pub record: RecordId,
}

/// The bytes of one member.
const WIDTH: usize = 30;

impl Member {
    /// The chunk it lies in: by the last byte kept of a hashed key; addresses differ in byte 3.
    pub(crate) const fn chunk(&self) -> u8 {
        let bytes = &self.dossier.0;
        (bytes[20] ^ bytes[4] ^ bytes[3]) % CHUNKS
    }

    fn bytes(&self) -> [u8; WIDTH] {
        let mut bytes = [0u8; WIDTH];
        bytes[..22].copy_from_slice(&self.dossier.0);
        bytes[22..].copy_from_slice(&self.record.0.to_be_bytes());
        bytes
    }

    fn read(bytes: &[u8; WIDTH]) -> Self {
        let mut dossier = [0u8; 22];
        dossier.copy_from_slice(&bytes[..22]);
        let mut record = [0u8; 8];
        record.copy_from_slice(&bytes[22..]);
        Self { dossier: DossierKey(dossier), record: RecordId(u64::from_be_bytes(record)) }
    }
}

/// The key of a chunk.
pub(crate) fn chunk_key(tenant: TenantId, source: SourceId, chunk: u8) -> [u8; 9] {
    let mut key = [0u8; 9];
    key[..4].copy_from_slice(&tenant.0.to_be_bytes());
    key[4..8].copy_from_slice(&source.0.to_be_bytes());
    key[8] = chunk;
    key
}

/// Reads the members of a chunk; a last incomplete one is left out.
pub(crate) fn decode(bytes: &[u8]) -> impl Iterator<Item = Member> + '_ {
    let (members, _) = bytes.as_chunks::<WIDTH>();
    members.iter().map(Member::read)
}

/// The bytes of a chunk after members joined (`true`) and left. Moves come sorted; of several of
/// one member the last counts.
pub(crate) fn update(old: &[u8], moves: impl Iterator<Item = (Member, bool)>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(old.len() + moves.size_hint().0 * WIDTH);
    let mut members = decode(old).peekable();
    let mut moves = moves.peekable();
    while let Some((member, joins)) = moves.next() {
        if moves.peek().is_some_and(|(next, _)| *next == member) {
            continue;
        }
        while let Some(before) = members.next_if(|other| *other < member) {
            bytes.extend_from_slice(&before.bytes());
        }
        members.next_if_eq(&member);
        if joins {
            bytes.extend_from_slice(&member.bytes());
        }
    }
    members.for_each(|member| bytes.extend_from_slice(&member.bytes()));
    bytes
}
