//! The NSRL's Reference Data Set as text, `NSRLFile.txt`: one row for each file of each product, by
//! the names of its columns, or without them in the order of version 2.
//!
//! What is in it is known, and with few exceptions good: `SpecialCode` marks them.

use crate::feeds::output::{Output, Sink};
use crate::feeds::{RejectReason, csv};
use std::borrow::Cow;
use wardnet_model::{Category, Indicator, Kind, Observation, Scope, Stance};

/// Where in a row what stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Columns {
    sha1: usize,
    md5: Option<usize>,
    sha256: Option<usize>,
    /// The file's name, in which anything may stand.
    name: Option<usize>,
    special: Option<usize>,
}

impl Columns {
    /// "SHA-1","MD5","CRC32","FileName","FileSize","ProductCode","OpSystemCode","SpecialCode"
    const VERSION_2: Self =
        Self { sha1: 0, md5: Some(1), sha256: None, name: Some(3), special: Some(7) };

    /// Those that a row names.
    fn named(text: &str) -> Option<Self> {
        let mut fields = Vec::new();
        csv::split(text, &mut fields).ok()?;
        let plain = |name: &str| -> String {
            let letters = name.chars().filter(char::is_ascii_alphanumeric);
            letters.map(|c| c.to_ascii_lowercase()).collect()
        };
        let names: Vec<String> = fields.iter().map(|field| plain(field)).collect();
        let find = |name: &str| names.iter().position(|one| one == name);
        // Tables of hashes are many; this one tells the product.
        find("productcode").or_else(|| find("packageid"))?;
        let name = find("filename")?;
        Some(Self {
            sha1: find("sha1")?,
            md5: find("md5"),
            sha256: find("sha256"),
            name: Some(name),
            special: find("specialcode"),
        })
    }

    /// The last column whose place does not depend on what stands in a file's name.
    fn hashes_end(&self) -> usize {
        let last = self.md5.max(self.sha256).unwrap_or(0).max(self.sha1);
        last.saturating_add(1)
    }
}

/// What is remembered between rows.
#[derive(Debug, Default)]
pub(crate) struct Nsrl {
    columns: Option<Columns>,
}

impl Nsrl {
    pub(crate) fn row<S: Sink>(
        &mut self,
        text: &str,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        // Parts of the set put together repeat the names.
        if text.len() < 512
            && !starts_with_digits(text)
            && let Some(columns) = Columns::named(text)
        {
            self.columns = Some(columns);
            output.report.rows = output.report.rows.saturating_sub(1);
            return Ok(());
        }
        let columns = self.columns.unwrap_or(Columns::VERSION_2);
        let mut fields = Vec::with_capacity(8);
        split(text, columns, &mut fields)?;
        let field = |at: usize| fields.get(at).map(|field| field.trim()).unwrap_or_default();
        let special = columns.special.map(field).unwrap_or_default();
        let (stance, category) = match special {
            "M" => (Stance::Malicious, Some(Category::Malware)),
            "" => (Stance::Benign, Some(Category::KnownGood)),
            // Tools that hide or break, kept for those who look for them.
            _ => (Stance::Context, None),
        };
        let hashes = [
            (columns.sha256, Kind::Sha256),
            (Some(columns.sha1), Kind::Sha1),
            (columns.md5, Kind::Md5),
        ];
        let mut found = false;
        for (at, kind) in hashes {
            let text = at.map(field).unwrap_or_default();
            if text.is_empty() {
                continue;
            }
            let indicator = Indicator::parse_as(kind, text)?;
            let observation = Observation::malicious(indicator, Scope::Exact);
            output.accept(Observation { stance, category, ..observation })?;
            found = true;
        }
        if found { Ok(()) } else { Err(RejectReason::NoIndicator) }
    }
}

/// Whether a row begins with a hash, as all but names of columns do.
fn starts_with_digits(text: &str) -> bool {
    let digits = text.trim_start_matches('"').bytes().take(32);
    digits.clone().count() == 32 && digits.into_iter().all(|byte| byte.is_ascii_hexdigit())
}

/// Splits a row. A name may have quotes that nobody doubled: then what stands in front of it is
/// taken by its commas, and what stands behind it by the last one.
fn split<'t>(
    text: &'t str,
    columns: Columns,
    fields: &mut Vec<Cow<'t, str>>,
) -> Result<(), RejectReason> {
    let Err(error) = csv::split(text, fields) else { return Ok(()) };
    let end = columns.hashes_end();
    if columns.name.is_none_or(|name| name < end) {
        return Err(error);
    }
    fields.clear();
    fields.extend(text.split(',').take(end).map(|field| csv::unquote(field.trim()).into()));
    if let Some((_, last)) = text.rsplit_once(',')
        && let Some(special) = columns.special
    {
        fields.resize(special, Cow::Borrowed(""));
        fields.push(csv::unquote(last.trim()).into());
    }
    Ok(())
}

/// Whether a row names the columns of the set.
pub(crate) fn names_columns(text: &str) -> bool {
    text.len() < 512 && Columns::named(text).is_some()
}
