//! `wardnet lookup`.

use crate::args::{Args, Lookup};
use crate::backend::{Backend, folder};
use crate::commands::{NO_ANSWER, USAGE};
use crate::output::line;
use anyhow::{Context as _, bail};
use axum::body::Body;
use axum::http::Method;
use serde_json::Value;
use std::io::BufRead as _;
use std::process::ExitCode;
use wardnet_model::SuffixList;
use wardnet_protect::answer::Asker;
use wardnet_verdictdb::View;

/// Questions that go into one request.
const QUESTIONS_AT_ONCE: usize = 10_000;

/// The longest line that is read from standard input.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Runs the command.
pub(crate) fn run(args: &Args, options: &Lookup) -> anyhow::Result<ExitCode> {
    let way = Way::open(args)?;
    let mut worst = 0;
    let mut waiting = Vec::new();
    for given in &options.indicators {
        if given == "-" {
            let input = std::io::stdin().lock();
            for text in input.split(b'\n') {
                let text = text.context("standard input cannot be read")?;
                if text.len() > LINE_BYTES_MAX {
                    bail!("a line of standard input has more than {LINE_BYTES_MAX} bytes");
                }
                let text = String::from_utf8_lossy(&text);
                let text = text.trim_end_matches('\r');
                if !text.trim().is_empty() {
                    waiting.push(text.to_owned());
                }
                if waiting.len() >= QUESTIONS_AT_ONCE {
                    way.ask(&std::mem::take(&mut waiting), options.json, &mut worst)?;
                }
            }
        } else {
            waiting.push(given.clone());
        }
    }
    way.ask(&waiting, options.json, &mut worst)?;
    way.close()?;
    Ok(ExitCode::from(worst))
}

/// How questions are answered.
enum Way {
    /// From the files that a clean stop left, while nothing in them has changed by itself.
    Resting(View),
    /// By the server, or by an engine of our own.
    Backend(Backend),
}

impl Way {
    fn open(args: &Args) -> anyhow::Result<Self> {
        let (data_dir, _) = folder(args)?;
        let socket = crate::paths::socket(&data_dir);
        let running = std::os::unix::net::UnixStream::connect(&socket).is_ok();
        if !running
            && let Some(view) = wardnet_identify::resting_view(&data_dir, crate::clock::now())
            // Only the base names its sources; those of the overlay are named by the engine.
            && view.overlay.is_empty()
        {
            return Ok(Self::Resting(view));
        }
        Ok(Self::Backend(Backend::open(args)?))
    }

    fn ask(&self, inputs: &[String], json: bool, worst: &mut u8) -> anyhow::Result<()> {
        let mut answers = Vec::with_capacity(inputs.len() * 400);
        match self {
            Self::Resting(view) => {
                let asker = Asker::new(view, SuffixList::shipped(), crate::clock::now());
                for input in inputs {
                    // A failure is written as an answer of its own, with a status to match.
                    drop(asker.answer_or_error(input, &[], &mut answers));
                    answers.push(b'\n');
                }
            }
            Self::Backend(backend) => {
                for part in inputs.chunks(QUESTIONS_AT_ONCE) {
                    answers.extend_from_slice(&request(backend, part)?);
                }
            }
        }
        for answer in String::from_utf8_lossy(&answers).lines() {
            let value: Value = serde_json::from_str(answer).context("an answer is not JSON")?;
            *worst = (*worst).max(status(&value));
            if json { line(answer) } else { line(text(&value)) }
        }
        Ok(())
    }

    fn close(self) -> anyhow::Result<()> {
        match self {
            Self::Resting(_) => Ok(()),
            Self::Backend(backend) => backend.close(),
        }
    }
}

fn request(backend: &Backend, inputs: &[String]) -> anyhow::Result<Vec<u8>> {
    let mut body = String::new();
    for input in inputs {
        body += &Value::from(input.as_str()).to_string();
        body.push('\n');
    }
    let kind = Some("application/x-ndjson");
    let reply = backend.send(Method::POST, "/v1/lookup", kind, Body::from(body))?;
    Ok(reply.success()?.to_vec())
}

/// The exit status that an answer asks for.
fn status(answer: &Value) -> u8 {
    match answer.get("band").and_then(Value::as_str) {
        Some("trusted" | "safe") => 0,
        Some("unrated") => 10,
        Some("suspicious") => 20,
        Some("malicious") => 30,
        _ => {
            let kind = answer.pointer("/error/type").and_then(Value::as_str).unwrap_or_default();
            if kind.ends_with("not-an-indicator") { USAGE } else { NO_ANSWER }
        }
    }
}

/// An answer for people.
fn text(answer: &Value) -> String {
    let part = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let Some(band) = answer.get("band").and_then(Value::as_str) else {
        let detail = answer.pointer("/error/detail").and_then(Value::as_str).unwrap_or_default();
        return format!("{}  no answer: {detail}", part("input"));
    };
    let risk = answer.get("risk").and_then(Value::as_u64).unwrap_or(0);
    let mut out = format!("{}  {} (risk {risk})", part("indicator"), band.to_uppercase());
    let reasons = answer.get("reasons").and_then(Value::as_array);
    for reason in reasons.into_iter().flatten().filter_map(Value::as_str) {
        out += &format!("\n  {reason}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_error_is_never_a_verdict() {
        let failed = json!({"input": "x y", "band": null,
            "error": {"type": "/problems/not-an-indicator", "detail": "blank"}});
        assert_eq!(status(&failed), USAGE);
        assert_eq!(status(&json!({"band": null, "error": {}})), NO_ANSWER);
        assert_eq!(status(&json!({"band": "safe"})), 0);
        assert_eq!(status(&json!({"band": "malicious"})), 30);
        assert!(text(&failed).contains("no answer: blank"));
    }
}
