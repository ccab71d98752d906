//! Hosts files: rows that point names at an address where nobody answers.

use crate::feeds::ip_list::strip_comment;
use crate::feeds::output::{Output, Sink};
use crate::feeds::{NeverBlocks, RejectReason};
use std::net::IpAddr;
use wardnet_model::{DomainName, Indicator, Observation};

/// Names of the machine itself that hosts files carry, in order.
const LOCAL_NAMES: [&str; 12] = [
    "0.0.0.0",
    "broadcasthost",
    "ip6-allhosts",
    "ip6-allnodes",
    "ip6-allrouters",
    "ip6-localhost",
    "ip6-localnet",
    "ip6-loopback",
    "ip6-mcastprefix",
    "local",
    "localhost",
    "localhost.localdomain",
];

pub(crate) fn row<S: Sink>(text: &str, output: &mut Output<'_, S>) -> Result<(), RejectReason> {
    let text = strip_comment(text);
    let (front, names) = text.split_once([' ', '\t']).ok_or(RejectReason::NotAHostsRow)?;
    let sink = is_sink_address(front)?;
    for name in names.split_ascii_whitespace() {
        let outcome = if LOCAL_NAMES.binary_search(&name).is_ok() {
            Err(NeverBlocks::LocalName.into())
        } else if sink {
            name_row(name, output)
        } else {
            Err(RejectReason::NotASinkAddress(front.into()))
        };
        output.settle(outcome, name);
    }
    Ok(())
}

fn name_row<S: Sink>(name: &str, output: &mut Output<'_, S>) -> Result<(), RejectReason> {
    let name = DomainName::parse(name)?;
    let scope = output.bare_scope();
    output.accept(Observation::malicious(Indicator::Domain(name), scope))
}

/// Whether nobody answers at the address in front of the names.
pub(crate) fn is_sink_address(text: &str) -> Result<bool, RejectReason> {
    // `0` is short for `0.0.0.0` (inet_aton).
    if text == "0.0.0.0" || text == "127.0.0.1" || text == "0" {
        return Ok(true);
    }
    // `fe80::1%lo0`: a zone may follow a link-local address (RFC 4007 section 11).
    let text = text.split('%').next().unwrap_or_default();
    let address: IpAddr = text.parse().map_err(|_| RejectReason::NotAHostsRow)?;
    Ok(address.is_unspecified() || address.is_loopback())
}

/// Reads `0.0.0.0 name` where another format allows it; `None` when `text` is no such row.
pub(crate) fn row_in_other_list<S: Sink>(
    text: &str,
    output: &mut Output<'_, S>,
) -> Option<Result<(), RejectReason>> {
    is_row(text).then(|| row(text, output))
}

/// Whether an address that nobody answers at stands in front, and something behind it.
pub(crate) fn is_row(text: &str) -> bool {
    memchr::memchr2(b' ', b'\t', text.as_bytes())
        .and_then(|end| text.get(..end))
        .is_some_and(|front| is_sink_address(front) == Ok(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_names_are_in_order() {
        assert!(LOCAL_NAMES.is_sorted());
    }
}
