//! Patterns and what they name.

use super::names::names;
use super::pattern::{StixError, parse};
use crate::feeds::Limits;
use proptest::prelude::*;
use wardnet_model::Scope;

/// What a pattern names, or why not, in one line.
fn read(text: &str) -> String {
    let limits = Limits::default();
    let pattern = match parse(text, &limits) {
        Ok(pattern) => pattern,
        Err(error) => return error.name().to_owned(),
    };
    let found = names(&pattern, Scope::Exact, &limits);
    let lines: Vec<String> = found
        .into_iter()
        .map(|found| match found {
            Ok(seen) if seen.scope == Scope::Exact => seen.indicator.to_string(),
            Ok(seen) => format!("{} {}", seen.indicator, seen.scope),
            Err(reason) => reason.name().to_owned(),
        })
        .collect();
    lines.join(", ")
}

#[test]
fn patterns_name_what_is_enough_for_a_match() {
    let md5 = "d41d8cd98f00b204e9800998ecf8427e";
    for (pattern, expected) in [
        ("[domain-name:value = 'evil-shop.top']", "evil-shop.top"),
        ("[ ipv4-addr:value='45.95.11.34' ]", "45.95.11.34"),
        ("[ipv4-addr:value = '45.95.11.0/24']", "45.95.11.0/24"),
        ("[ipv4-addr:value ISSUBSET '45.95.11.0/24']", "45.95.11.0/24"),
        ("[ipv6-addr:value = '2a00:1450::5']", "2a00:1450::5"),
        ("[url:value = 'http://a.top/it\\'s']", "http://a.top/it's"),
        ("[domain-name:value IN ('a.top', 'b.top')]", "a.top, b.top"),
        ("[domain-name:value = 'a.top' OR ipv4-addr:value = '45.95.11.34']", "a.top, 45.95.11.34"),
        ("[domain-name:value = 'a.top'] OR [domain-name:value = 'b.top']", "a.top, b.top"),
        (
            "([url:value = 'http://a.top/'] OR [domain-name:value = 'b.top']) WITHIN 5 SECONDS",
            "http://a.top/, b.top",
        ),
        ("[domain-name:value = 'a.top'] REPEATS 5 TIMES", "a.top"),
        ("[domain-name:value LIKE '%.a.top']", "a.top below"),
        ("[url:value LIKE 'http://a.top/x%']", "http://a.top/x subtree"),
        (
            "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '45.95.11.34' AND network-traffic:dst_port = 443]",
            "45.95.11.34:443",
        ),
        (
            "[domain-name:value = 'a.top' AND domain-name:resolves_to_refs[*].value = '45.95.11.34']",
            "a.top",
        ),
        (
            "[x509-certificate:hashes.'SHA-1' = 'da39a3ee5e6b4b0d3255bfef95601890afd80709']",
            "certificate-sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
        ),
        ("[autonomous-system:number = 64500]", "AS64500"),
        (
            "[file:hashes.SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855']",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        ("[file:hashes.ssdeep = '3:a:b']", "stix-algorithm"),
        ("[file:hashes.'IMPHASH' = 'd41d8cd98f00b204e9800998ecf8427e']", "stix-algorithm"),
        ("[email-addr:value = 'a@evil-shop.top']", "a@evil-shop.top"),
    ] {
        assert_eq!(read(pattern), expected, "{pattern}");
    }
    for pattern in [
        format!("[file:hashes.MD5 = '{md5}']"),
        format!("[file:hashes.'MD5' = '{}']", md5.to_uppercase()),
        format!("[file:name = 'a.exe' AND file:hashes.md5 = '{md5}']"),
        format!("[file:hashes[*] = '{md5}']"),
    ] {
        assert_eq!(read(&pattern), md5, "{pattern}");
    }
}

#[test]
fn patterns_that_need_more_are_refused_with_the_reason() {
    for (pattern, expected) in [
        ("[domain-name:value = 'a.top' AND url:value = 'http://b.top/']", "stix-combination"),
        ("[domain-name:value = 'a.top'] AND [domain-name:value = 'b.top']", "stix-combination"),
        (
            "[domain-name:value = 'a.top'] FOLLOWEDBY [domain-name:value = 'b.top']",
            "stix-combination",
        ),
        ("[domain-name:value != 'a.top']", "stix-negation"),
        ("[domain-name:value NOT = 'a.top']", "stix-negation"),
        ("[domain-name:value MATCHES '^a.*$']", "stix-inexact"),
        ("[domain-name:value LIKE 'a%.top']", "stix-inexact"),
        ("[file:name = 'a.exe']", "stix-not-an-indicator"),
        ("[EXISTS file:name]", "stix-not-an-indicator"),
        ("[mutex:name = 'x']", "stix-not-an-indicator"),
        ("[domain-name:value = 'a.top'", "stix-syntax"),
        ("domain-name:value = 'a.top'", "stix-syntax"),
        ("[domain-name:value = 'a.top] ", "stix-syntax"),
        ("[domain-name = 'a.top']", "stix-syntax"),
        ("", "stix-syntax"),
        ("alert tcp any any -> any any", "stix-syntax"),
    ] {
        assert_eq!(read(pattern), expected, "{pattern}");
    }
}

#[test]
fn a_pattern_that_explodes_is_refused_with_its_cost() {
    let either = "(domain-name:value = 'a.top' OR domain-name:value = 'b.top')";
    let pattern = format!("[{}]", vec![either; 40].join(" AND "));
    let limits = Limits::default();
    let found = names(&parse(&pattern, &limits).unwrap(), Scope::Exact, &limits);
    let message = found[0].as_ref().unwrap_err().to_string();
    // 2^40 alternatives of 40 comparisons each.
    assert_eq!(
        message,
        "the pattern stands for 43980465111040 comparisons, beyond the limit `stix_cost_max`"
    );
    let deep = format!("[{}domain-name:value = 'a.top'{}]", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(parse(&deep, &limits), Err(StixError::TooDeep));
    let long = format!("[domain-name:value = '{}']", "a".repeat(300_000));
    assert!(matches!(parse(&long, &limits), Err(StixError::TooLong(_))));
}

#[test]
fn seeds_of_the_fuzz_target_are_read() {
    for seed in [
        &b"[a:b = 'x' OR a:b = 'y'] FOLLOWEDBY [c:d IN ('1', '2')]"[..],
        b"[NOT EXISTS file:name AND (file:size > 5 OR mutex:name MATCHES 'x')]",
        b"[",
        b"\xff",
    ] {
        super::fuzz_stix_pattern(seed);
        for cut in 0..seed.len() {
            super::fuzz_stix_pattern(&seed[..cut]);
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(
        text in "(\\[|\\]|\\(|\\)|file:name|domain-name:value| = |!=|'a.top'|'|\\\\| AND | OR |NOT |t'|IN |,|\\PC){0,24}",
    ) {
        let limits = Limits { stix_depth_max: 4, ..Limits::default() };
        if let Ok(pattern) = parse(&text, &limits) {
            prop_assert!(!names(&pattern, Scope::Exact, &limits).is_empty());
        }
    }

    #[test]
    fn quoted_values_come_back(value in "[a-z'\\\\ ]{1,12}") {
        let quoted = value.replace('\\', "\\\\").replace('\'', "\\'");
        let limits = Limits::default();
        let pattern = parse(&format!("[file:name = '{quoted}']"), &limits).unwrap();
        let (shown, wanted) = (format!("{:?}", pattern), format!("{:?}", value));
        prop_assert!(shown.contains(&wanted));
    }
}
