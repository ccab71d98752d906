//! What only its maker knows of a model.

use crate::commands::classify::{bytes, shown};
use crate::models::{expiry, is_too_old};
use anyhow::{Context as _, bail};
use std::path::Path;
use toml::Table;
use wardnet_model::Timestamp;

/// The longest description of a model, so that it fits a card with what is added.
const BYTES_MAX: usize = 16 << 10;

/// What a description of a model may say at its head.
const KEYS: [&str; 5] = ["what", "note", "expires", "data", "use"];

/// What the file at `path` says of a model that is learned `now`; nothing where there is none.
pub(super) fn read(path: Option<&Path>, now: Timestamp) -> anyhow::Result<Table> {
    let Some(path) = path else { return Ok(Table::new()) };
    let read = bytes(path, BYTES_MAX.saturating_add(1))?;
    parse(&read, now).with_context(|| shown(path))
}

fn parse(bytes: &[u8], now: Timestamp) -> anyhow::Result<Table> {
    if bytes.len() > BYTES_MAX {
        bail!("more than {BYTES_MAX} bytes; say it shorter");
    }
    let text = std::str::from_utf8(bytes).context("it is no UTF-8 text; save it as UTF-8")?;
    let about: Table = text.parse()?;
    for written in ["subject", "figures"] {
        if about.contains_key(written) {
            bail!("leave `{written}` out: it is written by the training");
        }
    }
    if let Some(unknown) = about.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let known = KEYS.map(|key| format!("`{key}`")).join(", ");
        bail!("nothing is called `{unknown}` there; {known} are known");
    }
    for text in ["what", "note"] {
        if about.get(text).is_some_and(|value| !value.is_str()) {
            bail!("`{text}` is a text in quotes");
        }
    }
    for table in ["data", "use"] {
        if about.get(table).is_some_and(|value| !value.is_table()) {
            bail!("`{table}` is a table, written `[{table}]`");
        }
    }
    match expiry(&about) {
        Some(None) => bail!("`expires` is a day in quotes, such as \"2027-11-30\""),
        Some(Some(day)) if is_too_old(day, now) => {
            bail!(
                "the day in `expires` is over: such a model is too old from the start; give a later one"
            )
        }
        _ => Ok(about),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &[u8]) -> String {
        let now = Timestamp::parse("2027-06-30T12:00:00Z").unwrap();
        parse(text, now).map_or_else(|error| format!("{error:#}"), |about| about.to_string())
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (about, part) in [
            (&b"what = 3"[..], "`what` is a text in quotes"),
            (b"note = [\"a\"]", "`note` is a text in quotes"),
            (b"data = \"ours\"", "`[data]`"),
            (b"expires = 2028-01-01", "a day in quotes"),
            (b"expires = \"2027-06-29\"", "is over"),
            (b"[use]\nexpires = \"2027-06-29\"", "is over"),
            (b"\xff\xfew\0", "save it as UTF-8"),
            (b"what = ", "TOML"),
        ] {
            assert!(told(about).contains(part), "{part}: {}", told(about));
        }
        assert!(told(&vec![b'#'; BYTES_MAX + 1]).contains("more than 16384 bytes"));
        assert_eq!(told(&vec![b'#'; BYTES_MAX]), "");
        assert_eq!(told(b"expires = \"2027-06-30\""), "expires = \"2027-06-30\"\n");
    }
}
