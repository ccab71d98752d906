//! Response policy zones as files (draft-vixie-dns-rpz), with the head of a zone or without it.
//!
//! `name CNAME .` is that name and `*.name CNAME .` what lies below it. `rpz-passthru.` says that a
//! name is good. Addresses stand in the owner, backwards: `24.0.2.0.192.rpz-ip`. Rules about clients
//! and name servers, and rules that rewrite an answer, block nothing by themselves.

use crate::feeds::dnsmasq::zone;
use crate::feeds::hosts::is_sink_address;
use crate::feeds::output::{Output, Sink};
use crate::feeds::{RejectReason, ip_list};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wardnet_model::{Indicator, Observation, Scope, Stance};

/// Types of record that a zone needs for itself, or that say something about a rule.
const APPARATUS: [&str; 5] = ["NS", "SOA", "TXT", "RRSIG", "DNSKEY"];

/// What the reader remembers between records.
#[derive(Debug, Default)]
pub(crate) struct Rpz {
    /// The name of the zone with a dot in front, in lower case: owners may end in it.
    origin: Option<Box<str>>,
    /// The owner of the last record: a record without one has the same.
    owner: Box<str>,
    /// Whether a parenthesis is open: the record goes on.
    in_parentheses: bool,
}

impl Rpz {
    pub(crate) fn row<S: Sink>(
        &mut self,
        text: &str,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        let text = strip_comment(text);
        if self.in_parentheses || text.is_empty() {
            self.in_parentheses &= !text.contains(')');
            output.report.rows -= 1;
            return Ok(());
        }
        self.in_parentheses = text.contains('(') && !text.contains(')');
        let mut words = text.split_ascii_whitespace();
        let first = words.clone().next().unwrap_or_default();
        if first.starts_with('$') {
            return self.control(first, words.nth(1), output);
        }
        // A blank in front, which is gone by now, means the owner of the record before.
        if !is_type(first) && !is_class_or_ttl(first) {
            self.owner = first.into();
            words.next();
        }
        let mut rest = words.skip_while(|word| is_class_or_ttl(word));
        let kind = rest.next().unwrap_or_default().to_ascii_uppercase();
        let data = rest.next().unwrap_or_default();
        if kind == "SOA" {
            self.begin(&first.to_ascii_lowercase());
        }
        if APPARATUS.contains(&&*kind) {
            output.report.rows -= 1;
            return Ok(());
        }
        let stance = action(&kind, data, self.owner())?;
        let owner = self.owner().to_owned();
        rule(&owner, stance, output)
    }

    /// `$ORIGIN name`, `$TTL 60`.
    fn control<S: Sink>(
        &mut self,
        word: &str,
        value: Option<&str>,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        if word.eq_ignore_ascii_case("$ORIGIN") {
            self.begin(&value.unwrap_or_default().to_ascii_lowercase());
        }
        if word.eq_ignore_ascii_case("$INCLUDE") || word.eq_ignore_ascii_case("$GENERATE") {
            return Err(RejectReason::Directive(word.chars().take(32).collect()));
        }
        output.report.rows -= 1;
        Ok(())
    }

    fn begin(&mut self, name: &str) {
        let name = name.trim_end_matches('.');
        // `@` is the name that the zone was loaded under.
        if !name.is_empty() && name != "@" && name.contains('.') {
            self.origin = Some(format!(".{name}").into());
        }
    }

    /// The owner without the zone's own name.
    fn owner(&self) -> &str {
        let name = self.owner.trim_end_matches('.');
        let ends = self.origin.as_deref().filter(|origin| {
            let at = name.len().checked_sub(origin.len());
            at.and_then(|at| name.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(origin))
        });
        ends.and_then(|origin| name.get(..name.len() - origin.len())).unwrap_or(name)
    }
}

fn strip_comment(text: &str) -> &str {
    text.split(';').next().unwrap_or(text).trim_end()
}

fn is_type(word: &str) -> bool {
    ["A", "AAAA", "CNAME", "DNAME", "MX", "PTR", "SRV"]
        .iter()
        .chain(&APPARATUS)
        .any(|kind| word.eq_ignore_ascii_case(kind))
}

/// A class, or a time to live: `300`, `1h30m`.
fn is_class_or_ttl(word: &str) -> bool {
    word.eq_ignore_ascii_case("IN")
        || (word.starts_with(|c: char| c.is_ascii_digit())
            && word.bytes().all(|b| b.is_ascii_digit() || b"smhdwSMHDW".contains(&b)))
}

/// What a rule does (draft-vixie-dns-rpz-04 section 3).
fn action(kind: &str, data: &str, owner: &str) -> Result<Stance, RejectReason> {
    let target = data.trim_end_matches('.');
    match kind {
        "CNAME" if data == "." || data == "*." => Ok(Stance::Malicious),
        "CNAME" if target.eq_ignore_ascii_case("rpz-drop") => Ok(Stance::Malicious),
        // A name that leads to itself is the old way to let it pass.
        "CNAME" if target.eq_ignore_ascii_case("rpz-passthru") => Ok(Stance::Benign),
        "CNAME" if target.eq_ignore_ascii_case(owner) => Ok(Stance::Benign),
        "CNAME" if target.eq_ignore_ascii_case("rpz-tcp-only") => {
            Err(RejectReason::Directive("CNAME rpz-tcp-only.".into()))
        }
        "A" | "AAAA" if is_sink_address(data).unwrap_or(false) => Ok(Stance::Malicious),
        "A" | "AAAA" | "CNAME" => {
            Err(RejectReason::NotASinkAddress(data.chars().take(64).collect()))
        }
        other => Err(RejectReason::Directive(other.chars().take(32).collect())),
    }
}

fn rule<S: Sink>(
    owner: &str,
    stance: Stance,
    output: &mut Output<'_, S>,
) -> Result<(), RejectReason> {
    let lower = owner.to_ascii_lowercase();
    for (ending, trigger) in [
        (".rpz-client-ip", "rpz-client-ip"),
        (".rpz-nsip", "rpz-nsip"),
        (".rpz-nsdname", "rpz-nsdname"),
    ] {
        if lower.ends_with(ending) {
            return Err(RejectReason::Trigger(trigger));
        }
    }
    if let Some(reversed) = lower.strip_suffix(".rpz-ip") {
        let network = address_of(reversed)?;
        return output
            .accept(Observation { stance, ..Observation::malicious(network, Scope::Exact) });
    }
    zone(owner, Scope::Exact, stance, output)
}

/// `24.0.2.0.192` or `48.zz.1.db8.2001`: the prefix length, then the address backwards (section 4.1.1).
fn address_of(reversed: &str) -> Result<Indicator, RejectReason> {
    let bad = || RejectReason::Directive(reversed.chars().take(48).collect());
    let (bits, parts) = reversed.split_once('.').ok_or_else(bad)?;
    let forward: Vec<&str> = parts.rsplit('.').collect();
    let octets: Vec<u8> = forward.iter().filter_map(|part| part.parse().ok()).collect();
    let address = match <[u8; 4]>::try_from(octets) {
        Ok(octets) if forward.len() == 4 => IpAddr::V4(Ipv4Addr::from(octets)),
        _ => {
            let text = forward.join(":").replace("zz", "");
            let text = match (text.starts_with(':'), text.ends_with(':')) {
                (true, _) => format!(":{text}"),
                (_, true) => format!("{text}:"),
                _ => text,
            };
            IpAddr::V6(text.parse::<Ipv6Addr>().map_err(|_| bad())?)
        }
    };
    Ok(ip_list::read(&format!("{address}/{bits}"))?)
}

/// Whether a line is a rule or the head of such a zone.
pub(crate) fn is_row(text: &str) -> bool {
    let mut words = strip_comment(text).split_ascii_whitespace();
    let first = words.next().unwrap_or_default();
    if first.eq_ignore_ascii_case("$TTL") || first.eq_ignore_ascii_case("$ORIGIN") {
        return true;
    }
    let mut rest = words.skip_while(|word| is_class_or_ttl(word));
    let (kind, data) = (rest.next().unwrap_or_default(), rest.next());
    kind.eq_ignore_ascii_case("SOA")
        || (kind.eq_ignore_ascii_case("CNAME") && data.is_some_and(|data| data.ends_with('.')))
        || (first.contains('.')
            && (kind.eq_ignore_ascii_case("A") || kind.eq_ignore_ascii_case("AAAA"))
            && data.is_some_and(|data| data.parse::<IpAddr>().is_ok()))
}
