//! `wardnet tokens`.

use crate::args::{Args, Tokens};
use crate::backend::{Backend, escape};
use crate::output::line;
use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn run(args: &Args, command: &Tokens) -> anyhow::Result<ExitCode> {
    let backend = Backend::open(args)?;
    match command {
        Tokens::Create { name, role, tenant } => {
            let body = json!({ "name": name, "role": role, "tenant": tenant });
            let token = backend.send_json(Method::POST, "/v1/tokens", &body)?.json()?;
            line(token.get("token").and_then(Value::as_str).unwrap_or_default());
        }
        Tokens::List(output) => {
            let value = backend.get("/v1/tokens")?.json()?;
            for token in value.get("tokens").and_then(Value::as_array).into_iter().flatten() {
                if output.json { line(token) } else { line(text(token)) }
            }
        }
        Tokens::Revoke { id } => {
            let path = format!("/v1/tokens/{}", escape(id));
            backend.send(Method::DELETE, &path, None, Body::empty())?.success()?;
            line(format!("{id} is revoked"));
        }
    }
    backend.close()?;
    Ok(ExitCode::SUCCESS)
}

fn text(token: &Value) -> String {
    let part = |name: &str| token.get(name).and_then(Value::as_str).unwrap_or_default();
    let tenant = token.get("tenant").and_then(Value::as_u64).unwrap_or(0);
    format!(
        "{:14} {:9} tenant {tenant}, made {}: {}",
        part("id"),
        part("role"),
        part("created"),
        part("name")
    )
}
