//! Spamhaus DROP: networks and AS numbers in criminal hands.
//!
//! Text: `1.10.16.0/20 ; SBL256894` or `AS260 ; AE | name`. JSON: one object a line, the last one
//! `{"type":"metadata","records":1407,…}`, whose count shows whether the list came whole.

use crate::feeds::output::{Output, Sink};
use crate::feeds::report::excerpt;
use crate::feeds::{FeedReport, RejectReason, Warning};
use serde::Deserialize;
use std::borrow::Cow;
use wardnet_model::{Category, Details, Indicator, Kind, Observation, Scope, Timestamp, network};

/// What the reader remembers between rows.
#[derive(Debug, Default)]
pub(crate) struct SpamhausDrop {
    records: u64,
    announced: Option<u64>,
    is_json: bool,
}

#[derive(Deserialize)]
struct JsonRow<'a> {
    #[serde(borrow)]
    cidr: Option<Cow<'a, str>>,
    asn: Option<u32>,
    #[serde(borrow)]
    sblid: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    records: Option<u64>,
    timestamp: Option<u64>,
}

impl SpamhausDrop {
    pub(crate) fn row<S: Sink>(
        &mut self,
        text: &str,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        if text.starts_with('{') {
            return self.json_row(text, output);
        }
        self.records += 1;
        let (value, note) = text.split_once(';').unwrap_or((text, ""));
        let value = value.trim();
        let indicator = if value.starts_with("AS") {
            Indicator::parse_as(Kind::Asn, value)?
        } else {
            network(value)?
        };
        let sbl = note.split_ascii_whitespace().find(|word| word.starts_with("SBL"));
        output.accept(observation(indicator, sbl))
    }

    fn json_row<S: Sink>(
        &mut self,
        text: &str,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        self.is_json = true;
        let row: JsonRow<'_> = serde_json::from_str(text)
            .map_err(|error| RejectReason::Json(excerpt(&error.to_string())))?;
        if row.kind.as_deref() == Some("metadata") {
            self.announced = row.records;
            output.report.rows -= 1;
            output.report.header.entries = row.records;
            output.report.header.updated =
                row.timestamp.map(|secs| Timestamp(secs).to_string().into());
            return Ok(());
        }
        self.records += 1;
        let indicator = match (&row.cidr, row.asn) {
            (Some(cidr), _) => network(cidr)?,
            (None, Some(asn)) => Indicator::Asn(asn),
            (None, None) => return Err(RejectReason::Json("it has neither".into())),
        };
        output.accept(observation(indicator, row.sblid.as_deref()))
    }

    pub(crate) fn finish(&self, report: &mut FeedReport) {
        match self.announced {
            Some(announced) if announced != self.records => {
                report.warnings.push(Warning::Count { announced, read: self.records });
            }
            None if self.is_json => report.warnings.push(Warning::NoEnd),
            _ => {}
        }
    }
}

fn observation(indicator: Indicator, sbl: Option<&str>) -> Observation {
    let details = sbl
        .filter(|sbl| sbl.len() <= 32)
        .map(|sbl| Box::new(Details { reference: Some(sbl.into()), ..Details::default() }));
    Observation {
        category: Some(Category::Hijacked),
        details,
        ..Observation::malicious(indicator, Scope::Exact)
    }
}
