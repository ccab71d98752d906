//! The official vectors, the shipped list, and rules that small matchers get wrong.

use std::collections::BTreeSet;

use super::*;

fn registered(list: &SuffixList, name: &str) -> Option<String> {
    let name = DomainName::parse(name).ok()?;
    list.registered_domain(&name).map(|name| name.as_str().to_owned())
}

fn section(list: &SuffixList, name: &str) -> Option<Section> {
    list.is_public_suffix(&DomainName::parse(name).unwrap())
}

#[test]
fn official_vectors() {
    let vectors = include_str!("../../tests/data/public_suffix_vectors.txt");
    let mut count = 0;
    for line in vectors.lines().filter(|line| !line.starts_with("//") && !line.is_empty()) {
        let (name, expected) = line.split_once(' ').unwrap();
        let expected = (expected != "null").then(|| DomainName::parse(expected).unwrap());
        let found = registered(SuffixList::shipped(), name);
        assert_eq!(found.as_deref(), expected.as_ref().map(DomainName::as_str), "{name}");
        count += 1;
    }
    assert!(count >= 70, "{count}");
}

#[test]
fn every_rule_of_the_shipped_list_holds_for_its_own_name() {
    let text = include_str!("../../data/public_suffix_list.dat");
    let list = SuffixList::shipped();
    let exempt: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let mut rules = 0;
    for rule in text.lines().map(str::trim).filter(|rule| !rule.is_empty()) {
        if rule.starts_with("//") {
            continue;
        }
        rules += 1;
        if let Some(name) = rule.strip_prefix('!') {
            assert_eq!(section(list, name), None, "{rule}");
            continue;
        }
        let name = rule.replacen("*.", "any.", 1);
        assert!(section(list, &name).is_some_and(|found| found != Section::Unlisted), "{rule}");
        let below = DomainName::parse(&format!("x.{name}")).unwrap();
        let differs = exempt.contains(below.as_str()) || section(list, below.as_str()).is_some();
        assert!(differs || list.registered_domain(&below) == Some(below.borrowed()), "{rule}");
    }
    assert!(rules > 9000, "{rules}");
}

/// The algorithm in the words of publicsuffix.org: collect all rules that match, an exception
/// prevails, else the rule with the most labels.
fn suffix_by_the_book(rules: &BTreeSet<String>, name: &str) -> usize {
    let labels: Vec<&str> = name.split('.').collect();
    let mut longest = 1;
    for kept in 1..=labels.len() {
        let tail = &labels[labels.len() - kept..];
        if rules.contains(&format!("!{}", tail.join("."))) {
            return kept - 1;
        }
        let wildcard = [&["*"], &tail[1..]].concat().join(".");
        if rules.contains(&tail.join(".")) || rules.contains(&wildcard) {
            longest = kept;
        }
    }
    longest
}

#[test]
fn the_matcher_agrees_with_the_book_on_and_around_every_rule() {
    let text = include_str!("../../data/public_suffix_list.dat");
    let ascii = |rule: &str| {
        let (mark, name) = match rule.strip_prefix('!') {
            Some(name) => ("!", name),
            None => rule.strip_prefix("*.").map_or(("", rule), |name| ("*.", name)),
        };
        format!("{mark}{}", DomainName::parse(name).unwrap())
    };
    let lines = text.lines().filter(|line| !line.starts_with("//") && !line.is_empty());
    let rules: BTreeSet<String> = lines.map(ascii).collect();
    for rule in &rules {
        let base = rule.trim_start_matches('!').replacen('*', "any", 1);
        let below = ["", "a.", "b.a."].map(|prefix| DomainName::parse(&format!("{prefix}{base}")));
        let parent = below[0].as_ref().unwrap().parent().map(DomainName::from);
        for name in below.iter().flatten().chain(&parent) {
            let suffix = SuffixList::shipped().suffix(name).name;
            let expected = suffix_by_the_book(&rules, name.as_str());
            assert_eq!(suffix.labels().count(), expected, "{name}");
        }
    }
}

#[test]
fn sections_are_told_apart() {
    let list = SuffixList::shipped();
    assert_eq!(section(list, "com"), Some(Section::Icann));
    assert_eq!(section(list, "co.uk"), Some(Section::Icann));
    assert_eq!(section(list, "github.io"), Some(Section::Private));
    assert_eq!(section(list, "lan"), Some(Section::Unlisted));
    assert_eq!(section(list, "ck"), Some(Section::Icann));
    assert_eq!(section(list, "example.com"), None);
    assert_eq!(registered(list, "a.foo.github.io").as_deref(), Some("foo.github.io"));
    assert_eq!(registered(list, "printer.office.lan").as_deref(), Some("office.lan"));
}

#[test]
fn a_wildcard_holds_beside_deeper_rules() {
    let list = SuffixList::parse("io\n*.a.io\n*.b.a.io\nx.y.a.io\n!free.b.a.io\n").unwrap();
    assert_eq!(section(&list, "b.a.io"), Some(Section::Icann));
    assert_eq!(section(&list, "y.a.io"), Some(Section::Icann));
    assert_eq!(registered(&list, "a.io").as_deref(), Some("a.io"));
    assert_eq!(registered(&list, "w.y.a.io").as_deref(), Some("w.y.a.io"));
    assert_eq!(registered(&list, "w.x.y.a.io").as_deref(), Some("w.x.y.a.io"));
    assert_eq!(registered(&list, "w.free.b.a.io").as_deref(), Some("free.b.a.io"));
    assert_eq!(registered(&list, "v.w.z.b.a.io").as_deref(), Some("w.z.b.a.io"));
}

#[test]
fn a_broken_list_names_its_line() {
    let error = SuffixList::parse("// list\ncom\na..b\n").unwrap_err();
    assert_eq!(error, SuffixError::Rule { line: 3, rule: "a..b".into() });
    assert_eq!(SuffixList::parse("// nothing\n").unwrap_err(), SuffixError::Empty);
    assert!(SuffixList::parse("a.*.b").is_err());
}
