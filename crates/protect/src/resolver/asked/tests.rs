//! Questions as clients send them, and bytes that are none.

use super::*;
use hickory_resolver::proto::op::Edns;
use proptest::prelude::*;

fn query(name: &str, record_type: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.id = 0x1234;
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), record_type));
    message
}

fn code(bytes: &[u8]) -> Option<ResponseCode> {
    match Asked::read(bytes) {
        Err(Refusal::Code { code, .. }) => Some(code),
        Err(Refusal::Silence) | Ok(_) => None,
    }
}

#[test]
fn the_spelling_is_the_clients_and_the_key_is_not() {
    let read = |name: &str| Asked::read(&query(name, RecordType::A).to_vec().unwrap()).unwrap();
    let (mixed, plain) = (read("WwW.eXample.Net."), read("www.example.net."));
    assert_ne!(mixed.question, plain.question);
    assert_eq!(mixed.head().key(), plain.head().key());
    assert!(mixed.question.starts_with(b"\x03WwW\x07eXample\x03Net\0\0\x01\0\x01"));
}

#[test]
fn what_makes_another_answer_makes_another_key() {
    let mut message = query("www.example.net.", RecordType::A);
    let plain = Asked::read(&message.to_vec().unwrap()).unwrap().head().key();
    message.metadata.checking_disabled = true;
    let unchecked = Asked::read(&message.to_vec().unwrap()).unwrap().head().key();
    message.set_edns(Edns::new()).edns.as_mut().unwrap().set_dnssec_ok(true);
    let signed = Asked::read(&message.to_vec().unwrap()).unwrap().head().key();
    assert!(plain != unchecked && unchecked != signed && plain != signed);
    let other = Asked::read(&query("www.example.net.", RecordType::AAAA).to_vec().unwrap());
    assert_ne!(plain, other.unwrap().head().key());
}

#[test]
fn what_is_no_question_gets_its_code() {
    let good = query("www.example.net.", RecordType::A).to_vec().unwrap();
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    assert_eq!(code(&changed(2, 0x28)), Some(ResponseCode::NotImp), "an update");
    assert_eq!(code(&changed(5, 0)), Some(ResponseCode::FormErr), "no question");
    assert_eq!(code(&changed(5, 2)), Some(ResponseCode::FormErr), "a second one is missing");
    assert_eq!(code(&good[..20]), Some(ResponseCode::FormErr), "cut");
    let mut two = query("www.example.net.", RecordType::A);
    two.add_query(Query::new());
    assert_eq!(code(&two.to_vec().unwrap()), Some(ResponseCode::FormErr), "two questions");
    let mut newer = query("www.example.net.", RecordType::A);
    newer.set_edns(Edns::new()).edns.as_mut().unwrap().set_version(1);
    assert_eq!(code(&newer.to_vec().unwrap()), Some(ResponseCode::BADVERS));
    for silent in [&changed(2, 0x80)[..], &good[..11], &[]] {
        assert!(matches!(Asked::read(silent), Err(Refusal::Silence)), "{silent:?}");
    }
}

#[test]
fn a_label_of_any_bytes_is_a_name_below_its_parent() {
    let name = Name::from_labels([&b"a b\xff"[..], b"Evil", b"top"]).unwrap();
    assert_eq!(domain(&name).unwrap().as_str(), "a_b_.evil.top");
    assert_eq!(domain(&Name::root()), None);
    assert_eq!(domain(&Name::from_ascii("192.0.2.1.").unwrap()), None);
}

#[test]
fn both_ways_of_reading_a_question_agree() {
    let mut message = query("WwW.example.net.", RecordType::AAAA);
    message.metadata.checking_disabled = true;
    message.metadata.authentic_data = true;
    message.set_edns(Edns::new()).edns.as_mut().unwrap().set_max_payload(100).set_dnssec_ok(true);
    let bytes = message.to_vec().unwrap();
    agree(&bytes);
    let head = Head::read(&bytes).unwrap();
    assert!(head.checking_disabled && head.authentic_data && head.recursion_desired);
    assert_eq!(head.edns.unwrap().payload, UDP_BYTES_MIN, "the least that counts");
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        agree(&bytes);
    }
}
