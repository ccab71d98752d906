//! Questions: seeds and mutations of them, signatures, and what a damaged database does.

use super::client::{House, Word, data, messages};
use super::content::config;
use crate::rpz::config::{Algorithm, KeyConfig};
use crate::rpz::fuzz_rpz_question;
use crate::rpz::question::{Plan, plan};
use crate::rpz::tsig;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType, TSigner};
use std::sync::Arc;
use wardnet_model::{Indicator, Scope, Timestamp};
use wardnet_verdictdb::{
    Builder, Db, Entry, FeedLimits, OpenOptions, Options, Verify, View, Views,
};

const NOW: Timestamp = Timestamp(1_787_000_000);

pub(super) fn key(algorithm: Algorithm, secret: &str) -> TSigner {
    let name = Name::from_ascii("key.test.").unwrap();
    let secret = Some(data_encoding::BASE64.encode(secret.as_bytes()));
    tsig::load(&KeyConfig { name, algorithm, secret, secret_file: None }).unwrap()
}

pub(super) fn question(kind: RecordType) -> Message {
    let mut message = Message::new(9, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii("RPZ.wardnet.").unwrap(), kind));
    message
}

#[test]
fn seeds_and_what_differs_from_them_in_places() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/protect_rpz_question");
    let mut seeds = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let seed = std::fs::read(entry.unwrap().path()).unwrap();
        fuzz_rpz_question(&seed);
        for at in 0..seed.len() {
            fuzz_rpz_question(&seed[..at]);
            for value in [0, 1, 0x40, 0xc0, 0xff] {
                let mut mutated = seed.clone();
                mutated[at] = value;
                fuzz_rpz_question(&mutated);
            }
        }
        seeds += 1;
    }
    assert!(seeds >= 12, "{seeds} seeds");
}

#[test]
fn every_message_of_a_signed_transfer_is_signed() {
    let mut house = House::new(&config());
    for number in 0..200 {
        house.say(&format!("n{number}.top"), Scope::Subtree, Word::Listed, true);
    }
    house.follow();
    for algorithm in [Algorithm::HmacSha256, Algorithm::HmacSha384, Algorithm::HmacSha512] {
        let key = key(algorithm, "a secret of the test");
        let mut asked = question(RecordType::AXFR);
        let mut verifier = asked.finalize(&key, NOW.0).unwrap().expect("a verifier");
        let zones = [Arc::clone(&house.zone)];
        let Plan::Transfer(transfer) =
            plan(&asked.to_vec().unwrap(), &zones, std::slice::from_ref(&key), NOW)
        else {
            panic!("no transfer");
        };
        let sent = messages(&house.zone, None, transfer.signer).unwrap();
        assert!(sent.len() > 5, "{} messages", sent.len());
        // The transfer's clock is the real one; the question's is not looked at again.
        for message in &sent {
            let read = Message::from_vec(message).unwrap();
            assert!(read.signature().is_some());
        }
        let (mut mac, _) = (transfer_mac(&asked), verifier.verify(&sent[0]).ok());
        for (at, message) in sent.iter().enumerate() {
            (mac, ..) = key.verify_message_byte(message, Some(&mac), at == 0).expect("its MAC");
        }
    }
}

fn transfer_mac(asked: &Message) -> Vec<u8> {
    asked.signature().unwrap().data.mac.clone()
}

#[test]
fn wrong_signatures_are_told_apart() {
    let house = House::new(&config());
    let zones = [Arc::clone(&house.zone)];
    let right = key(Algorithm::HmacSha256, "right");
    let reply = |signer: Option<&TSigner>, at: u64| {
        let mut asked = question(RecordType::SOA);
        if let Some(signer) = signer {
            let _verifier = asked.finalize(signer, at).unwrap();
        }
        let bytes = asked.to_vec().unwrap();
        let Plan::Reply(reply) = plan(&bytes, &zones, std::slice::from_ref(&right), NOW) else {
            panic!("no reply");
        };
        let message = Message::from_vec(&reply).unwrap();
        let error = message.signature().and_then(|record| record.data.error.map(u16::from));
        (message.metadata.response_code, error, reply, asked)
    };
    let (code, error, bytes, asked) = reply(Some(&right), NOW.0);
    assert_eq!((code, error), (ResponseCode::NoError, None));
    right.verify_message_byte(&bytes, Some(&transfer_mac(&asked)), true).unwrap();
    let (code, error, ..) = reply(None, NOW.0);
    assert_eq!((code, error), (ResponseCode::Refused, None));
    let wrong = key(Algorithm::HmacSha256, "wrong");
    let (code, error, ..) = reply(Some(&wrong), NOW.0);
    assert_eq!((code, error), (ResponseCode::NotAuth, Some(16)), "BADSIG");
    let unknown = key(Algorithm::HmacSha512, "right");
    let (code, error, ..) = reply(Some(&unknown), NOW.0);
    assert_eq!((code, error), (ResponseCode::NotAuth, Some(17)), "BADKEY");
    // RFC 8945 section 5.2.3: signed, so that the clock that is wrong can be believed to be.
    let (code, error, bytes, asked) = reply(Some(&right), NOW.0 - 3_600);
    assert_eq!((code, error), (ResponseCode::NotAuth, Some(18)), "BADTIME");
    right.verify_message_byte(&bytes, Some(&transfer_mac(&asked)), true).unwrap();
}

#[test]
fn differences_fit_a_datagram_or_send_to_a_stream() {
    let mut house = House::new(&config());
    let begin = house.serial();
    house.say("evil.top", Scope::Exact, Word::Listed, true);
    house.follow();
    let short = |since: u32, room: usize| {
        let mut asked = question(RecordType::IXFR);
        let mut soa = house.transfer(None).unwrap().remove(0);
        if let hickory_proto::rr::RData::SOA(data) = &mut soa.data {
            data.serial = since;
        }
        asked.authorities.push(soa);
        let zones = [Arc::clone(&house.zone)];
        let Plan::Transfer(transfer) = plan(&asked.to_vec().unwrap(), &zones, &[], NOW) else {
            panic!("no transfer");
        };
        transfer.short(room).map(|bytes| Message::from_vec(&bytes).unwrap().answers.len())
    };
    assert_eq!(short(begin, 512), Some(5), "a frame of four, and one record");
    assert_eq!(short(begin, 100), None);
    assert_eq!(short(house.serial(), 512), Some(1));
    assert_eq!(short(begin - 5, 512), None, "not known");
}

#[test]
fn a_damaged_database_breaks_a_transfer_off() {
    let options = Options { sequence: 1, names: true, ..Options::default() };
    let mut builder = Builder::new(options);
    let texts: Vec<_> = (0..3_000).map(|number| format!("n{number}.top")).collect();
    for text in &texts {
        let indicator = Indicator::parse(text).unwrap();
        let data = data(&indicator, Word::Listed);
        let kind = indicator.kind().unwrap();
        let mut entry = Entry::evidence(kind, indicator.key(), Scope::Exact, &data.profile);
        entry.name = Some(text);
        builder.push(&entry).unwrap();
    }
    let mut file = Vec::new();
    builder.finish(&mut file).unwrap();
    let open = |file: Vec<u8>, verify| {
        let options = OpenOptions { verify, ..OpenOptions::default() };
        Db::open(file.into(), &options).ok()
    };
    let house = |db| House::with(&config(), Views::new(View::of(db)), FeedLimits::default());
    assert_eq!(house(open(file.clone(), Verify::Full).unwrap()).policy().len(), 3_000);
    let mut broken = 0;
    for at in (0..file.len()).step_by(file.len() / 200) {
        let mut damaged = file.clone();
        damaged[at] ^= 0x10;
        let Some(db) = open(damaged, Verify::Lazy) else { continue };
        let house = house(db);
        // Either nothing is lost, or the end of the zone is never sent.
        match house.transfer(None) {
            Ok(records) => assert_eq!(records.len(), 3_003, "damaged at {at}"),
            Err(_) => broken += 1,
        }
    }
    assert!(broken > 20, "{broken} transfers broke off");
}
