//! What people and feeds write, and what it is taken for.

use super::*;
use proptest::prelude::*;

fn check(text: &str, kind: Kind, canonical: &str) {
    let indicator = Indicator::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(indicator.kind(), Some(kind), "{text}");
    assert_eq!(indicator.to_string(), canonical, "{text}");
    assert_eq!(Indicator::parse(canonical).as_ref(), Ok(&indicator), "{canonical}");
    let mut payload = Vec::new();
    indicator.write_payload(&mut payload);
    assert_eq!(Indicator::from_payload(kind.tag(), &payload), Ok(indicator));
}

#[test]
fn the_kind_is_guessed_and_the_form_made_canonical() {
    let md5 = "44d88612fea8a8f36de82e1278abb02f";
    let sha1 = "3395856ce81f2b7382dee72602f798b642f14140";
    let sha256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
    check("192.0.2.1", Kind::Ipv4, "192.0.2.1");
    check("::ffff:192.0.2.1", Kind::Ipv4, "192.0.2.1");
    check("[2001:DB8::1]", Kind::Ipv6, "2001:db8::1");
    check("192.0.2.77/24", Kind::Ipv4Network, "192.0.2.0/24");
    check("192.0.2.77/32", Kind::Ipv4, "192.0.2.77");
    check("2001:db8::/32", Kind::Ipv6Network, "2001:db8::/32");
    check("::ffff:192.0.2.0/120", Kind::Ipv4Network, "192.0.2.0/24");
    check("192.0.2.1:8080", Kind::Endpoint, "192.0.2.1:8080");
    check("[2001:db8::1]:443", Kind::Endpoint, "[2001:db8::1]:443");
    check("WWW.Example.COM.", Kind::Domain, "www.example.com");
    check("_dmarc.exa_mple.com", Kind::Domain, "_dmarc.exa_mple.com");
    check("bücher.example", Kind::Domain, "xn--bcher-kva.example");
    check("HTTP://Example.com:80/a/../b?q#f", Kind::Url, "http://example.com/b?q");
    check("example.com/a", Kind::Url, "http://example.com/a");
    check("example.com:8080", Kind::Url, "http://example.com:8080/");
    check(&md5.to_uppercase(), Kind::Md5, md5);
    check(sha1, Kind::Sha1, sha1);
    check(sha256, Kind::Sha256, sha256);
    check("Bob+Spam@Example.COM", Kind::Email, "bob+spam@example.com");
    check("as13335", Kind::Asn, "AS13335");
    check(&format!("ja3:{md5}"), Kind::Ja3, &format!("ja3:{md5}"));
    check(
        "T13D1516H2_8daaf6152771_b186095e22b6",
        Kind::Ja4,
        "t13d1516h2_8daaf6152771_b186095e22b6",
    );
    check("cve-2021-44228", Kind::Cve, "CVE-2021-44228");
    check("app:com.Example.app", Kind::App, "app:com.Example.app");
    check(
        &format!("certificate-sha1:{sha1}"),
        Kind::CertificateSha1,
        &format!("certificate-sha1:{sha1}"),
    );
}

#[test]
fn defanged_values_are_refanged() {
    check("hxxps://evil[.]example/x", Kind::Url, "https://evil.example/x");
    check("hxxp[://]evil(.)example/", Kind::Url, "http://evil.example/");
    check("evil[dot]example", Kind::Domain, "evil.example");
    check("192[.]0[.]2[.]1[:]80", Kind::Endpoint, "192.0.2.1:80");
    check("bob[at]example[.]com", Kind::Email, "bob@example.com");
}

#[test]
fn errors_name_the_problem() {
    let message = |text: &str| Indicator::parse(text).unwrap_err().to_string();
    assert!(message("").contains("empty"));
    assert!(message("two words").contains("blank"));
    assert!(message(&"a".repeat(9000)).contains("9000 bytes"));
    assert!(
        message("0000153.0000255.0000011.0000125").contains("octal"),
        "{}",
        message("0000153.0000255.0000011.0000125")
    );
    assert!(message("192.0.2.0/33").contains("longer than the address"));
    assert!(message("md5:abc").contains("32 hexadecimal digits"));
    assert!(message("@example.com").contains("1 to 64 bytes"));
}

#[test]
fn a_kind_from_the_future_survives() {
    let future = Indicator::from_payload(200, b"something").unwrap();
    assert_eq!((future.kind(), future.tag()), (None, 200));
    let mut payload = Vec::new();
    future.write_payload(&mut payload);
    assert_eq!(payload, b"something");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        if let Ok(indicator) = Indicator::parse(&text) {
            let canonical = indicator.to_string();
            prop_assert_eq!(Indicator::parse(&canonical), Ok(indicator), "{}", canonical);
        }
    }

    #[test]
    fn any_payload_is_read_or_refused(tag in 0u8..30, payload in proptest::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(indicator) = Indicator::from_payload(tag, &payload) {
            let mut again = Vec::new();
            indicator.write_payload(&mut again);
            prop_assert_eq!(again, payload);
        }
    }
}
