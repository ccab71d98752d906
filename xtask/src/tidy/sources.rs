//! Rules for single source files.

use super::Finding;
use super::rust::{has_word, split};
use super::tree::Tree;

/// A file with this many lines is too long.
const LINES_MAX: usize = 800;
/// A file longer than this is named in the summary.
const LINES_AIM: usize = 400;

/// Words that mark work left over; a reference to an issue in brackets makes them legitimate.
const MARKERS: [&str; 3] = ["TODO", "FIXME", "XXX"];

/// Every Rust file opens with a `//!` sentence that says what it is for.
pub(super) fn headers(tree: &Tree) -> Vec<Finding> {
    let untold = tree.rust().filter(|file| !opens_with_sentence(file.text()));
    untold
        .map(|file| {
            Finding::new(&file.path, 1, "open the file with a `//!` sentence on what it is for")
        })
        .collect()
}

fn opens_with_sentence(text: &str) -> bool {
    let doc = text.lines().map_while(|line| line.strip_prefix("//!"));
    let paragraph: Vec<&str> = doc.map(str::trim).take_while(|line| !line.is_empty()).collect();
    paragraph.last().is_some_and(|line| line.ends_with(['.', ':', '!', '?']))
}

/// No Rust file is too long to be read in one sitting.
pub(super) fn lengths(tree: &Tree) -> Vec<Finding> {
    let counted = tree.rust().map(|file| (file, file.text().lines().count()));
    counted
        .filter(|(_, lines)| *lines >= LINES_MAX)
        .map(|(file, lines)| {
            let message = format!("{lines} lines: split the file to stay under {LINES_MAX}");
            Finding::new(&file.path, lines, message)
        })
        .collect()
}

/// The files that are longer than they should be and not yet too long.
pub(super) fn long_files(tree: &Tree) -> Vec<(&str, usize)> {
    let counted = tree.rust().map(|file| (file.path.as_str(), file.text().lines().count()));
    counted.filter(|(_, lines)| *lines > LINES_AIM).collect()
}

/// Nothing is left over: no marker without an issue's number, no unfinished function.
pub(super) fn leftovers(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        let is_rust = file.path.ends_with(".rs");
        if !is_rust && !is_maintained_text(&file.path) {
            continue;
        }
        let halves = is_rust.then(|| split(file.text()));
        let prose = halves.as_ref().map_or(file.text(), |halves| &halves.comments);
        for (at, line) in prose.lines().enumerate() {
            if let Some(marker) = MARKERS.iter().find(|marker| is_bare(line, marker)) {
                let message = format!("`{marker}` without an issue: do it, or write {marker}(#1)");
                findings.push(Finding::new(&file.path, at + 1, message));
            }
        }
        let code = halves.as_ref().map_or("", |halves| &halves.code);
        for (at, line) in code.lines().enumerate() {
            if has_word(line, "todo!") || has_word(line, "unimplemented!") {
                findings.push(Finding::new(&file.path, at + 1, "an unfinished function"));
            }
        }
    }
    findings
}

fn is_maintained_text(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let known = [".md", ".toml", ".sh"].iter().any(|extension| name.ends_with(extension));
    known || matches!(name, "Makefile" | "run")
}

/// A marker that is neither quoted as `MARKER` nor followed by the number of an issue.
fn is_bare(line: &str, marker: &str) -> bool {
    let rest = line.replace(&format!("`{marker}`"), "").replace(&format!("{marker}(#"), "");
    has_word(&rest, marker)
}

/// No test is switched off: assert what happens today, and say why that is wrong.
pub(super) fn ignored_tests(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (at, line) in split(file.text()).code.lines().enumerate() {
            if line.contains("#[ignore") {
                let message = "assert today's behaviour and say why it is wrong; ignore no test";
                findings.push(Finding::new(&file.path, at + 1, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tree::made_up;
    use super::*;

    #[test]
    fn headers_are_sentences() {
        let tree = made_up(&[
            ("a.rs", "//! Reads\n//! feeds.\n//!\n//! More\n\nfn f() {}\n"),
            ("b.rs", "// Reads feeds.\nfn f() {}\n"),
            ("c.rs", "//! feeds\n"),
            ("d.rs", ""),
            ("e.md", "no Rust"),
        ]);
        let paths: Vec<_> = headers(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(paths, ["b.rs", "c.rs", "d.rs"]);
    }

    #[test]
    fn long_files_are_found() {
        let (long, fine, short) = ("x\n".repeat(800), "x\n".repeat(799), "x\n".repeat(400));
        let tree = made_up(&[("a.rs", &long), ("b.rs", &fine), ("c.rs", &short)]);
        assert_eq!(lengths(&tree).len(), 1);
        assert_eq!(long_files(&tree), [("a.rs", 800), ("b.rs", 799)]);
    }

    #[test]
    fn leftovers_are_found_in_comments_and_code() {
        let tree = made_up(&[
            ("a.rs", "f(\"TODO\");\n// TODO later\n// TODO(#12) later\ntodo!();\n"),
            ("b.md", "never a `TODO`\nFIXME\nmktemp XXXXXX\n"),
            ("c.csv", "TODO,1\n"),
        ]);
        let places: Vec<_> = leftovers(&tree).into_iter().map(|f| (f.path, f.line)).collect();
        let expected = [("a.rs", 2), ("a.rs", 4), ("b.md", 2)];
        assert_eq!(places, expected.map(|(path, line)| (path.to_owned(), line)));
    }

    #[test]
    fn ignored_tests_are_found() {
        let tree = made_up(&[("a.rs", "//! `#[ignore]`.\n#[test]\n#[ignore = \"slow\"]\n")]);
        assert_eq!(ignored_tests(&tree).len(), 1);
    }
}
