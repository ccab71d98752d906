//! The module tree of each package: which files belong to it, and which only to its tests.

use std::collections::BTreeMap;

use super::Finding;
use super::rust::{is_word, split, without_tests};
use super::tree::Tree;

/// Whether a file is compiled for tests only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    Product,
    TestsOnly,
}

/// Every file that some `mod` reaches from the roots of the packages.
pub(super) fn reached(tree: &Tree) -> BTreeMap<String, Use> {
    let mut reached = BTreeMap::new();
    let mut open: Vec<(String, Use)> =
        tree.rust().filter_map(|file| Some((file.path.clone(), root_use(&file.path)?))).collect();
    while let Some((path, used)) = open.pop() {
        if reached.get(&path).is_some_and(|known| *known <= used) {
            continue;
        }
        let text = tree.file(&path).map_or("", |file| file.text());
        for (name, declared) in declarations(text) {
            let candidates = candidates(&path, &name);
            let found = candidates.into_iter().find(|candidate| tree.file(candidate).is_some());
            open.extend(found.map(|child| (child, declared.max(used))));
        }
        reached.insert(path, used);
    }
    reached
}

/// A file that nothing compiles is dead: it misleads its readers and rots.
pub(super) fn dead_files(tree: &Tree) -> Vec<Finding> {
    let reached = reached(tree);
    tree.rust()
        .filter(|file| !reached.contains_key(&file.path))
        .map(|file| Finding::new(&file.path, 1, "no `mod` reaches this file: declare or delete it"))
        .collect()
}

/// What Cargo compiles by itself: `src/lib.rs`, `tests/it/main.rs`, `fuzz_targets/x.rs` and so on.
fn root_use(path: &str) -> Option<Use> {
    let parts: Vec<&str> = path.split('/').collect();
    let inside = match parts.as_slice() {
        ["crates", _, inside @ ..] | [_, inside @ ..] => inside,
        [] => return None,
    };
    match inside {
        ["src", "lib.rs" | "main.rs"] | ["build.rs"] => Some(Use::Product),
        ["src", "bin", _] | ["src", "bin", _, "main.rs"] => Some(Use::Product),
        ["fuzz_targets", _] => Some(Use::Product),
        ["tests" | "benches" | "examples", _] => Some(Use::TestsOnly),
        ["tests" | "benches" | "examples", _, "main.rs"] => Some(Use::TestsOnly),
        _ => None,
    }
}

/// The names of all `mod NAME;`, each with whether it stands behind `#[cfg(test)]`.
fn declarations(text: &str) -> Vec<(String, Use)> {
    let code = split(text).code;
    let product = module_names(&without_tests(&code));
    let tests = module_names(&code).into_iter().filter(|name| !product.contains(name));
    let tests: Vec<_> = tests.map(|name| (name, Use::TestsOnly)).collect();
    product.into_iter().map(|name| (name, Use::Product)).chain(tests).collect()
}

fn module_names(code: &str) -> Vec<String> {
    let words = code.match_indices("mod ").filter(|(at, _)| {
        !code.get(..*at).and_then(|before| before.chars().next_back()).is_some_and(is_word)
    });
    words
        .filter_map(|(at, word)| code.get(at + word.len()..)?.split_once(';'))
        .map(|(name, _)| name.trim().trim_start_matches("r#").to_owned())
        .filter(|name| !name.is_empty() && name.chars().all(is_word))
        .collect()
}

/// Where the file of module `name` may lie when the file at `path` declares it.
fn candidates(path: &str, name: &str) -> [String; 2] {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let is_root = root_use(path).is_some() || file == "mod.rs";
    let folder = match file.strip_suffix(".rs") {
        Some(stem) if !is_root => format!("{folder}/{stem}"),
        _ => folder.to_owned(),
    };
    [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]
}

#[cfg(test)]
mod tests {
    use super::super::tree::made_up;
    use super::*;

    #[test]
    fn dead_files_are_found() {
        let tree = made_up(&[
            ("crates/a/src/lib.rs", "pub mod b;\nmod c {\n}\n// mod dead;\n"),
            ("crates/a/src/b.rs", "#[cfg(test)]\nmod tests;\nmod deep;\n"),
            ("crates/a/src/b/tests.rs", ""),
            ("crates/a/src/b/deep/mod.rs", "mod deeper;"),
            ("crates/a/src/b/deep/deeper.rs", ""),
            ("crates/a/src/dead.rs", ""),
            ("crates/a/tests/it/main.rs", "mod one;"),
            ("crates/a/tests/it/one.rs", ""),
            ("crates/a/tests/it/dead.rs", ""),
            ("fuzz/fuzz_targets/x.rs", ""),
        ]);
        let dead: Vec<_> = dead_files(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(dead, ["crates/a/src/dead.rs", "crates/a/tests/it/dead.rs"]);
    }

    #[test]
    fn what_only_tests_use_is_known() {
        let tree = made_up(&[
            ("crates/a/src/lib.rs", "mod b;\n#[cfg(test)]\nmod fixtures;\n"),
            ("crates/a/src/b.rs", ""),
            ("crates/a/src/fixtures.rs", "mod inner;"),
            ("crates/a/src/fixtures/inner.rs", ""),
        ]);
        let reached = reached(&tree);
        assert_eq!(reached["crates/a/src/b.rs"], Use::Product);
        assert_eq!(reached["crates/a/src/fixtures.rs"], Use::TestsOnly);
        assert_eq!(reached["crates/a/src/fixtures/inner.rs"], Use::TestsOnly);
    }
}
