//! `POST /v1/ingest`: a file of feed rows, over the local socket.

use crate::import::{ImportOrder, import_file};
use crate::output::{ImportLine, in_words};
use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post_service;
use http_body_util::BodyExt as _;
use serde::Deserialize;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::NamedTempFile;
use wardnet_collect::feeds::{Format, ReadOptions};
use wardnet_identify::http::storage_full;
use wardnet_identify::{DEFAULT_CONFIDENCE, ImportTerms, Writer};
use wardnet_model::{Category, Scope, Sharing, Stance, TenantId, Tlp};
use wardnet_server::{Access, Caller, Gate, Peer, Problem, Query, Role, RouteSpec};

/// The largest file that is taken over the socket.
const FILE_BYTES_MAX: usize = 4 << 30;

/// How to read a file, as the query of the request or the options of the command say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reading {
    /// Who says so.
    pub(crate) source: String,
    /// The file's name.
    #[serde(default)]
    pub(crate) name: String,
    /// The format; guessed when it is left out.
    pub(crate) format: Option<String>,
    /// What rows without a category are bad for.
    pub(crate) category: Option<String>,
    /// How far names and URLs reach whose row does not say.
    pub(crate) scope: Option<String>,
    /// What rows say.
    pub(crate) stance: Option<String>,
    /// How sure rows are that do not say.
    pub(crate) confidence: Option<u8>,
    /// Whether what is missing has ended.
    #[serde(default)]
    pub(crate) snapshot: bool,
}

impl Reading {
    /// Checks the words.
    fn resolve(&self) -> anyhow::Result<(Option<Format>, ReadOptions, Option<Category>)> {
        let mut options = ReadOptions::default();
        options.scope = self.scope.as_deref().map(str::parse::<Scope>).transpose()?;
        options.stance = self.stance.as_deref().map(str::parse::<Stance>).transpose()?;
        options.name = Some(self.source.as_str().into());
        options.document = Some(self.name.as_str().into());
        let format = self.format.as_deref().map(str::parse::<Format>).transpose()?;
        let category = self.category.as_deref().map(str::parse::<Category>).transpose()?;
        Ok((format, options, category))
    }
}

/// Whether a text can name a source.
pub(crate) fn check_source(name: &str) -> anyhow::Result<()> {
    let fits = |c: char| c.is_alphanumeric() || "._-/: ".contains(c);
    if name.is_empty() || name.len() > 100 || !name.chars().all(fits) {
        anyhow::bail!("a source's name has 1 to 100 letters, digits, blanks or `._-/:`");
    }
    Ok(())
}

/// Imports one file as the operator's own.
pub(crate) fn ingest(
    writer: &Writer,
    path: &Path,
    reading: &Reading,
    progress: &dyn Fn(u64),
) -> anyhow::Result<ImportLine> {
    check_source(&reading.source)?;
    let (format, options, category) = reading.resolve()?;
    let now = crate::clock::now();
    let name = reading.source.clone();
    let (source, default) = writer.run_blocking(move |engine| {
        let id = engine.local_source(&name, now)?;
        let category = engine.epoch().source(id).map(|source| source.category);
        Ok((id, category.unwrap_or(Category::Uncategorised)))
    })?;
    let terms = ImportTerms {
        tenant: TenantId::SHARED,
        source,
        full: reading.snapshot,
        digest: [0; 32],
        category: category.unwrap_or(default),
        confidence: reading.confidence.unwrap_or(DEFAULT_CONFIDENCE),
        tlp: Tlp::Clear,
        sharing: Sharing::Everyone,
    };
    let order =
        ImportOrder { format, options, terms, file_name: reading.name.clone(), kinds: vec![] };
    let outcome = import_file(writer, path, order, now, progress)?;
    Ok(ImportLine::new(&reading.name, &reading.source, outcome))
}

/// What the route needs.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    folder: Arc<PathBuf>,
    writer: Writer,
}

impl Intake {
    /// Spools uploads beneath the data folder.
    pub(crate) fn new(data_dir: &Path, writer: Writer) -> Self {
        Self { folder: Arc::new(data_dir.join("tmp")), writer }
    }
}

/// `POST /v1/ingest`.
pub(crate) fn routes(gate: &Gate, state: Intake) -> Router {
    let spec = RouteSpec::new("/v1/ingest", Access::Role(Role::Admin));
    let layer = gate.route(spec.body_bytes_max(FILE_BYTES_MAX));
    Router::new().route("/v1/ingest", post_service(layer.wrap(post, state)))
}

async fn post(
    State(state): State<Intake>,
    caller: Caller,
    Query(reading): Query<Reading>,
    body: Body,
) -> Result<Response, Problem> {
    // Over the network the token fixes the source; choosing one's name is the operator's.
    if !matches!(caller.peer(), Peer::Unix { .. }) {
        return Err(Problem::forbidden(
            "files are taken over the local socket only; use POST /v1/evidence over the network",
        ));
    }
    let spooled = spool(&state.folder, body).await?;
    let work = move || ingest(&state.writer, spooled.path(), &reading, &|_| {});
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(line)) => Ok(axum::Json(line.to_json()).into_response()),
        Ok(Err(error)) if crate::watch::is_full(&error) => Err(storage_full()),
        Ok(Err(error)) => Err(Problem::unprocessable(in_words(&error))),
        Err(_) => Err(Problem::internal()),
    }
}

/// Writes a body to a temporary file.
async fn spool(folder: &Path, mut body: Body) -> Result<NamedTempFile, Problem> {
    let failed = |error: anyhow::Error| {
        tracing::error!(error = in_words(&error), "an upload could not be kept");
        if crate::watch::is_full(&error) {
            return storage_full();
        }
        Problem::unavailable(format!("the file could not be kept: {}", in_words(&error)))
    };
    let make = || {
        std::fs::create_dir_all(folder)?;
        NamedTempFile::new_in(folder)
    };
    let mut file = make().context("no temporary file").map_err(failed)?;
    while !body.is_end_stream() {
        let Some(frame) = body.frame().await else { break };
        let frame = frame.map_err(|error| {
            Problem::bad_request(format!("the file did not come whole: {error}"))
        })?;
        if let Some(data) = frame.data_ref() {
            file.write_all(data).context("the disk took no more").map_err(failed)?;
        }
    }
    file.flush().context("the disk took no more").map_err(failed)?;
    Ok(file)
}
