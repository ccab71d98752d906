//! Every decoder has its fuzz target and its corpus, and every target its decoder.
//!
//! A decoder exports `pub fn fuzz_NAME(bytes: &[u8])`. Exactly one file in `fuzz/fuzz_targets`
//! calls it, is listed in `fuzz/Cargo.toml`, and has at least one input in `fuzz/corpus/TARGET`.

use std::collections::BTreeMap;

use super::Finding;
use super::rust::{is_word, split, without_tests};
use super::tree::{File, Tree};

const TARGETS: &str = "fuzz/fuzz_targets/";

/// Compares the decoders' functions with the targets, the manifest and the corpora.
pub(super) fn targets(tree: &Tree) -> Vec<Finding> {
    let mut open = exported(tree);
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| file.path.starts_with(TARGETS)) {
        let code = split(file.text()).code;
        let called = called(&code);
        let known: Vec<_> = called.iter().filter(|name| open.remove(*name).is_some()).collect();
        if known.is_empty() {
            findings.push(Finding::new(&file.path, 1, "calls no `fuzz_…` of a crate's own"));
        }
        findings.extend(target_findings(tree, file));
    }
    for (function, (path, line)) in open {
        let message = format!("`{function}` has no target: see fuzz/README.md");
        findings.push(Finding::new(&path, line, message));
    }
    let corpora = tree.folders("fuzz/corpus").into_iter();
    let orphans = corpora.filter(|name| tree.file(&format!("{TARGETS}{name}.rs")).is_none());
    findings.extend(orphans.map(|name| {
        Finding::new(&format!("fuzz/corpus/{name}"), 1, "a corpus that belongs to no target")
    }));
    findings
}

fn target_findings(tree: &Tree, file: &File) -> Vec<Finding> {
    let name = file.name().trim_end_matches(".rs");
    let manifest = tree.file("fuzz/Cargo.toml").map_or("", |file| file.text());
    let mut findings = Vec::new();
    if !manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")) {
        findings.push(Finding::new(&file.path, 1, "is not listed in fuzz/Cargo.toml"));
    }
    if !tree.has(&format!("fuzz/corpus/{name}/")) {
        let message = format!("needs at least one input in fuzz/corpus/{name}");
        findings.push(Finding::new(&file.path, 1, message));
    }
    findings
}

/// All `pub fn fuzz_…` of the crates, as `crate::function`, with their places.
fn exported(tree: &Tree) -> BTreeMap<String, (String, usize)> {
    let mut found = BTreeMap::new();
    for file in tree.rust() {
        let Some((name, _)) =
            file.path.strip_prefix("crates/").and_then(|rest| rest.split_once("/src/"))
        else {
            continue;
        };
        let code = without_tests(&split(file.text()).code);
        for (at, line) in code.lines().enumerate() {
            if let Some(rest) = line.trim_start().strip_prefix("pub fn fuzz_") {
                let word: String = rest.chars().take_while(|&c| is_word(c)).collect();
                let function = format!("wardnet_{name}::fuzz_{word}");
                found.insert(function, (file.path.clone(), at + 1));
            }
        }
    }
    found
}

/// All `wardnet_CRATE::…::fuzz_NAME` in `code`, without the modules between.
fn called(code: &str) -> Vec<String> {
    let paths = code.split(|c| !is_word(c) && c != ':').filter(|path| path.contains("::fuzz_"));
    paths
        .filter_map(|path| Some((path.split("::").next()?, path.rsplit("::").next()?)))
        .map(|(krate, function)| format!("{krate}::{function}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::made_up;
    use super::*;

    const DECODER: (&str, &str) =
        ("crates/journal/src/record.rs", "pub fn fuzz_record(bytes: &[u8]) {}\n");
    const TARGET: (&str, &str) = (
        "fuzz/fuzz_targets/journal_record.rs",
        "fuzz_target!(|bytes: &[u8]| wardnet_journal::record::fuzz_record(bytes));\n",
    );
    const MANIFEST: (&str, &str) =
        ("fuzz/Cargo.toml", "path = \"fuzz_targets/journal_record.rs\"\n");
    const SEED: (&str, &str) = ("fuzz/corpus/journal_record/one", "1");

    fn messages(files: &[(&str, &str)]) -> Vec<String> {
        targets(&made_up(files)).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_whole_set_is_fine() {
        assert_eq!(messages(&[DECODER, TARGET, MANIFEST, SEED]), [""; 0]);
    }

    #[test]
    fn whatever_is_missing_is_found() {
        assert!(messages(&[DECODER])[0].contains("has no target"));
        assert!(messages(&[DECODER, TARGET, SEED])[0].contains("not listed"));
        assert!(messages(&[DECODER, TARGET, MANIFEST])[0].contains("at least one input"));
        assert!(messages(&[TARGET, MANIFEST, SEED])[0].contains("calls no"));
        assert!(messages(&[SEED])[0].contains("belongs to no target"));
        let other = ("crates/score/src/x.rs", DECODER.1);
        assert!(messages(&[DECODER, TARGET, MANIFEST, SEED, other])[0].contains("wardnet_score"));
    }
}
