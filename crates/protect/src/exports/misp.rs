//! Lists as a feed of MISP's: a manifest, an event for each category, and the digests of all values.
//!
//! Identifiers follow from what they name, so that whoever fetches again finds the same events and
//! attributes.

use super::format::Format;
use super::item::{Item, Thing};
use super::record::uuid;
use super::walk::Walk;
use crate::frames::{Out, Stop};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use wardnet_model::hex::Hex;
use wardnet_model::{Category, Indicator, Kind, Timestamp};

/// Walks through all that any other format could say.
const ALL: Format = Format::Ndjson;

/// A file of the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    /// `manifest.json`: which events there are.
    Manifest,
    /// `hashes.csv`: MD5 of every value, and the event that it is in.
    Hashes,
    /// `UUID.json`: the event of a category.
    Event(Category),
}

impl File {
    /// A file by its name; nothing where there is no such file.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "manifest.json" => Some(Self::Manifest),
            "hashes.csv" => Some(Self::Hashes),
            _ => {
                let id = name.strip_suffix(".json")?;
                Category::all().find(|category| event_id(*category) == id).map(Self::Event)
            }
        }
    }

    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Hashes => "text/csv; charset=utf-8",
            Self::Manifest | Self::Event(_) => "application/json",
        }
    }

    /// Writes the file. `changed` is when the last change came.
    pub(super) fn write(self, walk: &Walk, changed: Timestamp, out: &mut Out) -> Result<(), Stop> {
        match self {
            Self::Manifest => manifest(walk, changed, out),
            Self::Hashes => hashes(walk, out),
            Self::Event(category) => event(walk, category, changed, out),
        }
    }
}

/// Calls `take` for each item that a value of MISP's can say: a domain is one itself, whatever lies
/// beneath it.
fn each(walk: &Walk, mut take: impl FnMut(&Item<'_>) -> Result<(), Stop>) -> Result<(), Stop> {
    walk.each(ALL, |item| {
        // There is no type for JA4.
        let is_said =
            item.kind != Kind::Ja4 && !matches!(item.thing, Thing::Name { itself: false, .. });
        if is_said {
            take(item)?;
        }
        Ok(true)
    })
}

/// The event that an item is in: each is in one.
fn event_of(item: &Item<'_>) -> Category {
    item.categories.iter().next().unwrap_or(Category::Uncategorised)
}

fn event_id(category: Category) -> String {
    uuid(&format!("misp event {}", category.name()))
}

fn head(category: Category, changed: Timestamp) -> Value {
    let moment = changed.to_string();
    let date = moment.split_once('T').map_or("", |(date, _)| date);
    json!({
        "info": format!("Wardnet: {}", category.name()),
        "date": date,
        "timestamp": changed.0.to_string(),
        "analysis": "2",
        "threat_level_id": "2",
        "Orgc": { "name": "Wardnet", "uuid": uuid("misp organisation") },
        "Tag": [{ "name": format!("wardnet:category=\"{}\"", category.name()), "colour": "#22577a" }],
    })
}

fn manifest(walk: &Walk, changed: Timestamp, out: &mut Out) -> Result<(), Stop> {
    let mut there = BTreeSet::new();
    each(walk, |item| {
        there.insert(event_of(item));
        Ok(())
    })?;
    let events = there.into_iter().map(|category| (event_id(category), head(category, changed)));
    let manifest: serde_json::Map<String, Value> = events.collect();
    out.frame().extend_from_slice(Value::from(manifest).to_string().as_bytes());
    Ok(())
}

fn hashes(walk: &Walk, out: &mut Out) -> Result<(), Stop> {
    each(walk, |item| {
        let digest: [u8; 16] = Md5::digest(value(item).as_bytes()).into();
        let line = format!("{},{}\n", Hex(&digest), event_id(event_of(item)));
        out.frame().extend_from_slice(line.as_bytes());
        out.flush_full()
    })
}

fn event(walk: &Walk, category: Category, changed: Timestamp, out: &mut Out) -> Result<(), Stop> {
    let mut head = head(category, changed);
    if let Some(head) = head.as_object_mut() {
        head.insert("uuid".to_owned(), event_id(category).into());
        head.insert("published".to_owned(), true.into());
        head.insert("publish_timestamp".to_owned(), changed.0.to_string().into());
    }
    let head = head.to_string();
    let open = head.strip_suffix('}').unwrap_or(&head);
    out.frame().extend_from_slice(format!("{{\"Event\":{open},\"Attribute\":[\n").as_bytes());
    let mut is_first = true;
    each(walk, |item| {
        if event_of(item) != category {
            return Ok(());
        }
        if !is_first {
            out.frame().extend_from_slice(b",\n");
        }
        is_first = false;
        out.frame().extend_from_slice(attribute(item).to_string().as_bytes());
        out.flush_full()
    })?;
    out.frame().extend_from_slice(b"\n]}}\n");
    Ok(())
}

/// The value of an attribute; of an endpoint both parts as MISP joins them.
fn value(item: &Item<'_>) -> String {
    match &item.thing {
        Thing::Other(Indicator::Endpoint(endpoint)) => {
            format!("{}|{}", endpoint.ip(), endpoint.port())
        }
        Thing::Other(indicator) => indicator.bare(),
        _ => item.text().into_owned(),
    }
}

fn attribute(item: &Item<'_>) -> Value {
    let (kind, group) = match &item.thing {
        Thing::Name { .. } => ("domain", "Network activity"),
        Thing::Address(_) => ("ip-dst", "Network activity"),
        Thing::Url(_) => ("url", "Network activity"),
        Thing::Hash { kind: Kind::Md5, .. } => ("md5", "Payload delivery"),
        Thing::Hash { kind: Kind::Sha1, .. } => ("sha1", "Payload delivery"),
        Thing::Hash { .. } => ("sha256", "Payload delivery"),
        Thing::Other(_) => match item.kind {
            Kind::Endpoint => ("ip-dst|port", "Network activity"),
            Kind::Ja3 => ("ja3-fingerprint-md5", "Network activity"),
            Kind::CertificateSha1 => ("x509-fingerprint-sha1", "Network activity"),
            Kind::CertificateSha256 => ("x509-fingerprint-sha256", "Network activity"),
            Kind::Asn => ("AS", "Network activity"),
            Kind::Email => ("email-src", "Payload delivery"),
            Kind::Cve => ("vulnerability", "External analysis"),
            Kind::App => ("mobile-application-id", "Payload delivery"),
            _ => ("other", "Other"),
        },
    };
    let text = value(item);
    let seen = item.last_seen.or(item.first_seen).unwrap_or(Timestamp(0));
    json!({
        "uuid": uuid(&format!("misp attribute {kind} {text}")),
        "type": kind,
        "category": group,
        "value": text,
        "to_ids": true,
        "timestamp": seen.0.to_string(),
        "comment": format!("risk {}, {}", item.risk, item.categories(", ")),
    })
}
