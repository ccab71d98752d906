//! What is looked for without knowing what it is about: decisions, disputes, and praise.
//!
//! They are few among millions of dossiers. Whatever brings one lists its dossier, in the same
//! write. Nothing is struck off: a dossier whose dispute has ended is listed in vain, and whoever
//! reads the list looks into the dossier anyway.

use crate::dossier::{Dossier, DossierKey, Mutation};
use wardnet_model::{Kind, Stance};

/// What a dossier is listed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listing {
    /// Somebody decided about it.
    Decided,
    /// Somebody disputes what is said of it.
    Disputed,
    /// Somebody speaks well of a domain: what is known of the same site at another scope wants to
    /// know. Listed once for all scopes.
    Praised,
}

impl Listing {
    const ALL: [Self; 3] = [Self::Decided, Self::Disputed, Self::Praised];

    const fn tag(self) -> u8 {
        match self {
            Self::Decided => 0,
            Self::Disputed => 1,
            Self::Praised => 2,
        }
    }

    /// What a mutation lists its dossier for.
    pub(crate) fn of(dossier: &DossierKey, mutation: &Mutation) -> Option<Self> {
        match mutation {
            Mutation::Decide(_) => Some(Self::Decided),
            Mutation::Put(held) if matches!(held.stance, Stance::Disputed) => Some(Self::Disputed),
            Mutation::Put(held)
                if held.stance == Stance::Benign && dossier.kind() == Some(Kind::Domain) =>
            {
                Some(Self::Praised)
            }
            Mutation::Put(_) | Mutation::End { .. } => None,
        }
    }

    /// What a dossier is to be listed for.
    pub(crate) fn all_of(key: &DossierKey, dossier: &Dossier) -> impl Iterator<Item = Self> {
        let says = |stance| dossier.evidence.iter().any(|held| held.stance == stance);
        let disputed = says(Stance::Disputed);
        let praised = key.kind() == Some(Kind::Domain) && says(Stance::Benign);
        let decided = !dossier.decisions.is_empty();
        Self::ALL.into_iter().filter(move |listing| match listing {
            Self::Decided => decided,
            Self::Disputed => disputed,
            Self::Praised => praised,
        })
    }

    /// The place of a dossier in the list.
    pub(crate) fn key(self, dossier: &DossierKey) -> [u8; 23] {
        let mut key = [0u8; 23];
        key[0] = self.tag();
        key[1..].copy_from_slice(&dossier.0);
        if self == Self::Praised {
            key[22] = 0;
        }
        key
    }

    /// The first key behind all of this list.
    pub(crate) const fn end(self) -> [u8; 1] {
        [self.tag() + 1]
    }

    /// The first key that may be of this list.
    pub(crate) const fn begin(self) -> [u8; 1] {
        [self.tag()]
    }
}

/// The dossier of a place in a list.
pub(crate) fn dossier(key: &[u8]) -> Option<DossierKey> {
    let (_, dossier) = key.split_first()?;
    dossier.try_into().ok().map(DossierKey)
}
