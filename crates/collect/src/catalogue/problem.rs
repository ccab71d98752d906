//! What is wrong with a configuration file, and where.

use std::fmt;
use std::ops::Range;
use std::path::Path;

/// One thing wrong with a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{line}:{column}: {message}")]
#[non_exhaustive]
pub struct ConfigProblem {
    /// The line, from 1.
    pub line: usize,
    /// The character within the line, from 1.
    pub column: usize,
    /// What is wrong, and what to do about it.
    pub message: String,
}

/// All problems of the file at `path` as text, one a line: `feeds.toml:3:8: message`.
pub fn describe(path: &Path, problems: &[ConfigProblem]) -> String {
    let lines: Vec<String> =
        problems.iter().map(|problem| format!("{}:{problem}", path.display())).collect();
    lines.join("\n")
}

/// Collects problems while a file is read.
#[derive(Debug)]
pub(crate) struct Problems<'t> {
    text: &'t str,
    found: Vec<ConfigProblem>,
}

impl<'t> Problems<'t> {
    pub(crate) const fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new() }
    }

    /// Notes a problem with the bytes at `span`.
    pub(crate) fn add(&mut self, span: &Range<usize>, message: impl fmt::Display) {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |row| row.chars().count()) + 1;
        self.found.push(ConfigProblem { line, column, message: message.to_string() });
    }

    /// Notes an error of the TOML reader.
    pub(crate) fn add_toml(&mut self, error: &toml::de::Error) {
        self.add(&error.span().unwrap_or(0..0), error.message());
    }

    pub(crate) fn into_result(mut self) -> Result<(), Vec<ConfigProblem>> {
        self.found.sort();
        self.found.dedup();
        if self.found.is_empty() { Ok(()) } else { Err(self.found) }
    }
}
