//! `cargo xtask tidy`: the rules of the repository that no compiler knows.
//!
//! A rule is a function from the [`Tree`] of files to findings. Those of [`crates`] also take what
//! Cargo says of the packages. Every rule has tests on made-up files that show it can fail.

mod crates;
mod files;
mod fuzzing;
mod modules;
mod prose;
mod rust;
mod sources;
mod tree;

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};

use self::tree::Tree;

/// A breach of a rule, shown as `path:line: message`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// The rules that need nothing but the files.
const FILE_RULES: [fn(&Tree) -> Vec<Finding>; 12] = [
    sources::headers,
    sources::lengths,
    sources::leftovers,
    sources::ignored_tests,
    modules::dead_files,
    crates::pure_sources,
    fuzzing::targets,
    prose::architecture_paths,
    prose::links,
    prose::fragments,
    files::sizes,
    files::shell_scripts,
];

/// Checks the repository at `root` and prints what it finds; fails if that is anything.
pub(crate) fn run(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let findings = findings(root, &tree)?;
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("tidy has {} findings", findings.len());
    }
    let long = sources::long_files(&tree);
    println!("tidy: {} files, {} of them over 400 lines", tree.files.len(), long.len());
    for (path, lines) in long {
        println!("  {lines:>4} {path}");
    }
    Ok(())
}

fn findings(root: &Path, tree: &Tree) -> Result<Vec<Finding>> {
    let packages = crates::packages(root)?;
    let mut findings: Vec<Finding> = FILE_RULES.iter().flat_map(|rule| rule(tree)).collect();
    findings.extend(crates::arrows(&packages));
    findings.extend(crates::pure_dependencies(root, &packages)?);
    findings.sort();
    findings.dedup();
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let root = crate::root().unwrap();
        let tree = Tree::read(&root).unwrap();
        let findings: Vec<String> =
            findings(&root, &tree).unwrap().iter().map(Finding::to_string).collect();
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }
}
