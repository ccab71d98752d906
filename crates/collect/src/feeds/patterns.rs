//! Substrings and regular expressions of MISP warning lists, which name no single indicator.
//!
//! Here they are checked one by one, so that what cannot be used is rejected with its line and a
//! reason. Scoring compiles what is left, and matches it.

use crate::feeds::Limits;
use regex::RegexBuilder;
use std::sync::Arc;
use wardnet_model::{Category, Kind, PatternKind, PatternList, Stance};

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

/// Patterns as a calibration takes them: gathered by what they say.
pub fn pattern_lists(patterns: Vec<Pattern>) -> Vec<PatternList> {
    let mut lists: Vec<PatternList> = Vec::new();
    for Pattern { list, kind, text, applies_to, stance, category } in patterns {
        let pattern = wardnet_model::Pattern { kind, text };
        let says = (&*list, &*applies_to, stance, category);
        match lists.last_mut() {
            Some(last) if (&*last.name, &*last.kinds, last.stance, last.category) == says => {
                last.patterns.push(pattern);
            }
            _ => lists.push(PatternList {
                name: (&*list).into(),
                kinds: applies_to.to_vec(),
                stance,
                category,
                patterns: vec![pattern],
            }),
        }
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn flags_of_php_become_flags_of_the_expression() {
        let limits = Limits::default();
        assert_eq!(check_regex("/^(noc|abuse)@/iu", &limits).as_deref(), Ok("(?i)^(noc|abuse)@"));
        assert_eq!(check_regex("/a/b/g", &limits).as_deref(), Ok("a/b"));
    }

    #[test]
    fn patterns_are_gathered_by_what_they_say() {
        let pattern = |list: &str, text: &str| Pattern {
            list: list.into(),
            kind: PatternKind::Substring,
            text: text.into(),
            applies_to: [Kind::Url].into(),
            stance: Stance::Benign,
            category: Category::KnownGood,
        };
        let lists = pattern_lists(vec![pattern("a", "x"), pattern("a", "y"), pattern("b", "x")]);
        let shown: Vec<_> = lists.iter().map(|list| (&*list.name, list.patterns.len())).collect();
        assert_eq!(shown, [("a", 2), ("b", 1)]);
    }
}
