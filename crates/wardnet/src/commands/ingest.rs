//! `wardnet ingest`.

use crate::app::App;
use crate::args::{Args, Ingest};
use crate::backend::{Backend, escape};
use crate::commands::{NO_ANSWER, complain};
use crate::intake::{Reading, ingest};
use crate::output::{ImportLine, clean, in_words, line};
use anyhow::{Context as _, bail};
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
use tempfile::NamedTempFile;
use wardnet_collect::feeds::Limits;

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
    let is_standard_input = file == Path::new("-");
    if !is_standard_input {
        // Errors stand behind the file's name.
        std::fs::metadata(file).context("it cannot be read")?;
    }
    let bar = progress_bar(&reading.name);
    let local = |app: &App, file: &Path| {
        ingest(&app.writer, file, &reading, &|rows| bar.set_position(rows))
    };
    let told = match backend.local() {
        Some(app) if is_standard_input => {
            let kept = keep(io::stdin().lock(), &app.data_dir.join("tmp"), input_bytes_max());
            kept.and_then(|kept| local(app, kept.path()))
        }
        Some(app) => local(app, file),
        // The server keeps what it is sent, within a limit of its own.
        None if is_standard_input => upload(backend, Box::new(io::stdin()), &reading),
        None => {
            let opened = File::open(file).context("it cannot be read");
            opened.and_then(|opened| upload(backend, Box::new(opened), &reading))
        }
    };
    bar.finish_and_clear();
    told
}

/// The most bytes of standard input that are taken: as many as a feed may have.
fn input_bytes_max() -> u64 {
    Limits::default().plain_bytes_max
}

/// Keeps a stream in a file for as long as it is needed, since imports read twice.
fn keep(input: impl io::Read, folder: &Path, bytes_max: u64) -> anyhow::Result<NamedTempFile> {
    std::fs::create_dir_all(folder).context("no folder for a temporary file")?;
    let mut file = NamedTempFile::new_in(folder).context("no temporary file")?;
    let limit = bytes_max.saturating_add(1);
    let kept = io::copy(&mut input.take(limit), &mut file).context("it cannot be kept")?;
    if kept > bytes_max {
        bail!("more than {bytes_max} bytes came; give them in several parts");
    }
    Ok(file)
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
struct Upload(Box<dyn io::Read + Send>);

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

fn upload(
    backend: &Backend,
    input: Box<dyn io::Read + Send>,
    reading: &Reading,
) -> anyhow::Result<ImportLine> {
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
    let reply = backend.send(Method::POST, &path, octets, Body::new(Upload(input)))?;
    Ok(ImportLine::from_json(reply.json()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_input_is_kept_within_its_bounds_and_removed_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let tmp = folder.path().join("tmp");
        let kept = keep(&b"four"[..], &tmp, 4).unwrap();
        assert_eq!(std::fs::read(kept.path()).unwrap(), b"four");
        drop(kept);
        assert!(keep(&b"fives"[..], &tmp, 4).unwrap_err().to_string().contains("more than 4"));
        assert_eq!(std::fs::read_dir(&tmp).unwrap().count(), 0);
    }
}
