//! What of a view is published, and what must not be.
//!
//! Clients ask for the hashes of expressions, and one that ends in `/` speaks for everything beneath
//! it, below the host too. So what is listed in Wardnet with more care is published only as far as
//! that does no harm:
//!
//! - nothing that lends space to strangers: public suffixes, hosting, shorteners;
//! - no host or directory of a site that is known to be good, unless somebody decided so;
//! - only what a question about the thing itself would block.

use super::rows::Row;
use super::threat::Threats;
use std::net::IpAddr;
use wardnet_model::{
    Band, Category, CategorySet, DomainName, DomainRef, HostRef, Indicator, Key, Kind, Scope,
    SuffixList, Timestamp, Url, address_key, domain_key,
};
use wardnet_score::{Epoch, Policy};
use wardnet_verdictdb::{Hits, Layer, LookupError, Prefix, Question, View};

/// Something that may be published: the expression `host/`, or one of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Candidate {
    /// A name, with all beneath it.
    Name(DomainName),
    /// An address in the place of a name.
    Address(IpAddr),
    /// A page or directory.
    Page(Box<Url>),
}

/// Why something dangerous is not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Withheld {
    /// It belongs to strangers of each other.
    Shared,
    /// It is part of a site that is known to be good.
    KnownGood,
    /// A question about it is not answered so: it is allowed, or only what lies beneath it is bad.
    NotBlocked,
}

/// What becomes of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is published.
    Listed(Row),
    /// It is dangerous, and not published.
    Withheld(Withheld),
    /// It is not listed.
    Silent,
}

/// Categories of what lends space to strangers.
pub(super) const SHARED: CategorySet = CategorySet::EMPTY
    .with(Category::Hosting)
    .with(Category::Shortener)
    .with(Category::Cloud)
    .with(Category::Cdn)
    .with(Category::DynamicDns);

/// Labels beneath a lender's name that are its own, and no customer's.
const SERVICES: [&str; 12] =
    ["api", "app", "cdn", "dl", "download", "l", "m", "mobile", "share", "static", "web", "www"];

impl Candidate {
    /// What an entry is about; `None` where no browser could ask for it.
    pub(super) fn of(kind: Kind, key: &Key, name: Option<&str>) -> Option<Self> {
        match kind {
            Kind::Domain => DomainName::parse(name?).ok().map(Self::Name),
            Kind::Ipv4 | Kind::Ipv6 => Some(Self::Address(Prefix::from_key(kind, key)?.address())),
            Kind::Url => {
                let url = Url::parse(name?).ok()?;
                let is_root = url.expression().len() == url.host_text().len().saturating_add(1);
                Some(match url.host() {
                    HostRef::Domain(host) if is_root => {
                        Self::Name(DomainName::parse(host.as_str()).ok()?)
                    }
                    HostRef::Address(address) if is_root => Self::Address(address),
                    _ => Self::Page(Box::new(url)),
                })
            }
            _ => None,
        }
    }

    /// What clients hash.
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Name(name) => domain_key(name.as_str()),
            Self::Address(IpAddr::V4(address)) => Key::digest(format!("{address}/").as_bytes()),
            Self::Address(IpAddr::V6(address)) => Key::digest(format!("[{address}]/").as_bytes()),
            Self::Page(url) => Key::digest(url.expression().as_bytes()),
        }
    }

    /// The name of its host, where it has one.
    pub(super) fn host(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name.as_str()),
            Self::Address(_) => None,
            Self::Page(url) => match url.host() {
                HostRef::Domain(host) => Some(host.as_str()),
                HostRef::Address(_) | HostRef::Other(_) => None,
            },
        }
    }

    /// Whether it speaks for what lies beneath it.
    fn is_prefix(&self) -> bool {
        match self {
            Self::Name(_) | Self::Address(_) => true,
            Self::Page(url) => url.is_directory(),
        }
    }

    /// The page that a client asks about: of a host, its root.
    fn url(&self) -> Option<Url> {
        match self {
            Self::Name(name) => Url::parse(&format!("http://{}/", name.as_str())).ok(),
            Self::Address(IpAddr::V4(address)) => Url::parse(&format!("http://{address}/")).ok(),
            Self::Address(IpAddr::V6(address)) => Url::parse(&format!("http://[{address}]/")).ok(),
            Self::Page(url) => Some(Url::clone(url)),
        }
    }
}

/// What is said of a candidate itself, and not of what it lies in.
#[derive(Debug, Clone, Copy, Default)]
struct Word {
    threats: Threats,
    risk: u8,
    is_decided: bool,
}

/// Says what is published of a view.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judge<'v> {
    pub(super) view: &'v View,
    pub(super) policy: Policy,
    pub(super) epoch: &'v Epoch,
    pub(super) suffixes: &'static SuffixList,
    pub(super) now: Timestamp,
}

impl Judge<'_> {
    /// What becomes of a candidate.
    pub(super) fn judge(&self, candidate: &Candidate) -> Result<Outcome, LookupError> {
        let own = self.own_word(candidate)?;
        if own.threats.is_empty() {
            return Ok(Outcome::Silent);
        }
        let Some(url) = candidate.url() else { return Ok(Outcome::Silent) };
        let indicator = Indicator::Url(url);
        let answer = self.view.ask(&Question::about(&indicator), self.suffixes, self.now)?;
        let blocks = self.policy.blocks(answer.risk, answer.band, answer.categories);
        if answer.reserved.is_some() || !blocks {
            return Ok(Outcome::Withheld(Withheld::NotBlocked));
        }
        if candidate.is_prefix() && !own.is_decided {
            if self.is_shared(candidate)? {
                return Ok(Outcome::Withheld(Withheld::Shared));
            }
            if self.is_known_good(candidate)? {
                return Ok(Outcome::Withheld(Withheld::KnownGood));
            }
        }
        let (hash, threats, risk) = (candidate.key().0, own.threats, own.risk);
        Ok(Outcome::Listed(Row { hash, threats, risk }))
    }

    /// What is said of the candidate itself.
    fn own_word(&self, candidate: &Candidate) -> Result<Word, LookupError> {
        let mut word = Word::default();
        match candidate {
            Candidate::Name(name) => {
                let key = domain_key(name.as_str());
                self.add(&mut word, &self.find(Kind::Domain, &key)?);
                // The root page has the same key, in a room of its own.
                self.add(&mut word, &self.find(Kind::Url, &key)?);
            }
            Candidate::Address(address) => {
                let kind = if address.is_ipv4() { Kind::Ipv4 } else { Kind::Ipv6 };
                let bits = if address.is_ipv4() { 32 } else { 128 };
                self.add(&mut word, &self.find(kind, &address_key(*address, bits))?);
                self.add(&mut word, &self.find(Kind::Url, &candidate.key())?);
            }
            Candidate::Page(_) => {
                self.add(&mut word, &self.find(Kind::Url, &candidate.key())?);
            }
        }
        Ok(word)
    }

    fn find(&self, kind: Kind, key: &Key) -> Result<Hits<'_>, LookupError> {
        self.view.find(None, kind, key, self.now)
    }

    fn add(&self, word: &mut Word, hits: &Hits<'_>) {
        for (layer, hit) in hits.iter() {
            let profile = hit.profile;
            let blocks = self.policy.blocks(profile.risk, profile.band, profile.categories);
            if blocks && hit.scope != Scope::Below {
                word.threats = word.threats.and(Threats::of_categories(profile.categories));
                word.risk = word.risk.max(profile.risk.value());
                word.is_decided |= layer == Layer::Decision;
            }
        }
    }

    /// Whether the host lends space to strangers. What somebody has beneath a lender's name is his own.
    pub(super) fn is_shared(&self, candidate: &Candidate) -> Result<bool, LookupError> {
        let Some(host) = candidate.host() else { return Ok(false) };
        let Ok(name) = DomainName::parse(host) else { return Ok(false) };
        if self.suffixes.is_public_suffix(&name).is_some()
            || self.own_names(&name).any(|name| self.epoch.is_hosting(name.as_str()))
        {
            return Ok(true);
        }
        self.any_above(&name, |profile| profile.categories.intersects(SHARED))
    }

    /// Whether something beneath the host lends space to strangers.
    pub(super) fn has_shared_beneath(&self, candidate: &Candidate) -> bool {
        candidate.host().is_some_and(|host| self.epoch.is_above_hosting(host))
    }

    fn is_known_good(&self, candidate: &Candidate) -> Result<bool, LookupError> {
        let Some(host) = candidate.host() else { return Ok(false) };
        let Ok(name) = DomainName::parse(host) else { return Ok(false) };
        self.any_above(&name, |profile| matches!(profile.band, Band::Safe | Band::Trusted))
    }

    /// A host, and what it lies in of the same owner: down to the registered domain, or to the name
    /// that somebody has beneath that of a lender.
    fn own_names<'n>(&self, name: &'n DomainName) -> impl Iterator<Item = DomainRef<'n>> {
        let registered =
            self.suffixes.registered_domain(name).map_or(0, |name| name.as_str().len());
        let parents = name.parents().take_while(move |parent| parent.as_str().len() >= registered);
        let mut beneath = name.as_str();
        let own = parents.take_while(move |parent| {
            let label = beneath.split('.').next().unwrap_or_default();
            beneath = parent.as_str();
            SERVICES.contains(&label) || !self.epoch.is_hosting(beneath)
        });
        std::iter::once(name.borrowed()).chain(own)
    }

    /// Whether evidence on a host, or on what it lies in of the same owner, is such.
    fn any_above(
        &self,
        name: &DomainName,
        is_such: impl Fn(&wardnet_verdictdb::Profile) -> bool,
    ) -> Result<bool, LookupError> {
        for (step, host) in self.own_names(name).enumerate() {
            let hits = self.find(Kind::Domain, &domain_key(host.as_str()))?;
            let covers = |scope: Scope| {
                if step == 0 { scope != Scope::Below } else { scope != Scope::Exact }
            };
            if hits.iter().any(|(_, hit)| covers(hit.scope) && is_such(hit.profile)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
