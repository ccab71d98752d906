//! The questions of a batch, in any of its media types.

use std::borrow::Cow;

use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use smallvec::SmallVec;
use wardnet_server::{BodyBytes, Json, Problem};

use crate::answer::{Item, TOGETHER};

const NDJSON: &str = "application/x-ndjson";

/// The questions of one batch, read one after the other.
#[derive(Debug)]
pub(super) enum Questions {
    /// From a JSON array.
    Array {
        /// All of them.
        indicators: Vec<Box<str>>,
        /// The next one.
        next: usize,
    },
    /// From lines.
    Lines {
        /// All of them.
        text: Bytes,
        /// Where the next line begins.
        at: usize,
        /// How many there are, blank ones apart.
        count: usize,
        /// Whether lines may be JSON.
        json: bool,
    },
}

/// Reads a batch; gives the media type of its answer with it.
pub(super) async fn read(
    request: Request,
    questions_max: usize,
) -> Result<(&'static str, Questions), Problem> {
    let media_type = essence(request.headers());
    let json = match media_type.as_str() {
        "application/x-ndjson" | "application/ndjson" => true,
        "text/plain" => false,
        _ => {
            let Json(Batch { indicators }) = Json::<Batch>::from_request(request, &()).await?;
            check_count(indicators.count, questions_max)?;
            let Listed { kept: indicators, .. } = indicators;
            return Ok(("application/json", Questions::Array { indicators, next: 0 }));
        }
    };
    let BodyBytes(text) = BodyBytes::from_request(request, &()).await?;
    let count = lines(&text).count();
    check_count(count, questions_max)?;
    Ok((NDJSON, Questions::Lines { text, at: 0, count, json }))
}

fn check_count(count: usize, questions_max: usize) -> Result<(), Problem> {
    if count <= questions_max {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "batch-too-large",
        "Batch too large",
        format!("a batch may hold at most {questions_max} questions; send it in parts"),
    ))
}

fn essence(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

impl Questions {
    /// How many there are.
    pub(super) const fn count(&self) -> usize {
        match self {
            Self::Array { indicators, .. } => indicators.len(),
            Self::Lines { count, .. } => *count,
        }
    }

    /// Whether they came as one JSON array, and so must the answers.
    pub(super) const fn is_array(&self) -> bool {
        matches!(self, Self::Array { .. })
    }

    /// Takes the next questions: as many as are answered together, none at the end.
    pub(super) fn next_some(&mut self) -> SmallVec<[Item<'_>; TOGETHER]> {
        match self {
            Self::Array { indicators, next } => {
                let some = indicators.iter().skip(*next).take(TOGETHER);
                *next = indicators.len().min(*next + TOGETHER);
                some.map(|indicator| Item::Question(Cow::Borrowed(&**indicator))).collect()
            }
            Self::Lines { text, at, json, .. } => {
                let mut lines = lines(text.get(*at..).unwrap_or_default());
                let some = lines.by_ref().take(TOGETHER).map(|line| read_line(line, *json));
                let some = some.collect();
                *at = text.len() - lines.rest.len();
                some
            }
        }
    }
}

/// The lines that are not blank, without the white space around them.
fn lines(text: &[u8]) -> Lines<'_> {
    Lines { rest: text }
}

struct Lines<'t> {
    rest: &'t [u8],
}

impl<'t> Iterator for Lines<'t> {
    type Item = &'t [u8];

    fn next(&mut self) -> Option<&'t [u8]> {
        while !self.rest.is_empty() {
            let end = self.rest.iter().position(|byte| *byte == b'\n');
            let (line, rest) = match end.and_then(|end| self.rest.split_at_checked(end + 1)) {
                Some(parts) => parts,
                None => (self.rest, Default::default()),
            };
            self.rest = rest;
            let line = line.trim_ascii();
            if !line.is_empty() {
                return Some(line);
            }
        }
        None
    }
}

/// Reads one line: the text itself, or with `json` also a JSON string or `{"indicator": …}`.
fn read_line(line: &[u8], json: bool) -> Item<'_> {
    let Ok(text) = std::str::from_utf8(line) else {
        return Item::Unreadable(String::from_utf8_lossy(line));
    };
    let read = match line.first() {
        Some(b'"') if json => serde_json::from_str::<Text<'_>>(text).map(|text| text.0),
        Some(b'{') if json => serde_json::from_str::<Line<'_>>(text).map(|line| line.indicator.0),
        _ => return Item::Question(Cow::Borrowed(text)),
    };
    match read {
        Ok(indicator) => Item::Question(indicator),
        Err(_) => Item::Unreadable(Cow::Borrowed(text)),
    }
}

/// A string that is copied only where it has escapes.
#[derive(Deserialize)]
struct Text<'q>(#[serde(borrow)] Cow<'q, str>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'q> {
    #[serde(borrow)]
    indicator: Text<'q>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    indicators: Listed,
}

/// The texts of an array. Beyond a bound, which no limit exceeds, they are only counted.
struct Listed {
    kept: Vec<Box<str>>,
    count: usize,
}

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListedVisitor)
    }
}

struct ListedVisitor;

impl ListedVisitor {
    /// Texts that are kept at most.
    const KEPT_MAX: usize = 1 << 20;
}

impl<'de> Visitor<'de> for ListedVisitor {
    type Value = Listed;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an array of indicators")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Listed, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < Self::KEPT_MAX
            && let Some(text) = sequence.next_element::<Box<str>>()?
        {
            kept.push(text);
        }
        let mut count = kept.len();
        while sequence.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Listed { kept, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &'static str, json: bool) -> Vec<String> {
        let text = Bytes::from_static(text.as_bytes());
        let count = lines(&text).count();
        let mut questions = Questions::Lines { text, at: 0, count, json };
        let mut items = Vec::new();
        loop {
            let some = questions.next_some();
            if some.is_empty() {
                break;
            }
            items.extend(some.into_iter().map(|item| match item {
                Item::Question(text) => text.into_owned(),
                Item::Unreadable(text) => format!("unreadable {text}"),
            }));
        }
        assert_eq!(items.len(), count);
        items
    }

    #[test]
    fn lines_are_read_in_every_shape() {
        let text =
            "\"a\\u002eb\"\r\n\n {\"indicator\":\"c.d\"}\nplain.example\n{\"indicater\":1}\n";
        let expected = ["a.b", "c.d", "plain.example", "unreadable {\"indicater\":1}"];
        assert_eq!(items(text, true), expected);
        assert_eq!(items("\"a\"\n{", false), ["\"a\"", "{"]);
        assert_eq!(items("\n \r\n", true), Vec::<String>::new());
    }

    #[test]
    fn an_array_is_counted_to_its_end() {
        let batch: Batch = serde_json::from_str(r#"{"indicators":["a","b"]}"#).unwrap();
        assert_eq!((batch.indicators.count, batch.indicators.kept.len()), (2, 2));
        assert!(serde_json::from_str::<Batch>(r#"{"indicators":[1]}"#).is_err());
        assert!(serde_json::from_str::<Batch>(r#"{"indicator":["a"]}"#).is_err());
    }
}
