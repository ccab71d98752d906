//! From raw tables to the catalogue: checks each value, fills in the defaults, notes problems.

use crate::catalogue::problem::Problems;
use crate::catalogue::raw::{RawFeed, RawFetch, RawReliability, Text};
use crate::catalogue::span::read_table;
use crate::catalogue::{Catalogue, FeedConfig, FeedName, HeaderField, Location, units};
use crate::feeds::{ExpressionError, Format, Mapping, ReadOptions, Role, check_expression};
use crate::fetch::{FetchSettings, Limits};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use wardnet_model::{Category, DAY_SECS, Kind, Reliability, Sharing, Tlp};

/// What holds for a feed that does not say otherwise.
mod default {
    use wardnet_model::Reliability;

    pub(super) const CONFIDENCE: u8 = 80;
    pub(super) const RELIABILITY: Reliability = Reliability::C;
    pub(super) const INTERVAL_SECS: u64 = 3600;
    pub(super) const BYTES_MAX: u64 = 256 << 20;
    pub(super) const SHRINK_LIMIT: f64 = 0.5;
}

/// The shortest and longest time between two fetches of a feed.
const INTERVAL_SECS: std::ops::RangeInclusive<u64> = 60..=30 * DAY_SECS;

/// Reads the whole file. What could not be read is left out, after noting why.
pub(crate) fn catalogue(text: &str, base_dir: &Path, problems: &mut Problems<'_>) -> Catalogue {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        problems.add_toml(error);
    }
    if !errors.is_empty() {
        // What the parser recovers from broken text would only yield misleading problems.
        return Catalogue::default();
    }
    let mut catalogue = Catalogue::default();
    for (key, value) in document.into_inner() {
        match (key.get_ref().as_ref(), value.span(), value.into_inner()) {
            ("fetch", span, DeValue::Table(table)) => {
                catalogue.fetch = fetch_settings(table, &span, base_dir, problems);
            }
            ("feed", _, DeValue::Array(tables)) => {
                catalogue.feeds = feeds(tables, base_dir, problems);
            }
            ("fetch", span, _) => problems.add(&span, "`fetch` is a table: write `[fetch]`"),
            ("feed", span, _) => problems.add(&span, "a feed is written `[[feed]]`"),
            (other, ..) => {
                problems.add(&key.span(), format!("unknown key `{other}`; use `feed` or `fetch`"));
            }
        }
    }
    catalogue
}

fn feeds<'i>(
    tables: impl IntoIterator<Item = Spanned<DeValue<'i>>>,
    base_dir: &Path,
    problems: &mut Problems<'_>,
) -> Vec<FeedConfig> {
    let mut feeds = Vec::new();
    let mut names = BTreeSet::new();
    for table in tables {
        let span = table.span();
        let DeValue::Table(table) = table.into_inner() else {
            problems.add(&span, "a feed is written `[[feed]]`");
            continue;
        };
        let Some(raw) = read_table::<RawFeed>(table, &span, problems) else { continue };
        let name_span = raw.name.as_ref().map_or_else(|| span.clone(), Spanned::span);
        let Some(feed) = (Reader { base_dir, problems, table: span }).feed(raw) else { continue };
        if names.insert(feed.name.clone()) {
            feeds.push(feed);
        } else {
            problems.add(&name_span, format!("another feed is named `{}`, too", feed.name));
        }
    }
    feeds
}

/// Checks the values of one table.
struct Reader<'r, 't> {
    base_dir: &'r Path,
    problems: &'r mut Problems<'t>,
    table: Range<usize>,
}

impl Reader<'_, '_> {
    /// The feed of a table; `None` without a usable name or URL, after noting it. Other wrong
    /// values are noted and stand as their defaults: the catalogue is not used then.
    fn feed(&mut self, raw: RawFeed) -> Option<FeedConfig> {
        let allow_http = raw.allow_http.unwrap_or(false);
        let name: Option<FeedName> = self.required("name", raw.name);
        let location = self.location(raw.url, allow_http);
        let (reliability, reliability_per_kind) = self.reliability(raw.reliability);
        // Without a name or place, too, the other values are checked for the problems in them.
        let complete = name.is_some() && location.is_some();
        let name = name.or_else(|| "unnamed".parse().ok())?;
        let location = location.unwrap_or_else(|| Location::File(self.base_dir.into()));
        let format = self.parsed(raw.format);
        let mapping = (raw.fields, raw.delimiter, raw.rows, raw.pattern);
        let feed = FeedConfig {
            mapping: self.mapping(format, mapping),
            format,
            category: self.parsed(raw.category).unwrap_or(Category::Uncategorised),
            kinds: self.kinds(raw.kinds),
            stance: self.parsed(raw.stance),
            scope: self.parsed(raw.scope),
            confidence: self.percent(raw.confidence),
            reliability,
            reliability_per_kind,
            group: self.group(raw.group, &name),
            half_life_secs: self.seconds(raw.half_life),
            licence: raw.licence.unwrap_or_default().into(),
            homepage: raw.homepage.map(Into::into),
            redistribute: raw.redistribute.unwrap_or(false),
            full: raw.full.unwrap_or(true),
            interval_secs: self.interval(raw.interval),
            enabled: raw.enabled.unwrap_or(true),
            shadow: raw.shadow.unwrap_or(false),
            tlp: self.parsed(raw.tlp).unwrap_or(Tlp::Clear),
            sharing: self.parsed(raw.sharing).unwrap_or(Sharing::Everyone),
            bytes_max: self.bytes_max(raw.max_bytes),
            shrink_limit: self.share(raw.shrink_limit),
            headers: self.headers(raw.headers),
            allow_http,
            allow_private: raw.allow_private.unwrap_or(false),
            name,
            location,
        };
        Some(feed).filter(|_| complete)
    }

    /// Which field holds what; checked against the format that reads it.
    fn mapping(
        &mut self,
        format: Option<Format>,
        (fields, delimiter, rows, pattern): (
            Option<BTreeMap<String, Spanned<String>>>,
            Text,
            Text,
            Text,
        ),
    ) -> Option<Arc<Mapping>> {
        let only = |formats: &[Format], option: &str| {
            let fits = format.is_some_and(|format| formats.contains(&format));
            let names: Vec<String> = formats.iter().map(|f| format!("`{f}`")).collect();
            if fits {
                Ok(())
            } else {
                Err(format!("`{option}` needs the format {}", names.join(" or ")))
            }
        };
        let delimiter = self.checked(delimiter, |text| {
            only(&[Format::Csv], "delimiter")?;
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(one), None) if one != '"' => Ok(one),
                _ => Err("a delimiter is one sign, such as `;` or `\\t`".to_owned()),
            }
        });
        let rows = self.checked(rows, |text| only(&[Format::Json], "rows").map(|()| text.into()));
        let pattern = self.checked(pattern, |text| {
            only(&[Format::Regex], "pattern")?;
            let checked = check_expression(&text, &ReadOptions::default().limits);
            checked.map(|()| text.into()).map_err(|error| error.to_string())
        });
        let mut mapping = Mapping { delimiter, rows, pattern, ..Mapping::default() };
        for (role, field) in fields.unwrap_or_default() {
            let span = field.span();
            let role = self.checked(Some(Spanned::new(span, role)), |text| text.parse::<Role>());
            let field = self.checked(Some(field), |text| {
                only(&[Format::Csv, Format::Json], "fields").map(|()| text.into())
            });
            mapping.fields.extend(role.zip(field));
        }
        if format == Some(Format::Regex) && mapping.pattern.is_none() {
            self.problems.add(&self.table, ExpressionError::Missing);
        }
        (mapping != Mapping::default()).then(|| Arc::new(mapping))
    }

    /// Reads `value` with `parse`; a failure is noted at its place.
    fn checked<V, T, E: Display>(
        &mut self,
        value: Option<Spanned<V>>,
        parse: impl FnOnce(V) -> Result<T, E>,
    ) -> Option<T> {
        let value = value?;
        let span = value.span();
        parse(value.into_inner()).map_err(|error| self.problems.add(&span, error)).ok()
    }

    fn parsed<T: FromStr<Err: Display>>(&mut self, value: Text) -> Option<T> {
        self.checked(value, |text| text.parse())
    }

    fn required<T: FromStr<Err: Display>>(&mut self, key: &str, value: Text) -> Option<T> {
        if value.is_none() {
            self.problems.add(&self.table, format!("this feed has no `{key}`"));
        }
        self.parsed(value)
    }

    fn location(&mut self, url: Text, allow_http: bool) -> Option<Location> {
        if url.is_none() {
            self.problems.add(&self.table, "this feed has no `url`");
        }
        let base_dir = self.base_dir;
        self.checked(url, |text| Location::parse(&text, base_dir, allow_http))
    }

    fn reliability(
        &mut self,
        raw: Option<RawReliability>,
    ) -> (Reliability, Vec<(Kind, Reliability)>) {
        let grades = match raw {
            None => return (default::RELIABILITY, Vec::new()),
            Some(RawReliability::One(grade)) => {
                return (self.parsed(Some(grade)).unwrap_or(default::RELIABILITY), Vec::new());
            }
            Some(RawReliability::PerKind(grades)) => grades,
        };
        let mut fallback = default::RELIABILITY;
        let mut per_kind = Vec::new();
        for (kind, grade) in grades {
            let span = grade.span();
            let grade = self.parsed(Some(grade)).unwrap_or(default::RELIABILITY);
            if kind == "default" {
                fallback = grade;
            } else if let Some(kind) = self.parsed(Some(Spanned::new(span, kind))) {
                per_kind.push((kind, grade));
            }
        }
        per_kind.sort();
        (fallback, per_kind)
    }

    fn kinds(&mut self, raw: Option<Vec<Spanned<String>>>) -> Vec<Kind> {
        let names = raw.unwrap_or_default();
        let mut kinds: Vec<Kind> =
            names.into_iter().filter_map(|name| self.parsed(Some(name))).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    }

    fn group(&mut self, raw: Text, name: &FeedName) -> Box<str> {
        let not_empty = |text: String| {
            if text.trim().is_empty() { Err("a group has a name") } else { Ok(text) }
        };
        self.checked(raw, not_empty).map_or_else(|| name.as_str().into(), Into::into)
    }

    /// A span of time that is longer than nothing.
    fn seconds(&mut self, raw: Text) -> Option<u64> {
        let positive = |text: String| match units::seconds(&text) {
            Ok(0) => {
                Err("a span of time of nothing is of no use here; write at least `1s`".to_owned())
            }
            other => other.map_err(|error| error.to_string()),
        };
        self.checked(raw, positive)
    }

    fn interval(&mut self, raw: Text) -> u64 {
        let in_range = |text: String| match units::seconds(&text) {
            Ok(secs) if INTERVAL_SECS.contains(&secs) => Ok(secs),
            Ok(_) => Err("an interval lies between `1m` and `30d`".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        self.checked(raw, in_range).unwrap_or(default::INTERVAL_SECS)
    }

    fn percent(&mut self, raw: Option<Spanned<i64>>) -> u8 {
        let in_range = |percent: i64| match u8::try_from(percent) {
            Ok(percent @ 1..=100) => Ok(percent),
            _ => Err("a confidence lies between 1 and 100"),
        };
        self.checked(raw, in_range).unwrap_or(default::CONFIDENCE)
    }

    fn share(&mut self, raw: Option<Spanned<f64>>) -> f64 {
        let in_range = |share: f64| match share {
            0.0..=1.0 => Ok(share),
            _ => Err("a shrink limit lies between 0.0 and 1.0"),
        };
        self.checked(raw, in_range).unwrap_or(default::SHRINK_LIMIT)
    }

    fn bytes_max(&mut self, raw: Option<Spanned<i64>>) -> u64 {
        let positive = |bytes: i64| match u64::try_from(bytes) {
            Ok(bytes @ 1..) => Ok(bytes),
            _ => Err("a size in bytes is a whole number above 0"),
        };
        self.checked(raw, positive).unwrap_or(default::BYTES_MAX)
    }

    fn headers(&mut self, raw: Option<BTreeMap<String, Spanned<String>>>) -> Vec<HeaderField> {
        let base_dir = self.base_dir;
        let entries = raw.unwrap_or_default().into_iter();
        entries
            .filter_map(|(name, value)| {
                self.checked(Some(value), |value| HeaderField::parse(&name, &value, base_dir))
            })
            .collect()
    }

    fn timeout(&mut self, raw: Text, default: Duration) -> Duration {
        self.seconds(raw).map_or(default, Duration::from_secs)
    }
}

fn fetch_settings(
    table: DeTable<'_>,
    span: &Range<usize>,
    base_dir: &Path,
    problems: &mut Problems<'_>,
) -> FetchSettings {
    let Some(raw) = read_table::<RawFetch>(table, span, problems) else {
        return FetchSettings::default();
    };
    let mut reader = Reader { base_dir, problems, table: span.clone() };
    let limits = Limits::default();
    let proxy = |text: String| match ureq::Proxy::new(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err("not a proxy; write `http://HOST:PORT` or `https://HOST:PORT`"),
    };
    FetchSettings {
        ca_file: raw.ca_file.map(|path| base_dir.join(path)),
        system_roots: raw.system_roots.unwrap_or(true),
        proxy: reader.checked(raw.proxy, proxy).map(Into::into),
        limits: Limits {
            connect_timeout: reader.timeout(raw.connect_timeout, limits.connect_timeout),
            stall_timeout: reader.timeout(raw.stall_timeout, limits.stall_timeout),
            total_timeout: reader.timeout(raw.total_timeout, limits.total_timeout),
            ..limits
        },
    }
}
