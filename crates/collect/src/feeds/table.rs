//! Tables: rows of fields that a line of column names, or `feeds.toml`, gives a meaning.
//!
//! Column names may stand in the first row or in a comment before it. Some publishers' tables have
//! none and are known by their shape.

use crate::feeds::csv::{Joiner, split_by};
use crate::feeds::mapping::Role;
use crate::feeds::output::{Output, Sink};
use crate::feeds::record::{Record, Style};
use crate::feeds::words::date;
use crate::feeds::{Mapping, RejectReason};
use std::borrow::Cow;
use std::sync::Arc;
use wardnet_model::Category;

/// What may stand between columns, the most usual first.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// Whose table it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Publisher {
    #[default]
    Any,
    PhishTank,
    TweetFeed,
    C2Intel,
    CrowdSec,
}

impl Publisher {
    /// What holds for all of the publisher's records.
    pub(crate) const fn style(self) -> Style {
        let plain = Style { category: None, escaped: false, c2_notes: false };
        match self {
            Self::Any | Self::TweetFeed | Self::CrowdSec => plain,
            Self::PhishTank => Style { category: Some(Category::Phishing), escaped: true, ..plain },
            Self::C2Intel => {
                Style { category: Some(Category::CommandAndControl), c2_notes: true, ..plain }
            }
        }
    }
}

/// What each column holds.
type Columns = Vec<Option<Role>>;

/// What the reader of a table remembers between rows.
#[derive(Debug, Default)]
pub(crate) struct Table {
    publisher: Publisher,
    mapping: Option<Arc<Mapping>>,
    columns: Option<(char, Columns)>,
    /// The first name of the mapping that the first row lacks.
    unnamed: Option<Box<str>>,
    /// Whether a row was read, so that comments name no columns any more.
    has_rows: bool,
    joiner: Joiner,
}

impl Table {
    pub(crate) fn new(publisher: Publisher, mapping: Option<Arc<Mapping>>) -> Self {
        let columns = mapping.as_ref().and_then(|mapping| numbered(mapping));
        Self {
            publisher,
            mapping,
            columns,
            unnamed: None,
            has_rows: false,
            joiner: Joiner::default(),
        }
    }

    /// Looks for column names in a comment.
    pub(crate) fn comment(&mut self, comment: &str) {
        // The names stand right above the rows; a line of decoration may come between.
        let is_numbered = self.mapping.as_ref().is_some_and(|mapping| numbered(mapping).is_some());
        if !self.has_rows && !is_numbered && comment.contains(char::is_alphanumeric) {
            self.columns = self.header(comment);
        }
    }

    /// What separates its columns, once that is known.
    pub(crate) fn delimiter(&self) -> Option<char> {
        self.columns.as_ref().map(|(delimiter, _)| *delimiter)
    }

    pub(crate) fn row<S: Sink>(
        &mut self,
        text: &str,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        let mut joiner = std::mem::take(&mut self.joiner);
        let known = self.columns.as_ref().map(|(delimiter, columns)| (*delimiter, columns.len()));
        let whole = |text: &str| {
            known.is_some_and(|(delimiter, width)| {
                let mut fields = Vec::new();
                split_by(delimiter, text, &mut fields).is_ok() && fields.len() == width
            })
        };
        let outcome =
            joiner.take(text, output, (&whole, true), &mut |text, output| self.read(text, output));
        self.joiner = joiner;
        outcome
    }

    fn read<S: Sink>(
        &mut self,
        text: &str,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        self.has_rows = true;
        let mut fields = Vec::with_capacity(16);
        if let Some((delimiter, _)) = &self.columns {
            split_by(*delimiter, text, &mut fields)?;
            if self.is_header_again(text, &fields) {
                output.report.rows -= 1;
                return Ok(());
            }
        } else {
            if let Some(header) = self.header(text) {
                self.columns = Some(header);
                output.report.rows -= 1;
                return Ok(());
            }
            let mapping = self.mapping.as_ref().filter(|_| output.report.rows == 1);
            self.unnamed =
                mapping.and_then(|mapping| lacking(mapping, text)).or(self.unnamed.take());
            split_by(',', text, &mut fields)?;
            self.columns = shape(&fields).map(|columns| (',', columns));
        }
        let unknown = || match &self.unnamed {
            Some(name) => RejectReason::UnnamedColumn(name.clone()),
            None => RejectReason::UnknownColumns,
        };
        let (_, columns) = self.columns.as_ref().ok_or_else(unknown)?;
        let record = record(columns, &fields);
        let outcome = record.emit(self.publisher.style(), output);
        // Numbered columns say nothing of a line with their names.
        let is_first = output.report.rows == 1 && self.mapping.is_some();
        if outcome.is_err() && is_first && names_columns(&fields) {
            output.report.rows -= 1;
            return Ok(());
        }
        outcome
    }

    /// The columns that a line names.
    fn header(&self, line: &str) -> Option<(char, Columns)> {
        if let Some(mapping) = self.mapping.as_ref().filter(|mapping| !mapping.fields.is_empty()) {
            return named(mapping, line);
        }
        let given = self.mapping.as_ref().and_then(|mapping| mapping.delimiter);
        header(line, given)
    }

    /// Whether a row repeats the column names, as in files put together.
    fn is_header_again(&self, text: &str, fields: &[Cow<'_, str>]) -> bool {
        let first = fields.first().map_or("", |field| field);
        first.len() < 24
            && first.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_' || b == b' ')
            && !first.is_empty()
            && self.header(text).is_some_and(|header| Some(header) == self.columns)
    }

    pub(crate) fn finish<S: Sink>(&mut self, output: &mut Output<'_, S>) {
        self.joiner.finish(output);
    }
}

fn record<'r>(columns: &Columns, fields: &[Cow<'r, str>]) -> Record<'r> {
    let mut record = Record::default();
    for (role, field) in columns.iter().zip(fields) {
        if let Some(role) = role {
            record.push(*role, field.clone());
        }
    }
    record
}

/// Columns that `feeds.toml` gives by their numbers; `None` when it names one.
fn numbered(mapping: &Mapping) -> Option<(char, Columns)> {
    let mut columns = Columns::new();
    for (role, field) in &mapping.fields {
        let at = field.parse::<usize>().ok()?.checked_sub(1).filter(|at| *at < 64)?;
        if columns.len() <= at {
            columns.resize(at + 1, None);
        }
        *columns.get_mut(at)? = Some(*role);
    }
    (!columns.is_empty()).then(|| (mapping.delimiter.unwrap_or(','), columns))
}

/// Columns that `feeds.toml` gives by names, all of which the line must have.
fn named(mapping: &Mapping, line: &str) -> Option<(char, Columns)> {
    let delimiters = mapping.delimiter.map_or(DELIMITERS.to_vec(), |one| vec![one]);
    delimiters.into_iter().find_map(|delimiter| {
        let mut names = Vec::new();
        split_by(delimiter, line, &mut names).ok()?;
        let mut columns: Columns = vec![None; names.len()];
        for (role, field) in &mapping.fields {
            let at = match field.parse::<usize>() {
                Ok(number) => number.checked_sub(1)?,
                Err(_) => names.iter().position(|name| name.trim() == &**field)?,
            };
            *columns.get_mut(at)? = Some(*role);
        }
        Some((delimiter, columns))
    })
}

/// The first name of `mapping` that a line lacks, split as most of them are found.
fn lacking(mapping: &Mapping, line: &str) -> Option<Box<str>> {
    let asked = || mapping.fields.iter().filter(|(_, name)| name.parse::<usize>().is_err());
    let delimiters = mapping.delimiter.map_or(DELIMITERS.to_vec(), |one| vec![one]);
    let lacking = |delimiter: char| -> Vec<&(Role, Box<str>)> {
        let mut names = Vec::new();
        let is_whole = split_by(delimiter, line, &mut names).is_ok();
        let has = |asked: &str| is_whole && names.iter().any(|name| name.trim() == asked);
        asked().filter(|(_, name)| !has(name)).collect()
    };
    let fewest = delimiters.into_iter().map(lacking).min_by_key(Vec::len)?;
    fewest.first().map(|(_, name)| name.clone())
}

/// The columns that a line names, in the words that feeds use for them.
pub(crate) fn header(line: &str, given: Option<char>) -> Option<(char, Columns)> {
    let delimiters = given.map_or(DELIMITERS.to_vec(), |one| vec![one]);
    delimiters.into_iter().find_map(|delimiter| {
        let mut names = Vec::new();
        split_by(delimiter, line, &mut names).ok()?;
        if !names_columns(&names) {
            return None;
        }
        let mut columns: Columns = names.iter().map(|name| Role::of_field(name)).collect();
        let is_plain = |role: &Option<Role>| {
            role.is_some_and(|role| role.is_indicator() && role != Role::Indicator)
        };
        // C2IntelFeeds call the remark `ioc`.
        let has_type = columns.contains(&Some(Role::Type)) || columns.contains(&Some(Role::Scope));
        if columns.iter().any(is_plain) && !has_type {
            for (column, name) in columns.iter_mut().zip(&names) {
                if *column == Some(Role::Indicator) && name.trim().eq_ignore_ascii_case("ioc") {
                    *column = Some(Role::Note);
                }
            }
        }
        // One known column in front makes a list with remarks, which other readers know better.
        let known = columns.iter().flatten().count();
        let is_hash = |role: &Role| matches!(role, Role::Md5 | Role::Sha1 | Role::Sha256);
        let says_more = known >= 2
            || columns.first().is_some_and(Option::is_none)
            || columns.iter().flatten().any(is_hash);
        (names.len() >= 2 && says_more && is_telling(columns.iter().flatten().copied()))
            .then_some((delimiter, columns))
    })
}

/// Whether fields of these roles make a record of threat data: a list of links has a URL too.
pub(crate) fn is_telling(roles: impl Iterator<Item = Role> + Clone) -> bool {
    let has = |wanted: &[Role]| roles.clone().any(|role| wanted.contains(&role));
    // A vulnerability or an app is bad for nobody by being named.
    let about = |role: &Role| role.is_indicator() && !matches!(role, Role::App | Role::Cve);
    let about = roles.clone().any(|role| about(&role));
    let only_links = !roles.clone().any(|role| role.is_indicator() && role != Role::Url);
    about
        && (!only_links
            || has(&[
                Role::FirstSeen,
                Role::Family,
                Role::Tags,
                Role::Confidence,
                Role::Actor,
                Role::Verified,
            ]))
}

/// Whether all fields of a row look like names of columns.
fn names_columns(fields: &[Cow<'_, str>]) -> bool {
    fields.iter().all(|field| {
        let is_name = |c: char| c.is_alphanumeric() || " _-#()/.:".contains(c);
        let is_word = field.is_empty() || field.contains(|c: char| c.is_alphabetic());
        field.len() < 40
            && is_word
            && field.chars().all(is_name)
            && !field.contains("://")
            && date(field).is_none()
    })
}

/// The columns of a table without names, by the shape of a row.
pub(crate) fn shape(fields: &[Cow<'_, str>]) -> Option<Columns> {
    use Role::{Domain, FirstSeen, Indicator, Ip, Note, Reference, Tags, Type, Url, Verified};
    let field = |at: usize| fields.get(at).map_or("", |field| field.trim());
    let is_date = |at: usize| date(field(at)).is_some();
    let is_type = ["url", "domain", "ip", "md5", "sha1", "sha256"].contains(&field(2));
    match fields.len() {
        // TweetFeed: date, user, type, value, tags, link.
        5..=7 if is_date(0) && is_type => Some(vec![
            Some(FirstSeen),
            None,
            Some(Type),
            Some(Indicator),
            Some(Tags),
            Some(Reference),
        ]),
        // PhishTank, without its line of names.
        8 if field(2).contains("phish_detail") && field(1).contains("://") => Some(vec![
            None,
            Some(Url),
            Some(Reference),
            Some(FirstSeen),
            Some(Verified),
            None,
            None,
            None,
        ]),
        // malwaredomainlist.com: date, name and path, address, reverse name, description.
        8..=11 if is_date(0) && field(0).contains('_') => {
            let mut columns = vec![Some(FirstSeen), Some(Domain), Some(Ip), None, Some(Note)];
            columns.resize(fields.len(), None);
            Some(columns)
        }
        _ => None,
    }
}

/// Whether a row is of a table that is known by its shape, and whose.
pub(crate) fn known_shape(text: &str) -> Option<Publisher> {
    let mut fields = Vec::new();
    split_by(',', text, &mut fields).ok()?;
    let columns = shape(&fields)?;
    Some(match columns.get(1) {
        Some(None) => Publisher::TweetFeed,
        Some(Some(Role::Url)) => Publisher::PhishTank,
        _ => Publisher::Any,
    })
}
