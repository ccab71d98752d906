//! Names and addresses in the spellings that feeds, people and attackers use.

use super::*;

fn name(text: &str) -> String {
    DomainName::parse(text).map_or_else(|error| format!("{error:?}"), |name| name.to_string())
}

fn host(text: &str) -> String {
    Host::parse(text).map_or_else(|error| format!("{error:?}"), |host| host.to_string())
}

#[test]
fn names_become_canonical() {
    assert_eq!(name("example.com"), "example.com");
    assert_eq!(name("WWW.Example.COM."), "www.example.com");
    assert_eq!(name("localhost"), "localhost");
    assert_eq!(name("_dmarc.example.com"), "_dmarc.example.com");
    assert_eq!(name("-a-.r3---sn-x.example"), "-a-.r3---sn-x.example");
    assert_eq!(name("1.2.3.4.in-addr.arpa"), "1.2.3.4.in-addr.arpa");
    assert_eq!(name("0x.example"), "0x.example");
    assert_eq!(name("BÜCHER.example"), "xn--bcher-kva.example");
    assert_eq!(name("faß.example"), "xn--fa-hia.example", "non-transitional");
    assert_eq!(name("_ü.例。"), "xn--_-eha.xn--fsq");
    assert_eq!(name("xn--MLAT-zra.example"), "xn--mlat-zra.example");
    assert_eq!(name("xn--a.example"), "xn--a.example", "no punycode, but a name in the DNS");
}

#[test]
fn what_is_no_name_says_why() {
    assert_eq!(DomainName::parse(""), Err(HostError::Empty));
    assert_eq!(DomainName::parse("."), Err(HostError::Empty));
    for text in [".a", "a..b", "a..", ".."] {
        assert_eq!(DomainName::parse(text), Err(HostError::EmptyLabel), "{text}");
    }
    assert_eq!(DomainName::parse("a b.c"), Err(HostError::BadCharacter(' ')));
    assert_eq!(DomainName::parse("*.A.c"), Err(HostError::BadCharacter('*')));
    assert_eq!(DomainName::parse("ü!.c"), Err(HostError::BadCharacter('!')));
    assert_eq!(DomainName::parse("ü%.c"), Err(HostError::NotIdna));
    assert_eq!(DomainName::parse("xn--a.ü"), Err(HostError::NotIdna));
    for text in ["1.2.3.4", "3279880203", "a.1", "a.0x1F", "a.0x", "1.2.3.4."] {
        assert_eq!(DomainName::parse(text), Err(HostError::Numeric), "{text}");
    }
}

#[test]
fn lengths_are_those_of_the_dns() {
    let label = "a".repeat(LABEL_BYTES_MAX);
    let longest = format!("{label}.{label}.{label}.{}", "b".repeat(61));
    assert_eq!(longest.len(), NAME_BYTES_MAX);
    assert_eq!(name(&longest), longest);
    assert_eq!(name(&format!("{longest}.")), longest);
    assert_eq!(DomainName::parse(&format!("{longest}b")), Err(HostError::TooLong(254)));
    assert_eq!(DomainName::parse(&format!("{label}a.b")), Err(HostError::LabelTooLong(64)));
    assert_eq!(DomainName::parse(&"ü".repeat(1000)), Err(HostError::TooLong(2000)));
    assert!(matches!(DomainName::parse(&"ü".repeat(100)), Err(HostError::LabelTooLong(_))));
}

#[test]
fn relatives_are_slices() {
    let name = DomainName::parse("a.b.example").unwrap();
    assert_eq!(name.labels().collect::<Vec<_>>(), ["a", "b", "example"]);
    assert_eq!(name.parent().unwrap().as_str(), "b.example");
    let parents: Vec<&str> = name.parents().map(DomainRef::as_str).collect();
    assert_eq!(parents, ["b.example", "example"]);
    assert_eq!(DomainName::parse("example").unwrap().parent(), None);
}

#[test]
fn hosts_are_read_as_browsers_read_them() {
    assert_eq!(host("..Example...com.."), "example.com");
    assert_eq!(host("3279880203"), "195.127.0.11");
    assert_eq!(host("0x7f.1"), "127.0.0.1");
    assert_eq!(host("0303.0177.0.013"), "195.127.0.11");
    assert_eq!(host("195.127.11"), "195.127.0.11");
    assert_eq!(host("0XC3.0x7F.0.0xB."), "195.127.0.11");
    assert_eq!(host("１.２。３.４"), "1.2.3.4");
    for text in ["4294967296", "1.2.3.4.5", "08.1", "+1.2", "0x", "1..0x"] {
        assert!(Host::parse(text).is_err(), "{text}");
    }
    assert_eq!(host("1.2.3.0xg"), "1.2.3.0xg", "a name after all");
}

#[test]
fn ipv4_in_disguise_is_ipv4() {
    assert_eq!(host("[::ffff:1.2.3.4]"), "1.2.3.4");
    assert_eq!(host("[0:0:0:0:0:FFFF:102:304]"), "1.2.3.4");
    assert_eq!(host("[64:ff9b::102:304]"), "1.2.3.4");
    assert_eq!(host("[64:ff9b:1::102:304]"), "[64:ff9b:1::102:304]", "RFC 8215 is not folded");
    assert_eq!(host("[2001:0DB8:0000::1]"), "[2001:db8::1]");
    for text in ["[::1", "[]", "[1.2.3.4]", "[::1%1]", "::1]"] {
        assert!(Host::parse(text).is_err(), "{text}");
    }
}
