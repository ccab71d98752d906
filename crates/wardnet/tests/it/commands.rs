//! Commands without a server.

use crate::program::{Folder, json_lines};
use serde_json::{Value, json};

#[test]
fn ingest_says_what_became_of_every_row() {
    let folder = Folder::new();
    let rows = "# a list\nbad-shop.top\nworse-shop.top\nbad-shop.top\nno spaces here\n10.0.0.1\n";
    let told = folder.ingest("shops", rows, &["--format", "domain-list", "--category", "scam"]);
    assert_eq!(told["read"], 5);
    assert_eq!(told["accepted"], 2);
    assert_eq!(told["duplicate"], 1);
    assert_eq!(told["rejected"], 2);
    let lines: Vec<&Value> =
        told["rejections"].as_array().unwrap().iter().map(|one| &one["line"]).collect();
    assert_eq!(lines, [5, 6]);
    let again = folder.ingest("shops", rows, &["--format", "domain-list", "--category", "scam"]);
    assert_eq!((&again["unchanged"], &again["accepted"]), (&Value::Bool(true), &Value::from(0)));
}

#[test]
fn lookup_answers_in_order_with_the_contract_of_scripts() {
    let folder = Folder::new();
    folder.ingest("list", "bad-shop.top\n", &["--category", "phishing", "--format", "domain-list"]);
    folder.ingest("addresses", "45.95.11.34\n45.95.0.0/24\n", &["--category", "c2"]);
    let asked = "bad-shop.top\n\nhxxp://bad-shop[.]top/login\ngood-shop.top\n45.95.0.9\nnot one\n";
    let output = folder.feed(&["lookup", "--json", "-"], asked);
    assert_eq!(output.status.code(), Some(2), "one that is no indicator hides behind no verdict");
    let answers = json_lines(&output);
    let bands: Vec<&Value> = answers.iter().map(|answer| &answer["band"]).collect();
    assert_eq!(
        bands,
        ["malicious", "malicious", "unrated", "malicious"]
            .map(Value::from)
            .iter()
            .chain([&Value::Null])
            .collect::<Vec<_>>()
    );
    for answer in &answers[..4] {
        for field in
            ["input", "indicator", "band", "risk", "as_of", "categories", "matched", "reasons"]
        {
            assert!(answer.get(field).is_some(), "{field} is missing in {answer}");
        }
    }
    assert_eq!(answers[1]["indicator"], "http://bad-shop.top/login");
    assert_eq!(answers[0]["categories"][0], "phishing");
    assert!(answers[4]["error"]["detail"].as_str().unwrap().contains("blank"));
}

#[test]
fn exit_statuses_are_the_published_ones() {
    let folder = Folder::new();
    folder.ingest("list", "bad-shop.top\n", &["--format", "domain-list"]);
    let code = |words: &[&str]| folder.run(words).status.code();
    assert_eq!(code(&["lookup", "10.0.0.1"]), Some(0), "reserved: trusted");
    assert_eq!(code(&["lookup", "good-shop.top"]), Some(10));
    assert_eq!(code(&["lookup", "bad-shop.top"]), Some(30));
    assert_eq!(code(&["lookup", "two words"]), Some(2));
    assert_eq!(code(&["lookup"]), Some(2));
    assert_eq!(code(&["ingest", "--source", "s", "/nowhere/at/all"]), Some(3));
}

#[test]
fn a_snapshot_ends_what_it_no_longer_holds() {
    let folder = Folder::new();
    let snapshot = ["--format", "domain-list", "--snapshot"];
    folder.ingest("feed", "one.top\ntwo.top\n", &snapshot);
    let told = folder.ingest("feed", "two.top\nthree.top\n", &snapshot);
    assert_eq!((&told["accepted"], &told["expired"]), (&Value::from(1), &Value::from(1)));
    assert_eq!(
        folder.bands(&["one.top", "two.top", "three.top"]),
        ["unrated", "malicious", "malicious"]
    );
    let plain = folder.ingest("feed", "four.top\n", &["--format", "domain-list"]);
    assert_eq!(plain["expired"], 0);
    assert_eq!(folder.bands(&["two.top", "four.top"]), ["malicious", "malicious"]);
}

#[test]
fn decisions_beat_evidence_and_can_be_taken_back() {
    let folder = Folder::new();
    folder.ingest("list", "bad-shop.top\n", &["--format", "domain-list"]);
    folder.succeed(&["allow", "bad-shop.top", "--reason", "ours"]);
    assert_eq!(folder.bands(&["bad-shop.top", "http://bad-shop.top/x"]), ["trusted", "trusted"]);
    assert!(folder.succeed(&["decisions", "list"]).contains("allow bad-shop.top"));
    folder.succeed(&["decisions", "withdraw", "bad-shop.top"]);
    assert_eq!(folder.bands(&["bad-shop.top"]), ["malicious"]);
    folder.succeed(&["block", "good-shop.top", "--category", "malware"]);
    assert_eq!(folder.bands(&["www.good-shop.top"]), ["malicious"]);
    folder.succeed(&["decisions", "refute", "bad-shop.top"]);
    assert_eq!(folder.bands(&["bad-shop.top"]), ["safe"]);
}

#[test]
fn what_is_in_force_only_later_has_its_file_read_again() {
    let folder = Folder::new();
    let indicator = |name: &str, from: &str| {
        format!(
            "{{\"type\": \"indicator\", \"id\": \"indicator--{name}\", \"valid_from\": \"{from}\", \
             \"pattern\": \"[domain-name:value = '{name}.top']\", \"pattern_type\": \"stix\"}}\n"
        )
    };
    let lines =
        indicator("now", "2026-01-01T00:00:00Z") + &indicator("later", "2100-01-01T00:00:00Z");
    let file = folder.file("rows.json", &lines).to_string_lossy().into_owned();
    let words = ["ingest", "--json", "--source", "stix", "--format", "stix", "--snapshot", &file];
    for duplicate in [0, 1] {
        let told: Value = serde_json::from_str(&folder.succeed(&words)).unwrap();
        assert_eq!(told["rejected_by"]["not-yet-in-force"], 1, "{told}");
        assert_eq!((&told["unchanged"], &told["duplicate"]), (&json!(false), &json!(duplicate)));
    }
    assert_eq!(folder.run(&["lookup", "later.top"]).status.code(), Some(10), "unrated");
}

#[test]
fn explain_adds_up_to_the_published_risk() {
    let folder = Folder::new();
    folder.ingest("one", "bad-shop.top\n", &["--format", "domain-list"]);
    folder.ingest("two", "bad-shop.top\n", &["--format", "domain-list"]);
    let text = folder.succeed(&["explain", "--json", "bad-shop.top"]);
    let explained: Value = serde_json::from_str(&text).unwrap();
    let sum = &explained["explained"][0]["sum"];
    assert_eq!(sum["recomputed"], sum["exact"]);
    assert_eq!(explained["verdict"]["risk"], sum["published"]);
    assert_eq!(sum["groups"].as_array().unwrap().len(), 2);
    assert!(folder.succeed(&["explain", "bad-shop.top"]).contains("log-odds: prior"));
}

#[test]
fn a_damaged_database_is_refused_and_built_anew() {
    let folder = Folder::new();
    folder.ingest("list", "bad-shop.top\n", &["--format", "domain-list"]);
    assert!(folder.succeed(&["db", "verify"]).contains("whole"));
    let view = folder.data().join("view");
    let base = std::fs::read_dir(&view)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "wvdb"))
        .unwrap();
    let mut bytes = std::fs::read(&base).unwrap();
    let middle = bytes.len() / 2;
    bytes.truncate(middle);
    std::fs::write(&base, &bytes).unwrap();
    let refused = folder.run(&["db", "verify"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(!refused.stderr.is_empty());
    assert_eq!(folder.bands(&["bad-shop.top"]), ["malicious"], "the journal is the truth");
    assert!(folder.succeed(&["db", "verify"]).contains("whole"));
}

#[test]
fn two_databases_can_be_told_apart() {
    let folder = Folder::new();
    let base = |name: &str| {
        let view = std::fs::read_dir(folder.data().join("view")).unwrap();
        let path = view
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|extension| extension == "wvdb"))
            .unwrap();
        let copy = folder.data().join(name);
        std::fs::copy(path, &copy).unwrap();
        copy.to_string_lossy().into_owned()
    };
    folder.succeed(&["status"]);
    let old = base("old.wvdb");
    let many: String = (0..30_000).map(|at| format!("n{at}.top\n")).collect();
    folder.ingest("list", &many, &["--format", "domain-list"]);
    let new = base("new.wvdb");
    let diff = folder.succeed(&["db", "diff", &old, &new]);
    assert_eq!(diff.lines().filter(|line| line.contains("\"added\"")).count(), 30_000);
    let dump = folder.succeed(&["db", "dump", &new]);
    assert!(dump.lines().any(|line| line.contains("\"n29999.top\"")));
    assert!(folder.succeed(&["db", "stat", &new]).contains("evidence domain: 30,000 entries"));
}

#[test]
fn configuration_mistakes_name_their_line() {
    let folder = Folder::new();
    let config = folder.file("wardnet.toml", "feeds = \"feeds.toml\"\nmetrics = 1\n");
    let refused = folder.run(&["--config", config.to_str().unwrap(), "check"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("line 2") && told.contains("metrics"), "{told}");
    folder.file("feeds.toml", "[[feed]]\nname = \"a\"\nurl = \"file:a.txt\"\nkategory = \"x\"\n");
    let config = folder.file("wardnet.toml", "feeds = \"feeds.toml\"\n");
    let refused = folder.run(&["--config", config.to_str().unwrap(), "check"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("kategory") && told.contains("4"), "{told}");
}

#[test]
fn mistakes_are_told_once_and_rightly() {
    let folder = Folder::new();
    let feeds = "[[feed]]\nname = \"gone\"\nurl = \"file:/absent/list.txt\"\n";
    folder.file("feeds.toml", feeds);
    let config = folder.file("wardnet.toml", "feeds = \"feeds.toml\"\n");
    let told = |words: &[&str]| {
        let words = [&["--config", config.to_str().unwrap()][..], words].concat();
        let output = folder.run(&words);
        assert_eq!(output.status.code(), Some(3));
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    for words in [&["feeds", "update", "gone"][..], &["ingest", "--source", "a", "/absent/a.txt"]] {
        let text = told(words);
        assert_eq!(text.matches("No such file").count(), 1, "{text}");
        assert!(text.matches("/absent/a.txt").count() < 2, "{text}");
    }
    for path in ["/", "/dev/null"] {
        let text = told(&["feeds", "try", path]);
        assert!(text.contains("is no regular file"), "{text}");
    }
}

#[test]
fn what_is_held_back_is_no_success_and_advice_is_good() {
    let folder = Folder::new();
    let page = folder.file("list.txt", "<!DOCTYPE html><html><body>Log in</body></html>\n");
    let rows: String = (0..30).map(|at| format!("{at} !! {at}\n")).collect();
    folder.file("odd.txt", &rows);
    let feed = |name: &str, file: &str| {
        format!("[[feed]]\nname = \"{name}\"\nurl = \"file:{file}\"\nformat = \"domain-list\"\n")
    };
    folder.file("feeds.toml", &(feed("page", "list.txt") + &feed("odd", "odd.txt")));
    let config = folder.file("wardnet.toml", "feeds = \"feeds.toml\"\n");
    let run = |words: &[&str]| {
        let words = [&["--config", config.to_str().unwrap()][..], words].concat();
        let output = folder.run(&words);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text)
    };
    let (status, text) = run(&["feeds", "update"]);
    assert_eq!(status, Some(3), "{text}");
    assert!(text.contains("`wardnet feeds release odd` accepts it"), "{text}");
    assert!(!text.contains("feeds release page"), "{text}");
    let (status, text) = run(&["feeds", "release", "page"]);
    assert_eq!(status, Some(3), "{text}");
    assert!(text.contains("cannot be released: this is a web page"), "{text}");
    assert_eq!(run(&["feeds", "release", "odd"]).0, Some(0));
    std::fs::write(page, "good-again.top\n").unwrap();
    let (status, text) = run(&["feeds", "update", "page"]);
    assert!(status == Some(0) && text.contains("1 accepted"), "{text}");
}

#[test]
fn nothing_from_elsewhere_steers_the_terminal() {
    let folder = Folder::new();
    let row = r#"{"indicator":"evil.top","category":"malware","family":"\u001b[31mRED"}"#;
    folder.ingest("feed", &format!("{row}\n"), &["--format", "json"]);
    folder.succeed(&["block", "evil.top", "--reason", "\u{9b}2J"]);
    for words in [
        &["explain", "evil.top"][..],
        &["decisions", "list"],
        &["lookup", "\x1b]0;pwn\x07.top"],
        &["feeds", "try", "\x1b[31m"],
        &["feeds", "catalogue", "\x1b[31m"],
    ] {
        let output = folder.run(words);
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let obeyed = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(obeyed, None, "{words:?}: {text:?}");
        assert!(text.contains("\\u00"), "{words:?}: {text:?}");
    }
    let output = folder.feed(&["classify", "domain"], "\x1b[31mred.top\n");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("\\u001b[31mred.top: "), "{text:?}");
}
