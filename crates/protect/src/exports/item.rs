//! What stands in lists.

use ipnet::IpNet;
use std::borrow::Cow;
use wardnet_model::{CategorySet, DomainRef, HostRef, Indicator, Kind, Risk, Timestamp, Url};

/// Kinds of things that formats tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Name,
    Address,
    Url,
    Hash,
    /// Addresses with ports.
    Endpoint,
    /// Certificates, and fingerprints of clients.
    Tls,
    /// Addresses of mail, autonomous systems, vulnerabilities, apps.
    Other,
}

impl Sort {
    /// That of a kind of indicator.
    pub(super) const fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Domain => Some(Self::Name),
            Kind::Ipv4 | Kind::Ipv6 | Kind::Ipv4Network | Kind::Ipv6Network => Some(Self::Address),
            Kind::Url => Some(Self::Url),
            Kind::Md5 | Kind::Sha1 | Kind::Sha256 => Some(Self::Hash),
            Kind::Endpoint => Some(Self::Endpoint),
            Kind::Ja3 | Kind::Ja4 | Kind::CertificateSha1 | Kind::CertificateSha256 => {
                Some(Self::Tls)
            }
            Kind::Email | Kind::Asn | Kind::Cve | Kind::App => Some(Self::Other),
        }
    }
}

/// The thing itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Thing<'a> {
    /// A name: it itself, what lies beneath it, or both.
    Name { name: DomainRef<'a>, itself: bool, beneath: bool },
    /// An address or network.
    Address(IpNet),
    /// A page.
    Url(&'a Url),
    /// A file's digest, in hexadecimal.
    Hash { kind: Kind, text: String },
    /// Anything else.
    Other(&'a Indicator),
}

impl<'a> Thing<'a> {
    /// The thing that an indicator is; nothing where lists have no place for it.
    pub(super) fn of(indicator: &'a Indicator) -> Option<Self> {
        match indicator {
            Indicator::Domain(name) => {
                Some(Self::Name { name: name.borrowed(), itself: false, beneath: false })
            }
            Indicator::Address(address) => Some(Self::Address(IpNet::from(*address))),
            Indicator::Network(network) => Some(Self::Address(*network)),
            // A URL may hold what no line of a list can.
            Indicator::Url(url) => {
                (!matches!(url.host(), HostRef::Other(_))).then_some(Self::Url(url))
            }
            other => {
                let kind = other.kind()?;
                Some(match Sort::of(kind)? {
                    Sort::Hash => Self::Hash { kind, text: other.to_string() },
                    _ => Self::Other(other),
                })
            }
        }
    }
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item<'a> {
    pub(super) thing: Thing<'a>,
    pub(super) kind: Kind,
    pub(super) risk: Risk,
    pub(super) categories: CategorySet,
    pub(super) first_seen: Option<Timestamp>,
    pub(super) last_seen: Option<Timestamp>,
}

impl Item<'_> {
    /// Its text: of a network without hosts the address alone.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match &self.thing {
            Thing::Name { name, .. } => name.as_str().into(),
            Thing::Address(network) => address_text(network).into(),
            Thing::Url(url) => url.as_str().into(),
            Thing::Hash { text, .. } => text.into(),
            Thing::Other(indicator) => indicator.bare().into(),
        }
    }

    /// Writes its categories, joined.
    pub(super) fn put_categories(&self, by: &str, out: &mut Vec<u8>) {
        let mut before = "";
        for category in self.categories.iter() {
            out.extend_from_slice(before.as_bytes());
            out.extend_from_slice(category.name().as_bytes());
            before = by;
        }
        if before.is_empty() {
            out.extend_from_slice(b"uncategorised");
        }
    }

    /// Its categories, joined.
    pub(super) fn categories(&self, by: &str) -> String {
        let mut joined = Vec::new();
        self.put_categories(by, &mut joined);
        String::from_utf8_lossy(&joined).into_owned()
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
