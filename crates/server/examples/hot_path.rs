//! What the gate costs: a bare axum handler against the same one behind tokens, budget, metrics.
//!
//! ```text
//! cargo run --release -p wardnet-server --example hot_path            # needs wrk
//! cargo run --release -p wardnet-server --example hot_path -- serve   # only serves
//! ```
//!
//! Both servers run in this process, one of them loaded at a time, in turns, so that a change of
//! the machine's mood hits both. The figure is requests per second of this process's CPU time.

#![expect(clippy::print_stdout, reason = "a program for people at a terminal")]

use std::error::Error;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, get_service};
use wardnet_server::listen::Endpoint;
use wardnet_server::tokens::{MemoryTokens, NewToken};
use wardnet_server::{
    Access, Budgets, Caller, Gate, Limits, Listener, ListenerConfig, Metrics, Rate, Role,
    RouteSpec, Shutdown, Tokens, now_unix, with_problem_fallbacks,
};

const ROUNDS: usize = 6;
const SECONDS: u32 = 4;
const BODY: &str = r#"{"indicator":"login-example.test","verdict":{"risk":90,"band":"malicious","categories":["phishing"],"as_of":"2026-01-01T00:00:00Z"},"matched":"login-example.test"}"#;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

async fn bare() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], BODY)
}

async fn gated(_caller: Caller) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], BODY)
}

#[tokio::main]
async fn main() -> Result<()> {
    let bare = start_bare().await?;
    let (gated, token) = start_gated()?;
    println!("bare   http://{bare}/lookup");
    println!("gated  http://{gated}/lookup   with Authorization: Bearer {token}");
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return std::future::pending().await;
    }
    tokio::task::spawn_blocking(move || compare(bare, gated, &token).map_err(|e| e.to_string()))
        .await??;
    Ok(())
}

async fn start_bare() -> Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router: Router = Router::new().route("/lookup", get(bare));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

fn start_gated() -> Result<(SocketAddr, String)> {
    let tokens = Arc::new(Tokens::open(Arc::new(MemoryTokens::default()))?);
    // A budget that is checked and never empty.
    let rate = Some(Rate { per_second: 100_000_000, burst: 100_000_000 });
    let name = "bench".to_owned();
    let new = NewToken { tenant: 1, role: Role::Reader, name, expires: None, rate };
    let (token, _) = tokens.issue(new, now_unix())?;
    let (metrics, limits) = (Metrics::new("bench"), Limits::default());
    let gate = Gate::new(tokens, Arc::new(Budgets::default()), metrics.clone(), &limits);
    let route = gate.route(RouteSpec::new("/lookup", Access::Role(Role::Reader)));
    let router = Router::new().route("/lookup", get_service(route.wrap(gated, ())));
    let router = with_problem_fallbacks(router, &gate);
    let endpoint = Endpoint::Tcp("127.0.0.1:0".parse()?);
    let config = ListenerConfig { name: "bench".into(), endpoint, tls: None, limits };
    let listener = Listener::bind(config, &metrics)?;
    let address = listener.local_addr().ok_or("no address")?;
    tokio::spawn(async move { listener.serve(router, &Shutdown::new()).await });
    Ok((address, token.reveal().to_owned()))
}

fn compare(bare: SocketAddr, gated: SocketAddr, token: &str) -> Result<()> {
    let mut ratios = Vec::new();
    for round in 1..=ROUNDS {
        let bare = requests_per_cpu_second(bare, token)?;
        let gated = requests_per_cpu_second(gated, token)?;
        println!("round {round}: bare {bare:.0}, gated {gated:.0}, ratio {:.3}", gated / bare);
        ratios.push(gated / bare);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.3}", f64::midpoint(ratios[ROUNDS / 2 - 1], ratios[ROUNDS / 2]));
    Ok(())
}

/// Both servers get the same bytes: the bare one just does not look at the token.
fn requests_per_cpu_second(address: SocketAddr, token: &str) -> Result<f64> {
    let before = cpu_seconds()?;
    let output = Command::new("wrk")
        .args(["-t1", "-c32", &format!("-d{SECONDS}s"), "-H"])
        .arg(format!("Authorization: Bearer {token}"))
        .arg(format!("http://{address}/lookup"))
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    if text.contains("Non-2xx") {
        return Err(text.into());
    }
    let line = text.lines().find(|line| line.contains(" requests in ")).ok_or("no wrk output")?;
    let requests: f64 = line.split_whitespace().next().ok_or("no count")?.parse()?;
    Ok(requests / (cpu_seconds()? - before))
}

/// User and system time of this process: fields 14 and 15 of proc_pid_stat(5), in 1/100 s.
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no command name")?;
    let ticks: Vec<f64> =
        fields.split_whitespace().skip(11).take(2).map_while(|field| field.parse().ok()).collect();
    Ok(ticks.iter().sum::<f64>() / 100.0)
}
