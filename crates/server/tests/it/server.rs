//! The server under test, and a client that sends exactly the bytes it is given.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::handler::Handler;
use axum::routing::{get_service, post_service};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use wardnet_server::budget::BudgetConfig;
use wardnet_server::listen::{Drained, Endpoint};
use wardnet_server::tokens::{MemoryTokens, NewToken, TokenId};
use wardnet_server::{
    Access, BodyBytes, Budgets, Caller, Gate, Json, Limits, Listener, ListenerConfig, Metrics,
    Problem, Rate, Role, RouteSpec, Shutdown, Tls, Tokens, now_unix, with_problem_fallbacks,
};

pub(crate) struct Server {
    pub(crate) address: Option<SocketAddr>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) metrics: Metrics,
    pub(crate) shutdown: Shutdown,
    pub(crate) serving: JoinHandle<Drained>,
    pub(crate) folder: TempDir,
}

#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) limits: Limits,
    pub(crate) budget: BudgetConfig,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) unix: bool,
}

impl Setup {
    pub(crate) fn start(self) -> Server {
        let folder = tempfile::tempdir().expect("a folder");
        let tokens = Arc::new(Tokens::open(Arc::new(MemoryTokens::default())).expect("opens"));
        let metrics = Metrics::new("test");
        let budgets = Arc::new(Budgets::new(self.budget));
        let gate = Gate::new(Arc::clone(&tokens), budgets, metrics.clone(), &self.limits);
        let endpoint = if self.unix {
            Endpoint::Unix(folder.path().join("socket"))
        } else {
            Endpoint::Tcp(([127, 0, 0, 1], 0).into())
        };
        let (name, tls, limits) = ("api".to_owned(), self.tls, self.limits);
        let config = ListenerConfig { name, endpoint, tls, limits };
        let listener = Listener::bind(config, &metrics).expect("binds");
        let address = listener.local_addr();
        let shutdown = Shutdown::new();
        let (router, signal) = (router(&gate, &metrics), shutdown.clone());
        let serving = tokio::spawn(async move { listener.serve(router, &signal).await });
        Server { address, tokens, metrics, shutdown, serving, folder }
    }
}

fn router(gate: &Gate, metrics: &Metrics) -> Router {
    let route = |name, access| gate.route(RouteSpec::new(name, access));
    let open = route("/open", Access::Anonymous);
    let read = route("/read", Access::Role(Role::Reader));
    let admin = route("/admin", Access::Role(Role::Admin));
    let json = route("/json", Access::Anonymous);
    let bytes = gate.route(RouteSpec::new("/bytes", Access::Anonymous).body_bytes_max(10));
    let batch = route("/batch", Access::Role(Role::Reader));
    let slow = route("/slow", Access::Anonymous);
    let scrape = gate.route(RouteSpec::new("/metrics", Access::Anonymous).questions(0));
    let metrics = metrics.clone();
    let scraped = async move |headers: axum::http::HeaderMap| metrics.respond(&headers);
    let router = Router::new()
        .route("/open", get_service(open.wrap(whoami, ())))
        .route("/read", get_service(read.wrap(whoami, ())))
        // Through axum's own layer, which must do the same.
        .route("/admin", axum::routing::get(whoami.layer(admin)))
        .route("/json", post_service(json.wrap(echo, ())))
        .route("/bytes", post_service(bytes.wrap(length, ())))
        .route("/batch/{questions}", get_service(batch.wrap(charge, ())))
        .route("/slow", get_service(slow.wrap(slowly, ())))
        .route("/metrics", get_service(scrape.wrap(scraped, ())));
    with_problem_fallbacks(router, gate)
}

async fn whoami(caller: Caller) -> Json<String> {
    Json(match caller.principal() {
        None => "nobody".to_owned(),
        Some(who) => {
            format!("{} of tenant {}, token {}", who.role, who.tenant, who.token.is_some())
        }
    })
}

async fn echo(Json(numbers): Json<Vec<u32>>) -> Json<Vec<u32>> {
    Json(numbers)
}

async fn length(BodyBytes(bytes): BodyBytes) -> String {
    bytes.len().to_string()
}

async fn charge(
    caller: Caller,
    axum::extract::Path(questions): axum::extract::Path<u32>,
) -> Result<&'static str, Problem> {
    caller.charge(questions - 1)?;
    Ok("asked")
}

async fn slowly() -> &'static str {
    tokio::time::sleep(Duration::from_millis(400)).await;
    "finished"
}

impl Server {
    pub(crate) fn token(&self, role: Role, rate: Option<Rate>) -> (String, TokenId) {
        let new = NewToken { tenant: 3, role, name: "test".into(), expires: None, rate };
        let (text, record) = self.tokens.issue(new, now_unix()).expect("memory writes");
        (text.reveal().to_owned(), record.id)
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address.expect("TCP")).await.expect("listens")
    }

    /// Sends a request on a connection of its own.
    pub(crate) async fn ask(&self, request: &str) -> Reply {
        exchange(self.connect().await, request).await
    }

    pub(crate) async fn get(&self, path: &str, headers: &str) -> Reply {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n"))
            .await
    }

    pub(crate) async fn post(&self, path: &str, kind: &str, body: &str) -> Reply {
        let length = body.len();
        self.ask(&format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {kind}\r\n\
             content-length: {length}\r\n\r\n{body}"
        ))
        .await
    }
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    /// Checks that it is a problem of this status and type.
    pub(crate) fn is_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.body);
        assert!(self.head.contains("content-type: application/problem+json"), "{}", self.head);
        let problem: serde_json::Value = serde_json::from_str(&self.body).expect("JSON");
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{}", self.body);
        assert_eq!(problem["status"], status);
    }
}

/// Sends `request` and reads to the end of the connection.
pub(crate) async fn exchange(mut io: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Reply {
    io.write_all(request.as_bytes()).await.expect("sent");
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), io.read_to_end(&mut bytes)).await;
    read.expect("an answer in time").expect("an answer");
    parse(&String::from_utf8(bytes).expect("UTF-8"))
}

fn parse(text: &str) -> Reply {
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    Reply { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}
