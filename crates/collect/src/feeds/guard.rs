//! Values that no list may block, nor vouch for as a whole.

use ipnet::IpNet;
use std::net::IpAddr;
use wardnet_model::reserved::{self, Overlap};
use wardnet_model::{
    DomainName, HostRef, Indicator, Observation, Scope, Section, Stance, SuffixList, Url,
};

/// The shortest prefix of an IPv4 network that is believed; nobody was ever given more.
const IPV4_PREFIX_MIN: u8 = 8;

/// The shortest prefix of an IPv6 network that is believed: the largest allocations are /19.
const IPV6_PREFIX_MIN: u8 = 19;

/// Whether a range holds more than the largest network that is believed.
pub(crate) fn is_too_broad(first: IpAddr, last: IpAddr) -> bool {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            last.to_bits().saturating_sub(first.to_bits()) >> (32 - IPV4_PREFIX_MIN) != 0
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            last.to_bits().saturating_sub(first.to_bits()) >> (128 - IPV6_PREFIX_MIN) != 0
        }
        _ => false,
    }
}

/// Why a value must never block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NeverBlocks {
    /// An address or network from a reserved range.
    #[error(
        "the address is reserved (private, loopback, documentation, multicast) or not given out"
    )]
    ReservedAddress,
    /// A network so large that it must be a mistake, or one with reserved ranges in it.
    #[error("the network is too broad: it holds reserved ranges, or more than anybody was given")]
    TooBroad,
    /// A name of the machine itself.
    #[error("a name of the machine itself, as every hosts file has it")]
    LocalName,
    /// A name that standards set apart.
    #[error("the name is set apart by a standard (RFC 6761 and others)")]
    SpecialName,
    /// A name without a dot.
    #[error("the name has one label: it is no registered domain")]
    SingleLabel,
    /// A name under which strangers register theirs.
    #[error("the name is a public suffix: strangers have their domains beneath it")]
    PublicSuffix,
    /// The digest of an empty file, or a digest of one sign.
    #[error(
        "the digest is that of an empty file, or stands for none: it is of no file that does harm"
    )]
    EmptyFile,
    /// A row that a list's maker put there for tests.
    #[error("the row is marked as test data")]
    TestRow,
}

impl NeverBlocks {
    /// The short name under which the report counts it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReservedAddress => "reserved-address",
            Self::TooBroad => "too-broad",
            Self::LocalName => "local-name",
            Self::SpecialName => "special-name",
            Self::SingleLabel => "single-label",
            Self::PublicSuffix => "public-suffix",
            Self::EmptyFile => "empty-file",
            Self::TestRow => "test-row",
        }
    }
}

/// Why an observation must not become evidence; `None` when it may.
///
/// Only what says "bad" can block, so the rest passes, except what calls everything beneath a public
/// suffix good: nobody can vouch for all of `github.io`. To say that all of `duckdns.org` is dynamic
/// DNS is another matter: context carries no weight.
pub fn never_blocks(observation: &Observation, suffixes: &SuffixList) -> Option<NeverBlocks> {
    match observation.stance {
        Stance::Malicious => {}
        Stance::Benign if observation.scope.covers_beneath() => {
            return whole_suffix(&observation.indicator, suffixes);
        }
        _ => return None,
    }
    match &observation.indicator {
        Indicator::Address(address) => reserved_address(*address),
        Indicator::Endpoint(endpoint) => reserved_address(endpoint.ip()),
        Indicator::Network(network) => network_reason(network),
        Indicator::Domain(name) => domain_reason(name, observation.scope, suffixes),
        Indicator::Url(url) => url_reason(url, observation.scope, suffixes),
        Indicator::Email(address) => special_name(address.domain()),
        Indicator::Md5(digest) => empty_file(digest),
        Indicator::Sha1(digest) => empty_file(digest),
        Indicator::Sha256(digest) => empty_file(digest),
        _ => None,
    }
}

/// What MD5 (RFC 1321), SHA-1 and SHA-256 (FIPS 180-4) make of no bytes at all.
const EMPTY_FILE: [&[u8]; 3] = [
    &[
        0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42,
        0x7e,
    ],
    &[
        0xda, 0x39, 0xa3, 0xee, 0x5e, 0x6b, 0x4b, 0x0d, 0x32, 0x55, 0xbf, 0xef, 0x95, 0x60, 0x18,
        0x90, 0xaf, 0xd8, 0x07, 0x09,
    ],
    &[
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9,
        0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52,
        0xb8, 0x55,
    ],
];

/// Scanners that could not read a file write such digests into reports, and reports become lists.
fn empty_file(digest: &[u8]) -> Option<NeverBlocks> {
    let is_filled = |sign: u8| digest.iter().all(|byte| *byte == sign);
    let is_none = EMPTY_FILE.contains(&digest) || is_filled(0) || is_filled(0xff);
    is_none.then_some(NeverBlocks::EmptyFile)
}

fn reserved_address(address: IpAddr) -> Option<NeverBlocks> {
    reserved::is_reserved(address).then_some(NeverBlocks::ReservedAddress)
}

fn network_reason(network: &IpNet) -> Option<NeverBlocks> {
    let shortest = match network {
        IpNet::V4(_) => IPV4_PREFIX_MIN,
        IpNet::V6(_) => IPV6_PREFIX_MIN,
    };
    match reserved::overlap(network) {
        Overlap::Inside => Some(NeverBlocks::ReservedAddress),
        Overlap::Part => Some(NeverBlocks::TooBroad),
        Overlap::None => (network.prefix_len() < shortest).then_some(NeverBlocks::TooBroad),
    }
}

fn domain_reason(name: &DomainName, scope: Scope, suffixes: &SuffixList) -> Option<NeverBlocks> {
    special_name(name.as_str()).or_else(|| {
        let exact = scope == Scope::Exact;
        let holds_suffixes = scope.covers_beneath() && has_suffixes_beneath(name, suffixes);
        listed_suffix(name, suffixes)
            .filter(|_| !(exact && is_one_of_many(name, suffixes)))
            .or(holds_suffixes.then_some(NeverBlocks::PublicSuffix))
    })
}

/// Whether every name right beneath this one is a public suffix, as below `run.app`.
fn has_suffixes_beneath(name: &DomainName, suffixes: &SuffixList) -> bool {
    let child = format!("no-rule-names-this-label.{}", name.as_str());
    DomainName::parse(&child).is_ok_and(|child| {
        matches!(suffixes.is_public_suffix(&child), Some(Section::Icann | Section::Private))
    })
}

/// Whether a name is a public suffix only by a company's wildcard rule, such as
/// `*.compute-1.amazonaws.com`: then it is one customer's, and may be as bad as any.
fn is_one_of_many(name: &DomainName, suffixes: &SuffixList) -> bool {
    let Some(parent) = name.parent() else { return false };
    let sibling = format!("no-rule-names-this-label.{}", parent.as_str());
    DomainName::parse(&sibling)
        .is_ok_and(|sibling| suffixes.is_public_suffix(&sibling) == Some(Section::Private))
}

fn url_reason(url: &Url, scope: Scope, suffixes: &SuffixList) -> Option<NeverBlocks> {
    match url.host() {
        HostRef::Address(address) => reserved_address(address),
        HostRef::Domain(name) => special_name(name.as_str()).or_else(|| {
            let whole = scope.covers_beneath() && url.path_and_query() == "/";
            (whole && suffixes.is_public_suffix(name).is_some())
                .then_some(NeverBlocks::PublicSuffix)
        }),
        HostRef::Other(text) => (!text.contains('.')).then_some(NeverBlocks::SingleLabel),
    }
}

fn special_name(name: &str) -> Option<NeverBlocks> {
    if reserved::is_special_name(name) {
        Some(NeverBlocks::SpecialName)
    } else if !name.contains('.') {
        Some(NeverBlocks::SingleLabel)
    } else {
        None
    }
}

fn listed_suffix(name: &DomainName, suffixes: &SuffixList) -> Option<NeverBlocks> {
    match suffixes.is_public_suffix(name) {
        Some(Section::Icann | Section::Private) => Some(NeverBlocks::PublicSuffix),
        Some(Section::Unlisted) | None => None,
    }
}

fn whole_suffix(indicator: &Indicator, suffixes: &SuffixList) -> Option<NeverBlocks> {
    match indicator {
        Indicator::Domain(name) if !name.as_str().contains('.') => Some(NeverBlocks::SingleLabel),
        Indicator::Domain(name) => listed_suffix(name, suffixes),
        Indicator::Url(url) if url.path_and_query() == "/" => match url.host() {
            HostRef::Domain(name) => {
                suffixes.is_public_suffix(name).map(|_| NeverBlocks::PublicSuffix)
            }
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(text: &str, scope: Scope, stance: Stance) -> Option<NeverBlocks> {
        let indicator = Indicator::parse(text).unwrap();
        let observation = Observation { stance, ..Observation::malicious(indicator, scope) };
        never_blocks(&observation, SuffixList::shipped())
    }

    #[test]
    fn what_must_never_block_is_held_back() {
        use NeverBlocks::*;
        for (text, expected) in [
            ("172.21.25.140", Some(ReservedAddress)),
            ("127.0.0.1:80", Some(ReservedAddress)),
            ("http://192.168.1.1/admin", Some(ReservedAddress)),
            ("2001:db8::1", Some(ReservedAddress)),
            ("0.0.0.0/0", Some(TooBroad)),
            ("60.0.0.0/7", Some(TooBroad)),
            ("2a00::/12", Some(TooBroad)),
            ("localhost", Some(SpecialName)),
            ("printer.local", Some(SpecialName)),
            ("http://localhost/x", Some(SpecialName)),
            ("intranet", Some(SingleLabel)),
            ("co.uk", Some(PublicSuffix)),
            ("github.io", Some(PublicSuffix)),
            ("d41d8cd98f00b204e9800998ecf8427e", Some(EmptyFile)),
            ("da39a3ee5e6b4b0d3255bfef95601890afd80709", Some(EmptyFile)),
            ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", Some(EmptyFile)),
            ("00000000000000000000000000000000", Some(EmptyFile)),
            ("ffffffffffffffffffffffffffffffffffffffff", Some(EmptyFile)),
            ("44d88612fea8a8f36de82e1278abb02f", None),
            ("45.95.11.34", None),
            ("45.95.11.0/24", None),
            ("shop.github.io", None),
            ("evil-shop.top", None),
            ("http://github.io/x", None),
            ("ec2-18-204-218-146.compute-1.amazonaws.com", None),
            ("compute-1.amazonaws.com", None),
            ("anything.ck", Some(PublicSuffix)),
            ("abcdefghijklmnop.onion", None),
        ] {
            assert_eq!(judge(text, Scope::Exact, Stance::Malicious), expected, "{text}");
        }
    }

    #[test]
    fn nobody_vouches_for_a_whole_suffix() {
        let good = Stance::Benign;
        assert_eq!(judge("github.io", Scope::Subtree, good), Some(NeverBlocks::PublicSuffix));
        assert_eq!(judge("com", Scope::Below, good), Some(NeverBlocks::SingleLabel));
        assert_eq!(judge("github.io", Scope::Exact, good), None);
        assert_eq!(judge("10.0.0.0/8", Scope::Exact, good), None);
        assert_eq!(judge("duckdns.org", Scope::Subtree, Stance::Context), None);
        assert_eq!(judge("github.com", Scope::Subtree, good), None);
        let bad = Stance::Malicious;
        for (text, scope, expected) in [
            ("run.app", Scope::Subtree, Some(NeverBlocks::PublicSuffix)),
            ("run.app", Scope::Below, Some(NeverBlocks::PublicSuffix)),
            ("run.app", Scope::Exact, None),
            ("evil-shop.top", Scope::Subtree, None),
        ] {
            assert_eq!(judge(text, scope, bad), expected, "{text} {scope}");
        }
        let customer = "ec2-18-204-218-146.compute-1.amazonaws.com";
        let bad = judge(customer, Scope::Subtree, Stance::Malicious);
        assert_eq!(bad, Some(NeverBlocks::PublicSuffix));
    }
}
