//! Patterns match what they are for, and vouch for nobody else.

use super::*;
use proptest::prelude::*;
use wardnet_model::{BatchId, Category, SourceId, Tlp};

fn list(name: &str, stance: Stance, kinds: &[Kind], texts: &[&str]) -> PatternList {
    let pattern = |text: &&str| match text.strip_prefix('/') {
        Some(regex) => Pattern { kind: PatternKind::Regex, text: regex.into() },
        None => Pattern { kind: PatternKind::Substring, text: (*text).into() },
    };
    PatternList {
        name: name.into(),
        kinds: kinds.to_vec(),
        stance,
        category: Category::KnownGood,
        patterns: texts.iter().map(pattern).collect(),
    }
}

fn set(source: u32, lists: Vec<PatternList>) -> Arc<PatternSet> {
    Arc::new(PatternSet {
        source: SourceId(source),
        batch: BatchId::SNAPSHOT,
        confidence: 90,
        tlp: Tlp::Clear,
        first_seen: Timestamp(10),
        last_seen: Timestamp(20),
        lists,
    })
}

fn compiled(sets: &[Arc<PatternSet>]) -> Patterns {
    Patterns::compile(sets, &PatternLimits::default()).unwrap()
}

/// One list that vouches.
fn vouching(kinds: &[Kind], texts: &[&str]) -> Patterns {
    compiled(&[set(1, vec![list("good", Stance::Benign, kinds, texts)])])
}

fn texts(patterns: &Patterns, kind: Kind, text: &str) -> Vec<String> {
    patterns.weighing(kind, text).iter().map(|one| one.pattern.text.to_string()).collect()
}

#[test]
fn both_kinds_of_pattern_match_what_they_are_for() {
    let patterns = compiled(&[
        set(
            1,
            vec![
                list("sandboxes", Stance::Benign, &[Kind::Domain, Kind::Url], &["any.run"]),
                list("desks", Stance::Benign, &[Kind::Email], &[r"/(?i)^(noc|abuse)\@.*\..*$"]),
            ],
        ),
        set(2, vec![list("runners", Stance::Benign, &[Kind::Domain], &["app.any.run", "y.run"])]),
        set(3, vec![list("mail", Stance::Context, &[Kind::Domain], &["any"])]),
    ]);
    assert_eq!(texts(&patterns, Kind::Domain, "app.any.run"), ["any.run", "app.any.run"]);
    assert_eq!(texts(&patterns, Kind::Url, "https://APP.any.run/tasks"), ["any.run"]);
    assert_eq!(texts(&patterns, Kind::Email, "abuse@provider.top").len(), 1);
    assert!(texts(&patterns, Kind::Email, "someone@any.run").is_empty());
    assert!(texts(&patterns, Kind::Md5, "any.run").is_empty());
    let described = patterns.describing(Kind::Domain, "many.top");
    assert_eq!((described.len(), described[0].set.source), (1, SourceId(3)));
    assert!(patterns.weigh_for(Kind::Email) && !patterns.weigh_for(Kind::Sha256));
}

#[test]
fn a_list_speaks_once_by_its_longest_pattern() {
    let patterns = vouching(&[Kind::Url], &["shop", "shop/a", "/p/a$", "/op/a$"]);
    assert_eq!(texts(&patterns, Kind::Url, "http://x.top/shop/a"), ["shop/a"]);
}

#[test]
fn a_host_vouches_only_for_itself_and_what_lies_below() {
    let kinds = [Kind::Url, Kind::Domain, Kind::Email, Kind::Ipv4, Kind::Endpoint];
    let patterns = vouching(&kinds, &["any.run", "203.0.113.7", ".lab.top", "x.run/tasks"]);
    for (kind, text, matches) in [
        (Kind::Url, "http://any.run/", true),
        (Kind::Url, "https://app.any.run:8080/x?y=1", true),
        (Kind::Url, "https://ANY.run?q", true),
        (Kind::Url, "http://evil.top/any.run", false),
        (Kind::Url, "http://evil.top/?to=http://any.run", false),
        (Kind::Url, "http://any.run.evil.top/", false),
        (Kind::Url, "http://many.run/", false),
        (Kind::Url, "http://x.run/tasks/7", true),
        (Kind::Url, "http://evil.top/x.run/tasks", false),
        (Kind::Url, "http://203.0.113.7/kit", true),
        (Kind::Url, "http://a.lab.top/kit", true),
        (Kind::Url, "http://slab.top/kit", false),
        (Kind::Domain, "app.any.run", true),
        (Kind::Domain, "any.run.evil.top", false),
        (Kind::Email, "soc@any.run", true),
        (Kind::Email, "any.run@evil.top", false),
        (Kind::Ipv4, "203.0.113.7", true),
        (Kind::Ipv4, "203.0.113.77", false),
        (Kind::Endpoint, "203.0.113.7:443", true),
    ] {
        assert_eq!(!texts(&patterns, kind, text).is_empty(), matches, "{text}");
    }
    let blamed = set(1, vec![list("bad", Stance::Malicious, &[Kind::Url], &["any.run"])]);
    let blamed = compiled(&[blamed]);
    assert_eq!(texts(&blamed, Kind::Url, "http://evil.top/any.run"), ["any.run"]);
}

#[test]
fn an_item_is_as_fresh_as_its_batch() {
    let patterns = vouching(&[Kind::Domain], &["shop"]);
    let found = patterns.weighing(Kind::Domain, "shop.top");
    assert_eq!(found[0].item(Timestamp(50)).last_seen, Timestamp(50));
    let item = found[0].item(Timestamp(0));
    assert_eq!((item.last_seen, item.first_seen), (Timestamp(20), Timestamp(10)));
    assert_eq!((item.source, item.stance, item.confidence), (SourceId(1), Stance::Benign, 90));
}

#[test]
fn what_is_too_much_is_refused_with_a_reason() {
    let refuse = |texts: &[&str], limits: PatternLimits| {
        let set = set(1, vec![list("l", Stance::Benign, &[Kind::Url], texts)]);
        Patterns::compile([&set], &limits).unwrap_err()
    };
    let usual = PatternLimits::default();
    for (limits, name) in [
        (PatternLimits { patterns_max: 2, ..usual }, "patterns_max"),
        (PatternLimits { bytes_max: 20, ..usual }, "bytes_max"),
        (PatternLimits { set_bytes_max: 20, ..usual }, "set_bytes_max"),
        (PatternLimits { expressions_max: 1, ..usual }, "expressions_max"),
        (PatternLimits { expression_lists_max: 0, ..usual }, "expression_lists_max"),
    ] {
        let refused = refuse(&["aaaa", "/bbbb", "/cccc"], limits);
        assert_eq!(refused, PatternsError::TooMany(name));
    }
    let large = [r"/(\pL{500}){500}"];
    assert!(matches!(refuse(&large, usual), PatternsError::Expressions { .. }));
    assert!(refuse(&["/("], usual).to_string().contains("`l`"));
}

#[test]
fn a_text_full_of_matches_costs_no_more_than_the_limit() {
    let many: Vec<String> = (4..1000).map(|length| "a".repeat(length)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let patterns = vouching(&[Kind::Url], &many);
    let text = format!("http://x.top/{}", "a".repeat(8000));
    assert_eq!(patterns.weighing(Kind::Url, &text).len(), 1);
}

#[test]
fn fuzz_seeds_hold() {
    for seed in [
        &b"http://app.any.run/x\nany.run\n/^https?://\n\n/(\n/a*"[..],
        b"\n\n",
        b"[::1\n]",
        b"\xff\xfe",
        b"soc@x.top\n@\n/@x",
    ] {
        fuzz_patterns(seed);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_patterns_or_refused(text in "\\PC{0,60}", lines in "[a-z./:@\\[\\](|)*?\\n]{0,80}") {
        fuzz_patterns(format!("{text}\n{lines}").as_bytes());
    }

    /// Whatever stands before and after, a name vouches only where it is the end of the host.
    #[test]
    fn no_path_and_no_label_borrows_a_good_name(
        front in "[a-z0-9.-]{0,12}", owner in "[a-z]{3,8}\\.(com|top)", path in "[a-z./?=:@-]{0,24}",
    ) {
        let patterns = vouching(&[Kind::Url], &["any.run"]);
        let text = format!("http://{front}any.run.{owner}/{path}any.run");
        prop_assert!(patterns.weighing(Kind::Url, &text).is_empty(), "{}", text);
    }
}
