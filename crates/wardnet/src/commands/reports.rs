//! `wardnet reports`.

use crate::args::{Args, Output};
use crate::backend::Backend;
use crate::output::line;
use serde_json::Value;
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<ExitCode> {
    let backend = Backend::open(args)?;
    let mut next: Option<String> = None;
    loop {
        let after = next.map(|next| format!("?after={}", crate::backend::escape(&next)));
        let page = backend.get(&format!("/v1/reports{}", after.unwrap_or_default()))?.json()?;
        for report in page.get("reports").and_then(Value::as_array).into_iter().flatten() {
            if output.json { line(report) } else { line(text(report)) }
        }
        next = page.get("next").and_then(Value::as_str).map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    backend.close()?;
    Ok(ExitCode::SUCCESS)
}

/// A report for people. Whoever wrote it may have written anything: it stays on one line.
fn text(report: &Value) -> String {
    let part = |name: &str| report.get(name).and_then(Value::as_str).unwrap_or_default();
    let published = &report["published"];
    let note = match part("reference") {
        "" => String::new(),
        note => format!(": {}", note.escape_debug()),
    };
    format!(
        "{}  {} (risk {}), disputed by {} on {}{note}",
        part("indicator"),
        published["band"].as_str().unwrap_or_default().to_uppercase(),
        published["risk"],
        part("source"),
        part("last_seen"),
    )
}
