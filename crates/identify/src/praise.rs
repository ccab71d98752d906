//! Good words about the same site, said at another place.
//!
//! A block list names `||example.com^` with all beneath, or `www.example.com`; a list of well-known
//! sites names `example.com`. All three mean one site, so what is said well of one weighs against
//! what is said badly of the others, by the same sum as if it stood in one dossier. Bad evidence
//! stays where it is: a bad page or a bad subdomain says nothing of its neighbours.

use crate::EngineError;
use wardnet_model::{Kind, Scope, Stance};
use wardnet_store::{Dossier, DossierKey, Held, Listing, Store, StoreError};

/// The label that most sites answer to as they do to the name without it.
const WWW: &str = "www.";

const SCOPES: [Scope; 3] = [Scope::Exact, Scope::Below, Scope::Subtree];

/// Good evidence from elsewhere, and where it lies.
#[derive(Debug, Clone)]
pub(crate) struct Praise {
    /// The evidence.
    pub(crate) held: Held,
    /// The domain it is about.
    pub(crate) domain: Box<str>,
    /// How far it reaches there.
    pub(crate) scope: Scope,
}

/// What is said well of the site of a dossier at other places; nothing where there is no bad
/// evidence to weigh it against.
pub(crate) fn of(
    store: &Store,
    key: &DossierKey,
    dossier: &Dossier,
) -> Result<Vec<Praise>, StoreError> {
    let accused = || dossier.evidence.iter().any(|held| held.stance == Stance::Malicious);
    let mut praise = Vec::new();
    let Some(name) = domain(key, dossier).filter(|_| accused()) else {
        return Ok(praise);
    };
    for name in std::iter::once(name).chain(name.strip_prefix(WWW)) {
        let [exact, ..] = places(name);
        if !store.is_listed(Listing::Praised, &exact)? {
            continue;
        }
        for place in places(name).iter().filter(|place| *place != key) {
            let Some(other) = store.dossier(place)? else { continue };
            let good = other.evidence.into_iter().filter(|held| held.stance == Stance::Benign);
            let (domain, scope) = (name, place.scope());
            praise.extend(good.map(|held| Praise { held, domain: domain.into(), scope }));
        }
    }
    Ok(praise)
}

/// The dossiers whose verdict depends on what is said well in this one.
pub(crate) fn dependents(key: &DossierKey, dossier: &Dossier) -> Vec<DossierKey> {
    let Some(name) = domain(key, dossier) else {
        return Vec::new();
    };
    let mut found = places(name).to_vec();
    found.retain(|place| place != key);
    if !name.starts_with(WWW) {
        found.extend(places(&format!("{WWW}{name}")));
    }
    found
}

/// Settles what depends on dossiers in which good evidence came, changed or went.
impl crate::Engine {
    pub(crate) fn settle_dependents(
        &mut self,
        dependents: &[DossierKey],
        now: wardnet_model::Timestamp,
    ) -> Result<(), EngineError> {
        for keys in dependents.chunks(crate::engine::SETTLED_AT_ONCE) {
            self.settle_again(keys, now)?;
        }
        Ok(())
    }
}

fn domain<'d>(key: &DossierKey, dossier: &'d Dossier) -> Option<&'d str> {
    let is_domain = key.kind() == Some(Kind::Domain);
    is_domain.then(|| std::str::from_utf8(&dossier.payload).ok()).flatten()
}

fn places(name: &str) -> [DossierKey; 3] {
    let key = wardnet_model::domain_key(name);
    SCOPES.map(|scope| DossierKey::new(Kind::Domain.tag(), &key, scope))
}
