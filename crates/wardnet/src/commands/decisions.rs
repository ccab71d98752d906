//! `wardnet allow`, `block` and `decisions`.

use crate::args::{Args, Decide, Decisions};
use crate::backend::{Backend, Reply, escape};
use crate::commands::complain;
use crate::output::line;
use axum::http::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Runs `decisions`.
pub(crate) fn run(args: &Args, command: &Decisions) -> anyhow::Result<ExitCode> {
    match command {
        Decisions::List { indicator, output } => {
            let backend = Backend::open(args)?;
            let query = indicator.as_deref().map(|text| format!("?indicator={}", escape(text)));
            let mut next = format!("/v1/decisions{}", query.unwrap_or_default());
            loop {
                let value = backend.get(&next)?.json()?;
                let decisions = value.get("decisions").and_then(Value::as_array);
                for decision in decisions.into_iter().flatten() {
                    if output.json { line(decision) } else { line(text(decision)) }
                }
                match value.get("next").and_then(Value::as_str) {
                    Some(after) => next = format!("/v1/decisions?after={}", escape(after)),
                    None => break,
                }
            }
            backend.close()?;
            Ok(ExitCode::SUCCESS)
        }
        Decisions::Confirm(options) => decide(args, "confirm", options),
        Decisions::Refute(options) => decide(args, "refute", options),
        Decisions::Withdraw(options) => decide(args, "withdraw", options),
    }
}

/// Makes a decision.
pub(crate) fn decide(args: &Args, action: &str, options: &Decide) -> anyhow::Result<ExitCode> {
    let mut body = json!({
        "indicator": options.indicator,
        "action": action,
        "reason": options.reason,
    });
    for (name, value) in
        [("scope", &options.scope), ("category", &options.category), ("for", &options.hold)]
    {
        if let (Some(value), Some(fields)) = (value, body.as_object_mut()) {
            fields.insert(name.to_owned(), Value::from(value.as_str()));
        }
    }
    let backend = Backend::open(args)?;
    let decision = backend.send_json(Method::POST, "/v1/decisions", &body)?.json()?;
    let hindrance = hindrance(&backend, action, &options.indicator);
    backend.close()?;
    if options.json {
        line(&decision)
    } else {
        line(text(&decision))
    }
    if let Some(hindrance) = hindrance {
        complain(&hindrance);
    }
    Ok(ExitCode::SUCCESS)
}

/// Says when another decision still wins over one that was just made.
fn hindrance(backend: &Backend, action: &str, indicator: &str) -> Option<String> {
    let is_meant: fn(&str) -> bool = match action {
        "allow" | "refute" => |band| !matches!(band, "malicious" | "suspicious"),
        "block" | "confirm" => |band| band == "malicious",
        _ => return None,
    };
    // The decision stands, whether or not its effect can be told.
    let path = format!("/v1/lookup?opinion=false&indicator={}", escape(indicator));
    let answer = backend.get(&path).and_then(Reply::json).ok()?;
    let band = answer.get("band").and_then(Value::as_str).filter(|band| !is_meant(band))?;
    let why = answer.pointer("/reasons/0").and_then(Value::as_str).unwrap_or("no reason is given");
    Some(format!(
        "it is written down, but {indicator} is still answered {}: {why}. If you decided that, \
         `wardnet decisions withdraw` it, and then decide again",
        band.to_uppercase()
    ))
}

fn text(decision: &Value) -> String {
    let part = |name: &str| decision.get(name).and_then(Value::as_str).unwrap_or_default();
    let until = match part("until") {
        "" => "for good".to_owned(),
        until => format!("until {until}"),
    };
    let reason = match part("reason") {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    format!(
        "{} {} ({}) {until}, by {} at {}{reason}",
        part("action"),
        part("indicator"),
        part("scope"),
        part("author"),
        part("at"),
    )
}
