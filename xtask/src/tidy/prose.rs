//! Prose is tested: paths and links that a page names exist, changelog fragments are well named.

use super::Finding;
use super::tree::Tree;

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const FRAGMENTS: &str = "changelog.d";
const FRAGMENT_SORTS: [&str; 4] = ["feature", "fix", "breaking", "security"];

/// Every path that ARCHITECTURE.md names exists, and every crate is named there.
pub(super) fn architecture_paths(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.file(ARCHITECTURE) else {
        return vec![Finding::new(ARCHITECTURE, 1, "the page is missing")];
    };
    let mut findings = Vec::new();
    for (line, text) in prose_lines(page.text()) {
        for path in quoted(text).filter(|quoted| is_path(quoted)) {
            if !tree.has(path.trim_end_matches('/')) {
                findings.push(Finding::new(ARCHITECTURE, line, format!("there is no `{path}`")));
            }
        }
    }
    let crates = tree.folders("crates").into_iter();
    let unnamed = crates.filter(|name| !page.text().contains(&format!("`crates/{name}")));
    findings.extend(unnamed.map(|name| {
        Finding::new(ARCHITECTURE, 1, format!("`crates/{name}` is not in the code map"))
    }));
    findings
}

/// The lines outside fenced blocks, numbered from 1.
fn prose_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((at + 1, line))
    })
}

/// What stands between backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether quoted text is meant as a path of this repository rather than as code or a media type.
fn is_path(quoted: &str) -> bool {
    let plain = quoted.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    let media_type = ["application/", "text/"].iter().any(|start| quoted.starts_with(start));
    let file = [".md", ".rs", ".sh", ".toml"].iter().any(|end| quoted.ends_with(end));
    plain && !media_type && !quoted.starts_with('/') && (quoted.contains('/') || file)
}

/// Links to files of the repository lead somewhere.
pub(super) fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in tree.markdown() {
        let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, text) in prose_lines(page.text()) {
            for link in link_targets(text).filter(|link| is_local(link)) {
                let path = link.split('#').next().unwrap_or_default();
                if !path.is_empty() && !resolve(folder, path).is_some_and(|at| tree.has(&at)) {
                    findings.push(Finding::new(&page.path, line, format!("dead link to {link}")));
                }
            }
        }
    }
    findings
}

fn link_targets(line: &str) -> impl Iterator<Item = &str> {
    let outside_code = line.split('`').step_by(2);
    outside_code.flat_map(|text| text.split("](").skip(1).filter_map(|rest| rest.split(')').next()))
}

fn is_local(link: &str) -> bool {
    !link.contains("://") && !link.starts_with("mailto:")
}

/// The path that `link` means on a page in `folder`, or nothing if it leaves the repository.
fn resolve(folder: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Changelog fragments are called `SLUG.SORT.md` and say something.
pub(super) fn fragments(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.starts_with(FRAGMENTS)) {
        if file.name() == "README.md" {
            continue;
        }
        if !is_fragment_name(file.name()) {
            let message =
                format!("name it SLUG.SORT.md, SORT one of {}", FRAGMENT_SORTS.join(", "));
            findings.push(Finding::new(&file.path, 1, message));
        } else if file.text().trim().is_empty() {
            findings.push(Finding::new(&file.path, 1, "an empty changelog fragment"));
        }
    }
    findings
}

fn is_fragment_name(name: &str) -> bool {
    let parts: Vec<&str> = name.split('.').collect();
    let [slug, sort, "md"] = *parts.as_slice() else { return false };
    let slug_char = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !slug.is_empty() && slug.chars().all(slug_char) && FRAGMENT_SORTS.contains(&sort)
}

#[cfg(test)]
mod tests {
    use super::super::tree::made_up;
    use super::*;

    #[test]
    fn architecture_names_what_exists() {
        let page = "See `crates/a/src/lib.rs`, `crates/gone`, `gone.toml`, `a::b`, `text/html`.\n\
                    ```\n`crates/fenced/x`\n```\n`/v1/lookup` and `cargo test -p a/b c`.\n";
        let tree = made_up(&[
            ("ARCHITECTURE.md", page),
            ("crates/a/src/lib.rs", ""),
            ("crates/b/src/lib.rs", ""),
        ]);
        let messages: Vec<_> = architecture_paths(&tree).into_iter().map(|f| f.message).collect();
        let expected = [
            "there is no `crates/gone`",
            "there is no `gone.toml`",
            "`crates/b` is not in the code map",
        ];
        assert_eq!(messages, expected);
        assert_eq!(architecture_paths(&made_up(&[])).len(), 1);
    }

    #[test]
    fn dead_links_are_found() {
        let page = "[a](../README.md#top) [b](b.md) [c](https://x.example/) [d](#here)\n\
                    [e](gone.md) `[f](code.md)` [g](../../out.md)\n";
        let tree = made_up(&[("docs/a.md", page), ("docs/b.md", ""), ("README.md", "")]);
        let messages: Vec<_> = links(&tree).iter().map(Finding::to_string).collect();
        let expected =
            ["docs/a.md:2: dead link to gone.md", "docs/a.md:2: dead link to ../../out.md"];
        assert_eq!(messages, expected);
    }

    #[test]
    fn fragments_are_well_named() {
        let tree = made_up(&[
            ("changelog.d/README.md", ""),
            ("changelog.d/faster-lookups.feature.md", "Lookups are faster."),
            ("changelog.d/empty.fix.md", "\n"),
            ("changelog.d/Odd_name.fix.md", "x"),
            ("changelog.d/other.removed.md", "x"),
        ]);
        let paths: Vec<_> = fragments(&tree).into_iter().map(|finding| finding.path).collect();
        let expected = ["Odd_name.fix.md", "empty.fix.md", "other.removed.md"];
        assert_eq!(paths, expected.map(|name| format!("changelog.d/{name}")));
    }
}
