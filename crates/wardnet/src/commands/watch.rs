//! `wardnet watch`.

mod questions;

use crate::args::{Args, WatchOptions};
use crate::backend::{Backend, escape};
use crate::output::{clean, clean_line, thousands};
use anyhow::{Context as _, bail};
use axum::http::StatusCode;
use indicatif::{ProgressBar, ProgressStyle};
use questions::Questions;
use serde_json::Value;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;
use wardnet_server::monotonic_nanos;

/// Nanoseconds after which questions are counted again.
const COUNT_EVERY_NANOS: u64 = 1_000_000_000;

/// Seconds that a poll for changes waits: the screen is brought up to date in between.
const WAIT_SECS: u32 = 1;

/// Runs the command.
pub(crate) fn run(args: &Args, options: &WatchOptions) -> anyhow::Result<ExitCode> {
    let Some(backend) = Backend::running(args)? else {
        bail!("no server is running on the data folder; start one with `wardnet serve`");
    };
    let mut screen = Screen::new(options.json);
    let cursor = options.cursor.as_deref().map(escape);
    let mut follower = Follower { backend: &backend, filter: filter(options), cursor };
    let mut seen = 0;
    loop {
        for change in follower.next()? {
            match change {
                News::Change(change) if options.json => screen.tell(&clean(&change.to_string())),
                News::Change(change) => screen.tell(&text(&change, screen.colours)),
                News::Gap(why) => {
                    tracing::warn!("{why}");
                    screen.warn(&why);
                    continue;
                }
            }
            seen += 1;
            if options.count.is_some_and(|count| seen >= count) {
                return Ok(ExitCode::SUCCESS);
            }
        }
        screen.refresh(&backend, seen)?;
    }
}

/// What passes, as a part of a query.
fn filter(options: &WatchOptions) -> String {
    let mut filter = String::new();
    for (name, values) in [("kind", &options.kind), ("category", &options.category)] {
        for value in values {
            filter += &format!("&{name}={}", escape(value));
        }
    }
    if let Some(risk) = options.risk_min {
        filter += &format!("&risk_min={risk}");
    }
    filter
}

/// What comes from the server.
enum News {
    Change(Value),
    /// Some changes cannot be told any more.
    Gap(String),
}

/// Follows the changes by long poll.
struct Follower<'b> {
    backend: &'b Backend,
    filter: String,
    cursor: Option<String>,
}

impl Follower<'_> {
    fn next(&mut self) -> anyhow::Result<Vec<News>> {
        let at = self.cursor.as_ref().map(|cursor| format!("&cursor={cursor}"));
        let path = format!("/v1/changes?wait={WAIT_SECS}{}{}", self.filter, at.unwrap_or_default());
        let reply = self.backend.get(&path).context("the server has gone")?;
        if reply.status == StatusCode::GONE {
            self.cursor = None;
            let why = "changes were missed: the server tells them no more; on from here";
            return Ok(vec![News::Gap(why.to_owned())]);
        }
        let mut value = reply.json()?;
        self.cursor = value["cursor"].as_str().map(str::to_owned);
        let changes = value["changes"].as_array_mut().map(std::mem::take);
        Ok(changes.into_iter().flatten().map(News::Change).collect())
    }
}

/// One change for people: when, how it is rated now, what it is, and how it was.
fn text(change: &Value, colours: bool) -> String {
    let part = |name: &str| change.get(name).and_then(Value::as_str).unwrap_or_default();
    let clock = part("as_of").get(11..19).unwrap_or_default();
    let what = if part("indicator").is_empty() { part("key") } else { part("indicator") };
    let reach = match part("scope") {
        "subtree" => " and all below it",
        "below" => ": all below it",
        _ => "",
    };
    let word = match part("layer") {
        "decision" => ", by a decision",
        _ => "",
    };
    let (now, before) = (rating(&change["new"]), rating(&change["old"]));
    let band = change["new"]["band"].as_str().unwrap_or_default();
    let now = clean(&format!("{now:<15}")).into_owned();
    let now = if colours { format!("{}{now}\x1b[0m", colour(band)) } else { now };
    let categories = change["new"]["categories"].as_array().into_iter().flatten();
    let categories: Vec<&str> = categories.filter_map(Value::as_str).collect();
    let why =
        if categories.is_empty() { String::new() } else { format!("  {}", categories.join(", ")) };
    let rest = format!("{what}{reach}{word}{why}  (was {before})");
    // The colours are ours; whatever else might steer the terminal is not.
    format!("{}  {now} {}", clean(clock), clean(&rest))
}

fn rating(said: &Value) -> String {
    match (said["band"].as_str(), said["risk"].as_u64()) {
        (Some(band), Some(risk)) => format!("{band} {risk}"),
        _ => "nothing".to_owned(),
    }
}

/// How a terminal shows a band.
fn colour(band: &str) -> &'static str {
    match band {
        "malicious" => "\x1b[1;31m",
        "suspicious" => "\x1b[33m",
        "safe" | "trusted" => "\x1b[32m",
        _ => "\x1b[2m",
    }
}

/// Lines that roll, above one that stays: what is asked.
struct Screen {
    colours: bool,
    /// Where a person looks on.
    bar: Option<ProgressBar>,
    questions: Questions,
    due_nanos: u64,
}

impl Screen {
    fn new(json: bool) -> Self {
        let is_terminal = std::io::stdout().is_terminal() && !json;
        let bar = (is_terminal && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new_spinner();
            // The template is a constant that a test of the command draws.
            let style = ProgressStyle::with_template("{spinner} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { colours: is_terminal, bar, questions: Questions::default(), due_nanos: 0 }
    }

    /// Prints what is clean already.
    fn tell(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| clean_line(text)),
            None => clean_line(text),
        }
    }

    fn warn(&self, text: &str) {
        if self.bar.is_some() {
            self.tell(text);
        }
    }

    /// Counts what was asked since the last time.
    fn refresh(&mut self, backend: &Backend, seen: u64) -> anyhow::Result<()> {
        let Some(bar) = &self.bar else { return Ok(()) };
        let now = monotonic_nanos();
        if now < self.due_nanos {
            return Ok(());
        }
        self.due_nanos = now + COUNT_EVERY_NANOS;
        let text = backend.get("/metrics")?.success()?;
        let rates = self.questions.rates(&String::from_utf8_lossy(&text), monotonic_nanos());
        bar.set_message(format!("{rates} · {} changes seen", thousands(seen)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_is_one_line_for_people() {
        let change = json!({
            "seq": 7, "as_of": "2026-08-22T18:10:19Z", "kind": "domain", "indicator": "evil.top",
            "scope": "subtree", "layer": "decision", "old": null,
            "new": { "band": "malicious", "risk": 100, "categories": ["phishing"], "sources": [] },
        });
        let line = text(&change, false);
        let expected = "18:10:19  malicious 100   evil.top and all below it, by a decision  \
                        phishing  (was nothing)";
        assert_eq!(line, expected);
        assert!(text(&change, true).contains("\x1b[1;31mmalicious 100"));
    }

    #[test]
    fn only_our_colours_reach_the_terminal() {
        let change = json!({
            "as_of": "2026-08-22T18:10:19Z", "indicator": "http://a.top/\u{9b}2J", "old": null,
            "new": { "band": "malicious", "risk": 100, "categories": ["\x1b[31mRED"] },
        });
        let shown = text(&change, true);
        assert_eq!(shown.matches('\x1b').count(), 2, "{shown:?}");
        assert!(shown.contains("\\u009b2J") && shown.contains("\\u001b[31mRED"), "{shown:?}");
    }
}
