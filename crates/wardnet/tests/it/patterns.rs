//! MISP warning lists of patterns, from the file to the verdict.

use crate::program::Folder;
use serde_json::{Value, json};

const URL: &str = "http://login.example-training.top/kit/a.html";

fn warning_list(list_type: &str, entries: &[&str]) -> String {
    json!({
        "name": "List of known phishing training sites",
        "description": "sites of trainings", "version": 1,
        "type": list_type,
        "matching_attributes": ["url", "domain", "hostname"],
        "list": entries,
    })
    .to_string()
}

fn risk(folder: &Folder) -> u64 {
    folder.lookup(&[URL])[0]["risk"].as_u64().unwrap()
}

fn explained(folder: &Folder) -> Value {
    let explained: Value =
        serde_json::from_str(&folder.succeed(&["explain", "--json", URL])).unwrap();
    let sum = &explained["explained"][0]["sum"];
    assert_eq!(sum["recomputed"], sum["exact"]);
    assert_eq!(explained["verdict"]["risk"], sum["published"]);
    explained
}

#[test]
fn a_regular_expression_counts_from_the_file_to_the_verdict() {
    let folder = Folder::new();
    folder.ingest("urls", &format!("{URL}\n"), &["--format", "url-list", "--category", "phishing"]);
    let alone = risk(&folder);
    let expression = r"/^https?:\/\/[^\/]*training\.top\//i";
    let list = warning_list("regex", &[expression, "/(a)\\1/", "not delimited"]);
    let told = folder.ingest("warn", &list, &["--snapshot"]);
    assert_eq!(told["format"], "misp-warninglist");
    assert_eq!((&told["patterns"], &told["rejected"]), (&json!(1), &json!(2)));
    let lines: Vec<&Value> =
        told["rejections"].as_array().unwrap().iter().map(|one| &one["line"]).collect();
    assert_eq!(lines, [2, 3]);
    let beside = risk(&folder);
    assert!(beside < alone, "{beside} < {alone}");

    let shown = explained(&folder);
    let pattern = &shown["explained"][0]["patterns"][0];
    assert_eq!((&pattern["source"], &pattern["left_out"]), (&json!("warn"), &Value::Null));
    let terms = shown["explained"][0]["sum"]["contributions"].as_array().unwrap();
    assert!(terms.iter().any(|term| term["pattern"] == pattern["pattern"]), "{terms:?}");
    let text = folder.succeed(&["explain", URL]);
    assert!(text.contains("matches the pattern `(?i)^https?"), "{text}");

    // What is derived can go: the journal alone gives the same verdict.
    for derived in ["store", "view"] {
        std::fs::remove_dir_all(folder.data().join(derived)).unwrap();
    }
    assert_eq!(explained(&folder)["verdict"]["risk"], beside);
    assert_eq!(risk(&folder), beside);

    let epoch = explained(&folder)["epoch"].clone();
    let again = folder.ingest("warn", &list, &["--snapshot"]);
    assert_eq!((&again["unchanged"], &again["patterns"]), (&json!(true), &json!(1)));
    assert_eq!((risk(&folder), &explained(&folder)["epoch"]), (beside, &epoch));

    let other = warning_list("regex", &["/somewhere-else/"]);
    folder.ingest("warn", &other, &["--snapshot"]);
    assert_eq!(risk(&folder), alone, "the list no longer says so");
    folder.ingest("warn", &list, &["--snapshot"]);
    assert_eq!(risk(&folder), beside);
    let names = warning_list("hostname", &["unrelated.top"]);
    folder.ingest("warn", &names, &["--snapshot"]);
    assert_eq!(risk(&folder), alone, "a list of names took its place");
}

#[test]
fn a_substring_counts_and_lends_no_good_name_to_strangers() {
    let folder = Folder::new();
    let borrowed = "http://evil-shop.top/example-training.top/x";
    folder.ingest(
        "urls",
        &format!("{URL}\n{borrowed}\n"),
        &["--format", "url-list", "--category", "phishing"],
    );
    let alone = risk(&folder);
    let list = warning_list("substring", &["example-training.top"]);
    let told = folder.ingest("warn", &list, &[]);
    assert_eq!(told["patterns"], 1);
    assert!(risk(&folder) < alone);
    assert_eq!(folder.lookup(&[borrowed])[0]["risk"], alone);
    let unlisted = folder.lookup(&["http://new.example-training-two.top/"]);
    assert_eq!(unlisted[0]["band"], "unrated");
}

#[test]
fn a_pattern_is_shown_for_what_nobody_has_listed() {
    let folder = Folder::new();
    folder.ingest("warn", &warning_list("regex", &["/training/"]), &[]);
    assert_eq!(folder.bands(&[URL]), ["unrated"]);
    let text = folder.succeed(&["explain", URL]);
    assert!(text.contains("(left out: a pattern alone makes no verdict)"), "{text}");
}
