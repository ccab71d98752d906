//! Addresses and networks as numbers, and how they are written as keys.

use std::net::IpAddr;
use wardnet_model::{Key, Kind};

/// The two families of addresses. Each has one section for addresses and networks alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    /// The family that a kind belongs to.
    pub(crate) const fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Ipv4 | Kind::Ipv4Network => Some(Self::V4),
            Kind::Ipv6 | Kind::Ipv6Network => Some(Self::V6),
            _ => None,
        }
    }

    /// The family whose section bears the number of `kind`.
    pub(crate) const fn of_section(tag: u8) -> Option<Self> {
        if tag == Kind::Ipv4.tag() {
            Some(Self::V4)
        } else if tag == Kind::Ipv6.tag() {
            Some(Self::V6)
        } else {
            None
        }
    }

    /// Bits of an address.
    pub(crate) const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// Bytes of an address.
    pub(crate) const fn bytes(self) -> u64 {
        match self {
            Self::V4 => 4,
            Self::V6 => 16,
        }
    }

    const fn kinds(self) -> (Kind, Kind) {
        match self {
            Self::V4 => (Kind::Ipv4, Kind::Ipv4Network),
            Self::V6 => (Kind::Ipv6, Kind::Ipv6Network),
        }
    }
}

/// The number of the section that entries of a kind are stored in.
pub(crate) fn section_tag(kind: Kind) -> u8 {
    match Family::of(kind) {
        Some(family) => family.kinds().0.tag(),
        None => kind.tag(),
    }
}

/// The kinds of each section of a file, in the order of the sections. Entries of kinds that share a
/// section are sorted together, see [`Entry::order`](crate::Entry::order).
pub fn kinds_by_section() -> impl Iterator<Item = Vec<Kind>> {
    let of_section = |tag| move |kind: &Kind| section_tag(*kind) == tag;
    let sections = Kind::all().filter(|kind| section_tag(*kind) == kind.tag());
    sections.map(move |kind| Kind::all().filter(of_section(kind.tag())).collect())
}

/// A network, or an address as the network that holds only it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// The address as a number, in its family's width.
    pub(crate) address: u128,
    /// The prefix length.
    pub(crate) length: u8,
    /// The family.
    pub(crate) family: Family,
}

impl Prefix {
    /// The prefix that holds `address` alone.
    pub fn of_address(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => {
                Self { address: u128::from(v4.to_bits()), length: 32, family: Family::V4 }
            }
            IpAddr::V6(v6) => Self { address: v6.to_bits(), length: 128, family: Family::V6 },
        }
    }

    /// The first `length` bits of this prefix; `None` when it has fewer.
    pub fn shorten(self, length: u8) -> Option<Self> {
        (length <= self.length).then(|| Self {
            address: self.address & mask(self.family, length),
            length,
            ..self
        })
    }

    /// The first address.
    pub fn address(self) -> IpAddr {
        match self.family {
            Family::V4 => IpAddr::V4(u32::try_from(self.address).unwrap_or(0).into()),
            Family::V6 => IpAddr::V6(self.address.into()),
        }
    }

    /// The number of leading bits that are fixed.
    pub const fn length(self) -> u8 {
        self.length
    }

    /// The kind of indicator: an address when all bits are fixed, else a network.
    pub const fn kind(self) -> Kind {
        let (address, network) = self.family.kinds();
        if self.length == self.family.bits() { address } else { network }
    }

    /// The key, as the model writes it.
    pub fn key(self) -> Key {
        let mut bytes = [0u8; 32];
        let address = match self.family {
            Family::V4 => self.address.wrapping_shl(96),
            Family::V6 => self.address,
        };
        for (byte, value) in bytes.iter_mut().zip(address.to_be_bytes()) {
            *byte = value;
        }
        if let Some(byte) = bytes.get_mut(16) {
            *byte = self.length;
        }
        Key(bytes)
    }

    /// Reads the key of an address or network; `None` when it is not in canonical form.
    pub fn from_key(kind: Kind, key: &Key) -> Option<Self> {
        let family = Family::of(kind)?;
        let address = match family {
            Family::V4 => key.prefix128().wrapping_shr(96),
            Family::V6 => key.prefix128(),
        };
        let prefix = Self { address, length: *key.0.get(16)?, family };
        let canonical = prefix.length <= family.bits()
            && address & mask(family, prefix.length) == address
            && prefix.kind() == kind
            && prefix.key() == *key;
        canonical.then_some(prefix)
    }
}

/// The bits that a prefix of `length` fixes.
fn mask(family: Family, length: u8) -> u128 {
    let free = u32::from(family.bits().saturating_sub(length));
    let all = u128::MAX.checked_shr(128u32.saturating_sub(u32::from(family.bits()))).unwrap_or(0);
    u128::MAX.checked_shl(free).unwrap_or(0) & all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_in_one_section_and_these_come_in_order() {
        let sections: Vec<Vec<Kind>> = kinds_by_section().collect();
        let mut all: Vec<Kind> = sections.concat();
        all.sort_unstable();
        assert_eq!(all, Kind::all().collect::<Vec<_>>());
        let tags: Vec<u8> = sections.iter().map(|kinds| section_tag(kinds[0])).collect();
        assert!(tags.is_sorted_by(|one, next| one < next), "{tags:?}");
        assert_eq!(sections[0], [Kind::Ipv4, Kind::Ipv4Network]);
    }

    #[test]
    fn keys_round_trip_and_only_canonical_ones_are_read() {
        let address = Prefix::of_address("192.0.2.77".parse().unwrap());
        for prefix in [address, address.shorten(24).unwrap(), address.shorten(0).unwrap()] {
            assert_eq!(Prefix::from_key(prefix.kind(), &prefix.key()), Some(prefix));
        }
        let six = Prefix::of_address("2001:db8::1".parse().unwrap()).shorten(32).unwrap();
        assert_eq!(six.kind(), Kind::Ipv6Network);
        assert_eq!(Prefix::from_key(Kind::Ipv6Network, &six.key()), Some(six));
        let mut host_bits = address.key();
        host_bits.0[16] = 24;
        assert_eq!(Prefix::from_key(Kind::Ipv4Network, &host_bits), None);
        assert_eq!(Prefix::from_key(Kind::Ipv4Network, &address.key()), None, "/32 is an address");
    }
}
