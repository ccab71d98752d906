//! Configuration for Unbound: `local-zone: "name." always_null` and `local-data: "name A 0.0.0.0"`.
//!
//! A zone stands for its name and all below. A zone of type `redirect` blocks only with data that
//! leads nowhere, which follows it.

use crate::feeds::RejectReason;
use crate::feeds::dnsmasq::zone;
use crate::feeds::hosts::is_sink_address;
use crate::feeds::ip_list::strip_note;
use crate::feeds::output::{Output, Sink};
use wardnet_model::{Scope, Stance};

/// Types of zone that keep the usual answer, in order (unbound.conf(5), `local-zone`).
const OPEN_TYPES: [&str; 7] = [
    "always_transparent",
    "inform",
    "inform_redirect",
    "nodefault",
    "noview",
    "transparent",
    "typetransparent",
];

/// What the reader remembers between rows.
#[derive(Debug, Default)]
pub(crate) struct Unbound {
    /// The zone of type `redirect` that was opened last, in lower case.
    redirect: Option<Box<str>>,
    /// Whether that zone was taken: a second address says nothing new.
    taken: bool,
}

impl Unbound {
    pub(crate) fn row<S: Sink>(
        &mut self,
        text: &str,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        let (directive, value) = text.split_once(':').ok_or_else(|| unknown(text))?;
        let value = strip_note(value.trim());
        match directive.trim() {
            "local-zone" => self.zone(value, output),
            "local-data" => self.data(value, output),
            // `server:` opens a section.
            _ if value.is_empty() => {
                output.report.rows -= 1;
                Ok(())
            }
            other => Err(unknown(other)),
        }
    }

    fn zone<S: Sink>(
        &mut self,
        value: &str,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        let (name, kind) = quoted_word(value);
        let kind = quoted_word(kind).0;
        if OPEN_TYPES.binary_search(&kind).is_ok() || kind.is_empty() {
            return Err(RejectReason::Directive(format!("local-zone {kind:.24}").into()));
        }
        if kind == "redirect" {
            self.redirect = Some(name.trim_end_matches('.').to_ascii_lowercase().into());
            self.taken = false;
            // The data that follows says what becomes of the name.
            output.report.rows -= 1;
            return Ok(());
        }
        zone(name, Scope::Subtree, Stance::Malicious, output)
    }

    /// `name [TTL] [IN] A address`.
    fn data<S: Sink>(
        &mut self,
        value: &str,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        let record = quoted_word(value).0;
        let mut words = record.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        let kind =
            words.find(|word| !word.eq_ignore_ascii_case("IN") && word.parse::<u32>().is_err());
        let is_address = kind.is_some_and(|kind| {
            kind.eq_ignore_ascii_case("A") || kind.eq_ignore_ascii_case("AAAA")
        });
        if !is_address {
            let kind = kind.unwrap_or_default();
            return Err(RejectReason::Directive(format!("local-data {kind:.24}").into()));
        }
        let address = words.next().unwrap_or_default();
        if !is_sink_address(address).unwrap_or(false) {
            return Err(RejectReason::NotASinkAddress(address.chars().take(64).collect()));
        }
        let key = name.trim_end_matches('.').to_ascii_lowercase();
        if self.redirect.as_deref() != Some(&*key) {
            return zone(name, Scope::Exact, Stance::Malicious, output);
        }
        if std::mem::replace(&mut self.taken, true) {
            output.report.rows -= 1;
            return Ok(());
        }
        zone(name, Scope::Subtree, Stance::Malicious, output)
    }
}

fn unknown(directive: &str) -> RejectReason {
    RejectReason::Directive(directive.chars().take(32).collect())
}

/// The first word, perhaps in quotes, and what follows it.
fn quoted_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    for quote in ['"', '\''] {
        if let Some(rest) = text.strip_prefix(quote) {
            return rest.split_once(quote).unwrap_or((rest, ""));
        }
    }
    text.split_once([' ', '\t']).unwrap_or((text, ""))
}

/// Whether a line is one of these.
pub(crate) fn is_row(text: &str) -> bool {
    text.starts_with("local-zone:") || text.starts_with("local-data:") || text == "server:"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_in_order() {
        assert!(OPEN_TYPES.is_sorted());
    }
}
