//! Formats of names: what resolvers, filters and proxies read.
//!
//! Where a format has no way to say "what lies beneath, and not the name itself", such entries are
//! left out; where it has no way to say "the name alone", it says the name alone by other means or
//! leaves it out too: a list never blocks more than Wardnet would.

use super::item::{Item, Thing};
use std::io::Write as _;
use std::net::IpAddr;

/// Writing to memory does not fail.
macro_rules! put {
    ($out:expr, $($text:tt)*) => {
        if let Err(error) = writeln!($out, $($text)*) {
            tracing::error!(%error, "a line could not be written to memory");
        }
    };
}
pub(super) use put;

/// Writes a line of some parts: what lists of millions consist of is not put through `format`.
pub(super) fn put_line(out: &mut Vec<u8>, parts: &[&str]) {
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    out.push(b'\n');
}

pub(super) fn plain(item: &Item<'_>, out: &mut Vec<u8>) {
    if !matches!(&item.thing, Thing::Name { itself: false, .. }) {
        put_line(out, &[&item.text()]);
    }
}

/// Who finds only one kind of address in a file asks the DNS for the other one.
pub(super) fn hosts(item: &Item<'_>, out: &mut Vec<u8>) {
    if let Thing::Name { name, itself: true, .. } = &item.thing {
        put_line(out, &["0.0.0.0 ", name.as_str(), "\n:: ", name.as_str()]);
    }
}

/// <https://adguard-dns.io/kb/general/dns-filtering-syntax/>: `||` covers what lies beneath.
pub(super) fn adblock(item: &Item<'_>, out: &mut Vec<u8>) {
    let Thing::Name { name, itself, beneath } = &item.thing else { return };
    let before = match (itself, beneath) {
        (true, true) => "||",
        (true, false) => "|",
        (false, _) => "||*.",
    };
    put_line(out, &[before, name.as_str(), "^"]);
}

pub(super) fn dnsmasq(item: &Item<'_>, out: &mut Vec<u8>) {
    let Thing::Name { name, itself, beneath } = &item.thing else { return };
    let (before, after) = match (itself, beneath) {
        (true, true) => ("local=/", "/"),
        (true, false) => ("host-record=", ",0.0.0.0,::"),
        (false, _) => ("local=/*.", "/"),
    };
    put_line(out, &[before, name.as_str(), after]);
}

pub(super) fn unbound(item: &Item<'_>, out: &mut Vec<u8>) {
    match &item.thing {
        Thing::Name { name, itself: true, beneath: true } => {
            put_line(out, &["local-zone: \"", name.as_str(), ".\" always_nxdomain"]);
        }
        Thing::Name { name, itself: true, .. } => {
            put_line(out, &["local-zone: \"", name.as_str(), ".\" typetransparent"]);
            put_line(out, &["local-data: \"", name.as_str(), ". A 0.0.0.0\""]);
            put_line(out, &["local-data: \"", name.as_str(), ". AAAA ::\""]);
        }
        _ => {}
    }
}

/// draft-vixie-dnsop-dns-rpz. Names so long that the zone's own has no room are the reader's to
/// refuse; the zone is called what its reader calls it.
pub(super) fn rpz(item: &Item<'_>, out: &mut Vec<u8>) {
    match &item.thing {
        Thing::Name { name, itself, beneath } => {
            let fits = name.as_str().len() < 220;
            if *itself && fits {
                put_line(out, &[name.as_str(), " CNAME ."]);
            }
            if *beneath && fits {
                put_line(out, &["*.", name.as_str(), " CNAME ."]);
            }
        }
        Thing::Address(network) => {
            let length = network.prefix_len();
            match network.network() {
                IpAddr::V4(address) => {
                    let [a, b, c, d] = address.octets();
                    put!(out, "{length}.{d}.{c}.{b}.{a}.rpz-ip CNAME .");
                }
                IpAddr::V6(address) => {
                    let words: Vec<String> =
                        address.segments().iter().rev().map(|word| format!("{word:x}")).collect();
                    put!(out, "{length}.{}.rpz-ip CNAME .", squeezed(&words));
                }
            }
        }
        _ => {}
    }
}

/// The longest run of zeros in an address of a zone is written `zz`, and only that.
fn squeezed(words: &[String]) -> String {
    let (mut best, mut start) = (0..0, None);
    for at in 0..=words.len() {
        match (words.get(at).is_some_and(|word| word == "0"), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                if at.saturating_sub(from) > best.len() {
                    best = from..at;
                }
                start = None;
            }
            _ => {}
        }
    }
    if best.len() < 2 {
        return words.join(".");
    }
    let before = words.get(..best.start).unwrap_or_default();
    let after = words.get(best.end..).unwrap_or_default();
    let zz = ["zz".to_owned()];
    [before, &zz, after].concat().join(".")
}

pub(super) fn squid(item: &Item<'_>, out: &mut Vec<u8>) {
    match &item.thing {
        Thing::Name { name, itself: true, beneath: true } => put_line(out, &[".", name.as_str()]),
        Thing::Name { name, itself: true, .. } => put_line(out, &[name.as_str()]),
        _ => {}
    }
}

/// A name is asked for as `=.name`: what ends with `.name` is it or lies beneath it, `=.name` is it
/// alone. `map_dom` would find a name anywhere within another one.
pub(super) fn haproxy(item: &Item<'_>, out: &mut Vec<u8>) {
    let before = match &item.thing {
        Thing::Name { itself: true, beneath: true, .. } => Some("."),
        Thing::Name { itself: true, .. } => Some("=."),
        Thing::Address(_) => Some(""),
        _ => None,
    };
    if let Some(before) = before {
        out.extend_from_slice(before.as_bytes());
        out.extend_from_slice(item.text().as_bytes());
        out.push(b' ');
        item.put_categories(",", out);
        out.push(b'\n');
    }
}
