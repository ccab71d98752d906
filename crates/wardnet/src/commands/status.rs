//! `wardnet status` and `wardnet compact`.

use crate::args::{Args, Output};
use crate::backend::{Backend, needs_local};
use crate::output::{line, thousands};
use serde_json::{Map, Value};
use std::process::ExitCode;

/// Runs `status`.
pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<ExitCode> {
    let backend = Backend::open(args)?;
    let mut value = backend.get("/v1/status")?.json()?;
    let degraded = degraded(&backend)?;
    backend.close()?;
    if let Some(report) = value.as_object_mut() {
        report.insert("degraded".to_owned(), degraded.into());
    }
    if output.json {
        line(&value);
        return Ok(ExitCode::SUCCESS);
    }
    show("", &value);
    Ok(ExitCode::SUCCESS)
}

/// The components that do not do as well as they should, each with the reason. Those that a server
/// starts are down while none runs, which is no news.
fn degraded(backend: &Backend) -> anyhow::Result<Map<String, Value>> {
    let health = backend.get("/health")?.json()?;
    let is_told =
        |status: &Value| status == "degraded" || (status == "down" && backend.local().is_none());
    let components = health["components"].as_object().into_iter().flatten();
    let told = components.filter(|(_, component)| is_told(&component["status"]));
    Ok(told.map(|(name, component)| (name.clone(), component["reason"].clone())).collect())
}

/// One line for each number and text; those of an object within are set after its name.
fn show(prefix: &str, value: &Value) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let name = format!("{prefix}{}", name.replace('_', " "));
        match value {
            Value::Object(_) => show(&format!("{name} "), value),
            Value::Array(items) => {
                for item in items {
                    let part = |name: &str| item[name].as_str().unwrap_or_default();
                    let entries = thousands(item["entries"].as_u64().unwrap_or(0));
                    let what = format!("{prefix}{} {}", part("layer"), part("kind"));
                    line(format!("{what:32} {entries}"));
                }
            }
            Value::Number(number) => {
                let number = number.as_u64().map_or_else(|| number.to_string(), thousands);
                line(format!("{name:32} {number}"));
            }
            Value::String(text) => line(format!("{name:32} {text}")),
            other => line(format!("{name:32} {other}")),
        }
    }
}

/// Runs `compact`.
pub(crate) fn compact(args: &Args) -> anyhow::Result<ExitCode> {
    let backend = Backend::open(args)?;
    let app = needs_local(&backend, "compact the journal")?;
    let report = app.writer.run_blocking(|engine| engine.compact())?;
    line(format!(
        "journal: {} of {} records dropped, {} of {} segments kept, {} of {} bytes",
        thousands(report.dropped),
        thousands(report.examined),
        thousands(report.segments_after as u64),
        thousands(report.segments_before as u64),
        thousands(report.bytes_after),
        thousands(report.bytes_before),
    ));
    backend.close()?;
    Ok(ExitCode::SUCCESS)
}
