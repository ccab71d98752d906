//! `wardnet reload`.

use crate::args::{Args, Output};
use crate::backend::Backend;
use crate::output::line;
use anyhow::bail;
use axum::http::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<ExitCode> {
    let Some(backend) = Backend::running(args)? else {
        bail!("no server is running on the data folder; settings are read when one starts");
    };
    let done = backend.send_json(Method::POST, "/v1/reload", &json!({}))?.json()?;
    if output.json {
        line(&done);
        return Ok(ExitCode::SUCCESS);
    }
    for sentence in sentences(&done) {
        line(sentence);
    }
    Ok(ExitCode::SUCCESS)
}

fn sentences(done: &Value) -> Vec<String> {
    let texts = |name: &str| {
        let list = done.get(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).collect::<Vec<_>>()
    };
    let mut all: Vec<String> = texts("changes").into_iter().map(str::to_owned).collect();
    if all.is_empty() {
        all.push("nothing has changed".to_owned());
    }
    let waiting = texts("next_start").into_iter();
    all.extend(waiting.map(|name| format!("{name}: takes effect at the next start")));
    let warnings = texts("warnings").into_iter();
    all.extend(warnings.map(|warning| format!("warning: {warning}")));
    all
}
