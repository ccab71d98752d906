//! Reads one TOML table into a struct, and does not stop at the first wrong key.

use crate::catalogue::problem::Problems;
use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// Reads `table` into a `T` whose fields are all optional.
///
/// Deserialising stops at the first wrong key or value. So the key is taken out and the rest is
/// read again: each wrong key yields one problem. `None` when an error could not be pinned to a
/// key, after noting it.
pub(crate) fn read_table<'i, T: Deserialize<'i>>(
    mut table: DeTable<'i>,
    span: &Range<usize>,
    problems: &mut Problems<'_>,
) -> Option<T> {
    loop {
        let value = Spanned::new(span.clone(), DeValue::Table(table.clone()));
        let error = match T::deserialize(ValueDeserializer::from(value)) {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        problems.add_toml(&error);
        let at = error.span()?.start;
        let wrong = table
            .iter()
            .find(|(key, value)| key.span().contains(&at) || value.span().contains(&at))
            .map(|(key, _)| key.clone())?;
        table.remove(&wrong);
    }
}
