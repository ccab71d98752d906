//! One row of a CSV file, split into fields.
//!
//! ThreatFox and MalwareBazaar put a blank between the comma and the opening quote, and commas
//! inside the quotes. RFC 4180 forbids that blank, and CSV libraries then take the quote for text
//! and the commas inside for separators; hence a splitter of our own. A quoted field ends on its
//! line: no feed has line ends inside fields, and one stray quote must not swallow the rest.

use crate::feeds::output::{Output, Sink};
use crate::feeds::{Limits, RejectReason};
use std::borrow::Cow;

/// More fields than this are not looked at; the widest export has 15.
const FIELDS_MAX: usize = 64;

/// Splits a row at its commas. Quotes and blanks around fields are gone, doubled quotes inside are
/// single (RFC 4180 section 2).
pub(crate) fn split<'t>(row: &'t str, fields: &mut Vec<Cow<'t, str>>) -> Result<(), RejectReason> {
    split_by(',', row, fields)
}

/// [`split`] at another sign.
pub(crate) fn split_by<'t>(
    delimiter: char,
    row: &'t str,
    fields: &mut Vec<Cow<'t, str>>,
) -> Result<(), RejectReason> {
    fields.clear();
    let mut rest = row;
    while fields.len() < FIELDS_MAX {
        // A tab may be what separates, and is no blank then.
        rest = rest.trim_start_matches(' ');
        let (field, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted, delimiter)?,
            None => {
                let (field, behind) = split_at(rest, delimiter);
                (Cow::Borrowed(field.trim()), behind)
            }
        };
        fields.push(field);
        match behind {
            Some(behind) => rest = behind,
            None => break,
        }
    }
    Ok(())
}

/// A cell without the quotes around it, as spreadsheets leave them in lists.
pub(crate) fn unquote(cell: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| cell.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(cell)
}

fn split_at(text: &str, delimiter: char) -> (&str, Option<&str>) {
    match text.split_once(delimiter) {
        Some((field, behind)) => (field, Some(behind)),
        None => (text, None),
    }
}

/// A field whose opening quote is gone, and what follows the separator behind it.
fn quoted_field(text: &str, delimiter: char) -> Result<(Cow<'_, str>, Option<&str>), RejectReason> {
    let (first, mut rest) = text.split_once('"').ok_or(RejectReason::UnclosedQuote)?;
    let mut field = Cow::Borrowed(first);
    while let Some(behind) = rest.strip_prefix('"') {
        let (more, behind) = behind.split_once('"').ok_or(RejectReason::UnclosedQuote)?;
        field.to_mut().push('"');
        field.to_mut().push_str(more);
        rest = behind;
    }
    Ok((field, split_at(rest, delimiter).1))
}

/// Puts rows together whose quoted fields have line ends in them (RFC 4180 section 2.6).
#[derive(Debug, Default)]
pub(crate) struct Joiner {
    open: Option<OpenRow>,
    /// How many rows were given up, since their quotes were never closed.
    pub(crate) given_up: u64,
}

/// A row with a quoted field that its lines so far do not close.
#[derive(Debug)]
struct OpenRow {
    text: String,
    /// Where it began.
    line: u64,
    lines: u32,
}

/// Reads one row.
type ReadRow<'r, 's, S> = dyn FnMut(&str, &mut Output<'s, S>) -> Result<(), RejectReason> + 'r;

impl Joiner {
    /// Takes one line and reads the row that it is or ends. `is_whole` says whether a line by itself
    /// has all the fields of a row; `joins` whether rows may go over lines at all.
    pub(crate) fn take<'s, S: Sink>(
        &mut self,
        text: &str,
        output: &mut Output<'s, S>,
        (is_whole, joins): (&dyn Fn(&str) -> bool, bool),
        read: &mut ReadRow<'_, 's, S>,
    ) -> Result<(), RejectReason> {
        let Some(mut open) = self.open.take() else { return self.begin(text, output, joins, read) };
        if is_whole(text) || !open.continues(text, &output.options.limits) {
            // The quote was never meant to be closed.
            self.give_up(&open, output);
            return self.begin(text, output, joins, read);
        }
        output.report.rows -= 1;
        let outcome = read(&open.text, output);
        if outcome == Err(RejectReason::UnclosedQuote) {
            self.open = Some(open);
        } else {
            output.settle_at(open.line, outcome, &open.text);
        }
        Ok(())
    }

    /// Reads a row, and keeps it when it does not end with its line.
    fn begin<'s, S: Sink>(
        &mut self,
        text: &str,
        output: &mut Output<'s, S>,
        joins: bool,
        read: &mut ReadRow<'_, 's, S>,
    ) -> Result<(), RejectReason> {
        let outcome = read(text, output);
        if outcome == Err(RejectReason::UnclosedQuote) && joins && !output.is_lossy {
            self.open = Some(OpenRow { text: text.to_owned(), line: output.line, lines: 1 });
            return Ok(());
        }
        outcome
    }

    /// Gives up what is open at the end.
    pub(crate) fn finish<S: Sink>(&mut self, output: &mut Output<'_, S>) {
        if let Some(open) = self.open.take() {
            self.give_up(&open, output);
        }
    }

    fn give_up<S: Sink>(&mut self, open: &OpenRow, output: &mut Output<'_, S>) {
        self.given_up += 1;
        output.settle_at(open.line, Err(RejectReason::UnclosedQuote), &open.text);
    }
}

impl OpenRow {
    /// Adds a line, unless the row would become longer than rows are.
    fn continues(&mut self, text: &str, limits: &Limits) -> bool {
        self.lines += 1;
        let length = self.text.len().saturating_add(text.len());
        let fits = self.lines <= limits.row_lines_max && length < limits.line_bytes_max;
        if fits {
            self.text.push('\n');
            self.text.push_str(text);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(row: &str) -> Result<Vec<String>, RejectReason> {
        let mut fields = Vec::new();
        split(row, &mut fields)?;
        Ok(fields.into_iter().map(Cow::into_owned).collect())
    }

    #[test]
    fn rows_of_the_exports_are_split() {
        for (row, expected) in [
            (r#""1","a,b","say ""hi""""#, vec!["1", "a,b", r#"say "hi""#]),
            (r#""1", "a,b", None"#, vec!["1", "a,b", "None"]),
            ("a,,c,", vec!["a", "", "c", ""]),
            ("", vec![""]),
            (r#""""#, vec![""]),
        ] {
            assert_eq!(fields(row).unwrap(), expected, "{row}");
        }
        assert_eq!(fields(r#"a,"b"#), Err(RejectReason::UnclosedQuote));
    }

    #[test]
    fn quotes_around_a_cell_go() {
        for (cell, expected) in
            [("\"a.top\"", "a.top"), ("'a.top'", "a.top"), ("a.top", "a.top"), ("\"", "\"")]
        {
            assert_eq!(unquote(cell), expected);
        }
    }

    proptest! {
        #[test]
        fn quoted_fields_come_back(
            expected in prop::collection::vec("[ -~]{0,12}", 1..8), blank in any::<bool>(),
        ) {
            let quoted: Vec<String> =
                expected.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
            let row = quoted.join(if blank { ", " } else { "," });
            prop_assert_eq!(fields(&row).unwrap(), expected);
        }

        #[test]
        fn any_row_is_split_or_refused(row in "[\", a]{0,40}") {
            let _outcome = fields(&row);
        }
    }
}
