//! Tests of the answer as JSON.

use proptest::prelude::*;
use serde_json::{Value, json};
use wardnet_model::{Category, CategorySet, Indicator};

use super::*;
use crate::testing::{CREATED, FILE, categories, view};

fn ask(view: &View, input: &str) -> Value {
    ask_with(view, input, &[])
}

fn ask_with(view: &View, input: &str, addresses: &[IpAddr]) -> Value {
    let asker = Asker::new(view, SuffixList::shipped(), CREATED.plus_secs(60));
    let mut out = Vec::new();
    let band = asker.answer_or_error(input, addresses, &mut out);
    let value: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(value["band"].as_str(), band.ok().map(Band::name), "{value}");
    value
}

#[test]
fn an_answer_says_what_matched_and_why() {
    assert_eq!(
        ask(&view(), "hxxps://www.evil[.]top/login"),
        json!({
            "input": "hxxps://www.evil[.]top/login",
            "indicator": "https://www.evil.top/login",
            "kind": "url", "band": "malicious", "risk": 90, "basis": "evidence",
            "as_of": "2026-08-22T18:10:19Z",
            "categories": ["phishing"],
            "matched": [{
                "indicator": "evil.top", "kind": "domain", "scope": "subtree",
                "layer": "evidence", "decides": true, "risk": 90, "band": "malicious",
                "categories": ["phishing"], "sources": ["openphish", "urlhaus"],
            }],
            "reasons": [
                "phishing: the domain evil.top, with all below it, is listed by openphish, urlhaus"
            ],
        })
    );
}

#[test]
fn what_decided_comes_first_and_unknown_sources_are_numbers() {
    let answer = ask(&view(), "http://good.shop/bad/page");
    assert_eq!((&answer["band"], &answer["risk"]), (&"suspicious".into(), &50.into()));
    assert_eq!(answer["matched"].as_array().unwrap().len(), 2);
    assert_eq!(
        answer["reasons"],
        json!([
            "malware: the URL good.shop/bad/, with all below it, is listed by 9",
            "known-good: the domain good.shop, with all below it, is vouched for by toplist",
        ])
    );
}

#[test]
fn new_sources_get_their_name_from_outside_the_base() {
    let view = view();
    let names: NewNames = Arc::new(|id| (id == 9).then(|| "crawler".into()));
    let suffixes = SuffixList::shipped();
    let asker = Asker::new(&view, suffixes, CREATED).with_names(Some(&names));
    let mut out = Vec::new();
    asker.answer("http://good.shop/bad/page", &[], &mut out).unwrap();
    let answer: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(answer["matched"][0]["sources"], json!(["crawler"]));
}

#[test]
fn decisions_networks_and_files_are_told_apart() {
    let view = view();
    let allowed = ask(&view, "a.allowed.top");
    assert_eq!((&allowed["band"], &allowed["basis"]), (&"trusted".into(), &"decision".into()));
    let reason = "the domain allowed.top, with all below it, is allowed by a decision of \
                  2026-08-22T18:10:19Z";
    assert_eq!(allowed["reasons"], json!([reason]));

    let address = ask(&view, "45.95.11.9");
    assert_eq!(address["matched"][0]["indicator"], "45.95.11.0/24");
    assert_eq!(address["matched"][0]["kind"], "ipv4-network");
    let reason = "hijacked: the network 45.95.11.0/24 is listed by urlhaus";
    assert_eq!(address["reasons"], json!([reason]));

    let file = ask(&view, &FILE.to_uppercase());
    assert_eq!((&file["indicator"], &file["kind"]), (&FILE.into(), &"sha256".into()));
    assert_eq!(file["matched"][0]["indicator"], FILE);

    let known = ask_with(&view, "unheard.shop", &["45.95.11.9".parse().unwrap()]);
    assert_eq!(known["band"], "malicious", "an address that the asker knows counts");
}

#[test]
fn nothing_known_is_unrated_and_reserved_is_trusted() {
    let view = view();
    let unheard = ask(&view, "unheard.shop");
    assert_eq!((&unheard["band"], &unheard["risk"]), (&"unrated".into(), &0.into()));
    assert_eq!(unheard["reasons"], json!(["no evidence about it or anything it lies in"]));
    let faded = ask(&view, "weak.top");
    assert_eq!((&faded["band"], &faded["risk"]), (&"unrated".into(), &10.into()));
    let reserved = ask(&view, "192.168.0.1");
    assert_eq!((&reserved["band"], &reserved["basis"]), (&"trusted".into(), &"hard".into()));
    assert_eq!(reserved["categories"], json!(["reserved"]));
    assert!(reserved["reasons"][0].as_str().unwrap().contains("RFC 6890"));
}

#[test]
fn a_failure_is_never_a_verdict() {
    let nonsense = ask(&view(), "not an indicator\n\"");
    assert_eq!(nonsense["input"], "not an indicator\n\"");
    assert_eq!((&nonsense["band"], &nonsense["indicator"]), (&Value::Null, &Value::Null));
    assert_eq!(nonsense["error"]["type"], "/problems/not-an-indicator");
    assert_eq!(nonsense.get("risk"), None);
    let nothing = ask(&View::default(), "evil.top");
    assert_eq!(nothing["error"]["type"], "/problems/no-answer");
}

#[test]
fn tenants_see_their_own() {
    let (view, suffixes) = (view(), SuffixList::shipped());
    let band = |tenant| {
        let asker = Asker::new(&view, suffixes, CREATED).for_tenant(tenant);
        asker.answer("private.top", &[], &mut Vec::new()).unwrap()
    };
    assert_eq!((band(7), band(8), band(0)), (Band::Malicious, Band::Unrated, Band::Unrated));
}

proptest! {
    #[test]
    fn whatever_is_asked_json_comes_out(input in any::<String>()) {
        let answer = ask(&view(), &input);
        prop_assert_eq!(answer["input"].as_str(), Some(&*input));
        prop_assert!(answer["band"].is_null() != answer["error"].is_null());
    }

    #[test]
    fn the_short_cut_for_addresses_reads_what_the_long_way_reads(bits: u128, v4: bool) {
        let text = if v4 {
            std::net::Ipv4Addr::from(bits as u32).to_string()
        } else {
            std::net::Ipv6Addr::from(bits).to_string()
        };
        prop_assert_eq!(parse(&text).unwrap(), Indicator::parse(&text).unwrap());
    }

    #[test]
    fn the_short_cuts_for_urls_and_hashes_read_what_the_long_way_reads(
        rest in r"[ -~]{0,40}|[a-z.]{1,20}(:[0-9]{1,5})?/[ -~é]{0,30}",
        scheme in "https?://",
        hash in "[0-9a-fA-F]{64}",
    ) {
        let url = format!("{scheme}{rest}");
        prop_assert_eq!(parse(&url), Indicator::parse(&url));
        prop_assert_eq!(parse(&hash), Indicator::parse(&hash));
    }

    #[test]
    fn sets_of_categories_survive(bits: u64) {
        let set: CategorySet =
            Category::all().filter(|c| CategorySet::from_bits(bits).contains(*c)).collect();
        let mut out = br#"{"categories":"#.to_vec();
        Json(&mut out).categories(set);
        out.push(b'}');
        prop_assert_eq!(categories(&serde_json::from_slice(&out).unwrap()), set);
    }

    #[test]
    fn numbers_are_decimal(number: u8) {
        let mut out = Vec::new();
        Json(&mut out).number(number);
        prop_assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
    }
}
