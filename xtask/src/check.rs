//! `cargo xtask check`: everything a change must pass, quickest first.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::process::{self, cargo};
use crate::steps::Steps;
use crate::{fuzz, tidy};

/// How much is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What one runs before every commit.
    Fast,
    /// What continuous integration runs.
    Full,
}

/// Runs the steps in order and stops at the first that fails.
pub(crate) fn run(root: &Path, extent: Extent) -> Result<()> {
    let mut steps = Steps::default();
    steps.run("format", || format(root))?;
    steps.run("tidy", || tidy::run(root))?;
    steps.run("clippy", || {
        let words = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        process::run(&mut cargo(root, words))
    })?;
    steps.run("tests", || tests(root))?;
    if extent == Extent::Full {
        steps.run("doctests", || {
            process::run(&mut cargo(root, ["test", "--quiet", "--workspace", "--doc"]))
        })?;
        steps.run("docs", || {
            let mut doc = cargo(root, ["doc", "--workspace", "--no-deps"]);
            process::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
        })?;
        steps.run("fuzz corpora", || fuzz::run(root, &fuzz::Options::default()))?;
        steps.run("dependency rules", || dependency_rules(root))?;
    }
    steps.finish();
    Ok(())
}

fn format(root: &Path) -> Result<()> {
    process::run(&mut cargo(root, ["fmt", "--all", "--check"]))?;
    process::run(&mut cargo(root, ["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"]))
}

/// nextest where it is installed (it isolates tests and stops those that hang), or `cargo test`.
fn tests(root: &Path) -> Result<()> {
    if process::works(&mut cargo(root, ["nextest", "--version"])) {
        return process::run(&mut cargo(root, ["nextest", "run", "--workspace"]));
    }
    println!("cargo-nextest is not installed: using `cargo test`");
    process::run(&mut cargo(root, ["test", "--workspace", "--lib", "--bins", "--tests"]))
}

/// Licences, bans and origins of all dependencies. Advisories need the internet: not here.
fn dependency_rules(root: &Path) -> Result<()> {
    let Some(program) = cargo_deny() else {
        println!("cargo-deny is not installed: skipped (`scripts/setup.sh test` installs it)");
        return Ok(());
    };
    let mut deny = Command::new(program);
    deny.current_dir(root).args(["--workspace", "--log-level", "error"]);
    process::run(deny.args(["check", "bans", "licenses", "sources"]))
}

/// cargo-deny from the path, or else from where `scripts/setup.sh` puts it.
fn cargo_deny() -> Option<PathBuf> {
    let cached =
        std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache/wardnet/bin/cargo-deny"));
    [Some(PathBuf::from("cargo-deny")), cached]
        .into_iter()
        .flatten()
        .find(|program| process::works(Command::new(program).arg("--version")))
}
