//! What a file came from, what came from it, and its other hashes.

use wardnet_model::{Indicator, Relation, RelationKind};

/// A file's relatives, each once, in a stable order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Family {
    /// Files that drop it.
    pub(super) parents: Vec<Indicator>,
    /// Files that it drops.
    pub(super) children: Vec<Indicator>,
    /// The same file by other hashes.
    pub(super) aliases: Vec<Indicator>,
}

impl Family {
    pub(super) fn of(file: &Indicator, relations: &[Relation]) -> Self {
        let mut family = Self::default();
        for relation in relations {
            let Relation { from, kind, to, .. } = relation;
            let (other, is_from) = if from == file { (to, true) } else { (from, false) };
            if !is_file(other) || (!is_from && to != file) {
                continue;
            }
            match (kind, is_from) {
                (RelationKind::Drops, true) => family.children.push(other.clone()),
                (RelationKind::Drops, false) => family.parents.push(other.clone()),
                (RelationKind::AliasOf, _) => family.aliases.push(other.clone()),
                _ => {}
            }
        }
        for list in [&mut family.parents, &mut family.children, &mut family.aliases] {
            list.sort();
            list.dedup();
        }
        family
    }
}

const fn is_file(indicator: &Indicator) -> bool {
    matches!(indicator, Indicator::Md5(_) | Indicator::Sha1(_) | Indicator::Sha256(_))
}

/// A hash as hashlookup writes it.
pub(super) fn text(file: &Indicator) -> String {
    file.to_string().to_ascii_uppercase()
}

/// The member that has a hash.
pub(super) const fn member(file: &Indicator) -> &'static str {
    match file {
        Indicator::Md5(_) => "MD5",
        Indicator::Sha1(_) => "SHA-1",
        _ => "SHA-256",
    }
}
