//! What commands print: JSON for scripts, sentences for people.

use crate::import::ImportOutcome;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Rejections that are shown to people; scripts get all that were kept.
const REJECTIONS_SHOWN: usize = 10;

/// The outcome of one file, as it is printed.
#[derive(Debug, Clone)]
pub(crate) struct ImportLine(Value);

impl ImportLine {
    /// Describes an outcome.
    pub(crate) fn new(file: &str, source: &str, outcome: ImportOutcome) -> Self {
        let ImportOutcome { format, report, seen, patterns, rejections } = outcome;
        let unchanged = report.is_none();
        let by_reason: BTreeMap<String, u64> = report
            .iter()
            .flat_map(|report| report.rejected.iter())
            .map(|(reason, count)| ((*reason).to_string(), *count))
            .collect();
        let mut warnings: Vec<String> =
            report.iter().flat_map(|r| r.warnings.iter()).map(ToString::to_string).collect();
        if let Some(reason) = &patterns.refused {
            warnings.push(format!("its patterns are not used: {reason}"));
        }
        let rejections: Vec<Value> = rejections
            .iter()
            .map(|rejection| {
                json!({
                    "line": rejection.line,
                    "reason": rejection.reason.name(),
                    "detail": rejection.reason.to_string(),
                    "excerpt": rejection.excerpt,
                })
            })
            .collect();
        let counts = seen.counts;
        Self(json!({
            "file": file,
            "source": source,
            "format": format.as_ref().map(|(format, _)| format.name()),
            "format_reason": format.as_ref().map(|(_, why)| why),
            "snapshot": seen.full,
            "unchanged": unchanged,
            "read": counts.read,
            "accepted": counts.accepted,
            "duplicate": counts.duplicate,
            "rejected": counts.rejected,
            "expired": counts.expired,
            "patterns": patterns.in_force,
            "rejected_by": by_reason,
            "rejections": rejections,
            "warnings": warnings,
        }))
    }

    /// One read back from a server's reply.
    pub(crate) const fn from_json(value: Value) -> Self {
        Self(value)
    }

    /// For scripts.
    pub(crate) const fn to_json(&self) -> &Value {
        &self.0
    }

    /// For people.
    pub(crate) fn to_text(&self) -> String {
        let text = |name: &str| self.0.get(name).and_then(Value::as_str).unwrap_or_default();
        let count = |name: &str| thousands(self.0.get(name).and_then(Value::as_u64).unwrap_or(0));
        let list = |name: &str| {
            self.0.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
        };
        let mut out = format!("{}: ", text("file"));
        if self.0.get("unchanged") == Some(&Value::Bool(true)) {
            out += &format!("unchanged, {} entries renewed", count("duplicate"));
        } else {
            out += &format!(
                "{}: {} rows read, {} accepted, {} duplicate, {} rejected",
                text("format"),
                count("read"),
                count("accepted"),
                count("duplicate"),
                count("rejected")
            );
            if count("expired") != "0" {
                out += &format!(", {} expired", count("expired"));
            }
        }
        if count("patterns") != "0" {
            out += &format!(", {} patterns in force", count("patterns"));
        }
        for warning in list("warnings") {
            out += &format!("\n  note: {}", warning.as_str().unwrap_or_default());
        }
        let rejections = list("rejections");
        for rejection in rejections.iter().take(REJECTIONS_SHOWN) {
            let part = |name: &str| rejection.get(name).and_then(Value::as_str).unwrap_or_default();
            let line = rejection.get("line").and_then(Value::as_u64).unwrap_or(0);
            out += &format!("\n  line {line}: {}: {}", part("excerpt"), part("detail"));
        }
        if rejections.len() > REJECTIONS_SHOWN {
            out += &format!(
                "\n  … and {} more; --json shows them",
                thousands((rejections.len() - REJECTIONS_SHOWN) as u64)
            );
        }
        out
    }
}

/// A number with its thousands apart.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Prints a line of the command's output, made harmless by [`clean`]. A closed pipe ends the command
/// quietly.
pub(crate) fn line(text: impl std::fmt::Display) {
    clean_line(&clean(&text.to_string()));
}

/// Prints a line that this program has coloured: what came from elsewhere in it is clean already.
pub(crate) fn clean_line(text: &str) {
    use std::io::Write as _;
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        // What is cut off must not look whole.
        Err(error) => {
            writeln!(std::io::stderr(), "wardnet: the output cannot be written: {error}").ok();
            std::process::exit(3);
        }
    }
}

/// Text without what steers a terminal: feeds, names and reasons are written by strangers, who
/// could recolour the screen with it, rename the window, or show a name backwards.
///
/// Such a character is written as JSON escapes it. So JSON still says the same afterwards, and
/// commands need not tell apart what they print.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if steers(c) {
            out += &format!("\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// An error with its causes. Many messages end with what caused them: nothing is told twice.
pub(crate) fn in_words(error: &anyhow::Error) -> String {
    let mut out = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if out.contains(&text) {
            continue;
        }
        if !out.is_empty() {
            out += ": ";
        }
        out += &text;
    }
    out
}

/// Whether a terminal obeys a character instead of showing it: control characters, except ends of
/// lines and tabs, and what changes the direction of writing.
fn steers(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_and_not_obeyed() {
        for (text, shown) in [
            ("a\tb\nc é …", "a\tb\nc é …"),
            ("\x1b[31mRED", "\\u001b[31mRED"),
            ("\x1b]0;pwn\x07.top", "\\u001b]0;pwn\\u0007.top"),
            ("a\rb\0\x7f", "a\\u000db\\u0000\\u007f"),
            ("\u{9b}2J", "\\u009b2J"),
            ("\u{202e}gpj\u{2069}", "\\u202egpj\\u2069"),
        ] {
            assert_eq!(clean(text), shown);
        }
    }

    #[test]
    fn no_cause_is_told_twice() {
        let missing = || std::io::Error::from_raw_os_error(2);
        let fetch = wardnet_collect::fetch::FetchError::Io(missing());
        let text = "No such file or directory (os error 2)";
        assert_eq!(in_words(&fetch.into()), text);
        let wrapped = anyhow::Error::from(missing()).context("cannot read a.txt");
        assert_eq!(in_words(&wrapped), format!("cannot read a.txt: {text}"));
    }

    #[test]
    fn cleaned_json_says_the_same() {
        let value = json!({ "a\u{9b}": "\u{202e}\\\u{7f}\x1b\"" });
        let text = value.to_string();
        assert_ne!(clean(&text), text);
        assert_eq!(serde_json::from_str::<Value>(&clean(&text)).unwrap(), value);
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
    }
}
