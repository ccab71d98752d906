//! Configurations of crypto wallets: MetaMask's eth-phishing-detect (`blacklist`, `whitelist`,
//! `fuzzylist`) and those that took over its form (`blocklist`, `allowlist`; `deny`, `allow`).
//!
//! A name stands for itself and all below, as the wallets match it. The names that look-alikes are
//! compared with are good ones.

use crate::feeds::json_items::Step;
use crate::feeds::json_records::read_items;
use crate::feeds::output::{Output, Sink};
use crate::feeds::report::excerpt;
use crate::feeds::{RejectReason, domain_list};
use std::io::{self, BufRead};
use wardnet_model::{Category, Observation, Scope, Stance};

/// The lists by their keys, and what their names are.
const LISTS: [(&str, Stance, Category); 7] = [
    ("allow", Stance::Benign, Category::KnownGood),
    ("allowlist", Stance::Benign, Category::KnownGood),
    ("blacklist", Stance::Malicious, Category::Phishing),
    ("blocklist", Stance::Malicious, Category::Phishing),
    ("deny", Stance::Malicious, Category::Phishing),
    ("fuzzylist", Stance::Benign, Category::KnownGood),
    ("whitelist", Stance::Benign, Category::KnownGood),
];

/// Reads the names of all lists.
pub(crate) fn read<S: Sink>(input: impl BufRead, output: &mut Output<'_, S>) -> io::Result<()> {
    let current = std::cell::Cell::new((Stance::Malicious, Category::Phishing));
    let wanted = |path: &[Step]| match path {
        [key @ Step::Key(_), Step::Element] => {
            let list = LISTS.iter().find(|(name, ..)| key.is_key(name));
            if let Some((_, stance, category)) = list {
                current.set((*stance, *category));
            }
            list.is_some()
        }
        _ => false,
    };
    read_items(input, &wanted, output, &mut |bytes, output| {
        let text: std::borrow::Cow<'_, str> = serde_json::from_slice(bytes)
            .map_err(|error| RejectReason::Record(excerpt(&error.to_string())))?;
        let (stance, category) = current.get();
        let scope = output.options.scope.unwrap_or(Scope::Subtree);
        let read = domain_list::read(&text, scope)?;
        output.accept(Observation { stance, category: Some(category), ..read })
    })
}

/// Whether a document has such lists, as far as it was seen.
pub(crate) fn is_config(head: &[u8]) -> bool {
    let has = |text: &str| memchr::memmem::find(head, text.as_bytes()).is_some();
    has("\"fuzzylist\"") || (has("\"tolerance\"") && has("\"blacklist\"")) || {
        let first = head.trim_ascii_start();
        first.starts_with(b"{") && has("\"deny\"") && has("\"allow\"")
    }
}
