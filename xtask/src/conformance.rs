//! `cargo xtask conformance`: other people's clients and suites against a running Wardnet.
//!
//! A case is a folder `conformance/NAME` with an executable `run`, whose exit status is the
//! verdict. `conformance/README.md` has the rules for cases.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process::{self, cargo};
use crate::steps::Steps;

/// A case takes a minute or two, and some more where its packages must be installed.
const CASE_MAX: &str = "20m";

/// Builds the binary and runs all cases in the order of their names, or only the one called `only`.
pub(crate) fn run(root: &Path, only: Option<&str>) -> Result<()> {
    let cases = cases(&root.join("conformance"), only)?;
    let mut steps = Steps::default();
    let mut binary = PathBuf::new();
    steps.run("build wardnet", || {
        binary = build(root)?;
        Ok(())
    })?;
    for case in &cases {
        let name = case.file_name().unwrap_or_default().to_string_lossy();
        steps.run(&format!("conformance {name}"), || {
            let mut command = bounded(&case.join("run"));
            process::run(command.current_dir(case).env("WARDNET_BIN", &binary))
        })?;
    }
    steps.finish();
    Ok(())
}

/// The command with an end: what hangs is stopped with all that it started, and has failed.
fn bounded(run: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=30", CASE_MAX]).arg(run);
    command
}

/// Builds `wardnet`, and gives back the path of the executable as Cargo reports it.
fn build(root: &Path) -> Result<PathBuf> {
    let words = ["build", "--package", "wardnet", "--message-format", "json-render-diagnostics"];
    let mut build = cargo(root, words);
    build.stderr(std::process::Stdio::inherit());
    let messages = process::output(&mut build)?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "wardnet")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("the package `wardnet` has no executable of that name")
}

fn cases(folder: &Path, only: Option<&str>) -> Result<Vec<PathBuf>> {
    let entries = folder.read_dir().with_context(|| format!("cannot read {}", folder.display()))?;
    let mut cases = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.join("run").is_file() && only.is_none_or(|name| path.ends_with(name)) {
            cases.push(path);
        }
    }
    cases.sort();
    match (cases.is_empty(), only) {
        (false, _) => Ok(cases),
        (true, Some(name)) => bail!("there is no conformance/{name}/run"),
        (true, None) => bail!("no case found: {} has no */run", folder.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cases_is_a_failure() {
        let empty = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let error = cases(&empty, None).unwrap_err();
        assert!(error.to_string().starts_with("no case found"), "{error}");
        let error = cases(&empty, Some("openapi")).unwrap_err();
        assert_eq!(error.to_string(), "there is no conformance/openapi/run");
    }

    #[test]
    fn cases_are_found_by_name() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("conformance");
        assert_eq!(cases(&folder, Some("openapi")).unwrap(), [folder.join("openapi")]);
    }
}
