//! Upstreams as they are written.

use super::*;

#[test]
fn upstreams_are_read_in_the_notations_of_the_field() {
    let read = |text: &str| text.parse::<Upstream>().unwrap();
    for (text, address) in [
        ("192.0.2.53", "192.0.2.53:53"),
        ("udp://192.0.2.53:5353", "192.0.2.53:5353"),
        ("tcp://[2001:db8::53]:5353", "[2001:db8::53]:5353"),
        ("udp://2001:db8::53", "[2001:db8::53]:53"),
        ("tls://192.0.2.53#dns.example.net", "192.0.2.53:853"),
        ("https://192.0.2.53/resolve#dns.example.net", "192.0.2.53:443"),
    ] {
        assert_eq!(read(text).address, address.parse().unwrap(), "{text}");
    }
    let Transport::Https { name, path } = read("https://[2001:db8::53]:8443").transport else {
        panic!("not HTTPS");
    };
    assert_eq!((&*name, &*path), ("2001:db8::53", "/dns-query"));
    let Transport::Tls { name } = read("tls://192.0.2.53:8853#dns.example.net").transport else {
        panic!("not TLS");
    };
    assert_eq!(&*name, "dns.example.net");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for text in [
        "",
        "dns.example.net",
        "udp://192.0.2.53/path",
        "udp://192.0.2.53#name",
        "quic://192.0.2.53",
        "tls://192.0.2.53#",
        "tls://192.0.2.53:99999",
    ] {
        assert!(text.parse::<Upstream>().is_err(), "{text}");
    }
}
