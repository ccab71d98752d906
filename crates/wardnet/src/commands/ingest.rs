//! `wardnet ingest`.

use crate::args::{Args, Ingest};
use crate::backend::{Backend, escape};
use crate::commands::{NO_ANSWER, complain};
use crate::intake::{Reading, ingest};
use crate::output::{ImportLine, clean, in_words, line};
use anyhow::Context as _;
use axum::body::Body;
use axum::http::Method;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context, Poll};
use std::time::Duration;

/// Bytes of a file that are sent at once.
const PART_BYTES: usize = 256 * 1024;

/// Runs the command.
pub(crate) fn run(args: &Args, options: &Ingest) -> anyhow::Result<ExitCode> {
    let backend = Backend::open(args)?;
    hold(&backend, true)?;
    let mut status = ExitCode::SUCCESS;
    for file in &options.files {
        match one(&backend, file, options) {
            Ok(told) if options.json => line(told.to_json()),
            Ok(told) => line(told.to_text()),
            Err(error) => {
                complain(&format!("{}: {}", file.display(), in_words(&error)));
                status = ExitCode::from(NO_ANSWER);
            }
        }
    }
    hold(&backend, false)?;
    backend.close()?;
    Ok(status)
}

/// Several files become one new base, not one each.
fn hold(backend: &Backend, more_follow: bool) -> anyhow::Result<()> {
    if let Some(app) = backend.local() {
        let now = crate::clock::now();
        app.writer.run_blocking(move |engine| engine.hold(more_follow, now))?;
    }
    Ok(())
}

fn one(backend: &Backend, file: &Path, options: &Ingest) -> anyhow::Result<ImportLine> {
    let reading = Reading {
        source: options.source.clone(),
        name: file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
        format: options.format.clone(),
        category: options.category.clone(),
        scope: options.scope.clone(),
        stance: options.stance.clone(),
        confidence: options.confidence,
        snapshot: options.snapshot,
    };
    // Errors stand behind the file's name.
    std::fs::metadata(file).context("it cannot be read")?;
    let bar = progress_bar(&reading.name);
    let told = match backend.local() {
        Some(app) => ingest(&app.writer, file, &reading, &|rows| bar.set_position(rows)),
        None => upload(backend, file, &reading),
    };
    bar.finish_and_clear();
    told
}

/// A spinner on a terminal; nothing elsewhere.
fn progress_bar(name: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}: {human_pos} rows ({per_sec})")
    {
        bar.set_style(style);
    }
    bar.set_message(clean(name).into_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A file on its way to the server: read as it is sent, so that memory does not grow with it.
struct Upload(File);

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let mut part = vec![0; PART_BYTES];
        // A command has nothing else to do meanwhile.
        Poll::Ready(match self.0.read(&mut part) {
            Ok(0) => None,
            Ok(read) => {
                part.truncate(read);
                Some(Ok(Frame::data(part.into())))
            }
            Err(error) => Some(Err(error)),
        })
    }
}

fn upload(backend: &Backend, file: &Path, reading: &Reading) -> anyhow::Result<ImportLine> {
    let body = File::open(file).context("it cannot be read")?;
    let mut query = format!(
        "source={}&name={}&snapshot={}",
        escape(&reading.source),
        escape(&reading.name),
        reading.snapshot
    );
    let confidence = reading.confidence.map(|percent| percent.to_string());
    for (name, value) in [
        ("format", &reading.format),
        ("category", &reading.category),
        ("scope", &reading.scope),
        ("stance", &reading.stance),
        ("confidence", &confidence),
    ] {
        if let Some(value) = value {
            query += &format!("&{name}={}", escape(value));
        }
    }
    let path = format!("/v1/ingest?{query}");
    let octets = Some("application/octet-stream");
    let reply = backend.send(Method::POST, &path, octets, Body::new(Upload(body)))?;
    Ok(ImportLine::from_json(reply.json()?))
}
