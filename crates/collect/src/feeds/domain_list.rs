//! Lists of names, one a line.
//!
//! `name` says what [`ReadOptions::scope`](crate::feeds::ReadOptions::scope) says, exactly the name
//! by default; `.name` is the name and what lies below, and so is `*.name` unless the scope is given:
//! tools that match such lists (DNSCrypt's) take it so, and the same list for hosts files has the
//! name itself. Addresses, endpoints and URLs that stand between the names are taken as what they are. What follows a `;`,
//! a comma or a `#` is a note of the list's.

use crate::feeds::csv::unquote;
use crate::feeds::output::{Output, Sink};
use crate::feeds::{RejectReason, hosts, ip_list, url_list};
use wardnet_model::{
    DomainName, HostError, Indicator, Observation, ParseError, Scope, address, refang,
};

pub(crate) fn row<S: Sink>(text: &str, output: &mut Output<'_, S>) -> Result<(), RejectReason> {
    if let Some(outcome) = hosts::row_in_other_list(text, output) {
        return outcome;
    }
    let value = value(text);
    if output.report.rows == 1 && !output.has_names && is_column_name(text, value) {
        output.has_names = true;
        output.report.rows = 0;
        return Ok(());
    }
    let observation = listed(unquote(value), output.options.scope)?;
    output.accept(observation)
}

/// What an entry of a list says, where somebody may have given the scope of all.
pub(crate) fn listed(value: &str, given: Option<Scope>) -> Result<Observation, RejectReason> {
    let seen = read(value, given.unwrap_or_default())?;
    // Only `*.name` is read so where nobody says it.
    let is_below = seen.scope == Scope::Below && value.starts_with("*.");
    let scope = if is_below { given.unwrap_or(Scope::Subtree) } else { seen.scope };
    Ok(Observation { scope, ..seen })
}

/// What a name, or what stands in its place, says; `*.name` is what lies below.
pub(crate) fn read(value: &str, bare_scope: Scope) -> Result<Observation, RejectReason> {
    let (name, scope) = match value.as_bytes() {
        [b'*', b'.', ..] => (value.strip_prefix("*.").unwrap_or(value), Scope::Below),
        [b'.', ..] => (value.trim_start_matches('.'), Scope::Subtree),
        _ => (value, bare_scope),
    };
    if name.contains(['*', '|', '^']) {
        return Err(RejectReason::Wildcard);
    }
    let name = &*refang(name);
    if name.contains('/') {
        return Ok(Observation::malicious(url_or_network(name)?, Scope::Exact));
    }
    match DomainName::parse(name) {
        Ok(name) => Ok(Observation::malicious(Indicator::Domain(name), scope)),
        Err(HostError::Numeric | HostError::BadCharacter(':' | '[')) => {
            Ok(Observation::malicious(ip_list::read(name)?, Scope::Exact))
        }
        Err(error) => Err(error.into()),
    }
}

fn url_or_network(text: &str) -> Result<Indicator, ParseError> {
    wardnet_model::network(text).or_else(|error| match text.split_once('/') {
        // A network with a slip in its length is not the page of an address.
        Some((front, length))
            if address(front).is_ok()
                && length.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') =>
        {
            Err(error)
        }
        _ => url_list::read(text),
    })
}

/// The first cell of the row: up to a comment, `;`, comma or blank.
fn value(text: &str) -> &str {
    let mut end = text.len();
    for (at, byte) in text.bytes().enumerate() {
        let note = match byte {
            b';' | b',' | b' ' | b'\t' => true,
            // Within a URL `#` begins a fragment.
            b'#' => !text.contains("://"),
            _ => false,
        };
        if note {
            end = at;
            break;
        }
    }
    text.get(..end).unwrap_or(text)
}

/// Whether the first row of a list names its columns: `Address,url`.
pub(crate) fn is_column_name(text: &str, value: &str) -> bool {
    text.get(value.len()..).is_some_and(|rest| rest.starts_with(','))
        && value.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}
