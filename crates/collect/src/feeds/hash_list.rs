//! Lists of file hashes, one a line: bare, `hash;comment` (LOKI, THOR), `hash  path` (md5sum),
//! `SHA256 (path) = hash` (BSD), or `name|hash` (MISP).
//!
//! What follows a hash of LOKI's lists names the campaign; the path behind a checksum names nothing.

use crate::feeds::output::{Output, Sink};
use crate::feeds::words::{family_in, reference_in};
use crate::feeds::{RejectReason, csv};
use wardnet_model::{Details, Indicator, Kind, Observation, ParseError, Scope};

pub(crate) fn row<S: Sink>(text: &str, output: &mut Output<'_, S>) -> Result<(), RejectReason> {
    // GNU writes a backslash in front when it escapes the path.
    let text = text.strip_prefix('\\').unwrap_or(text);
    if let Some(hash) = bsd_hash(text) {
        return output.accept(Observation::malicious(hash?, Scope::Exact));
    }
    let end = text.find([' ', '\t', ';', ',', '#']).unwrap_or(text.len());
    let (cell, note) = text.split_at_checked(end).unwrap_or((text, ""));
    let cell = csv::unquote(cell.trim());
    // `filename|md5`, as MISP pairs them.
    let cell = cell.rsplit('|').next().unwrap_or(cell);
    let indicator = match read(cell) {
        Ok(indicator) => indicator,
        Err(_) if output.report.rows == 1 && !output.has_names && is_column_name(cell) => {
            output.has_names = true;
            output.report.rows = 0;
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    output.accept(Observation {
        details: details(note),
        ..Observation::malicious(indicator, Scope::Exact)
    })
}

/// A hash by its length; `md5:` and its kind may stand in front.
pub(crate) fn read(text: &str) -> Result<Indicator, ParseError> {
    let bare = text.rsplit_once(':').map_or(text, |(_, hash)| hash).trim();
    let kind = match bare.len() {
        32 => Kind::Md5,
        40 => Kind::Sha1,
        _ => Kind::Sha256,
    };
    Indicator::parse_as(kind, bare)
}

/// `MD5 (path) = hash`; `None` for any other line.
fn bsd_hash(text: &str) -> Option<Result<Indicator, ParseError>> {
    let (front, hash) = text.rsplit_once(") = ")?;
    let algorithm = front.split(" (").next()?;
    ["MD5", "SHA1", "SHA256"].contains(&algorithm).then(|| read(hash.trim()))
}

/// Whether the first row names its columns: `md5`, `SHA256 hash`.
fn is_column_name(cell: &str) -> bool {
    cell.len() < 24 && cell.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}

/// The campaign in a comment behind `;`, perhaps behind a score.
fn details(note: &str) -> Option<Box<Details>> {
    let comment = note.strip_prefix(';')?.trim();
    let comment = match comment.split_once(';') {
        Some((score, rest)) if score.trim().parse::<u32>().is_ok() => rest.trim(),
        _ => comment,
    };
    let details = Details {
        family: family_in(comment),
        reference: reference_in(comment),
        ..Details::default()
    };
    (!details.is_empty()).then(|| Box::new(details))
}

/// Whether a line is a hash, with or without a note.
pub(crate) fn is_row(text: &str) -> bool {
    bsd_hash(text).is_some_and(|hash| hash.is_ok()) || {
        let cell = text.split([' ', '\t', ';', ',', '#']).next().unwrap_or_default();
        let cell = csv::unquote(cell);
        read(cell.rsplit('|').next().unwrap_or(cell)).is_ok()
    }
}
