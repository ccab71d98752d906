//! Whether the shipped example has every key: the reader itself names those it knows.

use super::Config;
use std::collections::BTreeSet;

const EXAMPLE: &str = include_str!("../../wardnet.example.toml");

/// The sections, as they are opened, and the one of the example whose text names their keys.
const SECTIONS: [(&str, &str); 20] = [
    ("[[http]]", "[[http]]"),
    ("[models]", "[models]"),
    ("[block_page]", "[block_page]"),
    ("[[resolver]]", "[[resolver]]"),
    ("[[resolver]]\n[[resolver.policy]]", "[[resolver]]"),
    ("[[resolver]]\n[resolver.limits]", "[resolver.limits]"),
    ("[[dns]]", "[[dns]]"),
    ("[[dns]]\n[dns.rate]", "[[dns]]"),
    ("[[dns]]\n[[dns.list]]", "[[dns.list]]"),
    ("[[rpz]]", "[[rpz]]"),
    ("[[rpz]]\n[[rpz.tsig]]", "[[rpz]]"),
    ("[[rpz]]\n[[rpz.zone]]", "[[rpz.zone]]"),
    ("[[rpz]]\n[rpz.limits]", "[rpz.limits]"),
    ("[safe_browsing]", "[safe_browsing]"),
    ("[[crowdsec]]", "[[crowdsec]]"),
    ("[hashlookup]", "[hashlookup]"),
    ("[[known_files]]", "[[known_files]]"),
    ("[virustotal]", "[virustotal]"),
    ("[budget]", "[budget]"),
    ("[limits]", "[limits]"),
];

/// The keys that the reader expects in a section, from its complaint about one that it does not.
fn expected(section: &str) -> Vec<String> {
    let told = format!("{:#}", Config::parse(&format!("{section}\nbogus = 1\n")).unwrap_err());
    let (_, list) = told.split_once("unknown field `bogus`, ").unwrap_or_else(|| panic!("{told}"));
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The lines of the example, whether they are switched on or not.
fn lines() -> impl Iterator<Item = &'static str> {
    EXAMPLE.lines().map(|line| line.trim_start_matches("# "))
}

/// The words of a section of the example, comments included.
fn words(header: &str) -> BTreeSet<&'static str> {
    let inside = lines().skip_while(|line| *line != header).skip(1);
    let inside = inside.take_while(|line| !line.starts_with('['));
    inside.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')).collect()
}

/// Whether the example opens a section of this name.
fn opens(name: &str) -> bool {
    lines().any(|line| line == format!("[{name}]") || line == format!("[[{name}]]"))
}

#[test]
fn the_shipped_example_has_every_key() {
    for (section, header) in SECTIONS {
        let words = words(header);
        for key in expected(section) {
            let below = format!("{}.{key}", header.trim_matches(['[', ']']));
            let is_told = words.contains(key.as_str()) || opens(&below);
            assert!(is_told, "`{key}` of {section} is not in the example");
        }
    }
    for key in expected("") {
        let is_section = opens(&key);
        let is_told = is_section || lines().any(|line| line.starts_with(&format!("{key} =")));
        assert!(is_told, "`{key}` is not in the example");
        let is_known = SECTIONS.iter().any(|(_, header)| header.trim_matches(['[', ']']) == key);
        assert!(!is_section || is_known, "add the keys of [{key}] to this test");
    }
}
