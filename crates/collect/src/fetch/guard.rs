//! Keeps fetching away from private networks, after names have been resolved.
//!
//! A feed's URL, its redirects and its DNS are in other hands. Without this, a publisher could
//! have the server ask its own neighbours: a cloud's metadata service, a database without a
//! password. The check is part of resolving, and the connection is made to the very addresses
//! that were checked, so a name that resolves differently the second time gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Whether an address is one of the public internet: not private, local or set aside.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
        },
    }
}

/// The IANA registry of special-purpose IPv4 addresses (RFC 6890), less what is globally reachable.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let set_aside = match address.octets() {
        [0 | 10 | 127, ..] => true, // this network, private, loopback
        [100, second, ..] => second & 0xc0 == 64, // shared by carriers (RFC 6598)
        [169, 254, ..] => true,     // link-local, clouds' metadata
        [172, second, ..] => second & 0xf0 == 16,
        [192, 0, 0 | 2, _] => true, // protocol assignments, documentation
        [192, 168, ..] => true,
        [198, 18 | 19, ..] => true, // benchmarks (RFC 2544)
        [198, 51, 100, _] | [203, 0, 113, _] => true,
        [first, ..] => first >= 224, // multicast, reserved, broadcast
    };
    !set_aside
}

/// Global unicast is 2000::/3 (RFC 4291 section 2.4); everything else is local or set aside.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let documentation = (first == 0x2001 && second == 0xdb8) || first == 0x3fff; // RFC 3849, 9637
    // 2001:0000::/23 holds Teredo, benchmarks and other protocol assignments (RFC 2928).
    let protocol_assignment = first == 0x2001 && second < 0x200;
    first & 0xe000 == 0x2000 && !documentation && !protocol_assignment
}

/// The IPv4 address that an IPv6 address stands for: mapped and compatible (RFC 4291), translated
/// (RFC 6052, 8215) or in 6to4 (RFC 3056).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => Some(v4(high, low)),
        [0x64, 0xff9b, 0 | 1, .., high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

/// A name leads to an address that is not public. Carried through the HTTP client's error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a public address")]
pub(crate) struct NotPublic(pub(crate) IpAddr);

/// A resolver that refuses names of which any address is not public.
#[derive(Debug, Default)]
pub(crate) struct PublicOnly(DefaultResolver);

impl Resolver for PublicOnly {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = self.0.resolve(uri, config, timeout)?;
        match addresses.iter().map(|socket| socket.ip()).find(|address| !is_public(*address)) {
            Some(address) => Err(ureq::Error::Other(Box::new(NotPublic(address)))),
            None => Ok(addresses),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_aside_is_not_public() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "3fff::1",
            "2001::1",
            "100::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a00:1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn the_internet_is_public() {
        for address in [
            "1.1.1.1",
            "9.9.9.9",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860::8888",
            "2a00::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }
}
