//! Addresses and networks as the keys of what is told.

use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use wardnet_verdictdb::Prefix;

/// Bits before an IPv4 address that is written as an IPv6 one (RFC 4291 section 2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// Parts in which everything is told anew.
pub(super) const SLICES: u16 = 256;

/// An address or network. IPv4 lies where IPv6 maps it, so that all are in one order, in which a
/// network comes right before what it contains.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    first: [u8; 16],
    length: u8,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl Place {
    /// That of a network, or of an address with all its bits.
    pub(super) fn of(address: IpAddr, length: u8) -> Option<Self> {
        let network = IpNet::new(address, length).ok()?.trunc();
        let (first, length) = match network {
            IpNet::V4(v4) => {
                (v4.addr().to_ipv6_mapped(), MAPPED_BITS.saturating_add(v4.prefix_len()))
            }
            IpNet::V6(v6) => (v6.addr(), v6.prefix_len()),
        };
        Some(Self { first: first.octets(), length })
    }

    pub(super) fn of_prefix(prefix: Prefix) -> Option<Self> {
        Self::of(prefix.address(), prefix.length())
    }

    /// The least of all.
    pub(super) const FIRST: Self = Self { first: [0; 16], length: 0 };

    /// The greatest of all.
    pub(super) const LAST: Self = Self { first: [0xff; 16], length: 128 };

    pub(super) fn network(self) -> Option<IpNet> {
        let first = Ipv6Addr::from(self.first);
        match (first.to_ipv4_mapped(), self.length.checked_sub(MAPPED_BITS)) {
            (Some(v4), Some(length)) => IpNet::new(IpAddr::V4(v4), length).ok(),
            _ => IpNet::new(IpAddr::V6(first), self.length).ok(),
        }
    }

    pub(super) fn prefix(self) -> Option<Prefix> {
        let network = self.network()?;
        Prefix::of_address(network.addr()).shorten(network.prefix_len())
    }

    /// Whether it is one address.
    pub(super) const fn is_single(self) -> bool {
        self.length == 128
    }

    /// As bouncers are told it.
    pub(super) fn text(self) -> String {
        match self.network() {
            Some(network) if self.is_single() => network.addr().to_string(),
            Some(network) => network.to_string(),
            None => String::new(),
        }
    }

    /// The scope that bouncers know it by.
    pub(super) const fn scope(self) -> &'static str {
        if self.is_single() { "Ip" } else { "Range" }
    }

    /// The last address in it.
    fn last(self) -> u128 {
        let free = 128u32.saturating_sub(self.length.into());
        let free = u128::MAX.checked_shr(128u32.saturating_sub(free)).unwrap_or(0);
        u128::from_be_bytes(self.first) | free
    }

    /// Whether another one lies beneath it.
    pub(super) fn contains(self, other: Self) -> bool {
        let address = u128::from_be_bytes(other.first);
        other.length > self.length
            && (u128::from_be_bytes(self.first)..=self.last()).contains(&address)
    }

    /// Where what lies beneath it begins in the order of all.
    pub(super) const fn beneath_from(self) -> Self {
        Self { length: self.length.saturating_add(1), ..self }
    }

    /// Whether it may still lie beneath `above`, coming after it in the order of all.
    pub(super) fn is_up_to_last_of(self, above: Self) -> bool {
        u128::from_be_bytes(self.first) <= above.last()
    }

    /// A number that is the same for the same place.
    fn mixed(self) -> u64 {
        // The finaliser of SplitMix64: every bit of the place moves every bit of the number.
        let address = u128::from_be_bytes(self.first);
        let (low, high) = (address as u64, (address >> 64) as u64);
        let mut mixed = low ^ high.rotate_left(29) ^ u64::from(self.length).rotate_left(57);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The number of its decision. Programs in JavaScript keep 53 bits of it; none has number 0.
    pub(super) fn id(self) -> u64 {
        (self.mixed() >> 11) | 1
    }

    /// The part with which it is told anew.
    pub(super) fn slice(self) -> u16 {
        (self.mixed() & u64::from(SLICES - 1)) as u16
    }

    pub(super) fn encode(self) -> [u8; 17] {
        let mut bytes = [0; 17];
        for (byte, value) in bytes.iter_mut().zip(self.first.into_iter().chain([self.length])) {
            *byte = value;
        }
        bytes
    }

    /// Reads what [`Self::encode`] wrote.
    pub(super) fn decode(bytes: &[u8; 17]) -> Option<Self> {
        let (first, length) = bytes.split_first_chunk::<16>()?;
        let place = Self { first: *first, length: *length.first()? };
        let network = place.network()?;
        (Self::of(network.addr(), network.prefix_len()) == Some(place)).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        let network =
            text.parse::<IpNet>().unwrap_or_else(|_| IpNet::from(text.parse::<IpAddr>().unwrap()));
        Place::of(network.addr(), network.prefix_len()).unwrap()
    }

    #[test]
    fn places_are_read_as_they_are_written() {
        for (text, scope) in [
            ("192.0.2.1", "Ip"),
            ("192.0.2.0/24", "Range"),
            ("0.0.0.0/0", "Range"),
            ("2001:db8::1", "Ip"),
            ("2001:db8::/32", "Range"),
        ] {
            let place = place(text);
            assert_eq!((place.text().as_str(), place.scope()), (text, scope));
            assert_eq!(Place::decode(&place.encode()), Some(place));
            assert_eq!(place.prefix().and_then(Place::of_prefix), Some(place));
        }
        let mut bits = place("192.0.2.0/24").encode();
        bits[15] = 1;
        assert_eq!(Place::decode(&bits), None, "bits beyond the prefix");
    }

    #[test]
    fn what_lies_beneath_comes_right_after() {
        let network = place("192.0.2.0/24");
        let all = ["192.0.1.255", "192.0.2.0", "192.0.2.128/25", "192.0.2.255", "192.0.3.0"];
        let beneath: Vec<_> = all.iter().map(|text| place(text)).collect();
        let inside = beneath.iter().map(|one| network.contains(*one)).collect::<Vec<_>>();
        assert_eq!(inside, [false, true, true, true, false]);
        for one in &beneath {
            let in_order = *one >= network.beneath_from() && one.is_up_to_last_of(network);
            assert_eq!(in_order, network.contains(*one), "{one:?}");
        }
        assert!(!network.contains(network) && place("0.0.0.0/0").contains(network));
    }
}
