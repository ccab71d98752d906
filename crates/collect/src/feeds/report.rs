//! What reading a feed tells besides its observations: rejected rows, counts, the list's header.

use crate::feeds::stix::StixError;
use crate::feeds::{NeverBlocks, Pattern, PatternError};
use std::collections::BTreeMap;
use wardnet_model::{ParseError, Timestamp};

/// The longest excerpt of a rejected row, in bytes.
const EXCERPT_BYTES_MAX: usize = 160;

/// The longest value that is kept of a list's header, in bytes.
const HEADER_VALUE_BYTES_MAX: usize = 200;

/// A row that became no observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The number of its line, from 1; in one JSON document, of its entry.
    pub line: u64,
    /// Why.
    pub reason: RejectReason,
    /// The row, or its beginning, with control characters escaped.
    pub excerpt: Box<str>,
}

/// The short name of rows that are in force only later.
const NOT_YET: &str = "not-yet-in-force";

/// Why a row became no observation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RejectReason {
    /// Its value is not an indicator.
    #[error(transparent)]
    NotAnIndicator(#[from] ParseError),
    /// Its value must not be blocked.
    #[error(transparent)]
    NeverBlocks(#[from] NeverBlocks),
    /// The line is longer than [`Limits::line_bytes_max`](crate::feeds::Limits::line_bytes_max).
    #[error("the line is longer than lines may be")]
    LineTooLong,
    /// The line is not text.
    #[error("the line is not UTF-8")]
    NotUtf8,
    /// A range whose end comes before its start, or that mixes families.
    #[error("the range is wrong: write the lower address, `-`, then the higher one")]
    Range,
    /// The count behind an address is not a number.
    #[error("the text behind the tab is not a count of lists")]
    Count,
    /// A hosts row without an address in front.
    #[error("not a hosts row: write `0.0.0.0 name`")]
    NotAHostsRow,
    /// A hosts row that gives a name its real address.
    #[error("the row points its names to {0}: it gives them an address and blocks nothing")]
    NotASinkAddress(Box<str>),
    /// A rule with a condition only a browser can check.
    #[error("rule with modifier `{0}`: it blocks only in a browser's context")]
    Modifier(Box<str>),
    /// A rule that takes another list's rule back.
    #[error("rule with modifier `badfilter`: it only switches other rules off")]
    Badfilter,
    /// A rule that hides or changes parts of pages.
    #[error("cosmetic rule: it hides parts of pages and blocks nothing")]
    Cosmetic,
    /// A rule or pattern that is a regular expression.
    #[error("rule with a regular expression: it names no indicator")]
    RegularExpression,
    /// A rule with `*`, or the separator `^`, inside a name or path.
    #[error("rule with a wildcard (`*` or `^`) inside: it names no single indicator")]
    Wildcard,
    /// A rule that is found anywhere in a URL.
    #[error("rule without an anchor: it matches text anywhere in a URL")]
    NotAnchored,
    /// A row of a CSV without known columns.
    #[error(
        "no header names the columns and no known export has such rows; choose another format, \
         or put the header line back"
    )]
    UnknownColumns,
    /// A row of a table in which no line has a name that the feed's `fields` ask for.
    #[error("no line names the column `{0}`, which `fields` asks for; write it as the header does")]
    UnnamedColumn(Box<str>),
    /// A row of a CSV with too few fields.
    #[error("the row has no `{0}` field")]
    MissingField(&'static str),
    /// A quoted field that does not end.
    #[error("a quoted field has no closing quote")]
    UnclosedQuote,
    /// A type of value that is not an indicator here.
    #[error("values of type `{0}` are not read")]
    ValueType(Box<str>),
    /// A line of JSON that is not such an object.
    #[error("not a JSON object with `cidr` or `asn`: {0}")]
    Json(Box<str>),
    /// An entry of a warning list that fits none of the list's attributes.
    #[error("the entry is of none of the kinds that the list is for")]
    WrongKind,
    /// An entry of a warning list that is not text.
    #[error("the entry is not text")]
    NotText,
    /// A pattern that cannot be used.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A line of a resolver's configuration that blocks nothing.
    #[error("`{0}` blocks nothing")]
    Directive(Box<str>),
    /// A policy zone's rule that is triggered by something other than what is asked for.
    #[error("rule with the trigger `{0}`: it is not about the name or address itself")]
    Trigger(&'static str),
    /// A trail that names a path on any host.
    #[error("a path on any host: it names no single indicator")]
    PathOnly,
    /// A row of Suricata's reputation list that says nothing.
    #[error("the score is 0, or not a number up to 127")]
    Score,
    /// An entry of a Suricata data set that is no text in base64.
    #[error("the entry is not text in base64")]
    Base64,
    /// A row for which no action follows.
    #[error("the row says itself that it is not in force")]
    NotInForce,
    /// A row that is in force only later.
    #[error("the row is in force only from {0} on, and left out until then")]
    NotYet(Timestamp),
    /// A row in which nothing was found.
    #[error("none of its fields holds an indicator")]
    NoIndicator,
    /// A line that the feed's own expression does not match.
    #[error("the feed's `pattern` does not match the line")]
    NoMatch,
    /// A record of a JSON document beyond
    /// [`Limits::record_bytes_max`](crate::feeds::Limits::record_bytes_max).
    #[error("the record is longer than records may be")]
    RecordTooLong,
    /// A record that is not JSON of the expected shape.
    #[error("the record is not what the format has there: {0}")]
    Record(Box<str>),
    /// A STIX pattern that cannot be used.
    #[error(transparent)]
    StixPattern(#[from] StixError),
}

impl RejectReason {
    /// The short name under which the report counts it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotAnIndicator(_) => "not-an-indicator",
            Self::NeverBlocks(reason) => reason.name(),
            Self::LineTooLong => "line-too-long",
            Self::NotUtf8 => "not-utf8",
            Self::Range => "range",
            Self::Count => "count",
            Self::NotAHostsRow => "not-a-hosts-row",
            Self::NotASinkAddress(_) => "not-a-sink-address",
            Self::Modifier(_) => "modifier",
            Self::Badfilter => "badfilter",
            Self::Cosmetic => "cosmetic",
            Self::RegularExpression => "regular-expression",
            Self::Wildcard => "wildcard",
            Self::NotAnchored => "not-anchored",
            Self::UnknownColumns | Self::UnnamedColumn(_) => "unknown-columns",
            Self::MissingField(_) => "missing-field",
            Self::UnclosedQuote => "unclosed-quote",
            Self::ValueType(_) => "value-type",
            Self::Json(_) => "json",
            Self::WrongKind => "wrong-kind",
            Self::NotText => "not-text",
            Self::Pattern(_) => "pattern",
            Self::Directive(_) => "directive",
            Self::Trigger(_) => "trigger",
            Self::PathOnly => "path-only",
            Self::Score => "score",
            Self::Base64 => "base64",
            Self::NotInForce => "not-in-force",
            Self::NotYet(_) => NOT_YET,
            Self::NoIndicator => "no-indicator",
            Self::NoMatch => "no-match",
            Self::RecordTooLong => "record-too-long",
            Self::Record(_) => "record",
            Self::StixPattern(error) => error.name(),
        }
    }
}

macro_rules! not_an_indicator_from {
    ($($error:ty),*) => {
        $(impl From<$error> for RejectReason {
            fn from(error: $error) -> Self {
                Self::NotAnIndicator(error.into())
            }
        })*
    };
}

not_an_indicator_from!(wardnet_model::HostError, wardnet_model::UrlError);

/// What reading a feed came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeedReport {
    /// Lines read, with comments and empty ones; in one JSON document, entries.
    pub lines: u64,
    /// Rows among them: lines that should say something.
    pub rows: u64,
    /// Observations handed over. One row may make several.
    pub accepted: u64,
    /// Rejections handed over, by the name of their reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// What the list says of itself.
    pub header: Header,
    /// Patterns of a MISP warning list that name no single indicator.
    pub patterns: Vec<Pattern>,
    /// What else looks wrong with the feed as a whole.
    pub warnings: Vec<Warning>,
}

impl FeedReport {
    /// How many rejections were handed over.
    pub fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Whether rows were held back that are in force later: the same bytes say more then.
    pub fn holds_back(&self) -> bool {
        self.rejected.contains_key(NOT_YET)
    }
}

/// Something wrong with a feed as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// The list's own count differs from what was read.
    #[error("the list announces {announced} entries and has {read}: it may have been cut short")]
    Count {
        /// What the list says.
        announced: u64,
        /// What was read.
        read: u64,
    },
    /// A list that ends in a count of its own has none.
    #[error("the list's last line, which counts its entries, is missing: it may be cut short")]
    NoEnd,
    /// The limit on lines or entries was reached.
    #[error("reading stopped after {0} lines, as the limit `lines_max` says; the rest is left out")]
    CutShort(u64),
    /// A JSON document that does not end.
    #[error("the document ends in the middle: it may have been cut short")]
    DocumentCutShort,
    /// A JSON document that is damaged.
    #[error("the document is no JSON from byte {0} on; what follows is left out")]
    DocumentDamaged(u64),
    /// The limit on records that wait for others was reached.
    #[error(
        "only the first {0} records of a kind were kept to look up names, as the limit \
         `records_held_max` says"
    )]
    RecordsCutShort(usize),
    /// Attributes of a MISP event that only describe.
    #[error(
        "{0} attributes are not marked for detection (`to_ids`) and left out; if the publisher \
         marks nothing, `--stance malicious`, or `stance = \"malicious\"` in feeds.toml, takes them"
    )]
    NotForDetection(u64),
    /// A mapping that leads nowhere.
    #[error(
        "no record was found: look whether `rows` leads to the list of records, and whether the \
         names in `fields` are the feed's own"
    )]
    NothingFound,
    /// The limit on patterns was reached.
    #[error("only the first {0} patterns are kept, as the limit `patterns_max` says")]
    PatternsCutShort(usize),
}

/// What a list says of itself in its comments, or in the fields around its entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// Its title.
    pub title: Option<Box<str>>,
    /// When to fetch it again, in the list's words: `1 day`.
    pub expires: Option<Box<str>>,
    /// When it was changed, in the list's words.
    pub updated: Option<Box<str>>,
    /// Its version, in the list's words.
    pub version: Option<Box<str>>,
    /// Its licence, in the list's words.
    pub licence: Option<Box<str>>,
    /// How many entries it announces.
    pub entries: Option<u64>,
}

impl Header {
    /// Takes a comment without its marker; `key: value` with a known key is kept, the first time.
    pub(crate) fn read_comment(&mut self, comment: &str) {
        let Some((key, value)) = comment.split_once(':') else { return };
        let value = value.trim().trim_end_matches('#').trim_end();
        if value.is_empty() || value.len() > HEADER_VALUE_BYTES_MAX {
            return;
        }
        let key = key.trim();
        let is = |names: &[&str]| names.iter().any(|name| key.eq_ignore_ascii_case(name));
        let field = if is(&["title"]) {
            &mut self.title
        } else if is(&["expires"]) {
            &mut self.expires
        } else if is(&["last updated", "last update", "last modified", "last-modified", "updated"])
        {
            &mut self.updated
        } else if is(&["version"]) {
            &mut self.version
        } else if is(&["license", "licence"]) {
            &mut self.licence
        } else {
            if is(&["entries", "number of entries", "domains", "total number of network filters"]) {
                self.entries = self.entries.or_else(|| number(value));
            }
            return;
        };
        field.get_or_insert_with(|| value.into());
    }
}

/// A count as lists write it: `190,215` or `18254`.
fn number(text: &str) -> Option<u64> {
    text.chars().filter(|c| *c != ',').collect::<String>().parse().ok()
}

/// The beginning of a row for people to read: bounded, one line, nothing a terminal obeys.
pub(crate) fn excerpt(row: &str) -> Box<str> {
    let mut text = String::with_capacity(row.len().min(EXCERPT_BYTES_MAX));
    for c in row.chars() {
        if text.len() >= EXCERPT_BYTES_MAX {
            text.push('…');
            break;
        }
        if c.is_control() {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_in_every_spelling_of_the_lists() {
        let mut header = Header::default();
        for comment in [
            "Title: Scam Block List",
            "Last updated: 2018-06-06 16:44:05 (UTC)                      #",
            "Expires: 1 day",
            "Entries: 190,215",
            "Updated: later ones do not count",
            "Homepage: https://blocklist.site",
            "no colon",
            "Version:",
        ] {
            header.read_comment(comment);
        }
        assert_eq!(header.title.as_deref(), Some("Scam Block List"));
        assert_eq!(header.updated.as_deref(), Some("2018-06-06 16:44:05 (UTC)"));
        assert_eq!(header.expires.as_deref(), Some("1 day"));
        assert_eq!(header.entries, Some(190_215));
        assert_eq!(header.version, None);
    }

    #[test]
    fn excerpts_are_short_and_tame() {
        assert_eq!(&*excerpt("\u{1b}[31mred"), "\\u{1b}[31mred");
        assert!(excerpt(&"ü".repeat(9999)).len() < EXCERPT_BYTES_MAX + 8);
    }
}
