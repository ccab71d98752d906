//! What is written by hand is what a writer of JSON writes.

use super::*;
use ipnet::IpNet;
use proptest::prelude::*;
use serde_json::{Map, json};
use wardnet_model::{DomainRef, Indicator, Risk};

/// A line of NDJSON as `serde_json` writes it.
fn object(item: &Item<'_>, change: Option<&str>) -> String {
    let names: Vec<_> = item.categories.iter().map(|category| category.name()).collect();
    let mut object = json!({
        "indicator": item.text(),
        "kind": item.kind.name(),
        "scope": scope_of(item),
        "risk": item.risk.value(),
        "categories": names,
    });
    let object = object.as_object_mut().unwrap();
    for (name, date) in [("first_seen", item.first_seen), ("last_seen", item.last_seen)] {
        if let Some(date) = date {
            object.insert(name.to_owned(), date.to_string().into());
        }
    }
    if let Some(change) = change {
        object.insert("change".to_owned(), change.into());
    }
    format!("{}\n", Value::Object(object.clone()))
}

/// An object of STIX as `serde_json` writes it.
fn indicator(item: &Item<'_>, revoked: Option<Timestamp>) -> String {
    let date = |date: Timestamp| date.to_string().replace('Z', ".000Z");
    let seen = item.first_seen.unwrap_or(Timestamp(0));
    let pattern = pattern(item).unwrap();
    let labels: Vec<_> = item.categories.iter().map(|category| category.name()).collect();
    let mut object: Map<String, Value> = Map::new();
    let mut set = |name: &str, value: Value| object.insert(name.to_owned(), value);
    set("type", "indicator".into());
    set("spec_version", "2.1".into());
    set("id", identifier("indicator", &pattern).into());
    set("created", date(seen).into());
    set("modified", date(revoked.or(item.last_seen).unwrap_or(seen)).into());
    set("name", item.text().into());
    set("indicator_types", json!([indicator_type(item)]));
    set("pattern", pattern.into());
    set("pattern_type", "stix".into());
    set("valid_from", date(seen).into());
    set("confidence", item.risk.value().into());
    if !labels.is_empty() {
        set("labels", json!(labels));
    }
    if revoked.is_some() {
        set("revoked", true.into());
    }
    Value::Object(object).to_string()
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

proptest! {
    #[test]
    fn objects_are_those_of_a_writer_of_json(
        (risk, categories) in (0u8..=100, any::<u64>()),
        (first, last, revoked) in any::<(Option<u32>, Option<u32>, Option<u32>)>(),
        (itself, beneath, which) in (any::<bool>(), any::<bool>(), 0..4usize),
        path in "[ -~]{0,12}",
    ) {
        let url = Indicator::parse(&format!("http://page.top/{path}"));
        let url = url.unwrap_or_else(|_| Indicator::parse("http://page.top/'\"\\").unwrap());
        let Indicator::Url(url) = &url else { return Ok(()) };
        let name = DomainRef::canonical("evil_shop.xn--p1ai.top").unwrap();
        let network: IpNet = "101.2.3.0/24".parse().unwrap();
        let (thing, kind) = match which {
            0 => (Thing::Name { name, itself, beneath }, Kind::Domain),
            1 => (Thing::Address(network), Kind::Ipv4Network),
            2 => (Thing::Url(url), Kind::Url),
            _ => (Thing::Hash { kind: Kind::Sha1, text: "0a".repeat(20) }, Kind::Sha1),
        };
        // Few categories as well as many.
        let categories = CategorySet::from_bits(categories & categories.rotate_left(7));
        let time = |secs: Option<u32>| secs.map(|secs| Timestamp(u64::from(secs) * 3));
        let (first_seen, last_seen) = (time(first), time(last));
        let risk = Risk::new(risk);
        let item = Item { thing, kind, risk, categories, first_seen, last_seen };
        for change in [None, Some("added")] {
            prop_assert_eq!(written(|out| ndjson(&item, change, out)), object(&item, change));
        }
        for revoked in [None, time(revoked)] {
            let bundled = written(|out| stix(&item, 1, revoked, out));
            // There is no word for what lies beneath alone, unless it is taken back.
            let is_said = revoked.is_some() || which != 0 || itself;
            let expected = is_said.then(|| format!(",\n{}", indicator(&item, revoked)));
            prop_assert_eq!(bundled, expected.unwrap_or_default());
        }
    }
}

#[test]
fn identifiers_are_those_of_the_standard() {
    // RFC 9562 has no example in the space of STIX; this one was computed with Python's uuid.
    assert_eq!(uuid("[domain-name:value = 'evil.top']"), "6b1184b2-31f9-59a0-9903-22e98e3d2431");
}

/// An item of another kind, as formats write it.
fn other(text: &str, write: impl Fn(&Item<'_>, &mut Vec<u8>)) -> String {
    let indicator = Indicator::parse(text).unwrap();
    let item = Item {
        thing: Thing::of(&indicator).unwrap(),
        kind: indicator.kind().unwrap(),
        risk: Risk::new(90),
        categories: CategorySet::EMPTY.with(Category::CommandAndControl),
        first_seen: None,
        last_seen: None,
    };
    written(|out| write(&item, out))
}

#[test]
fn endpoints_certificates_and_fingerprints_have_a_place_where_a_format_has_words_for_them() {
    use super::super::detect::{rule, zeek};
    const SHA1: &str = "certificate-sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709";
    const JA3: &str = "ja3:e7d705a3286e19ea42f587b344ee6865";
    let pattern_of = |text| {
        let line = other(text, |item, out| stix(item, 0, None, out));
        let object: Value = serde_json::from_str(&line).unwrap_or_default();
        object["pattern"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(
        pattern_of("45.95.11.34:443"),
        "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = \
         '45.95.11.34' AND network-traffic:dst_port = 443]"
    );
    assert!(pattern_of(SHA1).starts_with("[x509-certificate:hashes.'SHA-1' = 'da39"));
    assert_eq!(pattern_of("AS64500"), "[autonomous-system:number = 64500]");
    assert_eq!(pattern_of(JA3), "");
    assert!(other("45.95.11.34:443", csv).starts_with("45.95.11.34:443,endpoint,exact,90,"));
    let rule_of = |text| other(text, |item, out| rule(item, 7, out));
    assert!(rule_of("45.95.11.34:443").starts_with("alert tcp any any -> [45.95.11.34] 443 (msg:"));
    assert!(rule_of(JA3).contains("ja3.hash; content:\"e7d705a3286e19ea42f587b344ee6865\";"));
    assert!(rule_of(SHA1).contains("tls.cert_fingerprint; content:\"da:39:a3:"));
    assert!(
        other(SHA1, zeek)
            .starts_with("da39a3ee5e6b4b0d3255bfef95601890afd80709\tIntel::CERT_HASH\t")
    );
    assert!(other("a@evil-shop.top", zeek).starts_with("a@evil-shop.top\tIntel::EMAIL\t"));
}

#[test]
fn numbers_of_rules_follow_from_what_they_are_about() {
    use super::super::detect::Numbers;
    let (mut one, mut other) = (Numbers::default(), Numbers::default());
    let number = one.of("evil-shop.top");
    other.of("45.95.11.34");
    assert_eq!(other.of("evil-shop.top"), number);
    // Two rules never have the same.
    assert_eq!(one.of("evil-shop.top"), number + 1);
}
