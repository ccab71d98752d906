//! Formats of addresses: what firewalls and proxies read.

use super::item::{Item, Thing, address_text};
use super::name::put;
use crate::frames::{Out, Stop};
use ipnet::IpNet;
use std::io::Write as _;
use wardnet_model::Timestamp;

/// Networks, one a line.
pub(super) fn cidr(networks: &[IpNet], moment: Timestamp, out: &mut Out) -> Result<(), Stop> {
    put!(out.frame(), "# Wardnet, {moment}");
    for network in networks {
        put!(out.frame(), "{network}");
        out.flush_full()?;
    }
    Ok(())
}

/// Two sets in a table of their own. Loading it again takes the place of what they held.
pub(super) fn nftables(networks: &[IpNet], moment: Timestamp, out: &mut Out) -> Result<(), Stop> {
    put!(out.frame(), "# Wardnet, {moment}");
    put!(out.frame(), "table inet wardnet {{");
    for (name, kind, is_v4) in [("bad4", "ipv4_addr", true), ("bad6", "ipv6_addr", false)] {
        put!(out.frame(), "  set {name} {{ type {kind}; flags interval; }}");
        put!(out.frame(), "}}\nflush set inet wardnet {name}\ntable inet wardnet {{");
        let mut family = networks.iter().filter(|one| one.addr().is_ipv4() == is_v4).peekable();
        if family.peek().is_none() {
            continue;
        }
        put!(out.frame(), "  set {name} {{");
        put!(out.frame(), "    type {kind}; flags interval;");
        put!(out.frame(), "    elements = {{");
        for network in family {
            put!(out.frame(), "      {},", address_text(network));
            out.flush_full()?;
        }
        put!(out.frame(), "    }}");
        put!(out.frame(), "  }}");
    }
    put!(out.frame(), "}}");
    Ok(())
}

pub(super) fn ipset(item: &Item<'_>, out: &mut Vec<u8>) {
    if let Thing::Address(network) = &item.thing {
        let set = if network.addr().is_ipv4() { "wardnet4-next" } else { "wardnet6-next" };
        // A set of networks has no place for all of them at once.
        if network.prefix_len() > 0 {
            put!(out, "add {set} {} -exist", address_text(network));
        }
    }
}

pub(super) fn haproxy(item: &Item<'_>, out: &mut Vec<u8>) {
    super::name::haproxy(item, out);
}

pub(super) fn nginx(item: &Item<'_>, out: &mut Vec<u8>) {
    if let Thing::Address(network) = &item.thing {
        put!(out, "deny {};", address_text(network));
    }
}
