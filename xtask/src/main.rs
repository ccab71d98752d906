//! The repository's own commands, run as `cargo xtask COMMAND`.
//!
//! | command | what it does |
//! |---|---|
//! | `check [--fast]` | everything a change must pass; `--fast` leaves out the slow steps |
//! | `tidy` | the rules of the repository that no compiler knows |
//! | `conformance [NAME]` | other people's clients and suites against a running Wardnet |
//! | `eval url\|domain` | learns the models that ship and reports how good they are |
//! | `eval page` | measures how long the longest pages take |
//! | `fuzz [TARGET] [--seconds N]` | replays the corpora, or fuzzes for a while |
//!
//! Read [`check`] for what a change must pass, and [`tidy`] for the rules.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

mod check;
mod conformance;
mod eval;
mod fuzz;
mod process;
mod steps;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  check [--fast]                 format, tidy, clippy, tests; without --fast also doctests, docs,
                                 fuzz corpora and the dependency rules
  tidy                           the rules of the repository
  conformance [NAME]             conformance/*/run, or only conformance/NAME/run
  eval url|domain                learns the model that ships from WARDNET_DATA, and reports on it;
                                 with NAME=VALUE settings, reports only; `scores=FILE` writes all
                                 scores and folds, `speed` measures the model that ships
  eval page                      how long the longest pages take
  fuzz [TARGET] [--seconds N]    replays fuzz/corpus; with --seconds, fuzzes each target N seconds";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<()> {
    let root = root()?;
    match words {
        ["check"] => check::run(&root, check::Extent::Full),
        ["check", "--fast"] => check::run(&root, check::Extent::Fast),
        ["tidy"] => tidy::run(&root),
        ["conformance"] => conformance::run(&root, None),
        ["conformance", name] => conformance::run(&root, Some(name)),
        ["eval", rest @ ..] => eval::run(&root, rest),
        ["fuzz", rest @ ..] => fuzz::run(&root, &fuzz::Options::parse(rest)?),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => bail!("not a command: `{}`\n\n{USAGE}", words.join(" ")),
    }
}

/// The folder of the repository: the one above this package.
fn root() -> Result<PathBuf> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package.parent().context("xtask lies in no repository")?;
    Ok(root.to_path_buf())
}
