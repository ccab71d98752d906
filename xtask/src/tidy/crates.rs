//! The architecture of the workspace: arrows between crates, and what pure crates keep out.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Finding;
use super::modules::{Use, reached};
use super::rust::{lines_with, split, used_paths, without_tests};
use super::tree::Tree;
use crate::process::{self, cargo};

/// The layer of each crate under `crates/`. A crate imports only from layers below its own.
const LAYERS: [(&str, u8); 13] = [
    ("model", 0),
    ("score", 1),
    ("analyze", 1),
    ("wire", 1),
    ("verdictdb", 1),
    ("journal", 1),
    ("server", 2),
    ("workers", 2),
    ("store", 2),
    ("collect", 3),
    ("identify", 3),
    ("protect", 3),
    ("wardnet", 4),
];

/// Arrows within a layer that are allowed, each with its reason.
const LEVEL_ARROWS: [(&str, &str, &str); 1] = [("server", "store", "tokens are kept in the store")];

/// Crates that do no I/O: time arrives as an argument, bytes as slices.
const PURE: [&str; 5] = ["model", "score", "verdictdb", "wire", "analyze"];

/// Packages that bring sockets or a runtime.
const IMPURE_PACKAGES: [&str; 6] = ["tokio", "mio", "hyper", "socket2", "reqwest", "ureq"];

/// What pure sources do not name.
const IMPURE_WORDS: [&str; 8] = [
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::fs",
    "std::env",
    "std::process",
    "SystemTime",
    "Instant::now",
];

/// Words that one pure file may name all the same, each with its reason.
const EXCEPTIONS: [(&str, &str, &str); 1] =
    [("crates/verdictdb/src/map.rs", "std::fs", "maps a database file, the one I/O of the crate")];

/// A package of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    /// The package's name, as in `wardnet-model`.
    name: String,
    /// Its folder, relative to the root.
    folder: String,
    /// The folders of the workspace packages it depends on, in any way: also for tests.
    depends: Vec<String>,
}

impl Package {
    /// The name of its folder, if that lies under `crates/`.
    fn crate_name(&self) -> Option<&str> {
        self.folder.strip_prefix("crates/")
    }

    fn finding(&self, message: String) -> Finding {
        Finding::new(&format!("{}/Cargo.toml", self.folder), 1, message)
    }
}

/// All packages of the workspace, as Cargo describes them.
pub(super) fn packages(root: &Path) -> Result<Vec<Package>> {
    let words = ["metadata", "--no-deps", "--offline", "--format-version=1"];
    let metadata: Value = serde_json::from_str(&process::output(&mut cargo(root, words))?)?;
    let root = metadata["workspace_root"].as_str().context("cargo names no workspace root")?;
    let listed = metadata["packages"].as_array().context("cargo lists no packages")?;
    listed.iter().map(|package| read_package(Path::new(root), package)).collect()
}

fn read_package(root: &Path, package: &Value) -> Result<Package> {
    let inside = |path: &Path| Some(path.strip_prefix(root).ok()?.to_str()?.to_owned());
    let name = package["name"].as_str().context("a package has no name")?;
    let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
    let folder = manifest.parent().and_then(inside).context("a package lies outside")?;
    let depends = package["dependencies"].as_array().into_iter().flatten();
    let depends = depends.filter_map(|on| inside(Path::new(on["path"].as_str()?))).collect();
    Ok(Package { name: name.to_owned(), folder, depends })
}

/// Arrows point down the layers, dependencies of tests included, and names follow folders.
pub(super) fn arrows(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let Some(name) = package.crate_name() else { continue };
        if package.name != published_name(name) {
            let wanted = published_name(name);
            findings.push(package.finding(format!("name the package `{wanted}` after its folder")));
        }
        let Some(layer) = layer(name) else {
            findings.push(package.finding(format!("`{name}` has no layer in xtask's LAYERS")));
            continue;
        };
        for target in &package.depends {
            if let Some(message) = wrong_arrow(name, layer, target) {
                findings.push(package.finding(message));
            }
        }
    }
    findings
}

fn published_name(name: &str) -> String {
    if name == "wardnet" { name.to_owned() } else { format!("wardnet-{name}") }
}

fn layer(name: &str) -> Option<u8> {
    LAYERS.iter().find(|(known, _)| *known == name).map(|(_, layer)| *layer)
}

fn wrong_arrow(name: &str, from: u8, target: &str) -> Option<String> {
    let Some(on) = target.strip_prefix("crates/") else {
        return Some(format!("`{name}` depends on `{target}`, which is no part of the product"));
    };
    let level = LEVEL_ARROWS.iter().any(|(start, end, _)| *start == name && *end == on);
    let down = layer(on).is_none_or(|to| to < from);
    (!down && !level).then(|| format!("`{name}` depends on `{on}`: arrows only point down"))
}

/// Nothing that a pure crate is built from brings sockets or a runtime.
pub(super) fn pure_dependencies(root: &Path, packages: &[Package]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in packages {
        if !package.crate_name().is_some_and(|name| PURE.contains(&name)) {
            continue;
        }
        let mut words = vec!["tree", "--edges=normal", "--prefix=none"];
        words.extend(["--package", &package.name]);
        let listed = process::output(&mut cargo(root, words))?;
        findings.extend(impure_packages(package, &listed));
    }
    Ok(findings)
}

/// The forbidden packages in `listed`, which has lines like `tokio v1.54.0`.
fn impure_packages(package: &Package, listed: &str) -> Vec<Finding> {
    let names: BTreeSet<&str> =
        listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let impure = IMPURE_PACKAGES.iter().filter(|name| names.contains(*name));
    impure
        .map(|name| {
            package.finding(format!("a pure crate is built with `{name}`: find it by `cargo tree`"))
        })
        .collect()
}

/// The sources of pure crates name no sockets, files, processes, environment or clock.
pub(super) fn pure_sources(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut used_exceptions = BTreeSet::new();
    let product = reached(tree).into_iter().filter(|(_, used)| *used == Use::Product);
    for (path, _) in product.filter(|(path, _)| is_pure(path)) {
        let Some(file) = tree.file(&path) else { continue };
        for (line, word) in impure_words(file.text()) {
            let exception = EXCEPTIONS.iter().find(|(at, what, _)| *at == path && *what == word);
            if let Some((at, ..)) = exception {
                used_exceptions.insert(*at);
            } else {
                let message = format!("a pure crate names `{word}`: take it as an argument");
                findings.push(Finding::new(&path, line, message));
            }
        }
    }
    let stale = EXCEPTIONS.iter().filter(|(path, ..)| {
        let folder = path.split("/src/").next().unwrap_or_default();
        tree.has(folder) && !used_exceptions.contains(path)
    });
    findings.extend(stale.map(|(path, word, _)| {
        Finding::new(path, 1, format!("no longer needs its exception for `{word}`: take it out"))
    }));
    findings
}

fn is_pure(path: &str) -> bool {
    let inside = path.strip_prefix("crates/").and_then(|rest| rest.split_once("/src/"));
    inside.is_some_and(|(name, _)| PURE.contains(&name))
}

/// Every forbidden word in the code of `text` outside its tests: written out, or imported.
fn impure_words(text: &str) -> BTreeSet<(usize, &'static str)> {
    let code = without_tests(&split(text).code);
    let imports = used_paths(&code);
    let mut found = BTreeSet::new();
    for word in IMPURE_WORDS {
        found.extend(lines_with(&code, word).into_iter().map(|line| (line, word)));
        let imported = imports.iter().filter(|(_, path)| is_or_is_under(path, word));
        found.extend(imported.map(|(line, _)| (*line, word)));
    }
    found
}

fn is_or_is_under(path: &str, word: &str) -> bool {
    path.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::super::tree::made_up;
    use super::*;

    fn package(name: &str, depends: &[&str]) -> Package {
        Package {
            name: published_name(name),
            folder: format!("crates/{name}"),
            depends: depends.iter().map(|on| format!("crates/{on}")).collect(),
        }
    }

    fn messages(packages: &[Package]) -> Vec<String> {
        arrows(packages).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn arrows_point_down() {
        let fine = [
            package("model", &[]),
            package("journal", &["model"]),
            package("server", &["store", "model"]),
            package("protect", &["server", "verdictdb"]),
            package("wardnet", &["collect", "identify", "protect", "model"]),
        ];
        assert_eq!(messages(&fine), [""; 0]);
        for (from, to) in [
            ("model", "score"),
            ("journal", "verdictdb"),
            ("store", "server"),
            ("protect", "identify"),
            ("collect", "wardnet"),
        ] {
            let expected = format!("`{from}` depends on `{to}`: arrows only point down");
            assert_eq!(messages(&[package(from, &[to])]), [expected]);
        }
    }

    #[test]
    fn strange_packages_are_found() {
        assert_eq!(
            messages(&[package("helpers", &[])]),
            ["`helpers` has no layer in xtask's LAYERS"]
        );
        let misnamed = Package { name: "model".to_owned(), ..package("model", &[]) };
        assert!(messages(&[misnamed])[0].contains("`wardnet-model`"));
        let outward = Package { depends: vec!["xtask".to_owned()], ..package("model", &[]) };
        assert!(messages(&[outward])[0].contains("no part of the product"));
    }

    #[test]
    fn a_runtime_in_a_pure_crate_is_found() {
        let listed = "wardnet-model v0.1.0 (/r/crates/model)\nsha2 v0.10.9\ntokio v1.54.0 (*)\n";
        let findings = impure_packages(&package("model", &[]), listed);
        assert_eq!(findings.len(), 1);
        assert_eq!(impure_packages(&package("model", &[]), "tokio-util v1.0.0\n"), []);
    }

    #[test]
    fn input_and_output_in_pure_sources_is_found() {
        let tree = made_up(&[
            ("crates/model/src/lib.rs", "//! Not `std::fs`.\nuse std::{io, fs::File};\nmod b;\n"),
            ("crates/model/src/b.rs", "fn f() { std::env::var(\"std::process\"); }\nmod tests;\n"),
            ("crates/score/src/lib.rs", "#[cfg(test)]\nmod tests { use std::fs; }\n"),
            ("crates/journal/src/lib.rs", "use std::fs;\n"),
        ]);
        let found: Vec<_> = pure_sources(&tree).into_iter().map(|f| (f.path, f.line)).collect();
        let expected = [("crates/model/src/b.rs", 1), ("crates/model/src/lib.rs", 2)];
        assert_eq!(found, expected.map(|(path, line)| (path.to_owned(), line)));
    }

    #[test]
    fn exceptions_hold_while_they_are_needed() {
        let (path, ..) = EXCEPTIONS[0];
        let root = ("crates/verdictdb/src/lib.rs", "mod map;");
        let count = |text| pure_sources(&made_up(&[root, (path, text)])).len();
        assert_eq!(count("use std::fs::File;"), 0);
        assert_eq!(count("use std::fs::File;\nuse std::net::UdpSocket;"), 1);
        assert_eq!(count(""), 1);
    }

    #[test]
    fn cargo_describes_this_workspace() {
        let packages = packages(&crate::root().unwrap()).unwrap();
        let journal = packages.iter().find(|package| package.name == "wardnet-journal").unwrap();
        assert_eq!(journal.folder, "crates/journal");
        assert!(journal.depends.contains(&"crates/model".to_owned()));
    }
}
