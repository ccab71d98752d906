//! One row of a CSV file, split into fields.
//!
//! ThreatFox and MalwareBazaar put a blank between the comma and the opening quote, and commas
//! inside the quotes. RFC 4180 forbids that blank, and CSV libraries then take the quote for text
//! and the commas inside for separators; hence a splitter of our own. A quoted field ends on its
//! line: no feed has line ends inside fields, and one stray quote must not swallow the rest.

use crate::feeds::RejectReason;
use std::borrow::Cow;

/// More fields than this are not looked at; the widest export has 15.
const FIELDS_MAX: usize = 64;

/// Splits a row at its commas. Quotes and blanks around fields are gone, doubled quotes inside are
/// single (RFC 4180 section 2).
pub(crate) fn split<'t>(row: &'t str, fields: &mut Vec<Cow<'t, str>>) -> Result<(), RejectReason> {
    fields.clear();
    let mut rest = row;
    while fields.len() < FIELDS_MAX {
        rest = rest.trim_start();
        let (field, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => {
                let (field, behind) = split_at_comma(rest);
                (Cow::Borrowed(field.trim_end()), behind)
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

fn split_at_comma(text: &str) -> (&str, Option<&str>) {
    match text.split_once(',') {
        Some((field, behind)) => (field, Some(behind)),
        None => (text, None),
    }
}

/// A field whose opening quote is gone, and what follows the comma behind it.
fn quoted_field(text: &str) -> Result<(Cow<'_, str>, Option<&str>), RejectReason> {
    let (first, mut rest) = text.split_once('"').ok_or(RejectReason::UnclosedQuote)?;
    let mut field = Cow::Borrowed(first);
    while let Some(behind) = rest.strip_prefix('"') {
        let (more, behind) = behind.split_once('"').ok_or(RejectReason::UnclosedQuote)?;
        field.to_mut().push('"');
        field.to_mut().push_str(more);
        rest = behind;
    }
    Ok((field, split_at_comma(rest).1))
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
