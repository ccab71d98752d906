//! Configuration for dnsmasq: `address=/name/#`, `server=/name/`, `local=/name/`,
//! `host-record=name,0.0.0.0`.
//!
//! A name stands for itself and all below, as dnsmasq reads it; in a `host-record` for itself. Only
//! what leaves a name without an answer blocks; `server=/name/#`, the usual servers, excepts it from
//! what is blocked above it; `server=/name/192.0.2.1` and `address=/name/192.0.2.1` send it
//! somewhere.

use crate::feeds::hosts::is_sink_address;
use crate::feeds::ip_list::strip_note;
use crate::feeds::output::{Output, Sink};
use crate::feeds::{NeverBlocks, RejectReason};
use std::net::IpAddr;
use wardnet_model::{DomainName, Indicator, Observation, Scope, Stance};

pub(crate) fn row<S: Sink>(text: &str, output: &mut Output<'_, S>) -> Result<(), RejectReason> {
    let text = strip_note(text);
    let text = text.strip_prefix("--").unwrap_or(text);
    let (directive, value) = text.split_once('=').unwrap_or((text, ""));
    let directive = directive.trim();
    let value = value.trim().trim_matches('"');
    if directive == "host-record" {
        return host_record(value, output);
    }
    let zones = match directive {
        "address" | "server" | "local" => value.strip_prefix('/').and_then(|v| v.rsplit_once('/')),
        _ => None,
    };
    let Some((names, target)) = zones else {
        return Err(RejectReason::Directive(directive.chars().take(32).collect()));
    };
    let stance = match (directive, target) {
        (_, "") | ("address", "#") => Some(Stance::Malicious),
        ("server" | "local", "#") => Some(Stance::Benign),
        ("address", address) => {
            is_sink_address(address).unwrap_or(false).then_some(Stance::Malicious)
        }
        _ => None,
    };
    for name in names.split('/').filter(|name| !name.is_empty()) {
        let outcome = match stance {
            Some(stance) => zone(name, Scope::Subtree, stance, output),
            None => Err(RejectReason::NotASinkAddress(target.chars().take(64).collect())),
        };
        output.settle(outcome, name);
    }
    Ok(())
}

/// `name[,name…],[IPv4],[IPv6][,TTL]`, as dnsmasq(8) has it.
fn host_record<S: Sink>(value: &str, output: &mut Output<'_, S>) -> Result<(), RejectReason> {
    let words = || value.split(',').map(str::trim).filter(|word| !word.is_empty());
    let is_address = |word: &&str| word.parse::<IpAddr>().is_ok();
    let mut addresses = words().filter(is_address).peekable();
    let blocks = addresses.peek().is_some()
        && addresses.all(|address| is_sink_address(address).unwrap_or(false));
    let is_name = |word: &&str| !is_address(word) && word.parse::<u32>().is_err();
    let target = words().filter(is_address).collect::<Vec<_>>().join(",");
    for name in words().filter(is_name) {
        let outcome = match blocks {
            true => zone(name, Scope::Exact, Stance::Malicious, output),
            false => Err(RejectReason::NotASinkAddress(target.chars().take(64).collect())),
        };
        output.settle(outcome, name);
    }
    Ok(())
}

/// What a resolver's configuration says of a name: `scope` of it, or what lies below `*.`.
pub(crate) fn zone<S: Sink>(
    name: &str,
    scope: Scope,
    stance: Stance,
    output: &mut Output<'_, S>,
) -> Result<(), RejectReason> {
    let (name, scope) = match name.strip_prefix("*.") {
        Some(name) => (name, Scope::Below),
        None => (name.trim_start_matches('.'), scope),
    };
    if name.contains('*') || name == "#" {
        return Err(RejectReason::Wildcard);
    }
    if name.trim_end_matches('.').is_empty() {
        return Err(NeverBlocks::TooBroad.into());
    }
    let indicator = Indicator::Domain(DomainName::parse(name)?);
    let scope = output.options.scope.unwrap_or(scope);
    output.accept(Observation { stance, ..Observation::malicious(indicator, scope) })
}

/// Whether a line is one of these.
pub(crate) fn is_row(text: &str) -> bool {
    ["address=/", "server=/", "local=/", "host-record="]
        .iter()
        .any(|mark| text.strip_prefix("--").unwrap_or(text).starts_with(mark))
}
