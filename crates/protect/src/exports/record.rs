//! Formats that say more of each entry: tables, JSON, STIX; and the heads and feet of all.

use super::format::Format;
use super::item::{Item, Thing};
use super::name::put;
use serde_json::{Map, Value, json};
use sha1::{Digest as _, Sha1};
use std::io::Write as _;
use wardnet_model::{Category, Kind, Timestamp};

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
            put!(out, "create wardnet4 hash:net family inet maxelem 16777216 -exist");
            put!(out, "create wardnet6 hash:net family inet6 maxelem 16777216 -exist");
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
    if format == Format::Stix {
        put!(out, "\n]}}");
    }
}

fn kind_of(item: &Item) -> &'static str {
    item.indicator.kind().map_or("", Kind::name)
}

/// How far an entry reaches.
fn scope_of(item: &Item) -> &'static str {
    match &item.thing {
        Thing::Name { itself: true, beneath: true, .. } => "subtree",
        Thing::Name { itself: false, .. } => "below",
        _ => "exact",
    }
}

/// RFC 4180. No text that stands in a list begins a formula: names, addresses, URLs, digests.
pub(super) fn csv(item: &Item, out: &mut Vec<u8>) {
    let text = item.text();
    let quoted =
        if text.contains(['"', ',']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text };
    let date = |date: Option<Timestamp>| date.map_or_else(String::new, |date| date.to_string());
    let (kind, scope, risk) = (kind_of(item), scope_of(item), item.risk.value());
    let (first, last) = (date(item.first_seen), date(item.last_seen));
    put!(out, "{quoted},{kind},{scope},{risk},{},{first},{last}", item.categories(" "));
}

pub(super) fn ndjson(item: &Item, out: &mut Vec<u8>) {
    put!(out, "{}", object(item));
}

/// What became of an entry.
pub(super) fn ndjson_change(item: &Item, change: &str, out: &mut Vec<u8>) {
    let mut object = object(item);
    if let Some(object) = object.as_object_mut() {
        object.insert("change".to_owned(), change.into());
    }
    put!(out, "{object}");
}

fn object(item: &Item) -> Value {
    let names: Vec<_> = item.categories.iter().map(|category| category.name()).collect();
    let mut object = json!({
        "indicator": item.text(),
        "kind": kind_of(item),
        "scope": scope_of(item),
        "risk": item.risk.value(),
        "categories": names,
    });
    for (name, date) in [("first_seen", item.first_seen), ("last_seen", item.last_seen)] {
        if let (Some(date), Some(object)) = (date, object.as_object_mut()) {
            object.insert(name.to_owned(), date.to_string().into());
        }
    }
    object
}

/// A STIX indicator. Its identifier follows from its pattern, so that it stays the same.
pub(super) fn stix(item: &Item, number: usize, out: &mut Vec<u8>) {
    let object = indicator(item);
    put_object(object, number, out);
}

/// A STIX indicator that is taken back (section 3.7 of STIX 2.1).
pub(super) fn stix_revoked(item: &Item, number: usize, moment: Timestamp, out: &mut Vec<u8>) {
    let mut object = indicator(item);
    object.insert("revoked".to_owned(), true.into());
    object.insert("modified".to_owned(), stix_date(Some(moment)).into());
    put_object(object, number, out);
}

fn put_object(object: Map<String, Value>, number: usize, out: &mut Vec<u8>) {
    if number > 0 {
        out.extend_from_slice(b",\n");
    }
    out.extend_from_slice(Value::Object(object).to_string().as_bytes());
}

/// STIX demands milliseconds (section 3.2).
fn stix_date(date: Option<Timestamp>) -> String {
    date.unwrap_or(Timestamp(0)).to_string().replace('Z', ".000Z")
}

fn indicator(item: &Item) -> Map<String, Value> {
    let pattern = pattern(item);
    let seen = stix_date(item.first_seen);
    let changed = stix_date(item.last_seen.or(item.first_seen));
    let mut object = Map::new();
    let mut set = |name: &str, value: Value| object.insert(name.to_owned(), value);
    set("type", "indicator".into());
    set("spec_version", "2.1".into());
    set("id", identifier("indicator", &pattern).into());
    set("created", seen.as_str().into());
    set("modified", changed.into());
    set("name", item.text().into());
    set("indicator_types", json!(indicator_types(item)));
    set("pattern", pattern.into());
    set("pattern_type", "stix".into());
    set("valid_from", seen.into());
    set("confidence", item.risk.value().into());
    let labels: Vec<_> = item.categories.iter().map(|category| category.name()).collect();
    if !labels.is_empty() {
        set("labels", json!(labels));
    }
    object
}

fn indicator_types(item: &Item) -> &'static [&'static str] {
    let is_benign_tool = item.categories.contains(Category::Anonymizer);
    if is_benign_tool { &["anonymization"] } else { &["malicious-activity"] }
}

fn pattern(item: &Item) -> String {
    let text = item.text().replace('\\', "\\\\").replace('\'', "\\'");
    let object = match &item.thing {
        Thing::Name { .. } => "domain-name:value",
        Thing::Address(network) if network.addr().is_ipv4() => "ipv4-addr:value",
        Thing::Address(_) => "ipv6-addr:value",
        Thing::Url(_) => "url:value",
        Thing::Hash { kind: Kind::Md5, .. } => "file:hashes.MD5",
        Thing::Hash { kind: Kind::Sha1, .. } => "file:hashes.'SHA-1'",
        Thing::Hash { .. } => "file:hashes.'SHA-256'",
    };
    format!("[{object} = '{text}']")
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
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}
