//! `wardnet model`.

use crate::args::{Args, ModelCommand, ModelSubject};
use crate::backend::Backend;
use crate::output::line;
use axum::http::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

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
        ModelCommand::Shadow { subject } => set(&backend, *subject, "shadow", false)?,
        ModelCommand::Promote { subject, force } => set(&backend, *subject, "promoted", *force)?,
    }
    backend.close()?;
    Ok(ExitCode::SUCCESS)
}

fn set(backend: &Backend, subject: ModelSubject, state: &str, force: bool) -> anyhow::Result<()> {
    let path = format!("/v1/models/{}", subject.name());
    let body = json!({ "state": state, "force": force });
    line(text(&backend.send_json(Method::PUT, &path, &body)?.json()?));
    Ok(())
}

/// A model for people.
fn text(model: &Value) -> String {
    let part = |name: &str| model.get(name).and_then(Value::as_str).unwrap_or("never");
    let count = |side: &str, name: &str| model[side][name].as_u64().unwrap_or(0);
    let mut out = format!("{}: {}, too old {}", part("source"), part("state"), part("expires"));
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
