//! Lists of addresses, networks, ranges and endpoints, one a line.
//!
//! What follows the value (a comment, a label behind a comma or blank) describes it and is not kept,
//! but for two things: ipsum writes a tab and the number of lists that hold the address, and DShield
//! the last address of a network behind the first. Names and URLs that stand between the addresses
//! are taken as what they are.

use crate::feeds::csv::unquote;
use crate::feeds::guard::is_too_broad;
use crate::feeds::output::{Output, Sink};
use crate::feeds::{NeverBlocks, RejectReason, domain_list};
use ipnet::{IpNet, IpSubnets, Ipv4Subnets, Ipv6Subnets};
use std::borrow::Cow;
use std::net::IpAddr;
use wardnet_model::{Indicator, Kind, Observation, ParseError, Scope, address, network, refang};

pub(crate) fn row<S: Sink>(text: &str, output: &mut Output<'_, S>) -> Result<(), RejectReason> {
    let text = strip_comment(text);
    // Commas behind a tab stand within another column.
    let has_columns = text.split_once('\t').is_some_and(|(value, _)| !value.contains(','));
    if let Some((value, label)) = text.split_once(',').filter(|_| !has_columns) {
        // C2IntelFeeds opens its lists with a private address marked as a test.
        if output.report.rows == 1 && !output.has_names && domain_list::is_column_name(text, value)
        {
            output.has_names = true;
            output.report.rows = 0;
            return Ok(());
        }
        return match is_test_label(label) {
            true => Err(NeverBlocks::TestRow.into()),
            false => value_row(unquote(value.trim()), None, output),
        };
    }
    match text.split_once([' ', '\t']) {
        Some((value, note)) if !note.trim_start().starts_with('-') => {
            noted_row(value, note.trim(), has_columns, output)
        }
        _ => value_row(unquote(text), None, output),
    }
}

/// A value and what stands behind it, with a blank between.
fn noted_row<S: Sink>(
    value: &str,
    note: &str,
    has_columns: bool,
    output: &mut Output<'_, S>,
) -> Result<(), RejectReason> {
    let cell = note.split_ascii_whitespace().next().unwrap_or_default();
    if let Ok(last) = address(cell) {
        // Also where the cell is a network mask, which no address comes before.
        return match one_network(address(value)?, last) {
            Some(network) => output.accept(observation(Indicator::network(network), None)),
            None => Err(RejectReason::Range),
        };
    }
    let is_count = has_columns && note.starts_with(|c: char| c.is_ascii_digit()) && note == cell;
    let confidence = if is_count { Some(confidence(note)?) } else { None };
    value_row(unquote(value), confidence, output)
}

/// The network that reaches from one address to another, if there is one.
fn one_network(first: IpAddr, last: IpAddr) -> Option<IpNet> {
    let mut networks = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => IpSubnets::V4(Ipv4Subnets::new(first, last, 0)),
        (IpAddr::V6(first), IpAddr::V6(last)) => IpSubnets::V6(Ipv6Subnets::new(first, last, 0)),
        _ => return None,
    };
    networks.next().filter(|_| networks.next().is_none())
}

fn value_row<S: Sink>(
    value: &str,
    confidence: Option<u8>,
    output: &mut Output<'_, S>,
) -> Result<(), RejectReason> {
    let indicator = match read(value) {
        Ok(indicator) => indicator,
        Err(error) => {
            return match value.split_once('-').map(|(first, last)| (first.trim(), last.trim())) {
                Some((first, last)) if address(first).is_ok() => {
                    range_row(first, last, confidence, output)
                }
                _ => named_row(value, confidence, error, output),
            };
        }
    };
    output.accept(observation(indicator, confidence))
}

/// A name or URL, unless it is more likely an address with a slip in it.
fn named_row<S: Sink>(
    value: &str,
    confidence: Option<u8>,
    error: ParseError,
    output: &mut Output<'_, S>,
) -> Result<(), RejectReason> {
    let named = domain_list::listed(value, output.options.scope).ok().filter(|seen| {
        let name = match &seen.indicator {
            Indicator::Domain(name) => name.as_str(),
            Indicator::Url(url) => return value.contains("://") || url.host_text().contains('.'),
            _ => return false,
        };
        name.rsplit_once('.').is_some_and(|(_, top)| top.starts_with(|c: char| c.is_alphabetic()))
    });
    output.accept(Observation { confidence, ..named.ok_or(error)? })
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
    if is_too_broad(first_address, last_address) {
        return Err(NeverBlocks::TooBroad.into());
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

/// The row without a note: a `#` with a blank in front begins one.
pub(crate) fn strip_note(text: &str) -> &str {
    let is_note = |at: &usize| {
        let before = at.checked_sub(1).and_then(|before| text.as_bytes().get(before));
        before.is_some_and(u8::is_ascii_whitespace)
    };
    let at = text.match_indices('#').map(|(at, _)| at).find(is_note);
    at.and_then(|at| text.get(..at)).unwrap_or(text).trim_end()
}
