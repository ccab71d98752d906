//! What is in a zone: the same as what is answered to who asks for a verdict.

use super::client::{House, Policy, Word, apply};
use crate::rpz::config::{Trigger, ZoneConfig};
use hickory_proto::rr::Name;
use proptest::prelude::*;
use wardnet_model::{Band, Indicator, Scope, SuffixList, Timestamp};
use wardnet_verdictdb::{FeedLimits, Question, Views};

pub(super) fn config() -> ZoneConfig {
    let name = Name::from_ascii("rpz.wardnet.").unwrap();
    let triggers = vec![Trigger::Qname, Trigger::Ip];
    ZoneConfig { name, triggers, ..ZoneConfig::default() }
}

/// What a resolver does about a name: the record of the name, or of the wildcard at its closest
/// encloser (RFC 4592 section 3.3.1).
fn lookup<'p>(policy: &'p Policy, name: &str) -> Option<&'p str> {
    let find = |owner: &str| {
        let found = policy.iter().find(|(at, _)| at == owner);
        found.map(|(_, target)| target.as_str())
    };
    let exists =
        |node: &str| policy.iter().any(|(at, _)| at == node || at.ends_with(&format!(".{node}")));
    if exists(name) {
        return find(name);
    }
    let mut above = name;
    while let Some((_, parent)) = above.split_once('.') {
        if exists(parent) {
            return find(&format!("*.{parent}"));
        }
        above = parent;
    }
    None
}

/// The record of the longest prefix that covers an address.
fn lookup_address(policy: &Policy, address: [u8; 4]) -> Option<&str> {
    let covering = policy.iter().filter_map(|(owner, target)| {
        let mut labels = owner.strip_suffix(".rpz-ip")?.split('.');
        let length: u32 = labels.next()?.parse().ok()?;
        let mut network: Vec<u8> = labels.filter_map(|label| label.parse().ok()).collect();
        network.reverse();
        let network = u32::from_be_bytes(network.try_into().ok()?);
        let differing = (network ^ u32::from_be_bytes(address)).leading_zeros();
        (differing >= length).then_some((length, target.as_str()))
    });
    covering.max().map(|(_, target)| target)
}

/// What the zone is to do about something, by its verdict.
fn wanted(house: &House, text: &str) -> Option<&'static str> {
    let (view, indicator) = (house.views.load(), Indicator::parse(text).unwrap());
    let question = Question::about(&indicator);
    let answer = view.ask(&question, SuffixList::shipped(), Timestamp(0)).unwrap();
    let is_blocked = config().policy().blocks(answer.risk, answer.band, answer.categories);
    match answer.band {
        Band::Trusted => Some("rpz-passthru."),
        _ => is_blocked.then_some("."),
    }
}

const NAMES: [&str; 8] = [
    "top",
    "evil.top",
    "a.evil.top",
    "b.a.evil.top",
    "c.b.a.evil.top",
    "d.c.b.a.evil.top",
    "x.a.evil.top",
    "evil.co.uk",
];
const NETWORKS: [&str; 5] =
    ["101.0.0.0/8", "101.2.0.0/16", "101.2.3.0/24", "101.2.3.4", "101.2.3.5"];
const ADDRESSES: [[u8; 4]; 5] =
    [[101, 9, 9, 9], [101, 2, 9, 9], [101, 2, 3, 9], [101, 2, 3, 4], [101, 2, 3, 5]];

fn check(house: &House, policy: &Policy) {
    for name in NAMES.iter().skip(1) {
        for name in [(*name).to_owned(), format!("new.{name}"), format!("newer.new.{name}")] {
            assert_eq!(lookup(policy, &name), wanted(house, &name), "{name} in {policy:?}");
        }
    }
    for address in ADDRESSES {
        let text = std::net::Ipv4Addr::from(address).to_string();
        assert_eq!(lookup_address(policy, address), wanted(house, &text), "{text} in {policy:?}");
    }
}

#[derive(Debug, Clone)]
struct Step {
    text: &'static str,
    scope: Scope,
    word: Word,
    is_said: bool,
    /// Whether the zone follows before the next one.
    follows: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let words = [Word::Listed, Word::Doubtful, Word::Blocked, Word::Allowed];
    let scopes = [Scope::Exact, Scope::Below, Scope::Subtree];
    let name = (prop::sample::select(&NAMES[..]), prop::sample::select(scopes.to_vec()));
    let network = prop::sample::select(&NETWORKS[..]).prop_map(|text| (text, Scope::Exact));
    let what = prop_oneof![3 => name, 1 => network];
    (what, prop::sample::select(words.to_vec()), prop::bool::weighted(0.7), any::<bool>()).prop_map(
        |((text, scope), word, is_said, follows)| Step { text, scope, word, is_said, follows },
    )
}

proptest! {
    /// A zone says what the verdicts say, and differences lead from each serial to the next.
    #[test]
    fn a_zone_says_what_is_answered_and_differences_lead_to_it(
        steps in prop::collection::vec(step(), 1..30),
    ) {
        let mut house = House::new(&config());
        let (first, mut serial) = (house.policy(), house.serial());
        let (begin, mut copy) = (serial, first.clone());
        for Step { text, scope, word, is_said, follows } in steps {
            house.say(text, scope, word, is_said);
            if !follows {
                continue;
            }
            house.follow();
            (copy, serial) = apply(copy, serial, &house.transfer(Some(serial)).unwrap());
            prop_assert_eq!(serial, house.serial());
            prop_assert_eq!(&copy, &house.policy());
            check(&house, &copy);
        }
        house.follow();
        let all = house.transfer(Some(begin)).unwrap();
        prop_assert_eq!(apply(first, begin, &all).0, house.policy());
    }
}

#[test]
fn what_follows_from_a_resync_is_taken_whole() {
    let limits = FeedLimits { changes_max: 2, ..FeedLimits::default() };
    let mut house = House::with(&config(), Views::default(), limits);
    let begin = house.serial();
    for number in 0..5 {
        house.say(&format!("n{number}.top"), Scope::Exact, Word::Listed, true);
    }
    house.follow();
    assert!(house.serial() > begin);
    let sent = house.transfer(Some(begin)).unwrap();
    assert_eq!(sent.len(), 3 + 5, "SOA, NS, five names, SOA");
    assert_eq!(house.transfer(Some(house.serial())).unwrap().len(), 1, "nothing is new");
    assert_eq!(house.transfer(Some(house.serial() + 9)).unwrap().len(), 1, "nor newer");
}

#[test]
fn a_change_that_concerns_nobody_keeps_the_serial() {
    let mut house = House::new(&config());
    let begin = house.serial();
    house.say("perhaps.top", Scope::Exact, Word::Doubtful, true);
    house.follow();
    assert_eq!(house.serial(), begin);
}

#[test]
fn names_that_have_no_place_are_left_out() {
    let mut house = House::new(&config());
    let long = vec!["l".repeat(60); 4].join(".");
    for name in [&*format!("{long}.top"), "8.0.0.0.10.rpz-client-ip", "x.rpz-ip", "a.test"] {
        house.say(name, Scope::Subtree, Word::Listed, true);
    }
    house.say("bücher.top", Scope::Exact, Word::Listed, true);
    // What lies beneath a public suffix belongs to others.
    house.say("co.uk", Scope::Subtree, Word::Listed, true);
    house.follow();
    let block = |owner: &str| (owner.to_owned(), ".".to_owned());
    let expected = [block("co.uk"), block("xn--bcher-kva.top")];
    assert_eq!(house.policy(), Policy::from(expected));
}

#[test]
fn networks_are_written_as_the_draft_says() {
    let mut house = House::new(&config());
    for text in ["101.2.0.0/16", "2a01:db8::/32", "2a01:db8::1", "2a01:0:0:1::", "101.2.3.4"] {
        house.say(text, Scope::Exact, Word::Listed, true);
    }
    house.follow();
    let owners: Vec<_> = house.policy().into_iter().map(|(owner, _)| owner).collect();
    let expected = [
        "128.1.zz.db8.2a01.rpz-ip",
        "128.zz.1.0.0.2a01.rpz-ip",
        "16.0.0.2.101.rpz-ip",
        "32.4.3.2.101.rpz-ip",
        "32.zz.db8.2a01.rpz-ip",
    ];
    assert_eq!(owners, expected);
}
