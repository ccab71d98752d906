//! `wardnet feeds`.

mod overlap;
mod trial;

use crate::args::{Args, Feeds};
use crate::backend::{Backend, escape};
use crate::commands::NO_ANSWER;
use crate::output::{ImportLine, line, thousands};
use anyhow::{Context as _, anyhow};
use axum::http::Method;
use serde_json::{Value, json};
use std::process::ExitCode;
use wardnet_collect::catalogue::{public_entry, public_feeds};
use wardnet_collect::feeds::Format;

/// Runs the command.
pub(crate) fn run(args: &Args, command: &Feeds) -> anyhow::Result<ExitCode> {
    // These store nothing, and most need no data folder.
    match command {
        Feeds::Formats => {
            for format in Format::all() {
                line(format!("{:18} {}", format.name(), format.meaning()));
            }
            return Ok(ExitCode::SUCCESS);
        }
        Feeds::Catalogue { name: Some(name), .. } => {
            let entry = public_entry(name);
            line(entry.with_context(|| format!("the catalogue has no feed `{name}`"))?.trim_end());
            return Ok(ExitCode::SUCCESS);
        }
        Feeds::Catalogue { name: None, output } => return catalogue(output.json),
        Feeds::Try(options) => return trial::run(args, options),
        Feeds::Overlap { feeds, output } => {
            return overlap::run(args, feeds.as_deref(), *output);
        }
        _ => {}
    }
    let backend = Backend::open(args)?;
    let mut status = ExitCode::SUCCESS;
    match command {
        Feeds::List(output) => {
            let value = backend.get("/v1/feeds")?.json()?;
            for feed in value.get("feeds").and_then(Value::as_array).into_iter().flatten() {
                if output.json { line(feed) } else { line(state_text(feed)) }
            }
        }
        Feeds::Show { name, output } => {
            let feed = backend.get(&format!("/v1/feeds/{}", escape(name)))?.json()?;
            if output.json { line(&feed) } else { line(state_text(&feed)) }
        }
        Feeds::Update { names, output } => {
            let body = json!({ "names": names });
            let reply = backend.send_json(Method::POST, "/v1/feeds/update", &body)?.json()?;
            for feed in reply.get("feeds").and_then(Value::as_array).into_iter().flatten() {
                if output.json {
                    line(feed)
                } else {
                    line(outcome_text(feed))
                }
                // Either way the new copy is not in force, and somebody should look.
                let outcome = feed.get("outcome").and_then(Value::as_str);
                if matches!(outcome, Some("failed" | "held-back")) {
                    status = ExitCode::from(NO_ANSWER);
                }
            }
        }
        Feeds::Release { name } => {
            let path = format!("/v1/feeds/{}/release", escape(name));
            line(outcome_text(&backend.send_json(Method::POST, &path, &json!({}))?.json()?));
        }
        Feeds::Formats | Feeds::Catalogue { .. } | Feeds::Try(_) | Feeds::Overlap { .. } => {}
    }
    backend.close()?;
    Ok(status)
}

/// Lists the public feeds.
fn catalogue(as_json: bool) -> anyhow::Result<ExitCode> {
    let public = public_feeds().map_err(|_| anyhow!("the public catalogue cannot be read"))?;
    for feed in &public.feeds {
        if as_json {
            line(json!({
                "name": feed.name.as_str(),
                "url": feed.location.to_string(),
                "format": feed.format.map(Format::name),
                "category": feed.category.name(),
                "reliability": feed.reliability.name(),
                "group": feed.group,
                "half_life_secs": feed.half_life_secs,
                "licence": feed.licence,
                "redistribute": feed.redistribute,
                "enabled": feed.enabled,
                "homepage": feed.homepage,
            }));
        } else {
            line(format!(
                "{:24} {:3} {:16} {:16} {}  {}",
                feed.name.as_str(),
                if feed.enabled { "on" } else { "off" },
                feed.format.map_or("", Format::name),
                feed.category.name(),
                feed.reliability.name(),
                feed.licence,
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn state_text(feed: &Value) -> String {
    let part = |name: &str| feed.get(name).and_then(Value::as_str);
    let number = |name: &str| feed.get(name).and_then(Value::as_u64);
    let mut out = format!(
        "{:28} {:4} {:16} reliability {}",
        part("name").unwrap_or_default(),
        if feed.get("enabled") == Some(&Value::Bool(true)) { "on" } else { "off" },
        part("category").unwrap_or_default(),
        part("reliability").unwrap_or_default(),
    );
    match (number("accepted"), part("answered_at")) {
        (Some(accepted), Some(at)) => {
            out += &format!(", {} entries, seen {at}", thousands(accepted));
        }
        _ => out += ", never applied",
    }
    if let Some(held) = feed.get("held_back").filter(|held| !held.is_null()) {
        let reason = held.get("reason").and_then(Value::as_str).unwrap_or_default();
        out += &format!("\n  held back: {reason}");
    }
    if let Some(error) = part("last_error").filter(|_| number("failures").unwrap_or(0) > 0) {
        out += &format!("\n  failed {} times: {error}", number("failures").unwrap_or(0));
    }
    out
}

/// What became of one feed, for people.
pub(crate) fn outcome_text(feed: &Value) -> String {
    let part = |name: &str| feed.get(name).and_then(Value::as_str).unwrap_or_default();
    let name = part("name");
    match part("outcome") {
        "applied" => {
            let import = feed.get("import").cloned().unwrap_or_default();
            ImportLine::from_json(import).to_text()
        }
        "unchanged" => {
            let renewed = feed.get("renewed").and_then(Value::as_u64).unwrap_or(0);
            format!("{name}: unchanged, {} entries renewed", thousands(renewed))
        }
        "held-back" => {
            let remedy = if feed.get("can_be_released") == Some(&Value::Bool(false)) {
                "the next copy that can be read is applied by itself".to_owned()
            } else {
                format!("`wardnet feeds release {name}` accepts it")
            };
            format!("{name}: held back: {}; {remedy}", part("reason"))
        }
        _ => format!("{name}: failed: {}", part("error")),
    }
}
