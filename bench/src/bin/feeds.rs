//! Row "line feeds": from files to answerable verdicts with the journal synced, then once more
//! unchanged.
//!
//! `WARDNET_DATA=DIR feeds [ROUNDS]`

use anyhow::{Context as _, ensure};
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use wardnet_bench::timing::{median, time};
use wardnet_bench::{process, row, server, vectors};

/// What one `feeds update` took and told.
struct Update {
    wall: f64,
    cpu: f64,
    anonymous_max_kb: u64,
    feeds: Vec<Value>,
}

impl Update {
    fn sum(&self, pointer: &str) -> f64 {
        let figures = self.feeds.iter().filter_map(|feed| feed.pointer(pointer)?.as_f64());
        figures.sum()
    }
}

fn main() -> anyhow::Result<()> {
    let rounds: usize = std::env::args().nth(1).map_or(Ok(3), |text| text.parse())?;
    row::machine();
    let (mut cold, mut again) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let folder = tempfile::tempdir()?;
        server::configure(folder.path(), true)?;
        vectors::write_catalogue(folder.path())?;
        cold.push(update(folder.path())?);
        let before = last_seen(folder.path(), SAMPLE)?;
        // `last_seen` counts seconds.
        std::thread::sleep(Duration::from_millis(1_100));
        again.push(update(folder.path())?);
        check(folder.path(), cold.last(), again.last(), &before)?;
    }
    report(&cold, &again)
}

fn report(cold: &[Update], again: &[Update]) -> anyhow::Result<()> {
    let first = cold.first().context("at least one round")?;
    let column = |of: &[Update], figure: fn(&Update) -> f64| median(of.iter().map(figure));
    let rows = first.sum("/import/read");
    let (wall, cpu) = (column(cold, |u| u.wall), column(cold, |u| u.cpu));
    row::head(&["what", "rows/s", "rows", "wall s", "CPU s", "anonymous memory, peak MB"]);
    for (what, of, wall, cpu) in [
        ("cold", cold, wall, cpu),
        ("again, unchanged", again, column(again, |u| u.wall), column(again, |u| u.cpu)),
    ] {
        let memory = column(of, |u| u.anonymous_max_kb as f64 * 1024.0 / 1e6);
        row::row(&[
            what.to_owned(),
            row::thousands(rows / wall),
            row::thousands(rows),
            format!("{wall:.2}"),
            format!("{cpu:.2}"),
            format!("{memory:.0}"),
        ]);
    }
    for feed in &first.feeds {
        if feed.get("outcome").and_then(Value::as_str) != Some("applied") {
            row::note(format!("not applied: {feed}"));
        }
    }
    row::note(format!(
        "{} accepted, {} repeated, {} rejected",
        row::thousands(first.sum("/import/accepted")),
        row::thousands(first.sum("/import/duplicate")),
        row::thousands(first.sum("/import/rejected"))
    ));
    Ok(())
}

/// Runs `feeds update` and watches it.
fn update(folder: &Path) -> anyhow::Result<Update> {
    let cpu_before = process::children_cpu_seconds()?;
    let (wall, done) = time(|| -> anyhow::Result<(String, u64)> {
        let child = server::command(folder)?
            .args(["feeds", "update", "--json"])
            .stdout(Stdio::piped())
            .spawn()?;
        let (output, most) = process::watch(child)?;
        Ok((String::from_utf8(output.stdout)?, most))
    });
    let (printed, anonymous_max_kb) = done?;
    let cpu = process::children_cpu_seconds()? - cpu_before;
    let feeds: Vec<Value> = printed.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    ensure!(feeds.len() == vectors::FEEDS.len(), "every feed tells its outcome");
    Ok(Update { wall: wall.as_secs_f64(), cpu, anonymous_max_kb, feeds })
}

/// A row that several of the feeds list.
const SAMPLE: &str = "allegro.pl-oferta981912111.sbs";

/// When the source that was silent longest last said something of an indicator.
fn last_seen(folder: &Path, indicator: &str) -> anyhow::Result<String> {
    let told = server::output(server::command(folder)?.args(["explain", "--json", indicator]))?;
    let told: Value = serde_json::from_str(&told)?;
    let evidence = told.pointer("/explained/0/evidence").and_then(Value::as_array);
    let seen = evidence.into_iter().flatten().filter_map(|one| one.get("last_seen")?.as_str());
    let oldest = seen.min().with_context(|| format!("{indicator} is listed"))?;
    Ok(oldest.to_owned())
}

/// Checks that rows answer, and that the second run renewed what the first accepted.
fn check(
    folder: &Path,
    cold: Option<&Update>,
    again: Option<&Update>,
    before: &str,
) -> anyhow::Result<()> {
    let (Some(cold), Some(again)) = (cold, again) else { return Ok(()) };
    let after = last_seen(folder, SAMPLE)?;
    ensure!(after.as_str() > before, "{SAMPLE} was renewed: {before}, then {after}");
    let renewed = again.sum("/renewed");
    let held = cold.sum("/import/accepted") + cold.sum("/import/duplicate");
    row::note(format!("renewed {renewed} of {held}"));
    let plain = vectors::folder()?.join("tweetfeed/blocklists/domains.txt");
    let text = std::fs::read_to_string(plain)?;
    let sample: Vec<&str> = text
        .lines()
        .filter(|line| line.contains('.') && !line.starts_with('#'))
        .step_by(50)
        .collect();
    let mut lookup = server::command(folder)?;
    let told = server::output(lookup.args(["lookup", "--json"]).args(&sample))?;
    let listed = told.lines().filter(|line| !line.contains(r#""matched":[]"#)).count();
    ensure!(listed >= sample.len() * 9 / 10, "{listed} of {} sampled rows answer", sample.len());
    row::note(format!("{listed} of {} sampled rows answer as listed", sample.len()));
    Ok(())
}
