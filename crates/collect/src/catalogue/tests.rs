//! The catalogue as operators write it, right and wrong.

use super::*;
use crate::feeds::Format;
use wardnet_model::{Category, Kind, Reliability, Scope, Sharing, SourceId, Stance, Tlp};

const EXAMPLE: &str = include_str!("../../feeds.example.toml");

fn parse(text: &str) -> Result<Catalogue, Vec<ConfigProblem>> {
    Catalogue::parse(text, Path::new("/etc/wardnet"))
}

/// Every problem of `text`, as an operator sees it.
fn problems(text: &str) -> Vec<String> {
    parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn the_example_is_read() {
    let catalogue = parse(EXAMPLE).unwrap_or_else(|problems| {
        panic!("{}", describe(Path::new("feeds.example.toml"), &problems))
    });
    let own = catalogue.feed("own-list").unwrap();
    assert_eq!(own.location, Location::File("/etc/wardnet/lists/own.txt".into()));
    assert_eq!(own.format, Some(Format::DomainList));
    assert_eq!(own.reliability_per_kind, [(Kind::Ipv4, Reliability::C)]);
    assert!(catalogue.enabled().count() < catalogue.feeds.len(), "one feed shows `enabled`");
}

/// Each option that a feed knows stands in the example, and nothing there is unknown.
#[test]
fn the_example_explains_every_option() {
    for option in [
        "name",
        "url",
        "format",
        "fields",
        "delimiter",
        "rows",
        "pattern",
        "category",
        "kinds",
        "stance",
        "scope",
        "confidence",
        "reliability",
        "group",
        "half_life",
        "licence",
        "homepage",
        "redistribute",
        "full",
        "interval",
        "enabled",
        "shadow",
        "tlp",
        "sharing",
        "max_bytes",
        "shrink_limit",
        "headers",
        "allow_http",
        "allow_private",
        "ca_file",
        "system_roots",
        "proxy",
        "connect_timeout",
        "stall_timeout",
        "total_timeout",
    ] {
        let shown = EXAMPLE.lines().any(|line| {
            let key = line.trim_start_matches("# ").split([' ', '=']).next();
            key == Some(option) || line.trim() == format!("[feed.{option}]")
        });
        assert!(shown, "`{option}` is missing in feeds.example.toml");
        let manual = include_str!("../../../../docs/feeds.md");
        assert!(manual.contains(&format!("`{option}`")), "`{option}` is missing in docs/feeds.md");
    }
}

#[test]
fn a_short_feed_gets_the_documented_defaults() {
    let catalogue = parse("[[feed]]\nname = 'a'\nurl = 'https://a.example/l'\n").unwrap();
    let feed = &catalogue.feeds[0];
    assert_eq!(
        (feed.format, feed.stance, feed.scope, feed.half_life_secs),
        (None, None, None, None)
    );
    assert_eq!((feed.category, feed.confidence), (Category::Uncategorised, 80));
    assert_eq!((feed.reliability, &*feed.group), (Reliability::C, "a"));
    assert_eq!((feed.interval_secs, feed.bytes_max, feed.shrink_limit), (3600, 256 << 20, 0.5));
    assert_eq!((feed.tlp, feed.sharing), (Tlp::Clear, Sharing::Everyone));
    assert!(feed.enabled && feed.full && !feed.shadow && !feed.redistribute);
    assert!(!feed.allow_http && !feed.allow_private && feed.takes(Kind::Url));
}

#[test]
fn all_that_scoring_reads_reaches_the_source() {
    let text = "
        [[feed]]
        name = 'threats.one'
        url = 'https://a.example/l'
        category = 'phishing'
        reliability = { default = 'B', domain = 'A', ipv4 = 'D' }
        group = 'abuse-ch'
        half_life = '14d'
        licence = 'CC0-1.0'
        redistribute = true
        shadow = true
        kinds = ['url', 'domain']
        scope = 'subtree'
        stance = 'malicious'
    ";
    let feed = &parse(text).unwrap().feeds[0];
    let source = feed.to_source(SourceId(7));
    assert_eq!(
        (source.id, &*source.name, &*source.group),
        (SourceId(7), "threats.one", "abuse-ch")
    );
    assert_eq!(source.category, Category::Phishing);
    assert_eq!(source.reliability_for(Kind::Domain), Reliability::A);
    assert_eq!(source.reliability_for(Kind::Ipv4), Reliability::D);
    assert_eq!(source.reliability_for(Kind::Url), Reliability::B);
    assert_eq!(source.half_life_secs, Some(14 * 86_400));
    assert!(source.redistribute && source.shadow && &*source.licence == "CC0-1.0");
    assert_eq!((feed.scope, feed.stance), (Some(Scope::Subtree), Some(Stance::Malicious)));
    assert!(feed.takes(Kind::Url) && !feed.takes(Kind::Ipv4));
}

#[test]
fn all_problems_are_reported_with_their_places() {
    let text = "\
[[feed]]
name = \"Bad Name\"
url = \"http://a.example/l\"
categorie = \"phishing\"
confidence = 101
enabled = \"yes\"
reliability = { domain = \"G\", planet = \"A\" }

[[feed]]
name = \"ok\"
half_life = \"2 weeks\"
headers = { Host = \"x\", \"Auth-Key\" = \"env:KEY\" }
colour = 1

[fetch]
proxy = \"no proxy\"

[[feeds]]
";
    let found = problems(text);
    let places: Vec<&str> = found.iter().map(|line| line.split(": ").next().unwrap()).collect();
    let expected = [
        "2:8", "3:7", "4:1", "5:14", "6:11", "7:26", "7:40", "9:1", "11:13", "12:20", "13:1",
        "16:9", "18:3",
    ];
    // The table of the second feed begins in line 9; the column of its header is its own matter.
    let places: Vec<&str> =
        places.iter().map(|place| if place.starts_with("9:") { "9:1" } else { place }).collect();
    assert_eq!(places, expected, "{found:#?}");
    let all = found.join("\n");
    for hint in ["a-z", "allow_http", "unknown field `categorie`", "between 1 and 100", "no `url`"]
    {
        assert!(all.contains(hint), "{hint}: {all}");
    }
}

#[test]
fn broken_toml_is_one_clear_problem() {
    let found = problems("[[feed]]\nname = \"a\nurl = 'https://a.example/'\n");
    assert!(found[0].starts_with("2:"), "{found:?}");
    let path = Path::new("/etc/wardnet/feeds.toml");
    let message = describe(path, &parse("x = 1").unwrap_err());
    assert_eq!(message, "/etc/wardnet/feeds.toml:1:1: unknown key `x`; use `feed` or `fetch`");
}

#[test]
fn names_are_unique_and_safe_as_folders() {
    let twice = "[[feed]]\nname='a'\nurl='file:a'\n[[feed]]\nname='a'\nurl='file:b'\n";
    assert_eq!(problems(twice), ["5:6: another feed is named `a`, too"]);
    for name in ["", ".", "..", ".a", "-a", "a/b", "a\\b", "A", "ä", &"a".repeat(65)] {
        assert_eq!(name.parse::<FeedName>(), Err(NameError), "{name:?}");
    }
    for name in ["a", "abuse-ch.urlhaus_1", "0", &"a".repeat(64)] {
        assert!(name.parse::<FeedName>().is_ok(), "{name:?}");
    }
}

#[test]
fn secrets_come_from_elsewhere_and_never_into_logs() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "s3cret\n").unwrap();
    let text = "
        [[feed]]
        name = 'a'
        url = 'https://a.example/l'
        [feed.headers]
        Auth-Key = 'file:key'
        X-Path = 'env:PATH'
        X-Missing = 'env:WARDNET_TEST_IS_NOT_SET'
        X-Plain = 'plain-secret'
    ";
    let catalogue = Catalogue::parse(text, folder.path()).unwrap();
    let headers = &catalogue.feeds[0].headers;
    let value = |name: &str| headers.iter().find(|header| header.name == name).unwrap().value();
    assert_eq!(value("auth-key").unwrap(), "s3cret");
    assert_eq!(value("x-path").unwrap().to_str().unwrap(), std::env::var("PATH").unwrap());
    assert_eq!(value("x-plain").unwrap(), "plain-secret");
    let missing = value("x-missing").unwrap_err().to_string();
    assert!(missing.contains("`WARDNET_TEST_IS_NOT_SET` is not set"), "{missing}");
    let shown = format!("{catalogue:?} {:?}", value("auth-key").unwrap());
    assert!(!shown.contains("plain-secret") && !shown.contains("s3cret"), "{shown}");
}

proptest::proptest! {
    /// Whatever stands in the file: problems or a catalogue, never a panic.
    #[test]
    fn no_text_panics(text in "(\\[\\[feed\\]\\]|\\[fetch\\]|[a-z_]{1,8} ?= ?['\"0-9a-z{}\\[\\]:/.,=]{0,12}|\\n|\\PC){0,20}") {
        if let Err(problems) = parse(&text) {
            proptest::prop_assert!(problems.iter().all(|problem| problem.line >= 1));
        }
    }
}
