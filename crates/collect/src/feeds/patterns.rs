//! Substrings and regular expressions of MISP warning lists, which name no single indicator.
//!
//! [`WarningPatterns`] compiles them once: all substrings into one automaton, all expressions into
//! one set, so a question costs the same however many there are.

use crate::feeds::Limits;
use aho_corasick::AhoCorasick;
use regex::{RegexBuilder, RegexSet, RegexSetBuilder};
use std::collections::BTreeSet;
use std::sync::Arc;
use wardnet_model::{Category, Indicator, Kind, Stance};

/// How a pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PatternKind {
    /// Anywhere in the indicator's text, in either case.
    Substring,
    /// As a regular expression, in the syntax of the `regex` crate.
    Regex,
}

/// One entry of a warning list that names no single indicator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The name of the list.
    pub list: Arc<str>,
    /// How it matches.
    pub kind: PatternKind,
    /// What is looked for.
    pub text: Box<str>,
    /// The kinds of indicator it is for, in order.
    pub applies_to: Arc<[Kind]>,
    /// Which side the list takes.
    pub stance: Stance,
    /// What the list is for.
    pub category: Category,
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It would match everything.
    #[error("the pattern is too short: it would match almost everything")]
    TooShort,
    /// Longer than [`Limits::pattern_bytes_max`].
    #[error("the pattern is longer than the limit `pattern_bytes_max`")]
    TooLong,
    /// Not `/expression/flags`.
    #[error("not a regular expression as PHP writes it: `/expression/flags`")]
    Delimiters,
    /// A flag that changes the meaning and is not known.
    #[error("the regular expression has the flag `{0}`, which is not known")]
    Flag(char),
    /// The expression is wrong, too large, or uses what a linear-time engine cannot do.
    #[error("the regular expression cannot be used: {0}")]
    Expression(String),
    /// The substrings together are too large.
    #[error("the substrings cannot be compiled: {0}")]
    Substrings(String),
}

/// The shortest substring that is used.
const SUBSTRING_BYTES_MIN: usize = 4;

/// Checks a substring.
pub(crate) fn check_substring(text: &str, limits: &Limits) -> Result<Box<str>, PatternError> {
    match text.len() {
        0..SUBSTRING_BYTES_MIN => Err(PatternError::TooShort),
        length if length > limits.pattern_bytes_max => Err(PatternError::TooLong),
        _ => Ok(text.into()),
    }
}

/// Turns `/expression/flags` into an expression of the `regex` crate, and checks it.
pub(crate) fn check_regex(text: &str, limits: &Limits) -> Result<Box<str>, PatternError> {
    if text.len() > limits.pattern_bytes_max {
        return Err(PatternError::TooLong);
    }
    let (body, flags) = text
        .strip_prefix('/')
        .and_then(|rest| rest.rsplit_once('/'))
        .ok_or(PatternError::Delimiters)?;
    let mut kept = String::new();
    for flag in flags.chars() {
        match flag {
            'i' | 's' | 'm' | 'x' => kept.push(flag),
            // `g` and `u` change nothing about whether a text matches.
            'g' | 'u' => {}
            other => return Err(PatternError::Flag(other)),
        }
    }
    let expression = match kept.is_empty() {
        true => body.to_owned(),
        false => format!("(?{kept}){body}"),
    };
    let compiled = RegexBuilder::new(&expression)
        .size_limit(limits.pattern_compiled_bytes_max)
        .build()
        .map_err(|error| PatternError::Expression(error.to_string()))?;
    if compiled.is_match("") {
        return Err(PatternError::TooShort);
    }
    Ok(expression.into())
}

/// Compiled patterns: which lists does an indicator's text match?
#[derive(Debug)]
pub struct WarningPatterns {
    substrings: Compiled<AhoCorasick>,
    expressions: Compiled<RegexSet>,
}

#[derive(Debug)]
struct Compiled<E> {
    engine: E,
    /// The pattern of each number the engine answers with.
    patterns: Vec<Pattern>,
}

impl WarningPatterns {
    /// Compiles what [`FeedReport::patterns`](crate::feeds::FeedReport::patterns) collected.
    pub fn compile(
        patterns: impl IntoIterator<Item = Pattern>,
        limits: &Limits,
    ) -> Result<Self, PatternError> {
        let (substrings, expressions): (Vec<_>, Vec<_>) = patterns
            .into_iter()
            .take(limits.patterns_max)
            .partition(|pattern| pattern.kind == PatternKind::Substring);
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(substrings.iter().map(|pattern| pattern.text.as_bytes()))
            .map_err(|error| PatternError::Substrings(error.to_string()))?;
        let set_bytes_max =
            limits.pattern_compiled_bytes_max.saturating_mul(expressions.len().clamp(1, 64));
        let set = RegexSetBuilder::new(expressions.iter().map(|pattern| &*pattern.text))
            .size_limit(set_bytes_max)
            .build()
            .map_err(|error| PatternError::Expression(error.to_string()))?;
        Ok(Self {
            substrings: Compiled { engine: automaton, patterns: substrings },
            expressions: Compiled { engine: set, patterns: expressions },
        })
    }

    /// The patterns that an indicator matches, one for each list, in order of the lists' names.
    pub fn matches(&self, indicator: &Indicator) -> Vec<&Pattern> {
        let Some(kind) = indicator.kind() else { return Vec::new() };
        let text = indicator.to_string();
        let mut numbers = BTreeSet::new();
        // Matches may overlap, and the first one may be for other kinds.
        for found in self.substrings.engine.find_overlapping_iter(&text) {
            numbers.insert(found.pattern().as_usize());
        }
        let substrings = numbers.iter().filter_map(|number| self.substrings.patterns.get(*number));
        let expressions = self.expressions.engine.matches(&text);
        let expressions =
            expressions.iter().filter_map(|number| self.expressions.patterns.get(number));
        let mut found: Vec<&Pattern> =
            substrings.chain(expressions).filter(|p| p.applies_to.contains(&kind)).collect();
        found.sort_by(|a, b| (&a.list, &a.text).cmp(&(&b.list, &b.text)));
        found.dedup_by(|a, b| a.list == b.list);
        found
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.substrings.patterns.len() + self.expressions.patterns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(list: &str, kind: PatternKind, text: &str, applies_to: &[Kind]) -> Pattern {
        let limits = Limits::default();
        let text = match kind {
            PatternKind::Substring => check_substring(text, &limits),
            PatternKind::Regex => check_regex(text, &limits),
        };
        Pattern {
            list: list.into(),
            kind,
            text: text.unwrap(),
            applies_to: applies_to.into(),
            stance: Stance::Benign,
            category: Category::KnownGood,
        }
    }

    fn lists(patterns: &WarningPatterns, text: &str) -> Vec<String> {
        let indicator = Indicator::parse(text).unwrap();
        patterns.matches(&indicator).iter().map(|found| found.list.to_string()).collect()
    }

    #[test]
    fn both_kinds_of_pattern_match_what_they_are_for() {
        let patterns = WarningPatterns::compile(
            [
                pattern("sandboxes", PatternKind::Substring, "any.run", &[Kind::Domain, Kind::Url]),
                pattern("runners", PatternKind::Substring, "app.any.run", &[Kind::Domain]),
                pattern("desks", PatternKind::Regex, r"/^(noc|abuse)\@.*\..*$/i", &[Kind::Email]),
            ],
            &Limits::default(),
        )
        .unwrap();
        assert_eq!(patterns.len(), 3);
        assert_eq!(lists(&patterns, "app.any.run"), ["runners", "sandboxes"]);
        assert_eq!(lists(&patterns, "https://APP.any.run/tasks"), ["sandboxes"]);
        assert_eq!(lists(&patterns, "abuse@provider.top"), ["desks"]);
        assert_eq!(lists(&patterns, "someone@any.run"), Vec::<String>::new());
    }

    #[test]
    fn unusable_patterns_are_refused_with_a_reason() {
        let limits = Limits { pattern_bytes_max: 64, ..Limits::default() };
        let refuse = |text: &str| check_regex(text, &limits).unwrap_err();
        assert_eq!(refuse("abc"), PatternError::Delimiters);
        assert_eq!(refuse("/a*/"), PatternError::TooShort);
        assert_eq!(refuse("/abc/e"), PatternError::Flag('e'));
        assert_eq!(refuse(&"/a/".repeat(99)), PatternError::TooLong);
        assert!(matches!(refuse(r"/(a)\1/"), PatternError::Expression(_)));
        assert!(matches!(refuse(r"/(\pL{500}){500}/"), PatternError::Expression(_)));
        assert_eq!(check_substring("a.b", &limits), Err(PatternError::TooShort));
    }
}
