//! Answers made here: blocked names, names that standards set apart, and errors.

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::svcb::{Alpn, SvcParamKey, SvcParamValue, Unknown};
use hickory_resolver::proto::rr::rdata::{HINFO, SOA, SVCB};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use wardnet_model::DomainName;

use super::asked::{Asked, Refusal};
use super::config::{Action, ResolverConfig};
use super::judge::is_private_name;

/// Seconds that what is blocked, or answered from here, may be kept by clients: a verdict that
/// changes is in force for them this much later.
const OWN_TTL: u32 = 10;

/// By its absence, Firefox learns that this network filters, and asks the resolver it is given.
/// See <https://support.mozilla.org/kb/canary-domain-use-application-dnsnet>.
const CANARY: &str = "use-application-dns.net";

/// Where clients ask for encrypted ways to this resolver (RFC 9462 section 4).
const DISCOVERY: &str = "_dns.resolver.arpa";

/// Reverse names of private networks, which nobody in the world can answer (RFC 6303).
const PRIVATE_REVERSE: [&str; 7] = [
    "10.in-addr.arpa",
    "168.192.in-addr.arpa",
    "127.in-addr.arpa",
    "254.169.in-addr.arpa",
    "d.f.ip6.arpa",
    "8.e.f.ip6.arpa",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
];

/// Names without a place in the DNS: RFC 6761, 6762, 7686, 9476 and ICANN's `internal`.
const NOT_IN_DNS: [&str; 5] = ["alt", "internal", "invalid", "local", "onion"];

/// The answer to a question that is never forwarded; `None` for all others.
pub(super) fn local(
    asked: &Asked,
    name: Option<&DomainName>,
    config: &ResolverConfig,
) -> Option<Message> {
    // RFC 8482 section 4.2.
    if asked.record_type() == RecordType::ANY {
        let hinfo = HINFO::new("RFC8482".to_owned(), String::new());
        return Some(with_answers(asked, vec![RData::HINFO(hinfo)]));
    }
    let name = name?;
    let below = |top: &str| is_at_or_below(name.as_str(), top);
    if below("localhost") {
        let loopback = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
        return Some(with_addresses(asked, &loopback));
    }
    if below(DISCOVERY) {
        return Some(with_answers(asked, designated(asked, config)));
    }
    if below("resolver.arpa") || is_private_172(name.as_str()) && !is_own(name, config) {
        return Some(negative(asked, ResponseCode::NXDomain));
    }
    let is_apart = NOT_IN_DNS.iter().chain(&PRIVATE_REVERSE).any(|top| below(top));
    if name.as_str() == CANARY || (is_apart && !is_own(name, config)) {
        return Some(negative(asked, ResponseCode::NXDomain));
    }
    None
}

fn is_own(name: &DomainName, config: &ResolverConfig) -> bool {
    is_private_name(name, &config.private_names)
}

fn is_at_or_below(name: &str, top: &str) -> bool {
    name.strip_suffix(top).is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

/// The sixteen reverse zones of `172.16.0.0/12`.
fn is_private_172(name: &str) -> bool {
    let Some(above) = name.strip_suffix(".172.in-addr.arpa") else {
        return false;
    };
    let label = above.rsplit('.').next().unwrap_or(above);
    label.parse::<u8>().is_ok_and(|second| (16..32).contains(&second))
}

/// The encrypted ways to this resolver, as service records (RFC 9461): none without a name, as
/// clients have to check the certificate.
fn designated(asked: &Asked, config: &ResolverConfig) -> Vec<RData> {
    let Some(name) = &config.name else {
        return Vec::new();
    };
    let Ok(target) = Name::from_ascii(format!("{name}.")) else {
        return Vec::new();
    };
    if asked.record_type() != RecordType::SVCB {
        return Vec::new();
    }
    let way = |(priority, address): (u16, &SocketAddr), alpn: &str, path: Option<&str>| {
        let mut parameters = vec![
            (SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(vec![alpn.to_owned()]))),
            (SvcParamKey::Port, SvcParamValue::Port(address.port())),
        ];
        if let Some(path) = path {
            let template = format!("{path}{{?dns}}").into_bytes();
            parameters.push((SvcParamKey::Key(7), SvcParamValue::Unknown(Unknown(template))));
        }
        RData::SVCB(SVCB::new(priority, target.clone(), parameters))
    };
    let doh = config.doh.iter().map(|one| way((1, one), "h2", Some(&config.doh_path)));
    let dot = config.dot.iter().map(|one| way((2, one), "dot", None));
    doh.chain(dot).collect()
}

/// What stands in the place of what is blocked.
pub(super) fn blocked(asked: &Asked, action: Action, page: &[IpAddr]) -> Message {
    const NOWHERE: [IpAddr; 2] =
        [IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED)];
    match action {
        Action::Zero => with_addresses(asked, &NOWHERE),
        Action::Page => with_addresses(asked, page),
        Action::Refused => error(ResponseCode::Refused),
        Action::Nxdomain | Action::Pass => negative(asked, ResponseCode::NXDomain),
    }
}

/// An answer with nothing but a code.
pub(super) fn error(code: ResponseCode) -> Message {
    let mut message = Message::query().into_response();
    message.metadata.response_code = code;
    message
}

fn with_addresses(asked: &Asked, addresses: &[IpAddr]) -> Message {
    let of_type = |address: &IpAddr| match (asked.record_type(), address) {
        (RecordType::A, IpAddr::V4(v4)) => Some(RData::A((*v4).into())),
        (RecordType::AAAA, IpAddr::V6(v6)) => Some(RData::AAAA((*v6).into())),
        _ => None,
    };
    with_answers(asked, addresses.iter().filter_map(of_type).collect())
}

/// These records; or, where there are none, that there is no such data.
fn with_answers(asked: &Asked, answers: Vec<RData>) -> Message {
    if answers.is_empty() {
        return negative(asked, ResponseCode::NoError);
    }
    let mut message = error(ResponseCode::NoError);
    let name = asked.query.name();
    let record = |data| Record::from_rdata(name.clone(), OWN_TTL, data);
    message.add_answers(answers.into_iter().map(record));
    message
}

/// A negative answer that is soon asked again (RFC 2308).
fn negative(asked: &Asked, code: ResponseCode) -> Message {
    let mut message = error(code);
    let server = Name::from_ascii("wardnet.invalid.").unwrap_or_default();
    let retry = i32::try_from(OWN_TTL).unwrap_or(1);
    let soa = SOA::new(server.clone(), server, 1, retry, retry, retry, OWN_TTL);
    message.add_authority(Record::from_rdata(asked.query.name().clone(), OWN_TTL, RData::SOA(soa)));
    message
}

/// The answer to what is no question: a header, and an OPT record where the code needs one.
pub(super) fn refusal(refusal: &Refusal) -> Option<Vec<u8>> {
    let Refusal::Code { id, opcode, code, edns } = refusal else {
        return None;
    };
    let mut bytes = Vec::with_capacity(23);
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes.extend_from_slice(&[0x80 | (opcode << 3), 0x80 | code.low(), 0, 0, 0, 0, 0, 0, 0]);
    bytes.push(u8::from(*edns));
    if *edns {
        bytes.extend_from_slice(&[0, 0, 41, 4, 208, code.high(), 0, 0, 0, 0, 0]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
