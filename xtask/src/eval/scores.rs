//! Scores of all subjects, with the folds they were in, for others to compare with.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use wardnet_analyze::learn::Learned;

use super::data::Row;

/// Writes a line a subject: label, fold by registered domain, fold by family, both margins, whether
/// it is a bare host among URLs, whether it is judged apart, the list it is from, the text.
pub(super) fn write(path: &Path, rows: &[Row], learned: &Learned) -> Result<()> {
    let mut text = String::new();
    let by_family = learned.unseen_family.as_ref().unwrap_or(&learned.unseen);
    let margins = learned.unseen.iter().zip(by_family);
    let folds = learned.folds.iter().zip(&learned.family_folds);
    for (row, ((by_name, by_family), (fold, family_fold))) in rows.iter().zip(margins.zip(folds)) {
        let subject = String::from_utf8_lossy(&row.sample.text).replace(['\t', '\n', '\r'], " ");
        writeln!(
            text,
            "{}\t{fold}\t{family_fold}\t{by_name}\t{by_family}\t{}\t{}\t{}\t{subject}",
            u8::from(row.sample.is_bad),
            u8::from(row.is_host),
            u8::from(row.is_extra),
            row.source,
        )?;
    }
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
