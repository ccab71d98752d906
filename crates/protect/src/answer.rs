//! One answer as JSON: the contract for scripts, the same over HTTP and on the command line.
//!
//! An answer always has `input`, `indicator` and `band`. A question that cannot be answered has
//! them too, with `band` null and an `error`, so that no script takes a failure for a verdict.
//! `docs` of the fields stand in the OpenAPI document, under `Answer` and `Unanswered`.

mod date;
mod json;
mod many;
mod phrases;
mod reasons;

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use wardnet_model::{
    Band, INDICATOR_BYTES_MAX, Indicator, ParseError, SuffixList, TenantId, Timestamp, Url, hex,
};
use wardnet_verdictdb::{Answer, Layer, LookupError, Match, Prefix, Question, Under, View};

use crate::known_files::KnownFiles;
use crate::opinion::{Opinion, Opinions};
use date::{Date, date};
use json::Json;
pub(crate) use many::{Item, TOGETHER};
use phrases::Phrase;
pub(crate) use phrases::Phrasebook;

/// Names of sources that are newer than the base in use, by their number.
pub type NewNames = Arc<dyn Fn(u32) -> Option<Box<str>> + Send + Sync>;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The text is not an indicator.
    #[error("not an indicator: {0}")]
    NotAnIndicator(#[from] ParseError),
    /// There is no verdict database yet.
    #[error("there is no verdict database yet; ask again when the server is ready")]
    NoView,
    /// A part of the verdict database is damaged.
    #[error("no answer: {0}")]
    Damaged(#[from] LookupError),
}

impl Failure {
    /// The problem's type: a relative reference, as in RFC 9457.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotAnIndicator(_) => "/problems/not-an-indicator",
            Self::NoView | Self::Damaged(_) => "/problems/no-answer",
        }
    }
}

/// Asks one view, as one tenant, at one time.
pub struct Asker<'v> {
    view: &'v View,
    suffixes: &'v SuffixList,
    tenant: Option<TenantId>,
    now: Timestamp,
    new_names: Option<&'v NewNames>,
    as_of: Date,
    phrases: Option<&'v Phrasebook>,
    opinions: Option<&'v Opinions>,
    known_files: Option<&'v KnownFiles>,
}

impl<'v> Asker<'v> {
    /// Asks `view` at `now`, for what is shared with all.
    #[must_use]
    pub fn new(view: &'v View, suffixes: &'v SuffixList, now: Timestamp) -> Self {
        let as_of = date(view.as_of);
        Self {
            view,
            suffixes,
            tenant: None,
            now,
            new_names: None,
            as_of,
            phrases: None,
            opinions: None,
            known_files: None,
        }
    }

    /// Asks as a tenant; the shared tenant has nothing of its own.
    #[must_use]
    pub fn for_tenant(mut self, tenant: u32) -> Self {
        self.tenant = (tenant != TenantId::SHARED.0).then_some(TenantId(tenant));
        self
    }

    /// Names sources that the base does not name yet.
    #[must_use]
    pub fn with_names(mut self, names: Option<&'v NewNames>) -> Self {
        self.new_names = names;
        self
    }

    /// Says what models think of what is unrated.
    #[must_use]
    pub fn with_opinions(mut self, opinions: Option<&'v Opinions>) -> Self {
        self.opinions = opinions;
        self
    }

    /// Names the filters that know a file.
    #[must_use]
    pub const fn with_known_files(mut self, known_files: &'v KnownFiles) -> Self {
        self.known_files = Some(known_files);
        self
    }

    /// Keeps what many answers say alike. A book is for one asker of one view.
    pub(crate) fn with_phrases(mut self, phrases: &'v Phrasebook) -> Self {
        self.phrases = Some(phrases);
        self
    }

    /// Appends the answer about `input`, or nothing when there is none. `addresses` are those that
    /// the asker knows the host to have.
    pub fn answer(
        &self,
        input: &str,
        addresses: &[IpAddr],
        out: &mut Vec<u8>,
    ) -> Result<Band, Failure> {
        if self.view.base.is_none() {
            return Err(Failure::NoView);
        }
        let indicator = parse(input)?;
        let question = Question { indicator: &indicator, tenant: self.tenant, addresses };
        let answer = self.view.ask(&question, self.suffixes, self.now)?;
        self.write(input, &indicator, &answer, &mut Json(out));
        Ok(answer.band)
    }

    /// Appends the answer about `input`, or the object that says why there is none.
    pub fn answer_or_error(
        &self,
        input: &str,
        addresses: &[IpAddr],
        out: &mut Vec<u8>,
    ) -> Result<Band, Failure> {
        self.answer(input, addresses, out).inspect_err(|failure| write_failure(input, failure, out))
    }

    fn write(&self, input: &str, indicator: &Indicator, answer: &Answer<'_, '_>, out: &mut Json) {
        out.raw(r#"{"input":"#);
        out.string(input);
        out.raw(r#","indicator":""#);
        let asked = Asked { indicator, text: out.part(|out| out.indicator(indicator)) };
        out.raw(r#"","kind":""#);
        out.raw(indicator.kind().map_or("unknown", wardnet_model::Kind::name));
        out.raw(r#"","band":""#);
        out.raw(answer.band.name());
        out.raw(r#"","risk":"#);
        out.number(answer.risk.value());
        out.raw(r#","basis":""#);
        out.raw(answer.basis.name());
        out.raw(r#"","as_of":""#);
        out.bytes(&self.as_of);
        out.raw(r#"","categories":"#);
        out.categories(answer.categories);
        out.raw(r#","matched":["#);
        for (at, found) in answer.matches.iter().enumerate() {
            out.comma_unless(at == 0);
            self.write_match(&asked, found, answer.decided_by == Some(at), out);
        }
        out.raw(r#"],"reasons":["#);
        self.write_reasons(&asked, answer, out);
        let known_in = self.known_files.map(|known_files| known_files.holding(indicator));
        if let Some(known_in) = known_in.filter(|known_in| !known_in.is_empty()) {
            write_known_in(&known_in, out);
        }
        out.raw("]");
        if let Some(opinion) = self.opinions.and_then(|all| all.on(indicator, answer)) {
            write_opinion(&opinion, out);
        }
        out.raw("}");
    }

    fn write_match(
        &self,
        asked: &Asked<'_>,
        found: &Match<'_, '_>,
        decides: bool,
        out: &mut Json<'_>,
    ) {
        out.raw(r#"{"indicator":""#);
        write_under(asked, found, out);
        out.raw(r#"","kind":""#);
        out.raw(found.kind.name());
        out.raw(r#"","scope":""#);
        out.raw(found.hit.scope.name());
        out.raw(match found.layer {
            Layer::Evidence => r#"","layer":"evidence","decides":"#,
            Layer::Decision => r#"","layer":"decision","decides":"#,
        });
        out.raw(if decides { "true" } else { "false" });
        self.phrase(found.hit.profile, Phrase::Match, out);
    }

    /// The name of a source; its number when nobody knows the name.
    fn with_source_name<T>(&self, source: u32, show: impl FnOnce(&str) -> T) -> T {
        if let Some(name) = self.view.sources().and_then(|names| names.get(&source)) {
            return show(name);
        }
        match self.new_names.and_then(|names| names(source)) {
            Some(name) => show(&name),
            None => show(&source.to_string()),
        }
    }
}

/// The thing asked about, and where in the answer its text stands.
struct Asked<'q> {
    indicator: &'q Indicator,
    text: Range<usize>,
}

impl Asked<'_> {
    /// Whether this is the address that a prefix holds alone.
    fn is(&self, prefix: Prefix) -> bool {
        matches!(self.indicator, Indicator::Address(own) if Prefix::of_address(*own) == prefix)
    }
}

/// Appends the member that says what a model thinks. It stands apart from the verdict.
fn write_opinion(opinion: &Opinion, out: &mut Json<'_>) {
    out.raw(r#","opinion":{"subject":""#);
    out.raw(opinion.subject.name());
    out.raw(r#"","model":""#);
    out.hexadecimal(&opinion.model);
    out.raw(r#"","score":"#);
    out.display(&opinion.score);
    out.raw(r#","label":""#);
    out.raw(if opinion.is_malicious { "malicious" } else { "benign" });
    out.raw(r#"","reasons":["#);
    for (at, reason) in opinion.reasons.iter().enumerate() {
        out.comma_unless(at == 0);
        out.string(reason);
    }
    out.raw("]}");
}

/// Appends the text of what matched, as a part of a string.
fn write_under(asked: &Asked<'_>, found: &Match<'_, '_>, out: &mut Json<'_>) {
    match found.under {
        Under::Text(text) => out.escaped(text),
        Under::Prefix(prefix) if !asked.is(prefix) => out.prefix(prefix),
        Under::Endpoint(endpoint) => out.escaped(&Indicator::Endpoint(endpoint).to_string()),
        Under::Prefix(_) | Under::Itself => out.again(asked.text.clone()),
    }
}

/// Appends a reason, and the member that names the filters which know a file.
fn write_known_in(known_in: &[String], out: &mut Json<'_>) {
    out.comma_unless(false);
    out.string(&format!("a known file, good or bad: {} has it", known_in.join(", ")));
    out.raw(r#"],"known_in":["#);
    for (at, name) in known_in.iter().enumerate() {
        out.comma_unless(at == 0);
        out.string(name);
    }
}

/// Appends the object that stands in an answer's place.
pub fn write_failure(input: &str, failure: &Failure, out: &mut Vec<u8>) {
    write_error(input, failure.kind(), &failure.to_string(), out);
}

/// Appends the object for a line of a batch in which no question can be found.
fn write_unreadable(line: &str, out: &mut Vec<u8>) {
    const DETAIL: &str = "not a JSON string nor an object with the one member `indicator`";
    write_error(line, "/problems/unreadable-line", DETAIL, out);
}

fn write_error(input: &str, kind: &str, detail: &str, out: &mut Vec<u8>) {
    let mut out = Json(out);
    out.raw(r#"{"input":"#);
    out.string(input);
    out.raw(r#","indicator":null,"band":null,"error":{"type":""#);
    out.raw(kind);
    out.raw(r#"","detail":"#);
    out.string(detail);
    out.raw("}}");
}

/// Reads an indicator. The most frequent spellings are tried first: a SHA-256, a plain address and
/// a URL as a browser writes it. No other kind is spelt like them.
fn parse(input: &str) -> Result<Indicator, ParseError> {
    if let Some(hash) = hex::decode(input) {
        return Ok(Indicator::Sha256(hash));
    }
    if let Ok(address) = input.parse::<IpAddr>() {
        return Ok(Indicator::address(address));
    }
    let is_url = input.starts_with("https://") || input.starts_with("http://");
    // Brackets may have to be refanged, and what is too long is told so.
    if is_url && input.len() <= INDICATOR_BYTES_MAX && !input.contains(['[', '(', '{']) {
        return Ok(Indicator::Url(Url::parse(input.trim_end())?));
    }
    Indicator::parse(input)
}

#[cfg(test)]
mod tests;
