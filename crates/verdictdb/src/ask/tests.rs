//! The rules of the chain, each asked of a base and of an overlay: both must answer alike.

use super::*;
use crate::{
    Builder, Change, Db, Entry, EntryData, Facts, OpenOptions, Options, Overlay, Profile, Terms,
};
use wardnet_model::question_expressions;

const NOW: Timestamp = Timestamp(1_000);

/// One thing that is known, in few words.
#[derive(Clone)]
struct Known {
    indicator: Indicator,
    scope: Scope,
    profile: Profile,
    terms: Option<Terms>,
}

fn parse(text: &str) -> Indicator {
    Indicator::parse(text).unwrap()
}

fn evidence(text: &str, scope: Scope, risk: u8, band: Band, category: Category) -> Known {
    let categories = CategorySet::EMPTY.with(category);
    let profile = Profile { risk: Risk::new(risk), band, categories, ..Profile::default() };
    Known { indicator: parse(text), scope, profile, terms: None }
}

fn bad(text: &str, scope: Scope) -> Known {
    evidence(text, scope, 90, Band::Malicious, Category::Phishing)
}

fn good(text: &str, scope: Scope) -> Known {
    evidence(text, scope, 0, Band::Safe, Category::KnownGood)
}

fn decided(text: &str, scope: Scope, risk: u8, band: Band, at: u64) -> Known {
    let mut known = evidence(text, scope, risk, band, Category::Malware);
    known.profile.basis = Basis::Decision;
    known.terms = Some(Terms { decided_at: Timestamp(at), until: None });
    known
}

fn block(text: &str, scope: Scope) -> Known {
    decided(text, scope, 100, Band::Malicious, 10)
}

fn allow(text: &str, scope: Scope) -> Known {
    decided(text, scope, 0, Band::Trusted, 20)
}

fn change(seq: u64, known: &Known) -> Change {
    let layer = if known.terms.is_some() { Layer::Decision } else { Layer::Evidence };
    let data = EntryData {
        profile: known.profile.clone(),
        name: None,
        facts: Some(Facts::default()),
        terms: known.terms,
    };
    let (kind, key) = (known.indicator.kind().unwrap(), known.indicator.key());
    Change { seq, layer, kind, key, scope: known.scope, new: Some(data) }
}

fn overlay_view(known: &[Known]) -> View {
    let changes: Vec<Change> = (1..).zip(known).map(|(seq, known)| change(seq, known)).collect();
    View::default().after(&changes, NOW)
}

fn base_view(known: &[Known]) -> View {
    let mut builder = Builder::new(Options { created: NOW, ..Options::default() });
    for known in known {
        let (kind, key) = (known.indicator.kind().unwrap(), known.indicator.key());
        let (profile, terms) = (&known.profile, known.terms);
        let entry = Entry::evidence(kind, key, known.scope, profile);
        builder.push(&Entry { terms, ..entry }).unwrap();
    }
    let mut file = Vec::new();
    builder.finish(&mut file).unwrap();
    View::of(Db::open(file.into(), &OpenOptions::default()).unwrap())
}

fn band_of(view: &View, text: &str, addresses: &[IpAddr]) -> Band {
    let indicator = parse(text);
    let question = Question { addresses, ..Question::about(&indicator) };
    view.ask(&question, SuffixList::shipped(), NOW).unwrap().band
}

/// What a question is answered, by a base and by an overlay.
#[track_caller]
fn band(known: &[Known], text: &str) -> Band {
    let of_base = band_of(&base_view(known), text, &[]);
    assert_eq!(of_base, band_of(&overlay_view(known), text, &[]), "base and overlay on {text}");
    of_base
}

use Band::{Malicious, Safe, Suspicious, Trusted, Unrated};
use Scope::{Below, Exact, Subtree};

#[test]
fn a_bad_page_on_a_good_host_is_blocked() {
    let known = [good("files.shop.com", Subtree), bad("https://files.shop.com/a/evil.html", Exact)];
    assert_eq!(band(&known, "https://files.shop.com/a/evil.html"), Malicious);
    assert_eq!(band(&known, "https://files.shop.com/a/fine.html"), Safe);
    assert_eq!(band(&known, "files.shop.com"), Safe, "the host does not take the blame");
}

#[test]
fn a_good_page_never_clears_a_bad_host() {
    let known = [bad("evil.top", Subtree), good("http://evil.top/fine.html", Exact)];
    assert_eq!(band(&known, "http://evil.top/fine.html"), Malicious);
    assert_eq!(band(&known, "http://www.evil.top/"), Malicious);
    let mild = [
        evidence("evil.top", Subtree, 40, Suspicious, Category::Spam),
        good("http://evil.top/fine.html", Exact),
    ];
    assert_eq!(band(&mild, "http://evil.top/fine.html"), Suspicious);
}

#[test]
fn the_answer_is_the_highest_risk_along_the_chain_and_says_all_of_it() {
    let known = [
        evidence("http://a.evil.top/x", Exact, 40, Suspicious, Category::Spam),
        evidence("a.evil.top", Exact, 80, Malicious, Category::Malware),
        evidence("evil.top", Subtree, 70, Malicious, Category::Phishing),
    ];
    let (view, asked) = (base_view(&known), parse("http://a.evil.top/x"));
    let answer = view.ask(&Question::about(&asked), SuffixList::shipped(), NOW).unwrap();
    assert_eq!((answer.risk, answer.band), (Risk::new(80), Malicious));
    assert_eq!(answer.matches.len(), 3);
    assert!(answer.matches.is_sorted_by_key(|found| found.step));
    assert_eq!(answer.matches[answer.decided_by.unwrap()].under, Under::Text("a.evil.top"));
    for category in [Category::Spam, Category::Malware, Category::Phishing] {
        assert!(answer.categories.contains(category), "{category:?}");
    }
}

#[test]
fn categories_are_those_of_the_side_that_the_answer_takes() {
    let doubt = evidence("evil.top", Subtree, 20, Band::Unrated, Category::Spam);
    let view = base_view(&[bad("http://evil.top/x", Exact), good("evil.top", Subtree)]);
    let categories = |view: &View, text: &str| {
        let asked = parse(text);
        let answer = view.ask(&Question::about(&asked), SuffixList::shipped(), NOW).unwrap();
        answer.categories.iter().map(Category::name).collect::<Vec<_>>()
    };
    assert_eq!(categories(&view, "http://evil.top/x"), ["phishing"]);
    assert_eq!(categories(&view, "http://evil.top/y"), ["known-good"]);
    let view = base_view(&[doubt, good("http://evil.top/fine.html", Exact)]);
    assert_eq!(categories(&view, "http://evil.top/fine.html"), ["known-good"]);
    assert_eq!(categories(&view, "http://evil.top/"), ["spam"]);
}

#[test]
fn scopes_reach_as_far_as_they_say() {
    for (scope, itself, beneath) in
        [(Exact, Malicious, Unrated), (Below, Unrated, Malicious), (Subtree, Malicious, Malicious)]
    {
        let known = [bad("evil.top", scope)];
        assert_eq!(band(&known, "evil.top"), itself, "{scope:?}");
        assert_eq!(band(&known, "www.evil.top"), beneath, "{scope:?}");
        assert_eq!(band(&known, "a.b.c.evil.top"), beneath, "{scope:?}");
        assert_eq!(band(&known, "https://evil.top/page?q=1"), itself, "{scope:?}");
        assert_eq!(band(&known, "https://www.evil.top/page"), beneath, "{scope:?}");
        assert_eq!(band(&known, "somebody@evil.top"), itself, "{scope:?}");
        assert_eq!(band(&known, "notevil.top"), Unrated, "{scope:?}");
    }
}

#[test]
fn a_public_suffix_says_nothing_of_its_customers() {
    let known = [bad("github.io", Subtree), bad("co.uk", Subtree)];
    assert_eq!(band(&known, "somebody.github.io"), Unrated);
    assert_eq!(band(&known, "https://shop.co.uk/"), Unrated);
    assert_eq!(band(&known, "github.io"), Malicious);
}

#[test]
fn a_listing_without_a_query_covers_every_query_but_not_the_other_way_round() {
    let without = [bad("http://host.top/pay.php", Exact)];
    assert_eq!(band(&without, "http://host.top/pay.php?id=7"), Malicious);
    assert_eq!(band(&without, "http://host.top/pay.php"), Malicious);
    let with = [bad("http://host.top/pay.php?id=7", Exact)];
    assert_eq!(band(&with, "http://host.top/pay.php?id=7"), Malicious);
    assert_eq!(band(&with, "http://host.top/pay.php?id=8"), Unrated);
    assert_eq!(band(&with, "http://host.top/pay.php"), Unrated);
}

#[test]
fn a_directory_covers_what_lies_in_it_only_as_a_subtree() {
    let subtree = [bad("http://host.top/kit/", Subtree)];
    assert_eq!(band(&subtree, "http://host.top/kit/a/login.html"), Malicious);
    assert_eq!(band(&subtree, "http://host.top/kit/"), Malicious);
    assert_eq!(band(&subtree, "http://host.top/other/"), Unrated);
    let exact = [bad("http://host.top/kit/", Exact)];
    assert_eq!(band(&exact, "http://host.top/kit/"), Malicious);
    assert_eq!(band(&exact, "http://host.top/kit/a/login.html"), Unrated);
}

#[test]
fn a_page_says_nothing_of_its_host() {
    let known = [bad("http://host.top/kit/a.html", Exact), bad("http://host.top/", Exact)];
    assert_eq!(band(&known, "host.top"), Unrated);
    assert_eq!(band(&known, "http://host.top/other.html"), Unrated);
}

#[test]
fn a_host_is_bad_where_its_address_is() {
    let known = [bad("45.95.11.34", Exact)];
    assert_eq!(band(&known, "http://45.95.11.34/bins/arm7"), Malicious);
    assert_eq!(band(&known, "45.95.11.34:8080"), Malicious);
    assert_eq!(band(&known, "45.95.11.35"), Unrated);
    let view = base_view(&known);
    let listed: IpAddr = "45.95.11.34".parse().unwrap();
    assert_eq!(band_of(&view, "http://host.top/", &[listed]), Malicious);
    let mapped: IpAddr = "::ffff:45.95.11.34".parse().unwrap();
    assert_eq!(band_of(&view, "host.top", &[mapped]), Malicious, "mapped into IPv6");
    assert_eq!(band_of(&view, "host.top", &[]), Unrated);
}

#[test]
fn every_network_around_an_address_counts() {
    let known = [
        bad("45.95.0.0/16", Exact),
        evidence("45.95.11.0/24", Exact, 40, Suspicious, Category::Scanner),
        good("45.95.11.7", Exact),
        bad("2a06:98c0::/29", Exact),
    ];
    assert_eq!(band(&known, "45.95.11.7"), Malicious, "good addresses do not clear bad networks");
    assert_eq!(band(&known, "45.95.11.0/24"), Malicious);
    assert_eq!(band(&known, "45.95.0.0/15"), Unrated, "a part says nothing of the whole");
    assert_eq!(band(&known, "45.96.0.1"), Unrated);
    assert_eq!(band(&known, "2a06:98c0:1::7"), Malicious);
    let (view, asked) = (base_view(&known), parse("45.95.11.7"));
    let answer = view.ask(&Question::about(&asked), SuffixList::shipped(), NOW).unwrap();
    let lengths: Vec<u8> = answer
        .matches
        .iter()
        .map(|found| match found.under {
            Under::Prefix(prefix) => prefix.length,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lengths, [32, 24, 16], "the longest first");
}

#[test]
fn the_longest_network_with_a_decision_decides() {
    let known =
        [bad("45.95.0.0/16", Exact), block("45.95.0.0/16", Exact), allow("45.95.11.0/24", Exact)];
    assert_eq!(band(&known, "45.95.11.7"), Trusted);
    assert_eq!(band(&known, "45.95.12.7"), Malicious);
}

#[test]
fn a_decision_beats_all_evidence_below_and_above_it() {
    let host =
        [allow("shop.com", Subtree), bad("http://www.shop.com/a", Exact), bad("shop.com", Exact)];
    assert_eq!(band(&host, "http://www.shop.com/a"), Trusted);
    assert_eq!(band(&host, "shop.com"), Trusted);
    let page = [allow("http://www.shop.com/a", Exact), bad("shop.com", Subtree)];
    assert_eq!(band(&page, "http://www.shop.com/a"), Trusted);
    assert_eq!(band(&page, "http://www.shop.com/b"), Malicious);
    let blocked = [block("shop.com", Subtree), good("www.shop.com", Exact)];
    assert_eq!(band(&blocked, "https://www.shop.com/x"), Malicious);
}

#[test]
fn among_decisions_the_most_specific_counts() {
    let known = [block("shop.com", Subtree), allow("www.shop.com", Exact)];
    assert_eq!(band(&known, "www.shop.com"), Trusted);
    assert_eq!(band(&known, "http://www.shop.com/a"), Trusted);
    assert_eq!(band(&known, "mail.shop.com"), Malicious);
    let turned = [allow("shop.com", Subtree), block("http://shop.com/kit/", Subtree)];
    assert_eq!(band(&turned, "http://shop.com/kit/a"), Malicious);
    assert_eq!(band(&turned, "http://shop.com/"), Trusted);
}

#[test]
fn of_two_scopes_at_one_name_the_narrower_is_the_more_specific() {
    let known = [block("shop.com", Subtree), allow("shop.com", Exact)];
    assert_eq!(band(&known, "shop.com"), Trusted);
    assert_eq!(band(&known, "www.shop.com"), Malicious);
}

#[test]
fn among_equally_specific_decisions_a_block_counts_then_the_newest() {
    let addresses: [IpAddr; 2] = ["45.95.11.34".parse().unwrap(), "45.95.11.35".parse().unwrap()];
    let turned = [addresses[1], addresses[0]];
    let known = [block("45.95.11.34", Exact), allow("45.95.11.35", Exact)];
    for addresses in [addresses, turned] {
        assert_eq!(band_of(&base_view(&known), "shop.com", &addresses), Malicious);
        assert_eq!(band_of(&overlay_view(&known), "shop.com", &addresses), Malicious);
    }
    let known = [
        decided("45.95.11.34", Exact, 0, Trusted, 100),
        decided("45.95.11.35", Exact, 0, Safe, 200),
    ];
    for addresses in [addresses, turned] {
        assert_eq!(band_of(&base_view(&known), "shop.com", &addresses), Safe);
    }
}

#[test]
fn a_decision_ends_at_its_last_second() {
    let mut known = allow("evil.top", Subtree);
    known.terms = Some(Terms { decided_at: Timestamp(10), until: Some(Timestamp(2_000)) });
    let known = [known, bad("evil.top", Subtree)];
    let asked = parse("www.evil.top");
    for view in [base_view(&known), overlay_view(&known)] {
        let band = |now| {
            view.ask(&Question::about(&asked), SuffixList::shipped(), Timestamp(now)).unwrap().band
        };
        assert_eq!(band(1_999), Trusted);
        assert_eq!(band(2_000), Malicious);
    }
}

#[test]
fn what_standards_reserve_comes_before_evidence_and_decisions() {
    let known = [
        bad("10.0.0.1", Exact),
        block("192.168.0.0/16", Exact),
        bad("printer.local", Subtree),
        block("localhost", Exact),
    ];
    for text in [
        "10.0.0.1",
        "192.168.1.1",
        "192.168.0.0/16",
        "http://10.0.0.1/x",
        "10.0.0.1:80",
        "printer.local",
        "http://printer.local/",
        "localhost",
        "127.0.0.1",
        "::1",
    ] {
        let asked = parse(text);
        let view = base_view(&known);
        let answer = view.ask(&Question::about(&asked), SuffixList::shipped(), NOW).unwrap();
        assert_eq!((answer.band, answer.basis), (Trusted, Basis::Hard), "{text}");
        assert_eq!(answer.risk, Risk::ZERO, "{text}");
        assert!(answer.reserved.is_some(), "{text}");
    }
}

#[test]
fn a_reserved_address_says_nothing_of_the_name_that_resolves_to_it() {
    let view = base_view(&[bad("10.0.0.1", Exact)]);
    assert_eq!(band_of(&view, "intranet.shop.com", &["10.0.0.1".parse().unwrap()]), Unrated);
}

#[test]
fn a_known_good_host_that_lends_space_vouches_for_itself_alone() {
    let mut host = good("docs.google.com", Subtree);
    host.profile.categories = host.profile.categories.with(Category::Hosting);
    let known = [host];
    assert_eq!(band(&known, "docs.google.com"), Safe);
    let (view, asked) = (base_view(&known), parse("https://docs.google.com/forms/x"));
    let answer = view.ask(&Question::about(&asked), SuffixList::shipped(), NOW).unwrap();
    assert_eq!((answer.band, answer.decided_by), (Unrated, None));
    assert_eq!(answer.matches.len(), 1);
}

#[test]
fn files_and_the_like_are_asked_by_themselves() {
    let hash = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
    let known = [bad(hash, Exact)];
    assert_eq!(band(&known, hash), Malicious);
    assert_eq!(band(&known, &hash.replace('2', "3")), Unrated);
}

#[test]
fn a_tenant_is_answered_by_its_own_verdicts_first() {
    let mut own = Overlay::default();
    own.apply(&change(1, &allow("evil.top", Subtree)));
    own.apply(&change(2, &bad("private.top", Exact)));
    let view = base_view(&[bad("evil.top", Subtree)]).with_tenant(TenantId(7), own);
    let band = |tenant, text: &str| {
        let indicator = parse(text);
        let question = Question { tenant, ..Question::about(&indicator) };
        view.ask(&question, SuffixList::shipped(), NOW).unwrap().band
    };
    assert_eq!(band(Some(TenantId(7)), "www.evil.top"), Trusted);
    assert_eq!(band(Some(TenantId(8)), "www.evil.top"), Malicious);
    assert_eq!(band(None, "www.evil.top"), Malicious);
    assert_eq!(band(Some(TenantId(7)), "private.top"), Malicious);
    assert_eq!(band(Some(TenantId(8)), "private.top"), Unrated);
}

#[test]
fn too_many_matches_never_crowd_out_the_worst_or_a_decision() {
    let host = (0..14).fold(String::from("deep.top"), |host, level| format!("l{level}.{host}"));
    let path = (0..14).fold(String::new(), |path, level| format!("{path}d{level}/"));
    let mut known: Vec<Known> = Vec::new();
    let asked = format!("http://{host}/{path}page?q");
    let parsed = wardnet_model::Url::parse(&asked).unwrap();
    let expressions: Vec<_> = question_expressions(&parsed, SuffixList::shipped()).collect();
    for expression in expressions.iter().filter(|e| e.text.ends_with('/')) {
        let mild =
            evidence(&format!("http://{}", expression.text), Subtree, 10, Unrated, Category::Spam);
        known.push(mild);
    }
    assert!(known.len() > MATCHES_SHOWN_MAX, "{}", known.len());
    known.push(bad("deep.top", Subtree));
    assert_eq!(band(&known, &asked), Malicious);
    known.push(allow("deep.top", Subtree));
    assert_eq!(band(&known, &asked), Trusted);
}

#[test]
fn a_url_with_an_address_for_host_asks_the_port_there() {
    let known = [bad("101.2.3.4:443", Exact), bad("101.2.3.4:8080", Exact)];
    assert_eq!(band(&known, "https://101.2.3.4/login"), Malicious);
    assert_eq!(band(&known, "http://101.2.3.4:8080/"), Malicious);
    assert_eq!(band(&known, "http://101.2.3.4/"), Unrated, "another port");
    let view = base_view(&known);
    let url = parse("https://101.2.3.4/login");
    let answer = view.ask(&Question::about(&url), SuffixList::shipped(), NOW).unwrap();
    assert_eq!(answer.matches[0].under, Under::Endpoint("101.2.3.4:443".parse().unwrap()));
}
