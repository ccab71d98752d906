//! Relations, filed under both of their ends.

use wardnet_model::{Indicator, Relation, Scope};

use crate::DossierKey;

/// The two keys a relation lies under: from its start and from its end.
pub(crate) fn keys(relation: &Relation) -> [[u8; 52]; 2] {
    let (from, to) = (end(&relation.from), end(&relation.to));
    [key(&from, 0, relation, &to), key(&to, 1, relation, &from)]
}

/// What all keys of relations that touch `indicator` begin with.
pub(crate) fn prefix(indicator: &Indicator) -> [u8; 21] {
    end(indicator)
}

fn end(indicator: &Indicator) -> [u8; 21] {
    let mut bytes = [0u8; 21];
    bytes.copy_from_slice(&DossierKey::of(indicator, Scope::Exact).0[..21]);
    bytes
}

fn key(near: &[u8; 21], direction: u8, relation: &Relation, far: &[u8; 21]) -> [u8; 52] {
    let mut key = [0u8; 52];
    key[..21].copy_from_slice(near);
    key[21] = direction;
    key[22] = relation.kind.tag();
    key[23..44].copy_from_slice(far);
    key[44..48].copy_from_slice(&relation.source.0.to_be_bytes());
    key[48..].copy_from_slice(&relation.tenant.0.to_be_bytes());
    key
}
