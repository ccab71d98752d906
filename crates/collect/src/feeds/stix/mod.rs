//! STIX 2.0 and 2.1: bundles, pages of TAXII servers, and one object a line.
//!
//! Only indicators say that something is bad. What they point at (malware, campaigns, actors) gives
//! them family and actor. Objects come in any order, so indicators wait until the end; beyond a
//! limit they are handed over at once, without those names. Markings say who may see them.

mod marking;
mod names;
mod pattern;
#[cfg(test)]
mod tests;

pub use self::pattern::StixError;

use self::names::names;
use self::pattern::parse;
use crate::feeds::json_items::Step;
use crate::feeds::json_records::read_items;
use crate::feeds::output::{Output, Sink};
use crate::feeds::report::excerpt;
use crate::feeds::words::{FAMILY_BYTES_MAX, category_of, date, is_family_tag};
use crate::feeds::{Limits, RejectReason, Warning};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::sync::Arc;
use wardnet_model::{Category, Details, Observation, Scope, Stance, Timestamp, Tlp};

/// The longest reference that is kept, in bytes.
const REFERENCE_BYTES_MAX: usize = 512;

/// How far the clock of a publisher may run ahead of ours: much is valid from when it was written.
const CLOCK_AHEAD_SECS_MAX: u64 = 300;

/// The most markings of an object that are looked at.
const MARKS_MAX: usize = 16;

/// One object, as far as it is looked at.
#[derive(Debug, Deserialize)]
struct Object<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pattern: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pattern_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    labels: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    indicator_types: Vec<Cow<'a, str>>,
    #[serde(default)]
    confidence: Option<f64>,
    #[serde(default)]
    revoked: bool,
    #[serde(borrow, default)]
    valid_from: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    valid_until: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    external_references: Vec<Reference<'a>>,
    #[serde(borrow, default)]
    source_ref: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    target_ref: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    relationship_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    object_marking_refs: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    granular_markings: Vec<PartMarking<'a>>,
    /// Of a marking.
    #[serde(borrow, default)]
    definition: Option<&'a serde_json::value::RawValue>,
    /// Of a bundle. Observed data of STIX 2.0 has something else under this name.
    #[serde(borrow, default)]
    objects: Option<&'a serde_json::value::RawValue>,
}

#[derive(Debug, Deserialize)]
struct Reference<'a> {
    #[serde(borrow, default)]
    url: Option<Cow<'a, str>>,
}

/// What an indicator says, as long as it waits for the objects it points at.
#[derive(Debug, Clone)]
struct Terms {
    category: Option<Category>,
    stance: Stance,
    confidence: Option<u8>,
    first_seen: Option<Timestamp>,
    until: Option<Timestamp>,
    family: Option<Box<str>>,
    reference: Option<Box<str>>,
    tlp: Option<Tlp>,
    /// Marks whose meaning the document has to tell.
    marks: Vec<Box<str>>,
}

/// A marking of a part of an object: it counts for the whole.
#[derive(Debug, Deserialize)]
struct PartMarking<'a> {
    #[serde(borrow, default)]
    marking_ref: Option<Cow<'a, str>>,
}

/// A row that waits.
struct Waiting {
    id: Box<str>,
    line: u64,
    terms: Arc<Terms>,
    excerpt: Box<str>,
    found: Result<Observation, RejectReason>,
}

/// Objects that indicators point at.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    Family(Box<str>),
    Actor(Box<str>),
    Marking(Tlp),
}

/// What is remembered of a bundle.
#[derive(Default)]
struct Bundle {
    waiting: Vec<Waiting>,
    named: BTreeMap<Box<str>, Named>,
    /// Which objects an indicator points at, by its name.
    points_at: BTreeMap<Box<str>, Vec<Box<str>>>,
    pointers: usize,
    is_cut_short: bool,
}

/// Reads all objects.
pub(crate) fn read<S: Sink>(input: impl BufRead, output: &mut Output<'_, S>) -> io::Result<()> {
    let wanted = |path: &[Step]| match path {
        [Step::Element] => true,
        [.., key, Step::Element] => key.is_key("objects"),
        _ => false,
    };
    let mut bundle = Bundle::default();
    read_items(input, &wanted, output, &mut |bytes, output| {
        let object: Object<'_> = serde_json::from_slice(bytes)
            .map_err(|error| RejectReason::Record(excerpt(&error.to_string())))?;
        bundle.take(&object, output)
    })?;
    bundle.finish(output);
    Ok(())
}

impl Bundle {
    fn take<S: Sink>(
        &mut self,
        object: &Object<'_>,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        // Only indicators are rows: the rest describes.
        if &*object.kind != "indicator" {
            output.report.rows -= 1;
        }
        match &*object.kind {
            "indicator" => self.indicator(object, output),
            "bundle" => {
                let objects = object.objects.map_or("[]", |objects| objects.get());
                let objects: Vec<&serde_json::value::RawValue> = serde_json::from_str(objects)
                    .map_err(|error| RejectReason::Record(excerpt(&error.to_string())))?;
                for inner in objects {
                    if output.line >= output.options.limits.lines_max {
                        break;
                    }
                    output.line += 1;
                    output.report.rows += 1;
                    match serde_json::from_str::<Object<'_>>(inner.get()) {
                        Ok(inner) if &*inner.kind != "bundle" => {
                            let outcome = self.take(&inner, output);
                            output.settle(outcome, inner.pattern.as_deref().unwrap_or_default());
                        }
                        Ok(_) => {
                            output.reject(RejectReason::Record("a bundle in a bundle".into()), "")
                        }
                        Err(error) => {
                            let reason = RejectReason::Record(excerpt(&error.to_string()));
                            output.reject(reason, inner.get());
                        }
                    }
                }
                Ok(())
            }
            "relationship" => {
                self.relationship(object, output.options.limits.records_held_max);
                Ok(())
            }
            kind => {
                let definition = object.definition.map(serde_json::value::RawValue::get);
                let marking = (kind == "marking-definition")
                    .then(|| marking::defined(object.name.as_deref(), definition));
                let named = named(kind, object.name.as_deref());
                if let Some(named) = named.or(marking.map(Named::Marking)) {
                    self.remember(&object.id, named, output.options.limits.records_held_max);
                }
                Ok(())
            }
        }
    }

    fn remember(&mut self, id: &str, named: Named, held_max: usize) {
        if self.named.len() < held_max {
            self.named.insert(id.into(), named);
        } else {
            self.is_cut_short = true;
        }
    }

    /// `indicator indicates malware`, and the same turned round, as some write it.
    fn relationship(&mut self, object: &Object<'_>, held_max: usize) {
        let (Some(source), Some(target)) = (&object.source_ref, &object.target_ref) else { return };
        let is_indicates = object.relationship_type.as_deref() == Some("indicates");
        let (indicator, other) = match source.starts_with("indicator--") {
            true if is_indicates => (source, target),
            false if target.starts_with("indicator--") => (target, source),
            _ => return,
        };
        if self.pointers >= held_max {
            self.is_cut_short = true;
            return;
        }
        self.pointers += 1;
        let others = self.points_at.entry((&**indicator).into()).or_default();
        others.push((&**other).into());
    }

    fn indicator<S: Sink>(
        &mut self,
        object: &Object<'_>,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        if object.revoked {
            return Err(RejectReason::NotInForce);
        }
        let text = object.pattern.as_deref().ok_or(RejectReason::MissingField("pattern"))?;
        let language = object.pattern_type.as_deref().unwrap_or("stix");
        if language != "stix" {
            return Err(StixError::Language(language.chars().take(32).collect()).into());
        }
        let limits = &output.options.limits;
        let pattern = parse(text, limits)?;
        let mut terms = terms(object);
        terms.first_seen = terms.first_seen.or(pattern.start);
        terms.until = terms.until.or(pattern.stop);
        let begin = terms.first_seen.filter(|from| is_ahead(*from, output.options.now));
        if let Some(from) = begin {
            return Err(RejectReason::NotYet(from));
        }
        let terms = Arc::new(terms);
        let excerpt = excerpt(text);
        let found = names(&pattern, output.bare_scope(), limits);
        for found in distinct(found) {
            let waiting = Waiting {
                id: (&*object.id).into(),
                line: output.line,
                terms: terms.clone(),
                excerpt: excerpt.clone(),
                found,
            };
            if self.waiting.len() < output.options.limits.records_held_max {
                self.waiting.push(waiting);
            } else {
                self.is_cut_short = true;
                self.settle(waiting, output);
            }
        }
        Ok(())
    }

    fn finish<S: Sink>(&mut self, output: &mut Output<'_, S>) {
        for waiting in std::mem::take(&mut self.waiting) {
            self.settle(waiting, output);
        }
        if self.is_cut_short {
            let held_max = output.options.limits.records_held_max;
            output.report.warnings.push(Warning::RecordsCutShort(held_max));
        }
    }

    /// Hands over one statement, with the names of what its indicator points at.
    fn settle<S: Sink>(&self, waiting: Waiting, output: &mut Output<'_, S>) {
        let Waiting { id, line, terms, excerpt, found } = waiting;
        let outcome = found.and_then(|observation| {
            let targets = self.points_at.get(&id).into_iter().flatten().chain(&terms.marks);
            let (mut family, mut actor, mut tlp) = (None, None, terms.tlp);
            // What a marking says that is nowhere to be found is not known to be for everybody.
            if terms.marks.iter().any(|mark| !self.named.contains_key(mark)) {
                tlp = tlp.max(Some(Tlp::Amber));
            }
            for name in targets.filter_map(|target| self.named.get(target)) {
                match name {
                    Named::Marking(mark) => tlp = tlp.max(Some(*mark)),
                    Named::Family(name) => family = family.or(Some(name.clone())),
                    Named::Actor(name) => actor = actor.or(Some(name.clone())),
                }
            }
            let details = Details {
                family: family.or_else(|| terms.family.clone()),
                actor,
                reference: terms.reference.clone(),
                ..Details::default()
            };
            output.accept(Observation {
                stance: terms.stance,
                category: terms.category,
                confidence: terms.confidence,
                first_seen: terms.first_seen,
                until: terms.until,
                tlp,
                details: (!details.is_empty()).then(|| Box::new(details)),
                ..observation
            })
        });
        output.settle_at(line, outcome, &excerpt);
    }
}

/// Whether an indicator is not valid yet (STIX 2.1 section 4.7, `valid_from`).
fn is_ahead(from: Timestamp, now: Option<Timestamp>) -> bool {
    now.is_some_and(|now| from > now.plus_secs(CLOCK_AHEAD_SECS_MAX))
}

/// The statements of one pattern, each only once: `a OR b` often repeats a reason.
fn distinct(
    found: Vec<Result<Observation, RejectReason>>,
) -> Vec<Result<Observation, RejectReason>> {
    let mut kept: Vec<Result<Observation, RejectReason>> = Vec::with_capacity(found.len());
    for one in found {
        if one.is_ok() || !kept.contains(&one) {
            kept.push(one);
        }
    }
    kept
}

/// The family or actor that an object describes.
fn named(kind: &str, name: Option<&str>) -> Option<Named> {
    let name = name.map(str::trim).filter(|name| (1..=FAMILY_BYTES_MAX).contains(&name.len()))?;
    match kind {
        "malware" | "tool" | "campaign" => Some(Named::Family(name.into())),
        "threat-actor" | "intrusion-set" => Some(Named::Actor(name.into())),
        _ => None,
    }
}

/// A whole number from 1 to 100; 0 means that nothing is said (STIX 2.1 appendix A).
fn percent(value: f64) -> Option<u8> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 100")]
    (1.0..=100.0).contains(&value).then_some(value as u8)
}

fn terms(object: &Object<'_>) -> Terms {
    let words = || object.labels.iter().chain(&object.indicator_types).map(|word| &**word);
    // Harmless by itself, and of interest beside other things (STIX 2.1 section 10.9).
    let benign = words().any(|word| word == "benign");
    let malicious = words().any(|word| word == "malicious-activity");
    let parts = || object.granular_markings.iter().filter_map(|part| part.marking_ref.as_deref());
    let marks = || object.object_marking_refs.iter().map(|id| &**id).chain(parts()).take(MARKS_MAX);
    let time = |text: &Option<Cow<'_, str>>| text.as_deref().and_then(date);
    Terms {
        category: object
            .labels
            .iter()
            .find_map(|word| category_of(word))
            .or_else(|| object.indicator_types.iter().find_map(|word| category_of(word))),
        stance: if benign && !malicious { Stance::Context } else { Stance::Malicious },
        confidence: object.confidence.and_then(percent),
        first_seen: time(&object.valid_from),
        until: time(&object.valid_until),
        tlp: marks().filter_map(marking::published).max(),
        marks: marks().filter(|id| marking::published(id).is_none()).map(Into::into).collect(),
        family: object.labels.iter().find(|word| is_family_tag(word)).map(|word| (&**word).into()),
        reference: object
            .external_references
            .iter()
            .filter_map(|reference| reference.url.as_deref())
            .find(|url| url.len() <= REFERENCE_BYTES_MAX)
            .map(Into::into),
    }
}

/// Whether a document holds STIX objects, as far as it was seen.
pub(crate) fn is_stix(head: &[u8]) -> bool {
    let has = |text: &str| memchr::memmem::find(head, text.as_bytes()).is_some();
    let spaced = |key: &str, value: &str| {
        has(&format!("\"{key}\":\"{value}")) || has(&format!("\"{key}\": \"{value}"))
    };
    spaced("type", "bundle")
        || spaced("id", "bundle--")
        || (spaced("type", "indicator") && (has("\"pattern\"") || has("\"created\"")))
        || (has("\"spec_version\"") && spaced("type", ""))
}

/// Reads any bytes as a pattern. Panics when the reader breaks its word.
pub fn fuzz_stix_pattern(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let limits = Limits { stix_depth_max: 8, stix_cost_max: 500, ..Limits::default() };
    let Ok(pattern) = parse(text, &limits) else { return };
    let found = names(&pattern, Scope::Exact, &limits);
    assert!(!found.is_empty() && found.len() as u64 <= limits.stix_cost_max);
}
