//! What stands in lists.

use ipnet::IpNet;
use wardnet_model::{CategorySet, DomainName, Indicator, Kind, Risk, Timestamp, Url};

/// Kinds of things that formats tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Name,
    Address,
    Url,
    Hash,
}

impl Sort {
    /// That of a kind of indicator.
    pub(super) const fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Domain => Some(Self::Name),
            Kind::Ipv4 | Kind::Ipv6 | Kind::Ipv4Network | Kind::Ipv6Network => Some(Self::Address),
            Kind::Url => Some(Self::Url),
            Kind::Md5 | Kind::Sha1 | Kind::Sha256 => Some(Self::Hash),
            _ => None,
        }
    }
}

/// The thing itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Thing {
    /// A name: it itself, what lies beneath it, or both.
    Name { name: DomainName, itself: bool, beneath: bool },
    /// An address or network.
    Address(IpNet),
    /// A page.
    Url(Box<Url>),
    /// A file's digest, in hexadecimal.
    Hash { kind: Kind, text: String },
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) thing: Thing,
    pub(super) indicator: Indicator,
    pub(super) risk: Risk,
    pub(super) categories: CategorySet,
    pub(super) first_seen: Option<Timestamp>,
    pub(super) last_seen: Option<Timestamp>,
}

impl Item {
    /// Its text: of a network without hosts the address alone.
    pub(super) fn text(&self) -> String {
        match &self.thing {
            Thing::Name { name, .. } => name.as_str().to_owned(),
            Thing::Address(network) => address_text(network),
            Thing::Url(url) => url.as_str().to_owned(),
            Thing::Hash { text, .. } => text.clone(),
        }
    }

    /// Its categories, joined.
    pub(super) fn categories(&self, by: &str) -> String {
        let names: Vec<_> = self.categories.iter().map(|category| category.name()).collect();
        if names.is_empty() { "uncategorised".to_owned() } else { names.join(by) }
    }
}

/// An address where a network has only one, and else the network.
pub(super) fn address_text(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}
