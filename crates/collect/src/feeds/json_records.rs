//! JSON documents and JSON lines whose objects have fields with telling names: PhishTank, TweetFeed,
//! CrowdSec, ThreatFox, OTX, and whatever `feeds.toml` describes.
//!
//! Records are the outermost elements of arrays, or the lines. One without an indicator is searched
//! for records inside, which share what it says of family, actor and source.

use crate::feeds::json_items::{Ending, Item, Step, each_item, is_one_a_line};
use crate::feeds::lines::{Line, Lines};
use crate::feeds::mapping::Role;
use crate::feeds::output::{Output, Sink};
use crate::feeds::record::Record;
use crate::feeds::report::excerpt;
use crate::feeds::table::{Publisher, is_telling};
use crate::feeds::{Limits, Mapping, RejectReason, Warning};
use serde_json::Value;
use std::borrow::Cow;
use std::io::{self, BufRead};

/// How deep a record is searched for records inside.
const DEPTH_MAX: usize = 6;

/// What a record hands down to those inside it.
const SHARED: [Role; 6] =
    [Role::Family, Role::Actor, Role::Reference, Role::Category, Role::Confidence, Role::FirstSeen];

/// Lists of what has ended, which a stream of decisions carries beside the new ones.
const ENDED: [&str; 1] = ["deleted"];

/// Reads the bytes of one item.
type ReadItem<'r, 'o, S> = dyn FnMut(&[u8], &mut Output<'o, S>) -> Result<(), RejectReason> + 'r;

/// Reads all records.
pub(crate) fn read<S: Sink>(
    input: impl BufRead,
    publisher: Publisher,
    output: &mut Output<'_, S>,
) -> io::Result<()> {
    let mapping = output.options.mapping.clone();
    let wanted = wanted(mapping.as_deref(), false);
    let reader = Reader { mapping: mapping.as_deref(), publisher };
    read_items(input, &wanted, output, &mut |bytes, output| {
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|error| RejectReason::Record(excerpt(&error.to_string())))?;
        reader.record(&value, output)
    })
}

/// Hands over the items of a document one after the other, and keeps count of them.
///
/// With one object a line, a bad line spoils no other.
pub(crate) fn read_items<'o, S: Sink>(
    mut input: impl BufRead,
    wanted: &dyn Fn(&[Step]) -> bool,
    output: &mut Output<'o, S>,
    read: &mut ReadItem<'_, 'o, S>,
) -> io::Result<()> {
    let limits = output.options.limits.clone();
    if is_one_a_line(input.fill_buf()?) {
        return read_lines(input, limits, output, read);
    }
    let mut cut_short = false;
    let take = &mut |_: &[Step], item: Item<'_>| {
        if output.line >= limits.lines_max {
            cut_short = true;
            return false;
        }
        output.line += 1;
        output.report.rows += 1;
        match item {
            Item::Text(bytes) => {
                let outcome = read(bytes, output);
                if let Err(reason) = outcome {
                    let start = bytes.get(..bytes.len().min(400)).unwrap_or_default();
                    output.reject(reason, &String::from_utf8_lossy(start));
                }
            }
            Item::TooLong(start) => {
                let start = start.get(..start.len().min(400)).unwrap_or_default();
                output.reject(RejectReason::RecordTooLong, &String::from_utf8_lossy(start));
            }
        }
        true
    };
    let ending = each_item(input, limits.record_bytes_max, &limits, wanted, take)?;
    output.report.lines = output.line;
    let warning = match ending {
        _ if cut_short => Warning::CutShort(output.line),
        Ending::Whole => return Ok(()),
        Ending::CutShort => Warning::DocumentCutShort,
        Ending::Damaged(at) => Warning::DocumentDamaged(at),
    };
    output.report.warnings.push(warning);
    Ok(())
}

fn read_lines<'o, S: Sink>(
    input: impl BufRead,
    limits: Limits,
    output: &mut Output<'o, S>,
    read: &mut ReadItem<'_, 'o, S>,
) -> io::Result<()> {
    let limits = Limits { line_bytes_max: limits.record_bytes_max, ..limits };
    let mut lines = Lines::new(input, &limits);
    while let Some(line) = lines.next()? {
        output.line += 1;
        let (outcome, text) = match line {
            Line::Text("") => continue,
            Line::Text(text) => (Ok(text.as_bytes()), Cow::Borrowed(text)),
            Line::NotUtf8(bytes) => (Err(RejectReason::NotUtf8), String::from_utf8_lossy(bytes)),
            Line::TooLong(bytes) => {
                (Err(RejectReason::RecordTooLong), String::from_utf8_lossy(bytes))
            }
        };
        output.report.rows += 1;
        let outcome = outcome.and_then(|bytes| read(bytes, output));
        output.settle(outcome, &text);
    }
    output.report.lines = output.line;
    if lines.is_cut_short()? {
        output.report.warnings.push(Warning::CutShort(output.line));
    }
    Ok(())
}

/// Which values are records.
pub(crate) fn wanted(mapping: Option<&Mapping>, lines: bool) -> impl Fn(&[Step]) -> bool + use<> {
    let rows: Option<Vec<Box<str>>> = mapping
        .and_then(|mapping| mapping.rows.as_deref())
        .map(|rows| rows.split('.').map(Into::into).collect());
    move |path: &[Step]| {
        let Some(rows) = &rows else {
            let ended = path.first().is_some_and(|step| ENDED.iter().any(|key| step.is_key(key)));
            return (lines && path.is_empty()) || (path.last() == Some(&Step::Element) && !ended);
        };
        path.last() == Some(&Step::Element)
            && path
                .iter()
                .filter(|step| **step != Step::Element)
                .map(|step| rows.iter().position(|key| step.is_key(key)))
                .eq((0..rows.len()).map(Some))
    }
}

/// Reads records.
struct Reader<'m> {
    mapping: Option<&'m Mapping>,
    publisher: Publisher,
}

impl Reader<'_> {
    fn record<S: Sink>(
        &self,
        value: &Value,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        if let Some(mapping) = self.mapping.filter(|mapping| !mapping.fields.is_empty()) {
            let mut record = Record::default();
            for (role, path) in &mapping.fields {
                push_value(&mut record, *role, at_path(value, path));
            }
            return record.emit(self.publisher.style(), output);
        }
        match value {
            // A list of bare values.
            Value::String(text) => {
                let mut record = Record::default();
                record.push(Role::Indicator, Cow::Borrowed(text));
                record.emit(self.publisher.style(), output)
            }
            value => {
                let mut found = 0;
                self.search(value, &Record::default(), 0, &mut found, output);
                if found == 0 { Err(RejectReason::NoIndicator) } else { Ok(()) }
            }
        }
    }

    /// Emits the record that an object is, or else those inside it.
    fn search<S: Sink>(
        &self,
        value: &Value,
        shared: &Record<'_>,
        depth: usize,
        found: &mut u64,
        output: &mut Output<'_, S>,
    ) {
        let Some(object) = value.as_object() else {
            let elements = value.as_array().filter(|_| depth < DEPTH_MAX);
            for element in elements.into_iter().flatten().filter(|element| !element.is_string()) {
                self.search(element, shared, depth + 1, found, output);
            }
            return;
        };
        let mut record = fields_of(object);
        let mut roles = record.fields.iter().map(|(role, _)| *role);
        let is_record = match self.publisher {
            Publisher::Any => is_telling(roles),
            // Whose records these are is known.
            _ => roles.any(Role::is_indicator),
        };
        record.fields.extend(shared.fields.iter().cloned());
        if is_record {
            // The row was counted once; each further record inside it is a row of its own.
            let further = u64::from(*found > 0);
            if output.line + further > output.options.limits.lines_max {
                return;
            }
            output.report.rows += further;
            output.line += further;
            *found += 1;
            let outcome = record.emit(self.publisher.style(), output);
            if outcome.is_err() {
                output.settle(outcome, &value.to_string());
            }
            return;
        }
        record.fields.retain(|(role, _)| SHARED.contains(role));
        let inside = object.iter().filter(|(key, _)| !ENDED.contains(&key.as_str()));
        for (_, inner) in inside.filter(|_| depth < DEPTH_MAX) {
            self.search(inner, &record, depth + 1, found, output);
        }
    }
}

/// The fields of an object whose names tell what they hold, also those one object further in
/// (`source.ip`).
fn fields_of(object: &serde_json::Map<String, Value>) -> Record<'_> {
    let mut record = Record::default();
    for (key, value) in object {
        if let Some(role) = Role::of_field(key) {
            push_value(&mut record, role, Some(value));
        }
        // The name for people goes before the one for programs.
        if key == "malware_printable" {
            record.fields.rotate_right(1);
        }
        for (inner, value) in value.as_object().into_iter().flatten() {
            if let Some(role) = Role::of_field(&format!("{key}.{inner}")) {
                push_value(&mut record, role, Some(value));
            }
        }
    }
    record
}

fn at_path<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    // A key may have dots in it itself.
    value.get(path).or_else(|| path.split('.').try_fold(value, |value, key| value.get(key)))
}

fn push_value<'v>(record: &mut Record<'v>, role: Role, value: Option<&'v Value>) {
    match value {
        Some(Value::String(text)) => record.push(role, Cow::Borrowed(text)),
        Some(Value::Number(number)) => record.push(role, Cow::Owned(number.to_string())),
        Some(Value::Bool(yes)) => {
            record.push(role, Cow::Borrowed(if *yes { "true" } else { "false" }))
        }
        Some(Value::Array(values)) => {
            for value in values.iter().filter(|value| !value.is_array()) {
                push_value(record, role, Some(value));
            }
        }
        _ => {}
    }
}

/// How many of the first records of a document, as far as it was seen, hold an indicator.
pub(crate) fn sample(head: &[u8]) -> (usize, usize) {
    let limits = Limits::default();
    let options = crate::feeds::ReadOptions::default();
    let mut nothing = Nothing;
    let mut output = Output::new(&options, &mut nothing);
    let wanted = wanted(None, is_one_a_line(head));
    let reader = Reader { mapping: None, publisher: Publisher::Any };
    let (mut records, mut useful) = (0, 0);
    // What ends the head ends the sample, too.
    let _ending = each_item(head, limits.record_bytes_max, &limits, &wanted, &mut |_, item| {
        if let Item::Text(bytes) = item
            && let Ok(value) = serde_json::from_slice::<Value>(bytes)
        {
            records += 1;
            let before = output.report.accepted;
            let _outcome = reader.record(&value, &mut output);
            useful += usize::from(output.report.accepted > before);
        }
        records < 200
    });
    (records, useful)
}

/// Takes nothing.
pub(crate) struct Nothing;

impl Sink for Nothing {
    fn observation(&mut self, _: wardnet_model::Observation) {}
    fn rejection(&mut self, _: crate::feeds::Rejection) {}
}
