//! MISP events: one document each, several in the answer of a server, or one a line.
//!
//! Attributes are rows, also those of objects. MISP marks with `to_ids` which are fit for detection;
//! the others only describe, and are left
//! out, unless the feed's `stance` says what all of them are. Tags of galaxies name family and actor;
//! of several TLP tags, those of the event among them, the strictest counts.

use crate::feeds::json_items::{Ending, Item, Step, each_item};
use crate::feeds::output::{Output, Sink};
use crate::feeds::value_type::typed;
use crate::feeds::words::{
    FAMILY_BYTES_MAX, category_of, date, is_family_tag, reference_in, tlp_or_strict,
};
use crate::feeds::{FeedError, RejectReason, Warning};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::io::BufRead;
use wardnet_model::{Category, Details, Observation, Timestamp, Tlp};

/// A server's answer, an event in its wrapping, or an event by itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wrapping<'a> {
    #[serde(borrow, rename = "Event")]
    event: Option<Event<'a>>,
    #[serde(borrow)]
    response: Vec<Wrapping<'a>>,
    #[serde(borrow, flatten)]
    bare: Event<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow)]
    info: Option<Cow<'a, str>>,
    #[serde(borrow)]
    date: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "Tag")]
    tags: Vec<Tag<'a>>,
    #[serde(borrow, rename = "Attribute")]
    attributes: Vec<Attribute<'a>>,
    #[serde(borrow, rename = "Object")]
    objects: Vec<Object<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Object<'a> {
    #[serde(borrow, rename = "Attribute")]
    attributes: Vec<Attribute<'a>>,
    #[serde(borrow)]
    deleted: Flag<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Attribute<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    value: Cow<'a, str>,
    #[serde(borrow)]
    comment: Option<Cow<'a, str>>,
    #[serde(borrow)]
    to_ids: Flag<'a>,
    #[serde(borrow)]
    deleted: Flag<'a>,
    #[serde(borrow)]
    first_seen: Option<Cow<'a, str>>,
    #[serde(borrow)]
    timestamp: Option<Moment<'a>>,
    #[serde(borrow, rename = "Tag")]
    tags: Vec<Tag<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tag<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

/// Yes or no in the ways of those who write events: `true`, `1`, `"1"`, `"true"`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Flag<'a> {
    Word(bool),
    Number(f64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Nothing(IgnoredAny),
}

impl Default for Flag<'_> {
    fn default() -> Self {
        Self::Word(false)
    }
}

impl Flag<'_> {
    /// As PyMISP's `make_bool`, which takes all text but an empty one and `0` for a yes; here
    /// `false` and `no` are none either.
    fn is_set(&self) -> bool {
        match self {
            Self::Word(yes) => *yes,
            Self::Number(number) => *number != 0.0,
            Self::Text(text) => {
                let text = text.trim();
                !["", "0", "false", "no"].iter().any(|no| text.eq_ignore_ascii_case(no))
            }
            Self::Nothing(_) => false,
        }
    }
}

/// A time as text or number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Moment<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Number(u64),
}

impl Moment<'_> {
    fn read(&self) -> Option<Timestamp> {
        match self {
            Self::Text(text) => date(text),
            Self::Number(secs) => Some(Timestamp(*secs)),
        }
    }
}

/// What tags say together.
#[derive(Debug, Clone, Default)]
struct Named {
    category: Option<Category>,
    family: Option<Box<str>>,
    actor: Option<Box<str>>,
    tlp: Option<Tlp>,
}

/// Reads all events.
pub(crate) fn read<S: Sink>(
    input: impl BufRead,
    output: &mut Output<'_, S>,
) -> Result<(), FeedError> {
    let limits = output.options.limits.clone();
    let bytes_max = usize::try_from(limits.document_bytes_max).unwrap_or(usize::MAX);
    let mut reader = Reader { events: 0, left_out: 0, is_full: false };
    let mut failed = None;
    let whole = |path: &[Step]| path.is_empty();
    let ending = each_item(input, bytes_max, &limits, &whole, &mut |_, item| {
        let outcome = match item {
            Item::Text(bytes) => reader.document(bytes, output),
            Item::TooLong(_) => Err(FeedError::DocumentTooLarge(limits.document_bytes_max)),
        };
        failed = outcome.err();
        failed.is_none() && !reader.is_full
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    let report = &mut output.report;
    report.lines = output.line;
    report.rows = output.line;
    match ending {
        _ if reader.is_full => report.warnings.push(Warning::CutShort(output.line)),
        Ending::Whole if reader.events == 0 => {
            return Err(FeedError::NotAnEvent("no event is in it".to_owned()));
        }
        Ending::Whole => {}
        Ending::CutShort => report.warnings.push(Warning::DocumentCutShort),
        Ending::Damaged(at) => report.warnings.push(Warning::DocumentDamaged(at)),
    }
    if reader.left_out > 0 {
        report.warnings.push(Warning::NotForDetection(reader.left_out));
    }
    Ok(())
}

struct Reader {
    events: u64,
    left_out: u64,
    is_full: bool,
}

impl Reader {
    fn document<S: Sink>(
        &mut self,
        bytes: &[u8],
        output: &mut Output<'_, S>,
    ) -> Result<(), FeedError> {
        let failed = |error: serde_json::Error| FeedError::NotAnEvent(error.to_string());
        if bytes.starts_with(b"[") {
            let many: Vec<Wrapping<'_>> = serde_json::from_slice(bytes).map_err(failed)?;
            many.iter().for_each(|one| self.wrapping(one, output));
        } else {
            let one: Wrapping<'_> = serde_json::from_slice(bytes).map_err(failed)?;
            self.wrapping(&one, output);
        }
        Ok(())
    }

    fn wrapping<S: Sink>(&mut self, one: &Wrapping<'_>, output: &mut Output<'_, S>) {
        for event in one.event.iter().chain([&one.bare]) {
            self.event(event, output);
        }
        for inner in &one.response {
            self.wrapping(inner, output);
        }
    }

    fn event<S: Sink>(&mut self, event: &Event<'_>, output: &mut Output<'_, S>) {
        if event.info.is_none() && event.attributes.is_empty() && event.objects.is_empty() {
            return;
        }
        self.events += 1;
        if let Some(info) = event.info.as_deref().filter(|_| self.events == 1) {
            output.report.header.title = Some(info.chars().take(200).collect());
        }
        let of_event = named(&event.tags);
        let in_objects = event.objects.iter().filter(|object| !object.deleted.is_set());
        let attributes =
            event.attributes.iter().chain(in_objects.flat_map(|object| &object.attributes));
        for attribute in attributes {
            if output.line >= output.options.limits.lines_max {
                self.is_full = true;
                return;
            }
            // Whoever says what the rows are, takes them all.
            let is_meant = attribute.to_ids.is_set() || output.options.stance.is_some();
            let is_deleted = attribute.deleted.is_set();
            if is_deleted || !is_meant {
                self.left_out += u64::from(!is_deleted);
                continue;
            }
            output.line += 1;
            let outcome = row(attribute, event, &of_event, output);
            output.settle(outcome, &attribute.value);
        }
    }
}

fn row<S: Sink>(
    attribute: &Attribute<'_>,
    event: &Event<'_>,
    of_event: &Named,
    output: &mut Output<'_, S>,
) -> Result<(), RejectReason> {
    let read = typed(&attribute.kind, &attribute.value, output.bare_scope())?;
    let own = named(&attribute.tags);
    let details = Details {
        family: own.family.or_else(|| of_event.family.clone()),
        actor: own.actor.or_else(|| of_event.actor.clone()),
        reference: attribute.comment.as_deref().and_then(reference_in),
        ..Details::default()
    };
    let first_seen = attribute
        .first_seen
        .as_deref()
        .and_then(date)
        .or_else(|| attribute.timestamp.as_ref().and_then(Moment::read))
        .or_else(|| event.date.as_deref().and_then(date));
    output.accept(Observation {
        category: own.category.or(of_event.category),
        first_seen,
        tlp: own.tlp.max(of_event.tlp),
        details: (!details.is_empty()).then(|| Box::new(details)),
        ..read
    })
}

/// Galaxies whose entries are families, and those whose entries are actors.
const FAMILY_GALAXIES: [&str; 11] = [
    "android",
    "backdoor",
    "banker",
    "botnet",
    "cryptominers",
    "malpedia",
    "mitre-malware",
    "ransomware",
    "rat",
    "stealer",
    "tool",
];
const ACTOR_GALAXIES: [&str; 3] =
    ["mitre-intrusion-set", "microsoft-activity-group", "threat-actor"];

fn named(tags: &[Tag<'_>]) -> Named {
    let mut named = Named::default();
    for tag in tags {
        let name = tag.name.trim();
        if name.get(..4).is_some_and(|space| space.eq_ignore_ascii_case("tlp:")) {
            named.tlp = named.tlp.max(tlp_or_strict(name));
            continue;
        }
        let Some((space, value)) = name.split_once('=') else {
            // `type:OSINT` says nothing of the threat.
            if !name.contains(':') {
                named.category = named.category.or_else(|| category_of(name));
                if named.family.is_none() && is_family_tag(name) {
                    named.family = Some(name.into());
                }
            }
            continue;
        };
        let value = value.trim_matches('"');
        let galaxy = space.strip_prefix("misp-galaxy:").unwrap_or_default();
        if value.is_empty() || value.len() > FAMILY_BYTES_MAX {
            continue;
        }
        if ACTOR_GALAXIES.contains(&galaxy) {
            named.actor = named.actor.or_else(|| Some(value.into()));
        } else if FAMILY_GALAXIES.contains(&galaxy) {
            named.family = named.family.or_else(|| Some(value.into()));
            if galaxy == "ransomware" {
                named.category = named.category.or(Some(Category::Ransomware));
            }
        } else if ["malware-type", "ecsirt", "rsit", "circl", "kill-chain"]
            .iter()
            .any(|taxonomy| space.starts_with(taxonomy))
        {
            named.category = named.category.or_else(|| category_of(value));
        }
    }
    named
}
