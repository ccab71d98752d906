//! The kinds of indicator, with the numbers that stand for them on disk.

use std::fmt;
use std::str::FromStr;

/// What sort of thing an indicator is.
///
/// The numbers are written to the journal and to verdict databases: they are never reused and
/// never change. A number this build does not know is kept as it is (see
/// [`Indicator::Unknown`](crate::Indicator::Unknown)), so an old program replays a newer journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// One IPv4 address.
    Ipv4 = 1,
    /// One IPv6 address.
    Ipv6 = 2,
    /// An IPv4 network shorter than `/32`.
    Ipv4Network = 3,
    /// An IPv6 network shorter than `/128`.
    Ipv6Network = 4,
    /// An address with a TCP or UDP port.
    Endpoint = 5,
    /// A domain name.
    Domain = 6,
    /// A URL.
    Url = 7,
    /// MD5 of a file.
    Md5 = 8,
    /// SHA-1 of a file.
    Sha1 = 9,
    /// SHA-256 of a file.
    Sha256 = 10,
    /// An e-mail address.
    Email = 11,
    /// An autonomous system number.
    Asn = 12,
    /// A JA3 TLS client fingerprint.
    Ja3 = 13,
    /// A JA4 TLS client fingerprint.
    Ja4 = 14,
    /// A CVE identifier.
    Cve = 15,
    /// A mobile app package.
    App = 16,
    /// SHA-1 of a DER certificate.
    CertificateSha1 = 17,
    /// SHA-256 of a DER certificate.
    CertificateSha256 = 18,
}

/// Every kind, its stable name, in order of its number.
const NAMES: [(Kind, &str); 18] = [
    (Kind::Ipv4, "ipv4"),
    (Kind::Ipv6, "ipv6"),
    (Kind::Ipv4Network, "ipv4-network"),
    (Kind::Ipv6Network, "ipv6-network"),
    (Kind::Endpoint, "endpoint"),
    (Kind::Domain, "domain"),
    (Kind::Url, "url"),
    (Kind::Md5, "md5"),
    (Kind::Sha1, "sha1"),
    (Kind::Sha256, "sha256"),
    (Kind::Email, "email"),
    (Kind::Asn, "asn"),
    (Kind::Ja3, "ja3"),
    (Kind::Ja4, "ja4"),
    (Kind::Cve, "cve"),
    (Kind::App, "app"),
    (Kind::CertificateSha1, "certificate-sha1"),
    (Kind::CertificateSha256, "certificate-sha256"),
];

impl Kind {
    /// The number that stands for this kind on disk.
    pub const fn tag(self) -> u8 {
        self as u8
    }

    /// The kind of a number read from disk; `None` when this build does not know it.
    pub fn from_tag(tag: u8) -> Option<Self> {
        NAMES.iter().find(|(kind, _)| kind.tag() == tag).map(|(kind, _)| *kind)
    }

    /// The name used in JSON, configuration and on the command line.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(kind, _)| *kind == self).map_or("unknown", |(_, name)| name)
    }

    /// Every kind, in order of its number.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(kind, _)| *kind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        NAMES
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(kind, _)| *kind)
            .ok_or_else(|| UnknownName::new("kind", name, NAMES.iter().map(|(_, known)| *known)))
    }
}

/// A word that names nothing this build knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a {what}; use one of: {known}")]
pub struct UnknownName {
    what: &'static str,
    given: String,
    known: String,
}

impl UnknownName {
    /// Says that `given` is not one of the `known` names of a `what`.
    pub fn new(
        what: &'static str,
        given: &str,
        known: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        Self { what, given: given.chars().take(64).collect(), known }
    }
}

/// How far a statement about an indicator reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Scope {
    /// The indicator itself, nothing beneath it: a row of a hosts file.
    #[default]
    Exact = 0,
    /// What lies beneath the indicator, not the indicator itself: `*.example.com`.
    Below = 1,
    /// The indicator and everything beneath it: `||example.com^`.
    Subtree = 2,
}

impl Scope {
    /// The number that stands for this scope on disk.
    pub const fn tag(self) -> u8 {
        self as u8
    }

    /// The scope of a number read from disk.
    pub const fn from_tag(tag: u8) -> Option<Self> {
        match tag {
            0 => Some(Self::Exact),
            1 => Some(Self::Below),
            2 => Some(Self::Subtree),
            _ => None,
        }
    }

    /// The name used in JSON and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Below => "below",
            Self::Subtree => "subtree",
        }
    }

    /// Whether an entry of this scope answers for the indicator it is stored under.
    pub const fn covers_self(self) -> bool {
        matches!(self, Self::Exact | Self::Subtree)
    }

    /// Whether an entry of this scope answers for what lies beneath its indicator.
    pub const fn covers_beneath(self) -> bool {
        matches!(self, Self::Below | Self::Subtree)
    }
}

impl FromStr for Scope {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        match name {
            "exact" => Ok(Self::Exact),
            "below" => Ok(Self::Below),
            "subtree" => Ok(Self::Subtree),
            _ => Err(UnknownName::new("scope", name, ["exact", "below", "subtree"])),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_names_survive_a_round_trip() {
        for kind in Kind::all() {
            assert_eq!(Kind::from_tag(kind.tag()), Some(kind));
            assert_eq!(kind.name().parse::<Kind>().unwrap(), kind);
        }
        for scope in [Scope::Exact, Scope::Below, Scope::Subtree] {
            assert_eq!(Scope::from_tag(scope.tag()), Some(scope));
            assert_eq!(scope.name().parse::<Scope>().unwrap(), scope);
        }
    }

    #[test]
    fn tags_are_the_published_ones() {
        let tags: Vec<u8> = Kind::all().map(Kind::tag).collect();
        assert_eq!(tags, (1..=18).collect::<Vec<u8>>());
    }
}
