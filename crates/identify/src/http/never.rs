//! What nobody may list, whatever they say.

use wardnet_model::reserved::{Overlap, is_reserved, is_special_name, overlap};
use wardnet_model::{HostRef, Indicator, Scope, Section, SuffixList};
use wardnet_score::Epoch;

/// The widest networks that a report over the network may name, in bits of prefix: what is wider
/// is left to feeds and to people at the console.
const REPORTED_PREFIX_MIN: (u8, u8) = (16, 32);

/// Why nothing said of `indicator` could have an effect: standards or the operator set it apart.
pub(super) fn set_apart(indicator: &Indicator, epoch: &Epoch) -> Option<&'static str> {
    const ADDRESS: &str = "a standard reserves this address or part of this network (RFC 6890)";
    const NAME: &str = "a standard sets this name apart (RFC 6761)";
    const NEVER: &str = "it is on the operator's list of what is never listed";
    let reserved = match indicator {
        Indicator::Address(address) => is_reserved(*address).then_some(ADDRESS),
        Indicator::Endpoint(endpoint) => is_reserved(endpoint.ip()).then_some(ADDRESS),
        Indicator::Network(network) => (overlap(network) != Overlap::None).then_some(ADDRESS),
        Indicator::Url(url) => match url.host() {
            HostRef::Address(address) => is_reserved(address).then_some(ADDRESS),
            HostRef::Domain(name) => is_special_name(name.as_str()).then_some(NAME),
            HostRef::Other(_) => None,
        },
        other => other.domain().filter(|name| is_special_name(name)).map(|_| NAME),
    };
    let listed = || epoch.never_listed().iter().any(|text| covers(text, indicator));
    reserved.or_else(|| listed().then_some(NEVER))
}

/// Why a block of `indicator` would reach nothing, or far too much.
pub(super) fn too_wide(
    indicator: &Indicator,
    scope: Scope,
    suffixes: &SuffixList,
) -> Option<&'static str> {
    let Indicator::Domain(name) = indicator else { return None };
    match suffixes.is_public_suffix(name) {
        Some(Section::Icann) => Some("it is a public suffix: questions stop below it"),
        Some(_) if scope.covers_beneath() => {
            Some("strangers' names lie below it; give the name of one of them, or scope exact")
        }
        _ => None,
    }
}

/// Why a reporter's word on `indicator` is not taken.
pub(super) fn too_wide_to_report(indicator: &Indicator) -> Option<&'static str> {
    let Indicator::Network(network) = indicator else { return None };
    let (v4, v6) = REPORTED_PREFIX_MIN;
    let least = if network.addr().is_ipv4() { v4 } else { v6 };
    (network.prefix_len() < least).then_some("the network is too wide for a report")
}

/// Whether an entry of the never-listed list covers `indicator`.
fn covers(listed: &str, indicator: &Indicator) -> bool {
    if let Some(name) = indicator.domain() {
        let below = name.strip_suffix(listed);
        return below.is_some_and(|labels| labels.is_empty() || labels.ends_with('.'));
    }
    let address = match indicator {
        Indicator::Address(address) => *address,
        Indicator::Endpoint(endpoint) => endpoint.ip(),
        Indicator::Network(network) => network.addr(),
        Indicator::Url(url) => match url.host() {
            HostRef::Address(address) => address,
            _ => return false,
        },
        _ => return false,
    };
    match Indicator::parse(listed) {
        Ok(Indicator::Address(known)) => match indicator {
            Indicator::Network(network) => network.contains(&known),
            _ => known == address,
        },
        Ok(Indicator::Network(known)) => match indicator {
            Indicator::Network(network) => network.contains(&known) || known.contains(network),
            _ => known.contains(&address),
        },
        _ => false,
    }
}
