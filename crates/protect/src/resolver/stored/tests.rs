//! Answers as bytes: lifetimes, spelling, flags, and what fits.

use super::*;
use hickory_resolver::proto::op::Edns;
use hickory_resolver::proto::rr::rdata::{A, CNAME, NS, SOA, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use proptest::prelude::*;

const STORED_AT: u64 = 1_000;

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn asked(text: &str, edns: Option<(u16, bool)>) -> Asked {
    let mut message = Message::query();
    message.metadata.id = 7;
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name(text), RecordType::A));
    if let Some((payload, dnssec_ok)) = edns {
        let edns = message.edns.get_or_insert_with(Edns::new);
        edns.set_max_payload(payload).set_dnssec_ok(dnssec_ok);
    }
    Asked::read(&message.to_vec().unwrap()).unwrap()
}

fn record(owner: &str, ttl: u32, data: RData) -> Record {
    Record::from_rdata(name(owner), ttl, data)
}

fn chain() -> Message {
    let mut message = Message::query().into_response();
    message.add_answer(record(
        "wWw.eXample.net.",
        300,
        RData::CNAME(CNAME(name("host.example.net."))),
    ));
    message.add_answer(record("host.example.net.", 60, RData::A(A::new(192, 0, 2, 1))));
    message
}

fn store(message: Message, asked: &Asked) -> Stored {
    Stored::of(message, &asked.query, &Limits::default(), STORED_AT).unwrap()
}

fn fit(now_secs: u64, bytes_max: usize) -> Fit {
    Fit { now_secs, bytes_max, own_payload: 1_232, pad: false }
}

fn sent(stored: &Stored, asked: &Asked, now_secs: u64, bytes_max: usize) -> Message {
    let mut out = vec![9; 3];
    stored.write(&asked.head(), None, fit(now_secs, bytes_max), &mut out);
    assert!(out.len() - 3 <= bytes_max, "{} of {bytes_max}", out.len() - 3);
    Message::from_vec(&out[3..]).unwrap()
}

#[test]
fn lifetimes_count_down_and_the_least_one_ends_the_answer() {
    let asked = asked("www.example.net.", None);
    let stored = store(chain(), &asked);
    let later = sent(&stored, &asked, STORED_AT + 25, 512);
    let ttls: Vec<_> = later.answers.iter().map(|record| record.ttl).collect();
    assert_eq!(ttls, [275, 35]);
    assert_eq!(stored.age(STORED_AT + 59, 100), Age::Fresh);
    assert_eq!(stored.age(STORED_AT + 60, 100), Age::Stale);
    assert_eq!(stored.age(STORED_AT + 160, 100), Age::Gone);
}

#[test]
fn stale_answers_are_short_and_say_so() {
    let asked = asked("www.example.net.", Some((1_232, false)));
    let late = sent(&store(chain(), &asked), &asked, STORED_AT + 90, 1_232);
    assert!(late.answers.iter().all(|record| record.ttl == STALE_TTL));
    let edns = late.edns.unwrap();
    assert!(format!("{:?}", edns.options()).contains("15"), "an extended error");
}

#[test]
fn each_client_sees_its_own_spelling_and_id() {
    let first = asked("www.example.net.", None);
    let stored = store(chain(), &first);
    let second = asked("wwW.Example.NET.", None);
    let answer = sent(&stored, &second, STORED_AT, 512);
    assert_eq!(answer.id, 7);
    assert_eq!(answer.queries[0].name.to_ascii(), "wwW.Example.NET.");
    // The owner points at the question, so that it has the client's spelling, too.
    assert_eq!(answer.answers[0].name.to_ascii(), "wwW.Example.NET.");
    assert!(answer.recursion_available && answer.recursion_desired && !answer.authoritative);
}

#[test]
fn the_random_spelling_of_the_question_stays_between_us_and_the_upstream() {
    let asked = asked("www.example.net.", None);
    let mut message = chain();
    message.answers.truncate(1);
    message.answers[0].data = RData::CNAME(CNAME(
        Name::from_labels([&b"My Host"[..], b"sub", b"eXamPle", b"nEt"]).unwrap(),
    ));
    let answer = sent(&store(message, &asked), &asked, STORED_AT, 512);
    assert_eq!(answer.answers[0].data.to_string(), "My\\040Host.sub.example.net.");
}

#[test]
fn what_does_not_fit_is_cut_and_marked() {
    let asked = asked("www.example.net.", Some((512, true)));
    let mut message = chain();
    let text = "x".repeat(250);
    message.add_answers(
        (0..9).map(|_| record("www.example.net.", 60, RData::TXT(TXT::new(vec![text.clone()])))),
    );
    let stored = store(message, &asked);
    let cut = sent(&stored, &asked, STORED_AT, 512);
    assert!(cut.truncation && cut.answers.is_empty() && cut.edns.is_some());
    let whole = sent(&stored, &asked, STORED_AT, 65_535);
    assert!(!whole.truncation && whole.answers.len() == 11);
}

#[test]
fn authentic_data_is_for_who_asks_for_it() {
    let mut message = chain();
    message.metadata.authentic_data = true;
    let (plain, signed) =
        (asked("www.example.net.", None), asked("www.example.net.", Some((1_232, true))));
    let stored = store(message, &plain);
    assert!(!sent(&stored, &plain, STORED_AT, 512).authentic_data);
    let answer = sent(&stored, &signed, STORED_AT, 512);
    assert!(answer.authentic_data && answer.edns.unwrap().flags().dnssec_ok);
}

#[test]
fn negative_answers_live_as_long_as_their_soa_says() {
    let asked = asked("none.example.net.", None);
    let mut message = Message::query().into_response();
    message.metadata.response_code = ResponseCode::NXDomain;
    assert!(!store(message.clone(), &asked).may_be_kept(), "without SOA");
    let soa = SOA::new(name("ns.example.net."), name("h.example.net."), 1, 1, 1, 1, 40);
    message.add_authority(record("example.net.", 900, RData::SOA(soa)));
    let stored = store(message, &asked);
    assert_eq!(stored.age(STORED_AT + 39, 0), Age::Fresh);
    assert_eq!(stored.age(STORED_AT + 40, 0), Age::Gone);
}

#[test]
fn all_that_an_answer_leads_to_is_judged() {
    let asked = asked("www.example.net.", None);
    let stored = store(chain(), &asked);
    assert_eq!(
        stored.targets.iter().map(DomainName::as_str).collect::<Vec<_>>(),
        ["host.example.net"]
    );
    assert_eq!(*stored.addresses, [IpAddr::from([192, 0, 2, 1])]);
}

#[test]
fn a_reason_that_does_not_fit_is_left_out() {
    let asked = asked("www.example.net.", Some((512, false)));
    let stored = store(chain(), &asked);
    let error = ExtendedError::new(ExtendedError::BLOCKED, "x".repeat(600));
    let mut out = Vec::new();
    stored.write(&asked.head(), Some(&error), fit(STORED_AT, 512), &mut out);
    assert!(out.len() <= 512);
    let edns = Message::from_vec(&out).unwrap().edns.unwrap();
    assert!(format!("{:?}", edns.options()).contains("[0, 15]"), "the code alone: {edns:?}");
}

#[test]
fn encrypted_answers_come_in_few_sizes() {
    let written = |edns| {
        let asked = asked("www.example.net.", edns);
        let mut out = Vec::new();
        let fit = Fit { pad: true, ..fit(STORED_AT, 65_535) };
        store(chain(), &asked).write(&asked.head(), None, fit, &mut out);
        assert!(Message::from_vec(&out).is_ok());
        out.len()
    };
    assert_eq!(written(Some((1_232, false))), PADDED_BYTES);
    assert!(written(None) < 100, "without EDNS there is no place for it");
}

#[test]
fn what_nobody_judges_is_not_passed_on() {
    let asked = asked("www.example.net.", None);
    let mut message = chain();
    message.add_authority(record("example.net.", 9, RData::NS(NS(name("ns.example.net.")))));
    message.add_additional(record("ns.example.net.", 9, RData::A(A::new(192, 0, 2, 66))));
    let answer = sent(&store(message, &asked), &asked, STORED_AT, 512);
    assert!(answer.authorities.is_empty() && answer.additionals.is_empty());
    assert_eq!(answer.answers.len(), 2);
}

#[test]
fn an_alias_that_was_asked_for_is_no_negative_answer() {
    let mut message = Message::query();
    message.add_query(Query::query(name("www.example.net."), RecordType::CNAME));
    let asked = Asked::read(&message.to_vec().unwrap()).unwrap();
    let mut answer = chain();
    answer.answers.truncate(1);
    assert!(store(answer, &asked).may_be_kept());
}

#[test]
fn a_stale_answer_rests_after_a_failure() {
    let asked = asked("www.example.net.", None);
    let stored = store(chain(), &asked);
    stored.rest_until(STORED_AT + 90);
    assert_eq!(stored.age(STORED_AT + 89, 100), Age::Unrefreshed);
    assert_eq!(stored.age(STORED_AT + 90, 100), Age::Stale);
}

#[test]
fn a_judgement_is_remembered_for_its_moment_only() {
    let asked = asked("www.example.net.", None);
    let stored = store(chain(), &asked);
    assert!(!stored.has_passed(7));
    stored.pass(7);
    assert!(stored.has_passed(7) && !stored.has_passed(8));
}

proptest! {
    #[test]
    fn what_is_written_can_be_read(
        labels in prop::collection::vec("[a-zA-Z0-9_]{1,20}", 1..6),
        ttl in any::<u32>(),
        age in 0u64..200_000,
        text in ".{0,200}",
        payload in 512u16..4_096,
    ) {
        let owner = format!("{}.", labels.join("."));
        let asked = asked(&owner, Some((payload, false)));
        let mut message = Message::query().into_response();
        message.add_answer(record(&owner, ttl, RData::A(A::new(192, 0, 2, 1))));
        let stored = store(message, &asked);
        let error = ExtendedError::new(ExtendedError::BLOCKED, text);
        let mut out = Vec::new();
        let fit = fit(STORED_AT + age, usize::from(payload));
        stored.write(&asked.head(), Some(&error), fit, &mut out);
        let read = Message::from_vec(&out).unwrap();
        prop_assert_eq!(&read.queries[0].name, &asked.query.name);
        prop_assert!(read.answers.iter().all(|record| record.ttl <= 86_400));
        prop_assert!(out.len() <= usize::from(payload));
    }
}
