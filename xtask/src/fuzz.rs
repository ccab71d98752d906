//! `cargo xtask fuzz`: builds the fuzz targets with the stable compiler and runs them.
//!
//! Coverage instrumentation is an ordinary LLVM pass; only the address sanitizer's flag is
//! unstable, and `RUSTC_BOOTSTRAP=1` opens it. So one toolchain does for everything. The package
//! is laid out as cargo-fuzz expects, for those who prefer that tool and a nightly compiler.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process::{self, cargo};

/// What cargo-fuzz passes too: edge counters, a table of their places, and operands of comparisons.
const RUSTFLAGS: [&str; 8] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Zsanitizer=address",
];

/// A slower input than this is a finding.
const INPUT_SECS_MAX: u32 = 10;
/// A target that holds more memory than this is a finding; the sanitizer's own needs are in it.
const MEMORY_MIB_MAX: u32 = 2048;

/// Which targets to run, and for how long.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// One target, or all of them.
    target: Option<String>,
    /// How long to look for new inputs; without it the corpus is replayed once.
    seconds: Option<u32>,
}

impl Options {
    /// Reads `[TARGET] [--seconds N]`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        match words {
            [] => Ok(Self::default()),
            ["--seconds", seconds, rest @ ..] => {
                let number = seconds.parse().with_context(|| {
                    format!("--seconds takes a whole number of seconds, not `{seconds}`")
                })?;
                Ok(Self { seconds: Some(number), ..Self::parse(rest)? })
            }
            [name, rest @ ..] if !name.starts_with('-') => {
                Ok(Self { target: Some((*name).to_owned()), ..Self::parse(rest)? })
            }
            [word, ..] => {
                bail!("`cargo xtask fuzz` knows no `{word}`, only TARGET and --seconds N")
            }
        }
    }
}

/// Builds the chosen targets, then replays or fuzzes one after the other.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let targets = targets(root, options.target.as_deref())?;
    let built = build(root, options.target.as_deref())?;
    for target in &targets {
        let mut command = command(root, &built, target, options.seconds)?;
        if options.seconds.is_some() {
            process::run(&mut command)?;
        } else {
            // libFuzzer is talkative: what it says matters only when it fails.
            process::output(&mut command)?;
            println!("replayed fuzz/corpus/{target}");
        }
    }
    Ok(())
}

/// The binaries of the fuzz package, as Cargo sees them.
fn targets(root: &Path, only: Option<&str>) -> Result<Vec<String>> {
    let words = ["metadata", "--no-deps", "--format-version=1", "--manifest-path=fuzz/Cargo.toml"];
    let metadata: serde_json::Value =
        serde_json::from_str(&process::output(&mut cargo(root, words))?)?;
    let listed = metadata["packages"][0]["targets"].as_array().context("fuzz has no targets")?;
    let names: Vec<String> =
        listed.iter().filter_map(|target| target["name"].as_str().map(str::to_owned)).collect();
    match only {
        None => Ok(names),
        Some(name) if names.iter().any(|known| known == name) => Ok(vec![name.to_owned()]),
        Some(name) => bail!("there is no fuzz target `{name}`; there are: {}", names.join(", ")),
    }
}

/// Where a build leaves its results.
struct Built {
    /// The folder of the executables.
    executables: PathBuf,
    /// The folder for inputs that fuzzing finds interesting, outside the repository.
    found: PathBuf,
}

/// Builds for an explicit target triple, so that build scripts and macros are not instrumented.
fn build(root: &Path, only: Option<&str>) -> Result<Built> {
    let folder = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |folder| root.join(folder))
        .join("fuzz");
    let host = host(root)?;
    let mut build = cargo(root, ["build", "--release", "--manifest-path", "fuzz/Cargo.toml"]);
    build.args(["--target", &host]).arg("--target-dir").arg(&folder);
    match only {
        Some(name) => build.args(["--bin", name]),
        None => build.arg("--bins"),
    };
    build.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", RUSTFLAGS.join(" "));
    process::run(&mut build)?;
    Ok(Built { executables: folder.join(host).join("release"), found: folder.join("corpus") })
}

fn host(root: &Path) -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = process::output(Command::new(rustc).current_dir(root).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("`rustc -vV` names no host")
}

/// One run of libFuzzer. New inputs go to its first folder, which lies outside the repository.
fn command(root: &Path, built: &Built, target: &str, seconds: Option<u32>) -> Result<Command> {
    let found = built.found.join(target);
    let artifacts = root.join("fuzz/artifacts").join(target);
    std::fs::create_dir_all(&found)?;
    std::fs::create_dir_all(&artifacts)?;
    let mut command = Command::new(built.executables.join(target));
    match seconds {
        Some(seconds) => command.arg(format!("-max_total_time={seconds}")).arg(found),
        None => command.arg("-runs=0"),
    };
    command
        .arg(format!("-timeout={INPUT_SECS_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(root.join("fuzz/corpus").join(target));
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        assert_eq!(Options::parse(&[]).unwrap(), Options::default());
        let both = Options { target: Some("journal_record".to_owned()), seconds: Some(60) };
        assert_eq!(Options::parse(&["journal_record", "--seconds", "60"]).unwrap(), both);
        assert_eq!(Options::parse(&["--seconds", "60", "journal_record"]).unwrap(), both);
        assert!(Options::parse(&["--seconds", "soon"]).is_err());
        assert!(Options::parse(&["--runs"]).is_err());
    }
}
