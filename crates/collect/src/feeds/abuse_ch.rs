//! The CSV exports of abuse.ch.
//!
//! Column names stand in a comment (`# id,dateadded,url,…`), in a quoted line after the comments
//! (Feodo Tracker), in the first line, or nowhere; then the row's own shape tells the export.

mod columns;

use self::columns::{Column, Columns};
use crate::feeds::csv::{Joiner, split};
use crate::feeds::output::{Output, Sink};
use crate::feeds::words::{date, is_family};
use crate::feeds::{RejectReason, Warning, url_list};
use std::borrow::Cow;
use std::net::SocketAddr;
use wardnet_model::{Category, Details, Indicator, Kind, Observation, Scope, Timestamp, address};

/// The longest reference that is kept, in bytes.
const REFERENCE_BYTES_MAX: usize = 512;

/// What the reader of these exports remembers between rows.
#[derive(Debug, Default)]
pub(crate) struct AbuseCh {
    columns: Option<Columns>,
    announced: Option<u64>,
    rows: u64,
    joiner: Joiner,
}

/// A row and the names of its fields.
struct Row<'r> {
    columns: &'r Columns,
    fields: &'r [Cow<'r, str>],
}

impl<'r> Row<'r> {
    /// The first field of a column that says something.
    fn field(&self, wanted: Column) -> Option<&'r str> {
        self.columns
            .0
            .iter()
            .zip(self.fields)
            .find(|(column, _)| **column == Some(wanted))
            .map(|(_, field)| field.trim())
            .filter(|field| !["", "None", "n/a", "N/A"].contains(field))
    }

    fn first_seen(&self) -> Option<Timestamp> {
        self.field(Column::FirstSeen).and_then(date)
    }

    /// Whether the row has as many fields as there are columns, and the right things in them.
    fn fits(&self) -> bool {
        self.columns.0.len() == self.fields.len()
            && self.first_seen().is_some()
            && self.indicators().is_ok_and(|indicators| !indicators.is_empty())
    }

    /// What the row is about: a URL with the file behind it, the address of a server, all the
    /// hashes of one file, or a value of the type that the row names.
    fn indicators(&self) -> Result<Vec<Indicator>, RejectReason> {
        if let Some(url) = self.field(Column::Url) {
            let mut found = vec![url_list::read(url)?];
            found.extend(self.hashes()?);
            return Ok(found);
        }
        if let Some(kind) = self.field(Column::ValueType) {
            let value = self.field(Column::Value).ok_or(RejectReason::MissingField("ioc_value"))?;
            return Ok(vec![typed(kind, value)?]);
        }
        if let Some(host) = self.field(Column::Address) {
            let port = self.field(Column::Port).ok_or(RejectReason::MissingField("port"))?;
            // These are lists of addresses to block; the port only says where the server was seen.
            endpoint(host, port)?;
            return Ok(vec![Indicator::Address(address(host)?)]);
        }
        let found = self.hashes()?;
        if found.is_empty() { Err(RejectReason::MissingField("value")) } else { Ok(found) }
    }

    fn hashes(&self) -> Result<Vec<Indicator>, RejectReason> {
        let hashes = [
            (Column::Sha256, Kind::Sha256),
            (Column::Md5, Kind::Md5),
            (Column::Sha1, Kind::Sha1),
            (Column::CertificateSha1, Kind::CertificateSha1),
            (Column::Ja3, Kind::Ja3),
        ];
        let found = hashes
            .into_iter()
            .filter_map(|(column, kind)| Some(Indicator::parse_as(kind, self.field(column)?)));
        Ok(found.collect::<Result<_, _>>()?)
    }

    fn category(&self) -> Option<Category> {
        if let Some(threat) = self.field(Column::Threat) {
            return match threat {
                "malware_download" | "payload" | "payload_delivery" => Some(Category::Malware),
                "botnet_cc" | "cc_skimming" => Some(Category::CommandAndControl),
                _ => None,
            };
        }
        if let Some(reason) = self.field(Column::Reason) {
            return Some(reason_category(reason));
        }
        // Feodo Tracker and the SSLBL address list hold nothing but C2 servers.
        let steers = self.field(Column::Address).is_some();
        Some(if steers { Category::CommandAndControl } else { Category::Malware })
    }

    fn family(&self) -> Option<&str> {
        self.field(Column::Family)
            .into_iter()
            .chain(self.field(Column::Reason).map(reason_family))
            .chain(self.field(Column::Tags).into_iter().flat_map(|tags| tags.split(',')))
            .map(|name| name.trim().trim_start_matches('#'))
            .find(|name| is_family(name))
    }

    fn reference(&self) -> Option<Box<str>> {
        let id = || {
            let id = self.field(Column::Id).filter(|id| id.bytes().all(|b| b.is_ascii_digit()))?;
            Some(format!("https://threatfox.abuse.ch/ioc/{id}/").into())
        };
        self.field(Column::Reference)
            .filter(|text| text.len() <= REFERENCE_BYTES_MAX)
            .map(Into::into)
            .or_else(id)
    }

    fn observation(&self, indicator: Indicator, scope: Scope) -> Observation {
        let details = Details {
            family: self.family().map(Into::into),
            reference: self.reference(),
            ..Details::default()
        };
        Observation {
            category: self.category(),
            confidence: self
                .field(Column::Confidence)
                .and_then(|text| text.parse().ok())
                .filter(|percent| *percent <= 100),
            first_seen: self.first_seen(),
            details: (!details.is_empty()).then(|| Box::new(details)),
            ..Observation::malicious(indicator, scope)
        }
    }
}

/// Whether a line, without comment marks, names columns of one of the exports.
pub(crate) fn names_columns(text: &str) -> bool {
    let mut fields = Vec::new();
    split(text, &mut fields).is_ok()
        && Columns::of(&fields).is_some_and(|columns| columns.are_an_export(&fields))
}

/// Whether a line is a row of one of the exports.
pub(crate) fn is_known_row(text: &str) -> bool {
    let mut fields = Vec::new();
    split(text, &mut fields).is_ok() && known_columns(&fields).is_some()
}

/// The columns of a row from a file without column names.
fn known_columns(fields: &[Cow<'_, str>]) -> Option<Columns> {
    Columns::known().find(|columns| Row { columns, fields }.fits())
}

impl AbuseCh {
    /// Looks for column names and for the last line's count in a comment.
    pub(crate) fn comment(&mut self, comment: &str) {
        if let Some(end) = comment.strip_prefix("END") {
            let digits: String = end.chars().filter(char::is_ascii_digit).collect();
            self.announced = digits.parse().ok();
            return;
        }
        let mut fields = Vec::new();
        if self.columns.is_none() && split(comment, &mut fields).is_ok() {
            self.columns = Columns::of(&fields);
        }
    }

    pub(crate) fn row<S: Sink>(
        &mut self,
        text: &str,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        let mut joiner = std::mem::take(&mut self.joiner);
        let width = self.columns.as_ref().map(|columns| columns.0.len());
        let outcome = joiner.take(
            text,
            output,
            (&|text| is_whole(text, width), width.is_some()),
            &mut |text, output| self.read(text, output),
        );
        self.joiner = joiner;
        outcome
    }

    fn read<S: Sink>(
        &mut self,
        text: &str,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        let mut fields = Vec::with_capacity(16);
        split(text, &mut fields)?;
        if let Some(columns) = Columns::of(&fields) {
            self.columns = Some(columns);
            output.report.rows -= 1;
            return Ok(());
        }
        self.rows += 1;
        if self.columns.is_none() {
            self.columns = known_columns(&fields);
        }
        let columns = self.columns.as_ref().ok_or(RejectReason::UnknownColumns)?;
        let row = Row { columns, fields: &fields };
        for indicator in row.indicators()? {
            let scope = match indicator {
                Indicator::Domain(_) | Indicator::Url(_) => output.bare_scope(),
                _ => Scope::Exact,
            };
            output.accept(row.observation(indicator, scope))?;
        }
        Ok(())
    }

    /// Compares the count of the last line with what was read.
    pub(crate) fn finish<S: Sink>(&mut self, output: &mut Output<'_, S>) {
        self.joiner.finish(output);
        self.rows += self.joiner.given_up;
        let report = &mut output.report;
        if let Some(announced) = self.announced
            && announced != self.rows
        {
            report.warnings.push(Warning::Count { announced, read: self.rows });
        }
    }
}

/// Whether a line has all the fields of a row.
fn is_whole(text: &str, width: Option<usize>) -> bool {
    let mut fields = Vec::new();
    split(text, &mut fields).is_ok() && Some(fields.len()) == width
}

/// A ThreatFox value.
fn typed(kind: &str, value: &str) -> Result<Indicator, RejectReason> {
    let kind = match kind {
        "ip:port" => Kind::Endpoint,
        "domain" => Kind::Domain,
        "url" => return Ok(url_list::read(value)?),
        "md5_hash" => Kind::Md5,
        "sha1_hash" => Kind::Sha1,
        "sha256_hash" => Kind::Sha256,
        other => return Err(RejectReason::ValueType(other.chars().take(32).collect())),
    };
    Ok(Indicator::parse_as(kind, value)?)
}

fn endpoint(host: &str, port: &str) -> Result<Indicator, RejectReason> {
    let host = address(host)?;
    match port.parse::<u16>() {
        Ok(port) if port != 0 => Ok(Indicator::Endpoint(SocketAddr::new(host, port))),
        _ => Err(wardnet_model::ParseError::Port.into()),
    }
}

/// The category of an SSLBL reason: `Gozi C&C`, `Dridex malware distribution`, `Adware`.
fn reason_category(reason: &str) -> Category {
    let reason = reason.to_ascii_lowercase();
    if reason.contains("c&c") {
        Category::CommandAndControl
    } else if reason.contains("ransomware") {
        Category::Ransomware
    } else if reason.contains("adware") {
        Category::Adware
    } else if reason.contains("miner") {
        Category::Cryptomining
    } else {
        Category::Malware
    }
}

/// The family in an SSLBL reason: what stands before the words for what it does.
fn reason_family(reason: &str) -> &str {
    let mut family = reason;
    for ending in [" C&C", " Loader", " MITM", " malware distribution", " distribution"] {
        family = family.strip_suffix(ending).unwrap_or(family);
    }
    if family == "Adware" { "" } else { family }
}
