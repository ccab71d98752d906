//! Lists of addresses, networks, ranges and endpoints, one a line.
//!
//! What follows the value (a comment, or a label behind a comma) describes it and is not kept,
//! but for one thing: ipsum writes a tab and the number of lists that hold the address.

use crate::feeds::output::{Output, Sink};
use crate::feeds::{NeverBlocks, RejectReason};
use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use std::borrow::Cow;
use std::net::IpAddr;
use wardnet_model::{Indicator, Kind, Observation, ParseError, Scope, address, network, refang};

pub(crate) fn row<S: Sink>(text: &str, output: &mut Output<'_, S>) -> Result<(), RejectReason> {
    let text = strip_comment(text);
    if let Some((value, label)) = text.split_once(',') {
        // C2IntelFeeds opens its lists with a private address marked as a test.
        return match is_test_label(label) {
            true => Err(NeverBlocks::TestRow.into()),
            false => value_row(value.trim(), None, output),
        };
    }
    match text.split_once('\t') {
        Some((value, count)) => value_row(value.trim(), Some(confidence(count.trim())?), output),
        None => value_row(text, None, output),
    }
}

fn value_row<S: Sink>(
    value: &str,
    confidence: Option<u8>,
    output: &mut Output<'_, S>,
) -> Result<(), RejectReason> {
    let indicator = match read(value) {
        Ok(indicator) => indicator,
        Err(error) => match value.split_once('-') {
            Some((first, last)) => return range_row(first.trim(), last.trim(), confidence, output),
            None => return Err(error.into()),
        },
    };
    output.accept(observation(indicator, confidence))
}

fn observation(indicator: Indicator, confidence: Option<u8>) -> Observation {
    Observation { confidence, ..Observation::malicious(indicator, Scope::Exact) }
}

/// An address, a network or an endpoint: nothing else belongs on such a list.
pub(crate) fn read(value: &str) -> Result<Indicator, ParseError> {
    let error = match address(value) {
        Ok(address) => return Ok(Indicator::Address(address)),
        Err(error) => error,
    };
    if value.contains('/') {
        return network(value);
    }
    // `192.0.2.1:80` or `[2001:db8::1]:80`: what stands before the last colon is an address.
    if let Some((host, _)) = value.rsplit_once(':')
        && (value.starts_with('[') || !host.contains(':'))
        && address(host).is_ok()
    {
        return Indicator::parse_as(Kind::Endpoint, value);
    }
    match refang(value) {
        Cow::Owned(plain) if plain != value => read(&plain),
        _ => Err(error),
    }
}

fn range_row<S: Sink>(
    first: &str,
    last: &str,
    confidence: Option<u8>,
    output: &mut Output<'_, S>,
) -> Result<(), RejectReason> {
    let (first_address, last_address) = (address(first)?, address(last)?);
    if first_address > last_address {
        return Err(RejectReason::Range);
    }
    let mut take = |network: IpNet| {
        let outcome = output.accept(observation(Indicator::network(network), confidence));
        output.settle(outcome, &network.to_string());
    };
    match (first_address, last_address) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            Ipv4Subnets::new(first, last, 0).for_each(|network| take(network.into()));
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            Ipv6Subnets::new(first, last, 0).for_each(|network| take(network.into()));
        }
        _ => return Err(RejectReason::Range),
    }
    Ok(())
}

/// How sure an address is that so many lists hold.
fn confidence(lists: &str) -> Result<u8, RejectReason> {
    match lists.parse::<u32>().map_err(|_| RejectReason::Count)? {
        0 => Err(RejectReason::Count),
        1 => Ok(40),
        2 => Ok(60),
        3 => Ok(75),
        4 => Ok(85),
        _ => Ok(92),
    }
}

fn is_test_label(label: &str) -> bool {
    label.trim().trim_matches('"').eq_ignore_ascii_case("test data")
}

/// The row without what stands behind `#` or `;`.
pub(crate) fn strip_comment(text: &str) -> &str {
    match memchr::memchr2(b'#', b';', text.as_bytes()) {
        Some(at) => text.get(..at).unwrap_or(text).trim_end(),
        None => text,
    }
}
