//! Formats that say more of each entry: tables, JSON, STIX; and the heads and feet of all.

use super::format::Format;
use super::item::{Item, Thing};
use super::name::put;
use serde_json::Value;
use sha1::{Digest as _, Sha1};
use std::io::Write as _;
use wardnet_model::{Category, CategorySet, Indicator, Kind, Timestamp};

/// The space of names for identifiers in STIX (section 2.9 of STIX 2.1).
const STIX_SPACE: [u8; 16] = [
    0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c, 0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7,
];

/// What stands before the first entry.
pub(super) fn head(format: Format, moment: Timestamp, out: &mut Vec<u8>) {
    match format {
        Format::Adblock => put!(out, "! Wardnet, {moment}"),
        Format::Rpz => {
            // The number of a zone grows with its content.
            let serial = moment.0 & 0xFFFF_FFFF;
            put!(out, "$TTL 60");
            put!(out, "@ SOA localhost. hostmaster.localhost. {serial} 300 60 604800 60");
            put!(out, "@ NS localhost.");
        }
        Format::Unbound => put!(out, "# Wardnet, {moment}\nserver:"),
        Format::Ipset => {
            for (set, family) in [("wardnet4", "inet"), ("wardnet6", "inet6")] {
                for name in [set, &format!("{set}-next")] {
                    put!(out, "create {name} hash:net family {family} maxelem 16777216 -exist");
                }
                put!(out, "flush {set}-next");
            }
        }
        Format::Zeek => put!(out, "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc"),
        Format::Csv => put!(out, "indicator,kind,scope,risk,categories,first_seen,last_seen"),
        Format::Stix => {
            let id = identifier("bundle", &moment.to_string());
            out.extend_from_slice(
                format!("{{\"type\":\"bundle\",\"id\":\"{id}\",\"objects\":[\n").as_bytes(),
            );
        }
        Format::Plain
        | Format::Ndjson
        | Format::SuricataDataset
        | Format::SuricataIprep
        | Format::Cidr
        | Format::Nftables => {}
        _ => put!(out, "# Wardnet, {moment}"),
    }
}

/// What stands behind the last entry.
pub(super) fn foot(format: Format, out: &mut Vec<u8>) {
    match format {
        Format::Stix => put!(out, "\n]}}"),
        // What is listed no more goes with the old set, at one stroke.
        Format::Ipset => {
            for set in ["wardnet4", "wardnet6"] {
                put!(out, "swap {set}-next {set}\ndestroy {set}-next");
            }
        }
        _ => {}
    }
}

/// How far an entry reaches.
fn scope_of(item: &Item<'_>) -> &'static str {
    match &item.thing {
        Thing::Name { itself: true, beneath: true, .. } => "subtree",
        Thing::Name { itself: false, .. } => "below",
        _ => "exact",
    }
}

/// RFC 4180. No text that stands in a list begins a formula: names, addresses, URLs, digests.
pub(super) fn csv(item: &Item<'_>, out: &mut Vec<u8>) {
    let text = item.text();
    let is_name = matches!(item.thing, Thing::Name { .. });
    if !is_name && text.contains(['"', ',']) {
        put_all(out, &["\"", &text.replace('"', "\"\""), "\""]);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
    put_all(out, &[",", item.kind.name(), ",", scope_of(item), ","]);
    put_number(item.risk.value(), out);
    out.push(b',');
    item.put_categories(" ", out);
    for date in [item.first_seen, item.last_seen] {
        out.push(b',');
        if let Some(date) = date {
            out.extend_from_slice(&date.rfc3339());
        }
    }
    out.push(b'\n');
}

/// A JSON object on a line, its names in order; `change` is what became of the entry.
pub(super) fn ndjson(item: &Item<'_>, change: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"categories\":");
    put_names(item.categories, out);
    if let Some(change) = change {
        put_all(out, &[",\"change\":\"", change, "\""]);
    }
    put_date(",\"first_seen\":\"", item.first_seen, out);
    out.extend_from_slice(b",\"indicator\":");
    put_text(item, &item.text(), out);
    put_all(out, &[",\"kind\":\"", item.kind.name(), "\""]);
    put_date(",\"last_seen\":\"", item.last_seen, out);
    out.extend_from_slice(b",\"risk\":");
    put_number(item.risk.value(), out);
    put_all(out, &[",\"scope\":\"", scope_of(item), "\"}\n"]);
}

fn put_date(before: &str, date: Option<Timestamp>, out: &mut Vec<u8>) {
    if let Some(date) = date {
        out.extend_from_slice(before.as_bytes());
        out.extend_from_slice(&date.rfc3339());
        out.push(b'"');
    }
}

/// Names of categories as an array. None has a character that JSON escapes.
fn put_names(categories: CategorySet, out: &mut Vec<u8>) {
    let mut before = "[\"";
    for category in categories.iter() {
        put_all(out, &[before, category.name(), "\""]);
        before = ",\"";
    }
    out.extend_from_slice(if categories.iter().next().is_none() { b"[]" } else { b"]" });
}

/// A JSON string with text of an item. Names have no character that JSON escapes.
fn put_text(item: &Item<'_>, text: &str, out: &mut Vec<u8>) {
    if matches!(item.thing, Thing::Name { .. }) {
        put_all(out, &["\"", text, "\""]);
    } else {
        out.extend_from_slice(Value::from(text).to_string().as_bytes());
    }
}

fn put_all(out: &mut Vec<u8>, parts: &[&str]) {
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
}

fn put_number(number: u8, out: &mut Vec<u8>) {
    let digits = [number / 100, number / 10 % 10, number % 10].map(|digit| b'0' + digit);
    let zeros = usize::from(number < 100) + usize::from(number < 10);
    out.extend_from_slice(digits.get(zeros..).unwrap_or_default());
}

/// A STIX indicator, its names in order, or one that is taken back at a moment (section 3.7 of STIX
/// 2.1). Its identifier follows from its pattern, so that it stays the same.
pub(super) fn stix(item: &Item<'_>, number: usize, revoked: Option<Timestamp>, out: &mut Vec<u8>) {
    // It has no words for what lies beneath a name alone.
    if revoked.is_none() && matches!(&item.thing, Thing::Name { itself: false, .. }) {
        return;
    }
    // It has no words for fingerprints of clients, vulnerabilities, and apps.
    let Some(pattern) = pattern(item) else { return };
    let seen = item.first_seen.unwrap_or(Timestamp(0));
    let changed = revoked.or(item.last_seen).unwrap_or(seen);
    out.extend_from_slice(if number > 0 { b",\n{\"confidence\":" } else { b"{\"confidence\":" });
    put_number(item.risk.value(), out);
    put_stix_date(",\"created\":\"", seen, out);
    put_all(out, &[",\"id\":\"indicator--", &uuid(&pattern)]);
    put_all(out, &["\",\"indicator_types\":[\"", indicator_type(item), "\"]"]);
    if item.categories.iter().next().is_some() {
        out.extend_from_slice(b",\"labels\":");
        put_names(item.categories, out);
    }
    put_stix_date(",\"modified\":\"", changed, out);
    out.extend_from_slice(b",\"name\":");
    put_text(item, &item.text(), out);
    out.extend_from_slice(b",\"pattern\":");
    put_text(item, &pattern, out);
    out.extend_from_slice(b",\"pattern_type\":\"stix\"");
    if revoked.is_some() {
        out.extend_from_slice(b",\"revoked\":true");
    }
    out.extend_from_slice(b",\"spec_version\":\"2.1\",\"type\":\"indicator\"");
    put_stix_date(",\"valid_from\":\"", seen, out);
    out.push(b'}');
}

/// STIX demands milliseconds (section 3.2).
fn put_stix_date(before: &str, date: Timestamp, out: &mut Vec<u8>) {
    let date = date.rfc3339();
    out.extend_from_slice(before.as_bytes());
    out.extend_from_slice(date.strip_suffix(b"Z").unwrap_or(&date));
    out.extend_from_slice(b".000Z\"");
}

fn indicator_type(item: &Item<'_>) -> &'static str {
    let is_benign_tool = item.categories.contains(Category::Anonymizer);
    if is_benign_tool { "anonymization" } else { "malicious-activity" }
}

fn pattern(item: &Item<'_>) -> Option<String> {
    let object = match &item.thing {
        Thing::Name { name, .. } => {
            return Some(["[domain-name:value = '", name.as_str(), "']"].concat());
        }
        Thing::Address(network) if network.addr().is_ipv4() => "ipv4-addr:value",
        Thing::Address(_) => "ipv6-addr:value",
        Thing::Url(_) => "url:value",
        Thing::Hash { kind: Kind::Md5, .. } => "file:hashes.MD5",
        Thing::Hash { kind: Kind::Sha1, .. } => "file:hashes.'SHA-1'",
        Thing::Hash { .. } => "file:hashes.'SHA-256'",
        Thing::Other(indicator) => return other_pattern(indicator),
    };
    Some(compared(object, &item.text()))
}

fn compared(object: &str, text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('\'', "\\'");
    format!("[{object} = '{text}']")
}

fn other_pattern(indicator: &Indicator) -> Option<String> {
    Some(match indicator {
        Indicator::Endpoint(endpoint) => {
            let (address, port) = (endpoint.ip(), endpoint.port());
            let kind = if address.is_ipv4() { "ipv4-addr" } else { "ipv6-addr" };
            format!(
                "[network-traffic:dst_ref.type = '{kind}' AND network-traffic:dst_ref.value = \
                 '{address}' AND network-traffic:dst_port = {port}]"
            )
        }
        Indicator::CertificateSha1(_) => {
            compared("x509-certificate:hashes.'SHA-1'", &indicator.bare())
        }
        Indicator::CertificateSha256(_) => {
            compared("x509-certificate:hashes.'SHA-256'", &indicator.bare())
        }
        Indicator::Asn(number) => format!("[autonomous-system:number = {number}]"),
        Indicator::Email(address) => compared("email-addr:value", address.as_str()),
        _ => return None,
    })
}

fn identifier(kind: &str, name: &str) -> String {
    format!("{kind}--{}", uuid(name))
}

/// A UUID of version 5 (RFC 9562 section 5.5).
pub(super) fn uuid(name: &str) -> String {
    let digest = Sha1::new().chain_update(STIX_SPACE).chain_update(name.as_bytes()).finalize();
    let mut bytes = [0u8; 16];
    bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    let [.., six, _, eight, _, _, _, _, _, _, _] = &mut bytes;
    *six = *six & 0x0f | 0x50;
    *eight = *eight & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let digits = [byte >> 4, byte & 0xf].map(|digit| b"0123456789abcdef"[usize::from(digit)]);
        text.extend(digits.map(char::from));
    }
    text
}

#[cfg(test)]
mod tests;
