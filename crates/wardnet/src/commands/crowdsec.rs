//! `wardnet crowdsec`.

use crate::args::{Args, CrowdSec};
use crate::backend::{Backend, escape};
use crate::output::line;
use axum::body::Body;
use axum::http::Method;
use serde_json::Value;
use std::process::ExitCode;

const PATH: &str = "/v1/crowdsec/machines";

/// Runs the command.
pub(crate) fn run(args: &Args, command: &CrowdSec) -> anyhow::Result<ExitCode> {
    let backend = Backend::open(args)?;
    let change = |method: Method, name: &str| {
        let path = format!("{PATH}/{}", escape(name));
        backend.send(method, &path, None, Body::empty())?.success()
    };
    match command {
        CrowdSec::Machines(output) => {
            let value = backend.get(PATH)?.json()?;
            for machine in value.get("machines").and_then(Value::as_array).into_iter().flatten() {
                if output.json { line(machine) } else { line(text(machine)) }
            }
        }
        CrowdSec::Validate { name } => {
            change(Method::POST, name)?;
            line(format!("{name} may log in"));
        }
        CrowdSec::Remove { name } => {
            change(Method::DELETE, name)?;
            line(format!("{name} is refused from now on; what it reported stays"));
        }
    }
    backend.close()?;
    Ok(ExitCode::SUCCESS)
}

fn text(machine: &Value) -> String {
    let part = |name: &str| machine.get(name).and_then(Value::as_str).unwrap_or("never");
    let is_validated = machine.get("validated").and_then(Value::as_bool).unwrap_or(false);
    let state = if is_validated { "validated" } else { "waits" };
    let (name, created, seen) = (part("name"), part("created"), part("seen"));
    format!("{name:32} {state:9} introduced {created}, seen {seen}")
}
