//! How a command reaches the data folder: through the running server's socket, or through an
//! engine of its own. Either way it speaks the same HTTP API.

use crate::app::App;
use crate::args::Args;
use crate::config::Config;
use anyhow::{Context as _, anyhow, bail};
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;
use wardnet_server::Peer;

/// The largest reply that a command reads.
const REPLY_BYTES_MAX: usize = 256 << 20;

/// What answers a command's requests.
pub(crate) struct Backend {
    runtime: tokio::runtime::Runtime,
    way: Way,
}

enum Way {
    Remote(PathBuf),
    Local(Box<App>),
}

/// A reply, whole.
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: StatusCode,
    /// The body.
    pub(crate) body: Bytes,
}

impl Reply {
    /// The body as JSON, or the problem it describes as an error.
    pub(crate) fn json(self) -> anyhow::Result<Value> {
        let bytes = self.success()?;
        serde_json::from_slice(&bytes).context("the server's reply is not JSON")
    }

    /// The body, or the problem it describes as an error.
    pub(crate) fn success(self) -> anyhow::Result<Bytes> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let part = |name: &str| problem.get(name).and_then(Value::as_str).map(str::to_owned);
        let told = part("detail").or_else(|| part("title"));
        Err(anyhow!("{}", told.unwrap_or_else(|| format!("the server answered {}", self.status))))
    }
}

/// The data folder and the configuration that a command line names.
pub(crate) fn folder(args: &Args) -> anyhow::Result<(PathBuf, Config)> {
    let config = Config::load(args.config.as_deref())?;
    let named = args.data_dir.clone().or_else(|| config.data_dir.clone());
    Ok((named.unwrap_or_else(crate::paths::default_data_dir), config))
}

impl Backend {
    /// Finds the server, or opens the folder.
    pub(crate) fn open(args: &Args) -> anyhow::Result<Self> {
        let (data_dir, config) = folder(args)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let way = match server(&runtime, &data_dir) {
            Some(socket) => Way::Remote(socket),
            None => Way::Local(Box::new(App::open(&data_dir, &config)?)),
        };
        Ok(Self { runtime, way })
    }

    /// Finds the server; nothing when none runs. A mistake in the configuration is no hindrance:
    /// telling of it is the server's part.
    pub(crate) fn running(args: &Args) -> anyhow::Result<Option<Self>> {
        let data_dir = match &args.data_dir {
            Some(data_dir) => data_dir.clone(),
            None => folder(args)?.0,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let socket = server(&runtime, &data_dir);
        Ok(socket.map(|socket| Self { runtime, way: Way::Remote(socket) }))
    }

    /// The engine of this process, when no server runs.
    pub(crate) fn local(&self) -> Option<&App> {
        match &self.way {
            Way::Local(app) => Some(app),
            Way::Remote(_) => None,
        }
    }

    /// Asks for something.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Reply> {
        self.send(Method::GET, path, None, Body::empty())
    }

    /// Sends JSON.
    pub(crate) fn send_json(
        &self,
        method: Method,
        path: &str,
        value: &Value,
    ) -> anyhow::Result<Reply> {
        self.send(method, path, Some("application/json"), Body::from(value.to_string()))
    }

    /// Sends a request and reads the reply.
    pub(crate) fn send(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&'static str>,
        body: Body,
    ) -> anyhow::Result<Reply> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "local");
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let request = request.body(body)?;
        self.runtime.block_on(async {
            let response = match &self.way {
                Way::Remote(socket) => over_socket(socket, request).await?,
                Way::Local(app) => in_process(app, request).await?,
            };
            let status = response.status();
            let body = Limited::new(response.into_body(), REPLY_BYTES_MAX)
                .collect()
                .await
                .map_err(|error| anyhow!("the reply did not come whole: {error}"))?
                .to_bytes();
            Ok(Reply { status, body })
        })
    }

    /// Writes everything down and lets go of the folder.
    pub(crate) fn close(self) -> anyhow::Result<()> {
        let Way::Local(app) = self.way else {
            return Ok(());
        };
        app.close()
    }
}

/// The socket of the server that runs on a folder.
fn server(runtime: &tokio::runtime::Runtime, data_dir: &Path) -> Option<PathBuf> {
    let socket = crate::paths::socket(data_dir);
    runtime.block_on(UnixStream::connect(&socket)).is_ok().then_some(socket)
}

async fn over_socket(socket: &Path, request: Request<Body>) -> anyhow::Result<Response<Body>> {
    let stream = UnixStream::connect(socket)
        .await
        .with_context(|| format!("cannot reach the server at {}", socket.display()))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to the server ended badly");
        }
    });
    Ok(sender.send_request(request).await?.map(Body::new))
}

async fn in_process(app: &App, mut request: Request<Body>) -> anyhow::Result<Response<Body>> {
    // The caller is this process: the kernel would vouch for it on the socket.
    request.extensions_mut().insert(Peer::own());
    match app.routes.router().call(request).await {
        Ok(response) => Ok(response),
        Err(never) => match never {},
    }
}

/// Percent-escapes a value of a query.
pub(crate) fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len() * 3);
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// Refuses a command that needs the folder to itself.
pub(crate) fn needs_local<'b>(backend: &'b Backend, what: &str) -> anyhow::Result<&'b App> {
    match backend.local() {
        Some(app) => Ok(app),
        None => bail!("a server is using the folder; stop it to {what}"),
    }
}
