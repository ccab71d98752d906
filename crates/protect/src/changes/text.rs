//! Changes and entries as JSON.

use std::borrow::Cow;

use serde::Serialize;
use wardnet_model::hex::Hex;
use wardnet_model::{Key, Kind, Timestamp};
use wardnet_verdictdb::{
    Cursor, Entry, EntryData, Facts, Listed, Prefix, Profile, PublishedChange, Terms,
};

/// One change, as clients read it.
#[derive(Serialize)]
struct Change<'a> {
    seq: u64,
    as_of: String,
    #[serde(flatten)]
    place: Place<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<u32>,
    old: Option<Said>,
    new: Option<Said>,
}

/// One entry of a snapshot.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    #[serde(flatten)]
    said: Said,
}

/// What is spoken of.
#[derive(Serialize)]
struct Place<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    indicator: Option<Cow<'a, str>>,
    /// The part of the key that is known, where the indicator is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    scope: &'static str,
    layer: String,
}

/// What is said of it.
#[derive(Serialize)]
struct Said {
    band: &'static str,
    risk: u8,
    basis: &'static str,
    categories: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl Said {
    fn new(profile: &Profile, facts: Option<Facts>, terms: Option<Terms>) -> Self {
        let written = |time: Timestamp| time.to_string();
        // Of a decision both dates are the day of its making.
        let facts = facts.filter(|_| terms.is_none());
        Self {
            band: profile.band.name(),
            risk: profile.risk.value(),
            basis: profile.basis.name(),
            categories: profile.categories.iter().map(|category| category.name()).collect(),
            first_seen: facts.map(|facts| written(facts.first_seen)),
            last_seen: facts.map(|facts| written(facts.last_seen)),
            decided_at: terms.map(|terms| written(terms.decided_at)),
            until: terms.and_then(|terms| terms.until).map(written),
        }
    }

    fn of(data: &EntryData) -> Self {
        Self::new(&data.profile, data.facts, data.terms)
    }
}

impl<'a> Place<'a> {
    fn of_change(change: &'a PublishedChange) -> Self {
        let indicator = indicator(change.kind, &change.key, change.key_bits, change.name());
        let key = indicator.is_none().then(|| digits(&change.key, change.key_bits));
        let (kind, scope) = (change.kind.name(), change.scope.name());
        Self { kind, indicator, key, scope, layer: change.layer.to_string() }
    }

    fn of_entry(entry: &Entry<'a>, key_bits: u16) -> Self {
        let indicator = indicator(entry.kind, &entry.key, key_bits, entry.name);
        let key = indicator.is_none().then(|| digits(&entry.key, key_bits));
        let (kind, scope) = (entry.kind.name(), entry.scope.name());
        Self { kind, indicator, key, scope, layer: entry.layer().to_string() }
    }
}

/// The canonical text, where it is known: addresses, networks and file hashes are their own keys.
fn indicator<'a>(
    kind: Kind,
    key: &Key,
    key_bits: u16,
    name: Option<&'a str>,
) -> Option<Cow<'a, str>> {
    if let Some(name) = name {
        return Some(Cow::Borrowed(name));
    }
    if let Some(prefix) = Prefix::from_key(kind, key) {
        let address = prefix.address();
        return Some(Cow::Owned(match kind {
            Kind::Ipv4 | Kind::Ipv6 => address.to_string(),
            _ => format!("{address}/{}", prefix.length()),
        }));
    }
    let is_own_key = matches!(kind, Kind::Sha256 | Kind::CertificateSha256);
    (is_own_key && key_bits == 256).then(|| Cow::Owned(Hex(&key.0).to_string()))
}

/// The first bits of a key, in hexadecimal digits.
fn digits(key: &Key, bits: u16) -> String {
    let known = key.0.get(..usize::from(bits / 8)).unwrap_or_default();
    Hex(known).to_string()
}

/// A change as one event of a stream. The JSON is the rest of its first line, behind `data: `.
pub(super) fn event(change: &PublishedChange, history: u64) -> Vec<u8> {
    let cursor = Cursor { history, seq: change.seq };
    let shown = Change {
        seq: change.seq,
        as_of: change.as_of.to_string(),
        place: Place::of_change(change),
        tenant: change.tenant.map(|tenant| tenant.0),
        old: change.old.as_deref().map(Said::of),
        new: change.new.as_deref().map(Said::of),
    };
    let mut text = DATA.to_vec();
    append(&shown, &mut text);
    text.extend_from_slice(format!("\nevent: change\nid: {cursor}\n\n").as_bytes());
    text
}

/// What stands before the JSON of an event.
const DATA: &[u8] = b"data: ";

/// The JSON of an event.
pub(super) fn json_of_event(event: &[u8]) -> &[u8] {
    let first = event.split(|byte| *byte == b'\n').next().unwrap_or_default();
    first.strip_prefix(DATA).unwrap_or_default()
}

/// Appends an entry of a snapshot, as a line.
pub(super) fn line(listed: &Listed<'_>, out: &mut Vec<u8>) {
    let entry = &listed.entry;
    let place = Place::of_entry(entry, listed.key_bits);
    let said = Said::new(entry.profile, entry.facts, entry.terms);
    append(&Line { place, said }, out);
    out.push(b'\n');
}

fn append(value: &impl Serialize, out: &mut Vec<u8>) {
    let start = out.len();
    if let Err(error) = serde_json::to_writer(&mut *out, value) {
        // Names and numbers can always be written.
        tracing::error!(%error, "a change cannot be written as JSON");
        out.truncate(start);
    }
}
