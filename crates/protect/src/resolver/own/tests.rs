//! Names that standards set apart, discovery, and what stands in place of what is blocked.

use super::*;
use crate::resolver::asked::domain;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::rdata::A;

fn asked(name: &str, record_type: RecordType) -> Asked {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), record_type));
    Asked::read(&message.to_vec().unwrap()).unwrap()
}

fn answer(name: &str, record_type: RecordType, config: &ResolverConfig) -> Option<Message> {
    let asked = asked(name, record_type);
    local(&asked, domain(&asked.query.name).as_ref(), config)
}

#[test]
fn names_apart_are_answered_here() {
    let config = ResolverConfig::default();
    for name in [
        "printer.local.",
        "x.onion.",
        "a.invalid.",
        "use-application-dns.net.",
        "7.1.168.192.in-addr.arpa.",
        "1.20.172.in-addr.arpa.",
        "x.resolver.arpa.",
    ] {
        let message = answer(name, RecordType::A, &config).unwrap();
        assert_eq!(message.response_code, ResponseCode::NXDomain, "{name}");
        assert!(message.soa_ttl() <= OWN_TTL, "{name}");
    }
    for name in
        ["www.example.net.", "notlocal.", "1.32.172.in-addr.arpa.", "1.2.0.192.in-addr.arpa."]
    {
        assert!(answer(name, RecordType::A, &config).is_none(), "{name}");
    }
}

trait SoaTtl {
    fn soa_ttl(&self) -> u32;
}

impl SoaTtl for Message {
    fn soa_ttl(&self) -> u32 {
        self.authorities.first().unwrap().ttl
    }
}

#[test]
fn the_operators_own_names_are_forwarded_all_the_same() {
    let private_names = ["corp.local", "168.192.in-addr.arpa", "30.172.in-addr.arpa"];
    let private_names = private_names.map(|name| DomainName::parse(name).unwrap()).to_vec();
    let config = ResolverConfig { private_names, ..ResolverConfig::default() };
    for name in ["dc.corp.local.", "1.1.168.192.in-addr.arpa.", "1.30.172.in-addr.arpa."] {
        assert!(answer(name, RecordType::A, &config).is_none(), "{name}");
    }
    assert!(answer("other.local.", RecordType::A, &config).is_some());
}

#[test]
fn localhost_is_the_loopback() {
    let config = ResolverConfig::default();
    let a = answer("x.localhost.", RecordType::A, &config).unwrap();
    assert_eq!(a.answers[0].data, RData::A(A::new(127, 0, 0, 1)));
    let mx = answer("localhost.", RecordType::MX, &config).unwrap();
    assert!(mx.answers.is_empty() && mx.response_code == ResponseCode::NoError);
}

#[test]
fn any_is_answered_in_short() {
    let config = ResolverConfig::default();
    let any = answer("www.example.net.", RecordType::ANY, &config).unwrap();
    assert!(matches!(&any.answers[..], [one] if one.record_type() == RecordType::HINFO));
}

#[test]
fn encrypted_ways_are_named_only_with_a_name() {
    let mut config = ResolverConfig {
        doh: vec!["192.0.2.1:443".parse().unwrap()],
        dot: vec!["192.0.2.1:8853".parse().unwrap()],
        ..ResolverConfig::default()
    };
    let none = answer("_dns.resolver.arpa.", RecordType::SVCB, &config).unwrap();
    assert!(none.answers.is_empty() && none.response_code == ResponseCode::NoError);
    config.name = Some(DomainName::parse("dns.example.net").unwrap());
    let both = answer("_dns.resolver.arpa.", RecordType::SVCB, &config).unwrap();
    assert_eq!(both.answers.len(), 2);
    let text = format!("{}", both.answers[0].data);
    assert!(text.contains("dns.example.net") && text.contains("h2"), "{text}");
    // As bytes, parameters have to be in order (RFC 9460 section 2.2).
    assert!(both.to_vec().is_ok());
}

#[test]
fn each_action_has_its_answer() {
    let page: Vec<IpAddr> = vec!["192.0.2.80".parse().unwrap()];
    let data = |action, record_type| {
        let message = blocked(&asked("evil.top.", record_type), action, &page);
        let data = message.answers.first().map(|record| record.data.to_string());
        (message.response_code, data)
    };
    let none = ResponseCode::NoError;
    assert_eq!(data(Action::Nxdomain, RecordType::A), (ResponseCode::NXDomain, None));
    assert_eq!(data(Action::Refused, RecordType::A), (ResponseCode::Refused, None));
    assert_eq!(data(Action::Zero, RecordType::A), (none, Some("0.0.0.0".to_owned())));
    assert_eq!(data(Action::Zero, RecordType::AAAA), (none, Some("::".to_owned())));
    assert_eq!(data(Action::Zero, RecordType::HTTPS), (none, None), "no way around the block");
    assert_eq!(data(Action::Page, RecordType::A), (none, Some("192.0.2.80".to_owned())));
    assert_eq!(data(Action::Page, RecordType::AAAA), (none, None));
}
