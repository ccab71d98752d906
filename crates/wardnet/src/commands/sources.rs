//! `wardnet sources`.

use crate::args::{Args, Sources};
use crate::backend::{Backend, escape};
use crate::output::line;
use axum::http::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn run(args: &Args, command: &Sources) -> anyhow::Result<ExitCode> {
    let backend = Backend::open(args)?;
    match command {
        Sources::List(output) => {
            let value = backend.get("/v1/sources")?.json()?;
            for source in value.get("sources").and_then(Value::as_array).into_iter().flatten() {
                if output.json { line(source) } else { line(text(source)) }
            }
        }
        Sources::Set { name, reliability, group, half_life, category, shadow } => {
            let mut body = json!({});
            let fields = [
                ("reliability", reliability.as_deref().map(Value::from)),
                ("group", group.as_deref().map(Value::from)),
                ("half_life", half_life.map(|days| Value::from(format!("{days}d")))),
                ("category", category.as_deref().map(Value::from)),
                ("shadow", shadow.map(Value::from)),
            ];
            for (name, value) in fields {
                if let (Some(value), Some(body)) = (value, body.as_object_mut()) {
                    body.insert(name.to_owned(), value);
                }
            }
            let path = format!("/v1/sources/{}", escape(name));
            let value = backend.send_json(Method::PUT, &path, &body)?.json()?;
            line(text(&value["source"]));
        }
    }
    backend.close()?;
    Ok(ExitCode::SUCCESS)
}

fn text(source: &Value) -> String {
    let part = |name: &str| source.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut out = format!(
        "{:28} {:10} reliability {}, group {}, {}",
        part("name"),
        part("kind"),
        part("reliability"),
        part("group"),
        part("category"),
    );
    if source.get("shadow") == Some(&Value::Bool(true)) {
        out += ", on trial (shadow)";
    }
    out
}
