//! What an answer costs: batches of each kind, and a single lookup against a bare axum handler.
//!
//! ```text
//! cargo run --release -p wardnet-protect --example lookup_speed      # needs wrk
//! lookup_speed batches [ENTRIES]     # batches alone, of a database of another size
//! ```
//!
//! Batches go through the router and the gate but not through sockets, in one thread. The single
//! lookup and the bare handler are loaded by `wrk` in turns. Figures are answers per second of CPU
//! time.

#![expect(clippy::print_stdout, reason = "a program for people at a terminal")]

use std::error::Error;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use wardnet_model::{Band, Indicator, Key, Kind, Risk, Scope};
use wardnet_protect::lookup::{LookupState, routes};
use wardnet_server::listen::Endpoint;
use wardnet_server::tokens::{MemoryTokens, NewToken};
use wardnet_server::{
    Gate, Limits, Listener, ListenerConfig, Metrics, Rate, Role, Shutdown, Tokens, now_unix,
    with_problem_fallbacks,
};
use wardnet_verdictdb::{Builder, Db, Entry, OpenOptions, Options, Profile, View, Views};

const BATCH: u32 = 10_000;
const ROUNDS: u32 = 30;
const SECONDS: u32 = 3;

type Text = fn(u32) -> String;

const KINDS: [(&str, Text); 4] =
    [("addresses", address), ("hashes", hash), ("domains", domain), ("URLs", url)];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let tokens = Arc::new(Tokens::open(Arc::new(MemoryTokens::default()))?);
    // A budget that is checked and never empty.
    let rate = Some(Rate { per_second: 1_000_000_000, burst: 1_000_000_000 });
    let name = "bench".to_owned();
    let new = NewToken { tenant: 0, role: Role::Reader, name, expires: None, rate };
    let (token, _) = tokens.issue(new, now_unix())?;
    let gate = Gate::new(tokens, Arc::default(), Metrics::new("bench"), &Limits::default());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let entries = arguments.get(1).map_or(Ok(1_000_000), |entries| entries.parse())?;
    let router = routes(&gate, LookupState::new(Arc::new(Views::new(view(entries)?))));
    let authorization = format!("Bearer {}", token.reveal());
    for (name, text) in KINDS {
        for known in [0, 50] {
            let rate = batch(&router, &authorization, |n| text(mixed(n, known, entries))).await?;
            println!("{name:10} {known:3} % known  {rate:>10.0} per CPU second");
        }
    }
    match arguments.first() {
        Some(_) => Ok(()),
        None => single(router, &gate, &authorization).await,
    }
}

/// Of every hundred questions `known` are about entries of the database.
const fn mixed(n: u32, known: u32, entries: u32) -> u32 {
    // Prime steps, so that neighbours in the batch are no neighbours in the database.
    let n = n.wrapping_mul(7_919) % entries;
    if n % 100 < known { n } else { n + entries }
}

fn address(n: u32) -> String {
    std::net::Ipv4Addr::from(0x1700_0000 + n).to_string()
}

fn hash(n: u32) -> String {
    format!("{:?}", Key::digest(&n.to_le_bytes()))
}

fn domain(n: u32) -> String {
    format!("host-{n}.evil-{n}.top")
}

fn url(n: u32) -> String {
    format!("https://www.shop-{n}.top/a/path/to/page-{n}.html?session={n}")
}

fn view(entries: u32) -> Result<View> {
    let bad = Profile {
        risk: Risk::new(90),
        band: Band::Malicious,
        sources: [1, 2].into_iter().collect(),
        ..Profile::default()
    };
    let sources = [(1, "openphish".into()), (2, "urlhaus".into())].into_iter().collect();
    let mut builder = Builder::new(Options { sources, ..Options::default() });
    for n in 0..entries {
        for text in [address(n), hash(n), domain(n), url(n)] {
            let indicator = Indicator::parse(&text)?;
            let kind = indicator.kind().unwrap_or(Kind::Domain);
            builder.push(&Entry::evidence(kind, indicator.key(), Scope::Exact, &bad))?;
        }
    }
    let mut file = Vec::new();
    builder.finish(&mut file)?;
    Ok(View::of(Db::open(file.into(), &OpenOptions::default())?))
}

async fn batch(router: &Router, authorization: &str, text: impl Fn(u32) -> String) -> Result<f64> {
    let lines: Vec<String> = (0..BATCH).map(text).collect();
    let body = lines.join("\n");
    // The kernel counts in ticks of some milliseconds: only a long run can be read off.
    let before = cpu_nanos()?;
    for _ in 0..ROUNDS {
        let request = Request::post("/v1/lookup")
            .header("authorization", authorization)
            .header("content-type", "application/x-ndjson")
            .body(Body::from(body.clone()))?;
        let answers = router.clone().oneshot(request).await?.into_body().collect().await?;
        let answers = answers.to_bytes();
        if answers.iter().filter(|byte| **byte == b'\n').count() != lines.len() {
            return Err("an answer is missing".into());
        }
    }
    Ok(f64::from(BATCH * ROUNDS) / (cpu_nanos()? - before) * 1e9)
}

/// The same request to the lookup and to a handler that answers at once, with as many bytes.
async fn single(router: Router, gate: &Gate, authorization: &str) -> Result<()> {
    let path = format!("/v1/lookup?indicator={}", domain(0));
    let request = Request::get(&path).header("authorization", authorization).body(Body::empty())?;
    let answer = router.clone().oneshot(request).await?.into_body().collect().await?.to_bytes();
    let bare = move || {
        let answer = answer.clone();
        async move { ([("content-type", "application/json")], answer) }
    };
    let bare: Router = Router::new().route("/v1/lookup", get(bare));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let bare_at = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, bare).await });
    let endpoint = Endpoint::Tcp("127.0.0.1:0".parse()?);
    let limits = Limits::default();
    let config = ListenerConfig { name: "bench".into(), endpoint, tls: None, limits };
    let listener = Listener::bind(config, &Metrics::new("bench"))?;
    let lookup_at = listener.local_addr().ok_or("no address")?;
    let router = with_problem_fallbacks(router, gate);
    tokio::spawn(async move { listener.serve(router, &Shutdown::new()).await });
    let authorization = authorization.to_owned();
    let compared = tokio::task::spawn_blocking(move || {
        compare([bare_at, lookup_at], &path, &authorization).map_err(|error| error.to_string())
    });
    Ok(compared.await??)
}

fn compare(servers: [SocketAddr; 2], path: &str, authorization: &str) -> Result<()> {
    let mut ratios = Vec::new();
    for round in 1..=5 {
        let mut rates = [0f64; 2];
        for (server, rate) in servers.iter().zip(&mut rates) {
            *rate = requests_per_cpu_second(&format!("http://{server}{path}"), authorization)?;
        }
        let [bare, lookup] = rates;
        println!("round {round}: bare {bare:.0}, lookup {lookup:.0}, ratio {:.3}", lookup / bare);
        ratios.push(lookup / bare);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.3}", ratios[ratios.len() / 2]);
    Ok(())
}

fn requests_per_cpu_second(url: &str, authorization: &str) -> Result<f64> {
    let before = process_cpu_seconds()?;
    let output = Command::new("wrk")
        .args(["-t1", "-c32", &format!("-d{SECONDS}s"), "-H"])
        .arg(format!("Authorization: {authorization}"))
        .arg(url)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    if text.contains("Non-2xx") {
        return Err(text.into());
    }
    let line = text.lines().find(|line| line.contains(" requests in ")).ok_or("no wrk output")?;
    let requests: f64 = line.split_whitespace().next().ok_or("no count")?.parse()?;
    Ok(requests / (process_cpu_seconds()? - before))
}

/// User and system time of this process: fields 14 and 15 of proc_pid_stat(5), in 1/100 s.
fn process_cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no command name")?;
    let ticks: Vec<f64> =
        fields.split_whitespace().skip(11).take(2).map_while(|field| field.parse().ok()).collect();
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

/// CPU time of this thread.
fn cpu_nanos() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().ok_or("no figure")?.parse()?)
}
