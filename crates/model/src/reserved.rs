//! Addresses and names that standards set apart, so that no list may block them.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const fn v4(a: u8, b: u8, c: u8, bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), bits)
}

const fn v6(a: u16, b: u16, c: u16, bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), bits)
}

/// The IANA IPv4 Special-Purpose Address Registry (RFC 6890) and multicast, in order.
const RESERVED_V4: [Ipv4Net; 17] = [
    v4(0, 0, 0, 8),       // this network, RFC 791
    v4(10, 0, 0, 8),      // private use, RFC 1918
    v4(100, 64, 0, 10),   // shared by carriers, RFC 6598
    v4(127, 0, 0, 8),     // loopback, RFC 1122
    v4(169, 254, 0, 16),  // link local, RFC 3927
    v4(172, 16, 0, 12),   // private use, RFC 1918
    v4(192, 0, 0, 24),    // protocol assignments, RFC 6890
    v4(192, 0, 2, 24),    // documentation, RFC 5737
    v4(192, 31, 196, 24), // AS112, RFC 7535
    v4(192, 52, 193, 24), // multicast tunnels, RFC 7450
    v4(192, 88, 99, 24),  // 6to4 relays, RFC 7526
    v4(192, 168, 0, 16),  // private use, RFC 1918
    v4(192, 175, 48, 24), // AS112, RFC 7534
    v4(198, 18, 0, 15),   // benchmarks, RFC 2544
    v4(198, 51, 100, 24), // documentation, RFC 5737
    v4(203, 0, 113, 24),  // documentation, RFC 5737
    v4(224, 0, 0, 3),     // multicast and what lies beyond, RFC 1112
];

/// All of IPv6 that is given out (RFC 4291 section 2.4); the rest of the space is set apart.
const GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 0, 3);

/// What the IANA IPv6 Special-Purpose Address Registry sets apart inside [`GLOBAL_UNICAST`], in
/// order.
const RESERVED_V6: [Ipv6Net; 5] = [
    v6(0x2001, 0, 0, 23),     // protocol assignments, Teredo among them, RFC 2928
    v6(0x2001, 0xdb8, 0, 32), // documentation, RFC 3849
    v6(0x2002, 0, 0, 16),     // 6to4, RFC 3056
    v6(0x2620, 0x4f, 0x8000, 48), // AS112, RFC 7534
    v6(0x3fff, 0, 0, 20),     // documentation, RFC 9637
];

/// Top-level names that no resolver may look up in the DNS, in order.
const RESERVED_TOP_NAMES: [&str; 8] = [
    "alt",       // RFC 9476
    "arpa",      // RFC 3172: the DNS's own, home.arpa (RFC 8375) and in-addr.arpa among them
    "example",   // RFC 6761
    "internal",  // ICANN board resolution 2024.07.29.06
    "invalid",   // RFC 6761
    "local",     // RFC 6762
    "localhost", // RFC 6761
    "test",      // RFC 6761
];

/// How a network meets what is reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// It has nothing reserved in it.
    None,
    /// All of it is reserved.
    Inside,
    /// Part of it is reserved.
    Part,
}

/// How a network, or an address as a network of one, meets what is reserved.
pub fn overlap(network: &IpNet) -> Overlap {
    match network {
        IpNet::V4(network) => overlap_in(&RESERVED_V4, network),
        IpNet::V6(network) => {
            if !GLOBAL_UNICAST.contains(network) {
                return match network.contains(&GLOBAL_UNICAST) {
                    true => Overlap::Part,
                    false => Overlap::Inside,
                };
            }
            overlap_in(&RESERVED_V6, network)
        }
    }
}

/// Whether an address is reserved.
pub fn is_reserved(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => overlap_in(&RESERVED_V4, &address.into()) != Overlap::None,
        IpAddr::V6(_) => overlap(&address.into()) != Overlap::None,
    }
}

/// Networks nest or are apart, so only the neighbours in a sorted table can meet one.
fn overlap_in<N: Network>(table: &[N], network: &N) -> Overlap {
    let after = table.partition_point(|reserved| reserved.first() <= network.first());
    let before = after.checked_sub(1).and_then(|at| table.get(at));
    if before.is_some_and(|reserved| reserved.holds(network)) {
        return Overlap::Inside;
    }
    let meets = |reserved: &N| network.holds(reserved);
    if before.is_some_and(meets) || table.get(after).is_some_and(meets) {
        return Overlap::Part;
    }
    Overlap::None
}

/// What both families' networks can do.
trait Network {
    type Address: Ord;
    fn first(&self) -> Self::Address;
    fn holds(&self, other: &Self) -> bool;
}

impl Network for Ipv4Net {
    type Address = Ipv4Addr;
    fn first(&self) -> Ipv4Addr {
        self.network()
    }
    fn holds(&self, other: &Self) -> bool {
        self.contains(other)
    }
}

impl Network for Ipv6Net {
    type Address = Ipv6Addr;
    fn first(&self) -> Ipv6Addr {
        self.network()
    }
    fn holds(&self, other: &Self) -> bool {
        self.contains(other)
    }
}

/// Whether a standard sets a name, and all below its top, apart from the DNS.
pub fn is_special_name(name: &str) -> bool {
    let (rest, top) = name.rsplit_once('.').unwrap_or(("", name));
    if RESERVED_TOP_NAMES.binary_search(&top).is_ok() {
        return true;
    }
    // RFC 6761 section 6.5 sets aside these three second-level names too.
    matches!(top, "com" | "net" | "org")
        && rest
            .strip_suffix("example")
            .is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tables_are_in_order_and_apart() {
        assert!(RESERVED_V4.is_sorted_by_key(Network::first));
        assert!(RESERVED_V6.is_sorted_by_key(Network::first));
        assert!(RESERVED_TOP_NAMES.is_sorted());
        for pair in RESERVED_V4.windows(2) {
            assert!(!pair[0].contains(&pair[1]) && pair[0].network() == pair[0].addr());
        }
    }

    #[test]
    fn networks_meet_what_is_reserved() {
        for (text, expected) in [
            ("10.0.0.0/8", Overlap::Inside),
            ("10.1.2.3/32", Overlap::Inside),
            ("192.168.1.0/24", Overlap::Inside),
            ("224.0.0.0/3", Overlap::Inside),
            ("255.255.255.255/32", Overlap::Inside),
            ("0.0.0.0/0", Overlap::Part),
            ("192.0.0.0/8", Overlap::Part),
            ("172.0.0.0/8", Overlap::Part),
            ("45.95.11.0/24", Overlap::None),
            ("::/0", Overlap::Part),
            ("::1/128", Overlap::Inside),
            ("fe80::/10", Overlap::Inside),
            ("64:ff9b::/96", Overlap::Inside),
            ("2001:db8:1::/48", Overlap::Inside),
            ("2001::/16", Overlap::Part),
            ("2a0e:d601:7220::/48", Overlap::None),
        ] {
            assert_eq!(overlap(&text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn special_names_are_known() {
        for name in
            ["localhost", "a.local", "1.0.0.127.in-addr.arpa", "example.com", "x.example.net"]
        {
            assert!(is_special_name(name), "{name}");
        }
        for name in ["bad-example.com", "example.top", "locals.top", "abc.onion", "example.com.tr"]
        {
            assert!(!is_special_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn the_search_agrees_with_looking_at_every_entry(bits in any::<u32>(), length in 0u8..=32) {
            let network = Ipv4Net::new(Ipv4Addr::from(bits), length).unwrap().trunc();
            let expected = if RESERVED_V4.iter().any(|reserved| reserved.contains(&network)) {
                Overlap::Inside
            } else if RESERVED_V4.iter().any(|reserved| network.contains(reserved)) {
                Overlap::Part
            } else {
                Overlap::None
            };
            prop_assert_eq!(overlap(&network.into()), expected);
        }
    }
}
