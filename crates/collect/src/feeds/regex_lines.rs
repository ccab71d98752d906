//! Lines that the feed's own expression takes apart: its named groups are the fields.

use crate::feeds::mapping::Role;
use crate::feeds::output::{Output, Sink};
use crate::feeds::record::{Record, Style};
use crate::feeds::{FeedError, Limits, Mapping, RejectReason};
use regex::{Regex, RegexBuilder};
use std::borrow::Cow;

/// A compiled expression and what its groups hold.
#[derive(Debug)]
pub(crate) struct RegexLines {
    expression: Regex,
    groups: Vec<(usize, Role)>,
}

impl RegexLines {
    pub(crate) fn new(mapping: Option<&Mapping>, limits: &Limits) -> Result<Self, FeedError> {
        let pattern = mapping.and_then(|mapping| mapping.pattern.as_deref());
        compile(pattern.unwrap_or_default(), limits)
            .map_err(|error| FeedError::Pattern(error.to_string()))
    }

    pub(crate) fn row<S: Sink>(
        &self,
        text: &str,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        let found = self.expression.captures(text).ok_or(RejectReason::NoMatch)?;
        let mut record = Record::default();
        for (group, role) in &self.groups {
            if let Some(field) = found.get(*group) {
                record.push(*role, Cow::Borrowed(field.as_str()));
            }
        }
        record.emit(Style::default(), output)
    }
}

/// Why an expression cannot take lines apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpressionError {
    /// There is none.
    #[error(
        "the format `regex` needs `pattern`, an expression such as `^(?<ip>\\S+) (?<family>.*)$`"
    )]
    Missing,
    /// It does not compile.
    #[error("`pattern` is no regular expression, or too large: {0}")]
    Syntax(String),
    /// None of its groups is an indicator.
    #[error(
        "`pattern` has no group with the name of an indicator, such as `(?<ip>…)`, `(?<domain>…)`, \
         `(?<url>…)` or `(?<indicator>…)`"
    )]
    NoIndicator,
    /// One of its groups has a name that says nothing.
    #[error("`pattern`: {0}")]
    Group(String),
}

/// Checks the expression of a feed.
///
/// # Errors
///
/// When it cannot take lines apart.
pub fn check_expression(pattern: &str, limits: &Limits) -> Result<(), ExpressionError> {
    compile(pattern, limits).map(|_| ())
}

fn compile(pattern: &str, limits: &Limits) -> Result<RegexLines, ExpressionError> {
    if pattern.is_empty() {
        return Err(ExpressionError::Missing);
    }
    let expression = RegexBuilder::new(pattern)
        .size_limit(limits.pattern_compiled_bytes_max)
        .build()
        .map_err(|error| ExpressionError::Syntax(error.to_string()))?;
    let mut groups = Vec::new();
    for (at, name) in expression.capture_names().enumerate() {
        let Some(name) = name else { continue };
        // A group's name has no `-` in it.
        let role = name.replace('_', "-").parse::<Role>();
        groups.push((at, role.map_err(|error| ExpressionError::Group(error.to_string()))?));
    }
    if !groups.iter().any(|(_, role)| role.is_indicator()) {
        return Err(ExpressionError::NoIndicator);
    }
    Ok(RegexLines { expression, groups })
}
