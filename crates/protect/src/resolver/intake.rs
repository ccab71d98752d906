//! What is kept of a message: what was asked for, in our spelling, with bounded lifetimes; and what
//! of it has to be judged.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_resolver::proto::dnssec::rdata::DNSSECRData;
use hickory_resolver::proto::op::{Message, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::svcb::SvcParamValue;
use hickory_resolver::proto::rr::rdata::{CNAME, NS, PTR, SVCB};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use wardnet_model::DomainName;

use super::asked::domain;
use super::config::Limits;

/// The message as it is kept: no OPT, no signature of the transaction, nothing that was not asked
/// for and nobody judges, the name asked for in lower case wherever it stands, no lifetime above
/// the limit.
pub(super) fn canonical(mut message: Message, query: &Query, limits: &Limits) -> Message {
    let mut lower = query.clone();
    lower.name = query.name.to_lowercase();
    message.edns = None;
    message.signature = None;
    message.additionals.clear();
    if !is_negative(&message, query.query_type) {
        // Of a wildcard there has to be a proof; name servers are of no use to who asks a resolver.
        message.authorities.retain(is_proof);
    }
    let sections = [&mut message.answers, &mut message.authorities, &mut message.additionals];
    for record in sections.into_iter().flatten() {
        record.name = spelt_like(&record.name, &lower.name);
        match &mut record.data {
            RData::CNAME(CNAME(name)) | RData::NS(NS(name)) | RData::PTR(PTR(name)) => {
                *name = spelt_like(name, &lower.name);
            }
            RData::MX(mx) => mx.exchange = spelt_like(&mx.exchange, &lower.name),
            RData::SOA(soa) => {
                soa.mname = spelt_like(&soa.mname, &lower.name);
                soa.rname = spelt_like(&soa.rname, &lower.name);
            }
            _ => {}
        }
        record.ttl = record.ttl.min(limits.ttl_secs_max);
    }
    message.queries = vec![lower];
    message
}

/// The name with the end that it shares with `lower` spelt as there. The upstream was asked in a
/// spelling drawn at random, against forged answers, and names of the types that may be compressed
/// (RFC 3597 section 4) take their ends from that question.
fn spelt_like(name: &Name, lower: &Name) -> Name {
    let both = name.iter().rev().zip(lower.iter().rev());
    let shared = both.take_while(|(one, other)| one.eq_ignore_ascii_case(other)).count();
    let own = name.iter().len().saturating_sub(shared);
    let end = lower.iter().len().saturating_sub(shared);
    let labels = name.iter().take(own).chain(lower.iter().skip(end));
    Name::from_labels(labels).unwrap_or_else(|_| name.clone())
}

/// Whether it says that there is no such name, or no such data.
fn is_negative(message: &Message, wanted: RecordType) -> bool {
    let leads_on = |record: &Record| {
        let kind = record.record_type();
        kind != wanted && matches!(kind, RecordType::CNAME | RecordType::RRSIG)
    };
    message.metadata.response_code == ResponseCode::NXDomain || message.answers.iter().all(leads_on)
}

/// Whether it is part of a proof that no name lies there (RFC 4035 section 3.1.3).
fn is_proof(record: &Record) -> bool {
    let of = |kind| matches!(kind, RecordType::NSEC | RecordType::NSEC3);
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => of(signature.input().type_covered),
        _ => of(record.record_type()),
    }
}

/// Seconds that an answer may be kept.
pub(super) fn lifetime(message: &Message, wanted: RecordType, limits: &Limits) -> u32 {
    let code = message.metadata.response_code;
    if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
        return 0;
    }
    let all = message.answers.iter().chain(&message.authorities);
    let least = all.map(|record| record.ttl).min().unwrap_or(0).min(limits.ttl_secs_max);
    if !is_negative(message, wanted) {
        return least;
    }
    // RFC 2308 section 5: without an SOA, a negative answer is not kept.
    let soa = message.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
        _ => None,
    });
    soa.map_or(0, |soa| soa.min(least).min(limits.negative_ttl_secs_max))
}

/// Names and addresses that an answer leads to.
pub(super) fn to_judge(answers: &[Record]) -> (Vec<DomainName>, Vec<IpAddr>) {
    let mut targets = Vec::new();
    let mut addresses = Vec::new();
    for record in answers {
        match &record.data {
            RData::CNAME(name) => targets.extend(domain(&name.0)),
            RData::A(address) => addresses.push(IpAddr::V4(Ipv4Addr::from(*address))),
            RData::AAAA(address) => addresses.push(IpAddr::V6(Ipv6Addr::from(*address))),
            RData::HTTPS(service) => hints(&service.0, &mut targets, &mut addresses),
            RData::SVCB(service) => hints(service, &mut targets, &mut addresses),
            _ => {}
        }
    }
    (targets, addresses)
}

/// What a service record leads to: another name, and addresses that browsers use at once.
fn hints(service: &SVCB, targets: &mut Vec<DomainName>, addresses: &mut Vec<IpAddr>) {
    if !service.target_name.is_root() {
        targets.extend(domain(&service.target_name));
    }
    for (_, value) in &service.svc_params {
        match value {
            SvcParamValue::Ipv4Hint(hint) => {
                addresses.extend(hint.0.iter().map(|a| IpAddr::V4(Ipv4Addr::from(*a))));
            }
            SvcParamValue::Ipv6Hint(hint) => {
                addresses.extend(hint.0.iter().map(|a| IpAddr::V6(Ipv6Addr::from(*a))));
            }
            _ => {}
        }
    }
}
