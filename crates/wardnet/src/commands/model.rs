//! `wardnet model`.

use crate::args::{Args, ModelCommand};
use crate::backend::{Backend, escape};
use crate::models::is_too_old;
use crate::output::{in_words, line};
use axum::http::Method;
use serde_json::{Value, json};
use std::process::ExitCode;
use wardnet_model::Timestamp;

/// Runs the command.
pub(crate) fn run(args: &Args, command: &ModelCommand) -> anyhow::Result<ExitCode> {
    let backend = Backend::open(args)?;
    match command {
        ModelCommand::List(output) => {
            let value = backend.get("/v1/models")?.json()?;
            for model in value.get("models").and_then(Value::as_array).into_iter().flatten() {
                if output.json { line(model) } else { line(text(model)) }
            }
        }
        ModelCommand::Shadow { model } => set(&backend, model, "shadow", false)?,
        ModelCommand::Promote { subject, force } => {
            set(&backend, subject.name(), "promoted", *force)?;
        }
    }
    backend.close()?;
    Ok(ExitCode::SUCCESS)
}

fn set(backend: &Backend, model: &str, state: &str, force: bool) -> anyhow::Result<()> {
    let path = format!("/v1/models/{}", escape(model));
    let body = json!({ "state": state, "force": force });
    let reply = backend.send_json(Method::PUT, &path, &body)?.json();
    line(text(&reply.map_err(|error| in_options(&error))?));
    Ok(())
}

/// A refusal of the API names fields of the request; here they are options.
fn in_options(error: &anyhow::Error) -> anyhow::Error {
    anyhow::anyhow!(in_words(error).replace("`force`", "`--force`"))
}

/// Until when a model is good, or since when it is too old, by its card.
fn age(expires: Option<&str>, now: Timestamp) -> String {
    let Some(expires) = expires else {
        return "its card says nothing of when it is too old".to_owned();
    };
    let day = expires.split('T').next().unwrap_or_default();
    match Timestamp::parse(expires) {
        Some(last) if is_too_old(last, now) => format!("too old since {day}"),
        _ => format!("good until {day}"),
    }
}

/// A model for people.
fn text(model: &Value) -> String {
    let part = |name: &str| model[name].as_str().unwrap_or_default();
    let mut out = format!("{}: {}, ", part("source"), part("state"));
    out += &match (model["in_force"].as_bool(), part("state")) {
        (Some(false), "promoted") => {
            let name = part("source").trim_start_matches("model:");
            format!(
                "no longer in force: what it found counts until it fades; \
                 `wardnet model shadow {name}` ends that"
            )
        }
        (Some(false), _) => "no longer in force: what it found counts for nothing".to_owned(),
        _ => age(model["expires"].as_str(), crate::clock::now()),
    };
    if model["in_force"] == true && model["asked"] == false {
        out += "\n  NOT ASKED: [models] says opinions = false";
    }
    if model["unrated"].is_object() {
        out += &trial(model);
    }
    out
}

/// How it does.
fn trial(model: &Value) -> String {
    let count = |side: &str, name: &str| model[side][name].as_u64().unwrap_or(0);
    let mut out = String::new();
    for (side, words) in [
        ("unrated", "that nobody has rated"),
        ("good", "known to be good"),
        ("bad", "known to be bad"),
    ] {
        let (malicious, judged) = (count(side, "malicious"), count(side, "judged"));
        out += &format!("\n  {words}: called malicious {malicious} of {judged}");
    }
    let share = 100.0 * model["false_positives"]["share"].as_f64().unwrap_or(1.0);
    out += &match model["false_positives"]["standing"].as_str() {
        Some("shown") => {
            format!("\n  false positives: at most {share:.2} %, shown on what is asked here")
        }
        Some("too-many") => {
            format!("\n  false positives: at least {share:.2} %, too many to promote it")
        }
        _ => "\n  false positives: too little that is known to be good was asked so far".to_owned(),
    };
    match model["drift"].as_f64() {
        Some(drift) if model["drifted"] == true => {
            out += &format!("\n  DRIFTED: its scores are no longer what they were ({drift:.2})");
        }
        Some(drift) => out += &format!("\n  drift {drift:.2}"),
        None => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_gone_by_is_told_from_one_to_come() {
        let now = Timestamp::parse("2026-08-22").unwrap();
        assert_eq!(age(Some("2020-06-30T00:00:00Z"), now), "too old since 2020-06-30");
        assert_eq!(age(Some("2027-11-30T00:00:00Z"), now), "good until 2027-11-30");
        assert_eq!(age(None, now), "its card says nothing of when it is too old");
    }

    #[test]
    fn what_a_former_model_found_is_told() {
        let told = |state: &str| {
            text(&json!({ "source": "model:url@00", "state": state, "in_force": false }))
        };
        assert!(told("promoted").ends_with("`wardnet model shadow url@00` ends that"));
        assert!(told("shadow").ends_with("counts for nothing"));
        let off = json!({ "source": "model:url@00", "in_force": true, "asked": false });
        assert!(text(&off).contains("NOT ASKED"));
    }
}
