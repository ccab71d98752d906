//! `feeds.toml` as it stands in the file: every key optional, every value with its place.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use toml::Spanned;

/// A text and where it stands.
pub(crate) type Text = Option<Spanned<String>>;

/// One `[[feed]]` table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFeed {
    pub(crate) name: Text,
    pub(crate) url: Text,
    pub(crate) format: Text,
    pub(crate) fields: Option<BTreeMap<String, Spanned<String>>>,
    pub(crate) delimiter: Text,
    pub(crate) rows: Text,
    pub(crate) pattern: Text,
    pub(crate) category: Text,
    pub(crate) kinds: Option<Vec<Spanned<String>>>,
    pub(crate) stance: Text,
    pub(crate) scope: Text,
    pub(crate) confidence: Option<Spanned<i64>>,
    pub(crate) reliability: Option<RawReliability>,
    pub(crate) group: Text,
    pub(crate) half_life: Text,
    pub(crate) licence: Option<String>,
    pub(crate) homepage: Option<String>,
    pub(crate) redistribute: Option<bool>,
    pub(crate) full: Option<bool>,
    pub(crate) interval: Text,
    pub(crate) enabled: Option<bool>,
    pub(crate) shadow: Option<bool>,
    pub(crate) tlp: Text,
    pub(crate) sharing: Text,
    pub(crate) max_bytes: Option<Spanned<i64>>,
    pub(crate) shrink_limit: Option<Spanned<f64>>,
    pub(crate) headers: Option<BTreeMap<String, Spanned<String>>>,
    pub(crate) allow_http: Option<bool>,
    pub(crate) allow_private: Option<bool>,
}

/// The `[fetch]` table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFetch {
    pub(crate) ca_file: Option<String>,
    pub(crate) system_roots: Option<bool>,
    pub(crate) proxy: Text,
    pub(crate) connect_timeout: Text,
    pub(crate) stall_timeout: Text,
    pub(crate) total_timeout: Text,
}

/// `reliability = "B"`, or `reliability = { default = "C", domain = "B" }`.
#[derive(Debug)]
pub(crate) enum RawReliability {
    One(Spanned<String>),
    PerKind(BTreeMap<String, Spanned<String>>),
}

impl<'de> Deserialize<'de> for RawReliability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Grades>::deserialize(deserializer)?;
        let span = spanned.span();
        Ok(match spanned.into_inner() {
            Grades::One(grade) => Self::One(Spanned::new(span, grade)),
            Grades::PerKind(grades) => Self::PerKind(grades),
        })
    }
}

enum Grades {
    One(String),
    PerKind(BTreeMap<String, Spanned<String>>),
}

impl<'de> Deserialize<'de> for Grades {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GradesVisitor)
    }
}

struct GradesVisitor;

impl<'de> Visitor<'de> for GradesVisitor {
    type Value = Grades;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a grade such as \"B\", or a table of grades by kind")
    }

    fn visit_str<E>(self, grade: &str) -> Result<Grades, E> {
        Ok(Grades::One(grade.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Grades, A::Error> {
        let mut grades = BTreeMap::new();
        while let Some((kind, grade)) = map.next_entry()? {
            grades.insert(kind, grade);
        }
        Ok(Grades::PerKind(grades))
    }
}
