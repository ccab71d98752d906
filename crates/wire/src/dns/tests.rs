//! Both directions, held to hickory's reading of the same bytes.

use super::*;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RData;
use proptest::prelude::*;
use std::net::Ipv4Addr;

const ZONE: &str = "bl.example.net";

/// A query as `dig` sends it, with or without extensions.
fn query(name: &str, kind: u16, edns: Option<&[u8]>) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 0x01, 0x20, 0, 1, 0, 0, 0, 0, 0, u8::from(edns.is_some())];
    message.extend(Name::encode(name).unwrap());
    message.push(0);
    message.extend(kind.to_be_bytes());
    message.extend(CLASS_IN.to_be_bytes());
    if let Some(options) = edns {
        message.extend([0, 0, 41, 4, 0xd0, 0, 0, 0x80, 0]);
        message.extend((options.len() as u16).to_be_bytes());
        message.extend(options);
    }
    message
}

fn zone() -> Vec<u8> {
    Name::encode(ZONE).unwrap()
}

#[test]
fn a_usual_query_is_read() {
    let cookie = [0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
    let bytes = query("2.0.0.127.BL.example.net", kind::A, Some(&cookie));
    let read = read(&bytes).unwrap();
    assert_eq!((read.kind, read.class), (kind::A, CLASS_IN));
    let edns = read.edns.unwrap();
    assert!(edns.dnssec);
    assert_eq!((edns.udp_bytes, edns.version, edns.cookie), (1232, 0, Some(&cookie[4..])));
    let octets = zone();
    let before = read.name.before(Name::of(&octets)).unwrap();
    assert_eq!(before.labels().collect::<Vec<_>>(), [b"2", b"0", b"0", b"127".as_slice()]);
}

#[test]
fn a_zone_is_cut_off_between_labels_only() {
    let octets = zone();
    let zone = Name::of(&octets);
    let name = Name::encode("bl.example.net").unwrap();
    assert_eq!(Name::of(&name).before(zone).unwrap().labels().count(), 0);
    // A label of 15 octets that ends like the zone, seen from inside of it.
    let mut inside = vec![16, b'x'];
    inside.extend(&octets);
    assert!(Name::of(&inside).before(zone).is_none());
    let other = Name::encode("1.bl.example.org").unwrap();
    assert!(Name::of(&other).before(zone).is_none());
}

#[test]
fn what_is_no_usual_query_is_told_apart() {
    let good = query("a.bl.example.net", kind::A, None);
    for end in 0..12 {
        assert_eq!(read(&good[..end]).unwrap_err(), Refused::Ignored);
    }
    for end in 12..good.len() {
        assert_eq!(read(&good[..end]).unwrap_err(), Refused::Malformed);
    }
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        read(&bytes).unwrap_err()
    };
    assert_eq!(with(2, 0x81), Refused::Ignored, "an answer");
    assert_eq!(with(2, 0x28), Refused::NotImplemented, "an update");
    assert_eq!(with(5, 2), Refused::Malformed, "two questions");
    assert_eq!(with(12, 0xc0), Refused::Malformed, "a pointer to itself");
}

#[test]
fn a_reply_is_what_hickory_reads() {
    let bytes = query("2.0.0.127.bl.example.net", kind::TXT, Some(&[]));
    let asked = read(&bytes).unwrap();
    let mut out = Vec::new();
    let mut reply = Reply::to(&asked, true, &mut out);
    reply.authoritative();
    reply.address(Ipv4Addr::new(127, 0, 0, 2), 60);
    reply.text(&[b'x'; 300], 60);
    reply.finish(Some((extended::OTHER, "why")), Some(&[7; 16]));
    let message = Message::from_vec(&out).unwrap();
    assert_eq!(message.id, 0x1234);
    assert!(message.authoritative && message.recursion_desired && !message.truncation);
    assert_eq!(message.answers.len(), 2);
    assert!(message.answers.iter().all(|record| record.name == message.queries[0].name));
    let RData::TXT(text) = &message.answers[1].data else { panic!("no text") };
    assert_eq!(text.txt_data.iter().map(|part| part.len()).collect::<Vec<_>>(), [255, 45]);
    let edns = message.edns.unwrap();
    assert!(edns.flags().dnssec_ok);
    assert_eq!(edns.options().as_ref().len(), 2);
}

#[test]
fn a_negative_reply_names_the_zone() {
    let octets = zone();
    let mut data = octets.clone();
    data.push(0);
    data.extend([1, b'h', 0]);
    for number in [7u32, 60, 60, 60, 5] {
        data.extend(number.to_be_bytes());
    }
    let bytes = query("1.0.0.127.bl.example.net", kind::A, None);
    let asked = read(&bytes).unwrap();
    let mut out = Vec::new();
    let mut reply = Reply::to(&asked, true, &mut out);
    reply.rcode(Rcode::NxDomain);
    reply.negative(octets.len(), &data, 5);
    reply.finish(Some((extended::OTHER, "not shown without extensions")), None);
    let message = Message::from_vec(&out).unwrap();
    assert_eq!(message.response_code, ResponseCode::NXDomain);
    assert_eq!(message.authorities[0].name.to_string(), format!("{ZONE}."));
    let RData::SOA(soa) = &message.authorities[0].data else { panic!("no SOA") };
    assert_eq!((soa.serial, soa.minimum), (7, 5));
    assert!(message.edns.is_none());
}

#[test]
fn what_does_not_fit_is_fetched_over_tcp() {
    let bytes = query("a.bl.example.net", kind::TXT, None);
    let asked = read(&bytes).unwrap();
    let mut out = Vec::new();
    for (udp, truncated) in [(true, true), (false, false)] {
        let mut reply = Reply::to(&asked, udp, &mut out);
        reply.text(&[b'x'; 600], 60);
        reply.finish(None, None);
        let message = Message::from_vec(&out).unwrap();
        assert_eq!(message.truncation, truncated);
        assert_eq!(message.answers.len(), usize::from(!truncated));
        assert!(!udp || out.len() <= UDP_BYTES);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_as_hickory_reads_them(bytes in prop::collection::vec(any::<u8>(), 0..96)) {
        if let Ok(read) = read(&bytes) {
            if let Ok(message) = Message::from_vec(&bytes) {
                prop_assert_eq!(u16::from(message.queries[0].query_type), read.kind);
            }
            let mut out = Vec::new();
            let mut reply = Reply::to(&read, true, &mut out);
            reply.rcode(Rcode::Refused);
            reply.finish(None, None);
            prop_assert!(Message::from_vec(&out).is_ok());
        }
    }

    #[test]
    fn labels_keep_their_order(labels in prop::collection::vec("[a-z0-9_-]{1,20}", 1..8)) {
        let name = format!("{}.{ZONE}", labels.join("."));
        let bytes = query(&name, kind::A, None);
        let read = read(&bytes).unwrap();
        let octets = zone();
        let before = read.name.before(Name::of(&octets)).unwrap();
        let found: Vec<_> = before.labels().map(|l| String::from_utf8(l.to_vec()).unwrap()).collect();
        prop_assert_eq!(found, labels);
    }
}
