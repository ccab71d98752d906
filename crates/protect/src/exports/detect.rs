//! Formats of systems that watch traffic: Suricata and Zeek.

use super::item::{Item, Thing, address_text};
use super::name::put;
use data_encoding::BASE64;
use rustc_hash::FxHashSet;
use std::io::Write as _;
use wardnet_model::{Indicator, Kind};

/// Rules are numbered from here on, in a range that is free for local use.
const SID_FIRST: usize = 3_900_000_000;

/// How many numbers there are: they have 32 bits.
const SIDS: u32 = 394_000_000;

/// Numbers of rules that follow from what they are about, so that what is suppressed or remembered by
/// number stays what it was. Of several that would have the same number, later ones have the next.
#[derive(Debug, Default)]
pub(super) struct Numbers(FxHashSet<u32>);

impl Numbers {
    pub(super) fn of(&mut self, text: &str) -> usize {
        // FNV-1a.
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut number = u32::try_from(hash % u64::from(SIDS)).unwrap_or(0);
        while !self.0.insert(number) {
            number = number.wrapping_add(1) % SIDS;
        }
        number as usize
    }
}

/// `address,category,score` with category 1; `docs/exports.md` has the file of categories.
/// Suricata knows scores up to 127.
pub(super) fn iprep(item: &Item<'_>, out: &mut Vec<u8>) {
    if let Thing::Address(network) = &item.thing {
        put!(out, "{},1,{}", address_text(network), item.risk.value());
    }
}

/// Strings of a dataset are in base64: names as `dns.query` has them, URLs as `http.uri` with their
/// host before them.
pub(super) fn dataset(item: &Item<'_>, out: &mut Vec<u8>) {
    match &item.thing {
        Thing::Name { name, itself: true, .. } => {
            put!(out, "{}", BASE64.encode(name.as_str().as_bytes()));
        }
        Thing::Url(url) => put!(out, "{}", BASE64.encode(url.expression().as_bytes())),
        _ => {}
    }
}

/// A rule for each: questions for a name, packets to or from an address.
pub(super) fn rule(item: &Item<'_>, number: usize, out: &mut Vec<u8>) {
    let sid = SID_FIRST.saturating_add(number);
    let why = item.categories(" ");
    match &item.thing {
        Thing::Name { name, itself, beneath } => {
            let name = name.as_str();
            let (content, how) = match (*itself, *beneath) {
                (true, true) => (name.to_owned(), "dotprefix; content:\".{}\"; endswith;"),
                (false, _) => (name.to_owned(), "content:\".{}\"; endswith;"),
                (true, false) => (name.to_owned(), "content:\"{}\"; startswith; endswith;"),
            };
            let matching = how.replace("{}", &content);
            put!(
                out,
                "alert dns any any -> any any (msg:\"Wardnet {why} {name}\"; dns.query; {matching} \
                 nocase; classtype:bad-unknown; sid:{sid}; rev:1;)"
            );
        }
        Thing::Address(network) => {
            let network = address_text(network);
            put!(
                out,
                "alert ip any any <> [{network}] any (msg:\"Wardnet {why} {network}\"; \
                 classtype:bad-unknown; threshold:type limit, track by_src, count 1, seconds 60; \
                 sid:{sid}; rev:1;)"
            );
        }
        Thing::Other(indicator) => other_rule(indicator, &why, sid, out),
        Thing::Url(_) | Thing::Hash { .. } => {}
    }
}

/// A rule for an endpoint, the fingerprint of a client, or a certificate.
fn other_rule(indicator: &Indicator, why: &str, sid: usize, out: &mut Vec<u8>) {
    let (from, matching) = match indicator {
        Indicator::Endpoint(endpoint) => {
            (format!("tcp any any -> [{}] {}", endpoint.ip(), endpoint.port()), String::new())
        }
        Indicator::Ja3(_) => (
            "tls any any -> any any".to_owned(),
            format!("ja3.hash; content:\"{}\"; ", indicator.bare()),
        ),
        Indicator::CertificateSha1(hash) => {
            let octets: Vec<String> = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            let matching = format!("tls.cert_fingerprint; content:\"{}\"; ", octets.join(":"));
            ("tls any any -> any any".to_owned(), matching)
        }
        _ => return,
    };
    put!(
        out,
        "alert {from} (msg:\"Wardnet {why} {indicator}\"; {matching}classtype:bad-unknown; \
         threshold:type limit, track by_src, count 1, seconds 60; sid:{sid}; rev:1;)"
    );
}

/// <https://docs.zeek.org/en/master/frameworks/intel.html>.
pub(super) fn zeek(item: &Item<'_>, out: &mut Vec<u8>) {
    let (text, kind) = match &item.thing {
        Thing::Name { name, itself: true, .. } => (name.as_str().to_owned(), "Intel::DOMAIN"),
        Thing::Name { .. } => return,
        Thing::Address(network) if network.prefix_len() == network.max_prefix_len() => {
            (address_text(network), "Intel::ADDR")
        }
        Thing::Address(network) => (network.to_string(), "Intel::SUBNET"),
        // Without its scheme, as Zeek sees it.
        Thing::Url(url) => (url.expression().to_owned(), "Intel::URL"),
        Thing::Hash { kind: Kind::Md5 | Kind::Sha1 | Kind::Sha256, text } => {
            (text.clone(), "Intel::FILE_HASH")
        }
        Thing::Other(indicator @ Indicator::CertificateSha1(_)) => {
            (indicator.bare(), "Intel::CERT_HASH")
        }
        Thing::Other(indicator @ Indicator::Email(_)) => (indicator.to_string(), "Intel::EMAIL"),
        Thing::Hash { .. } | Thing::Other(_) => return,
    };
    put!(out, "{text}\t{kind}\twardnet\t{} risk {}", item.categories(","), item.risk.value());
}
