//! Row "HTTP": single lookups and Safe Browsing's searches against a bare axum handler and nginx with
//! the same body, and batches.
//!
//! `WARDNET_DATA=DIR http [ROUNDS [SECONDS]]`; needs `wrk` and, for its column, `nginx`.

use anyhow::{Context as _, ensure};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse as _;
use data_encoding::{BASE64, BASE64URL};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use wardnet_bench::server::Running;
use wardnet_bench::timing::{median, time};
use wardnet_bench::{database, process, row, server, vectors};

const CONNECTIONS: usize = 32;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |at: usize| arguments.get(at).map(String::as_str);
    if argument(0) == Some("peer") {
        let address = argument(1).context("an address")?.parse()?;
        return peer(address, argument(2).context("a file")?);
    }
    let rounds: usize = argument(0).map_or(Ok(7), str::parse)?;
    let seconds: u64 = argument(1).map_or(Ok(3), str::parse)?;
    row::machine();
    let folder = tempfile::tempdir()?;
    server::configure(folder.path(), true)?;
    let settings = folder.path().join("wardnet.toml");
    std::fs::write(&settings, std::fs::read_to_string(&settings)? + "[safe_browsing]\n")?;
    vectors::write_catalogue(folder.path())?;
    server::output(server::command(folder.path())?.args(["feeds", "update"]))?;
    let wardnet = server::start(folder.path())?;
    single(folder.path(), &wardnet, rounds, seconds)?;
    batches(&wardnet, rounds)
}

/// A server that does nothing but send a body.
fn peer(address: SocketAddr, body: &str) -> anyhow::Result<()> {
    let body = axum::body::Bytes::from(std::fs::read(body)?);
    let handler = move || {
        let body = body.clone();
        async move {
            let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
            (headers, body).into_response()
        }
    };
    let router = axum::Router::new().fallback(handler);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async move {
        let listener = tokio::net::TcpListener::bind(address).await?;
        axum::serve(listener, router).await
    })?;
    Ok(())
}

fn start_peer(body: &Path) -> anyhow::Result<Running> {
    let address = server::free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["peer", &address.to_string()]).arg(body);
    Running::await_ready(command.spawn()?, address)
}

fn start_nginx(folder: &Path, body: &str) -> anyhow::Result<Running> {
    let address = server::free_address()?;
    let configuration = format!(
        "daemon off; worker_processes 2; pid {0}/nginx.pid; error_log {0}/nginx.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {0};\n\
         server {{ listen {address}; location / {{ default_type application/json;\n\
         add_header Cache-Control no-store; return 200 '{body}'; }} }} }}\n",
        folder.display()
    );
    let path = folder.join("nginx.conf");
    std::fs::write(&path, configuration)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(&path).stderr(Stdio::null());
    Running::await_ready(command.spawn()?, address)
}

/// What is asked over and over.
struct Question {
    what: &'static str,
    path: String,
    /// The body, in JSON, of what is posted.
    body: Option<String>,
}

impl Question {
    fn lookup(what: &'static str, indicator: &str) -> Self {
        Self { what, path: format!("/v1/lookup?indicator={indicator}"), body: None }
    }

    /// All there are: `prefix` begins the hash of something that is published.
    fn all(prefix: [u8; 4]) -> [Self; 6] {
        let base64 = BASE64.encode(&prefix);
        let find = format!(
            r#"{{"client":{{"clientId":"bench"}},"threatInfo":{{"threatTypes":["SOCIAL_ENGINEERING","MALWARE"],"platformTypes":["ANY_PLATFORM"],"threatEntryTypes":["URL"],"threatEntries":[{{"hash":"{base64}"}}]}}}}"#
        );
        let search = BASE64URL.encode(&prefix).replace('=', "%3D");
        let unknown_hash = "0123456789abcdef".repeat(4);
        [
            Self::lookup("a listed domain", LISTED),
            Self::lookup("an address not listed", "9.9.9.9"),
            Self::lookup("a hash not listed", &unknown_hash),
            Self::lookup(
                "a URL not listed",
                "https%3A%2F%2Fwww.example-shop.com%2Fa%2Fb.html%3Fq%3D1",
            ),
            Self {
                what: "Safe Browsing 5, `hashes:search`, a listed prefix",
                path: format!("/v5/hashes:search?hashPrefixes={search}"),
                body: None,
            },
            Self {
                what: "Safe Browsing 4, `fullHashes:find`, a listed prefix",
                path: "/v4/fullHashes:find".to_owned(),
                body: Some(find),
            },
        ]
    }

    fn ask(&self, wardnet: &(Running, String)) -> anyhow::Result<Vec<u8>> {
        let mut client = server::client(wardnet)?;
        match &self.body {
            Some(body) => client.post(&self.path, "application/json", body.as_bytes()),
            None => client.get(&self.path),
        }
    }

    /// What wrk needs to post it.
    fn script(&self, folder: &Path) -> anyhow::Result<Option<PathBuf>> {
        let Some(body) = &self.body else { return Ok(None) };
        let path = folder.join("post.lua");
        let text = format!(
            "wrk.method = 'POST'\nwrk.body = '{body}'\n\
             wrk.headers['Content-Type'] = 'application/json'\n"
        );
        std::fs::write(&path, text)?;
        Ok(Some(path))
    }
}

/// A domain that the feeds list.
const LISTED: &str = "000.rich";

/// What one round of requests found: requests per processor second, and per second.
fn round(
    running: &Running,
    token: &str,
    (path, script): (&str, Option<&Path>),
    seconds: u64,
) -> anyhow::Result<(f64, f64)> {
    let pids: Vec<u32> =
        std::iter::once(running.pid()).chain(process::children(running.pid())).collect();
    let used = || pids.iter().map(|pid| process::cpu_seconds(*pid)).sum::<anyhow::Result<f64>>();
    let before = used()?;
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s")])
        .args(["-H", &format!("Authorization: Bearer {token}")])
        .args(script.map(|script| format!("-s{}", script.display())))
        .arg(format!("http://{}{path}", running.address))
        .output()
        .context("wrk: install the package wrk")?;
    let cpu = used()? - before;
    let text = String::from_utf8(output.stdout)?;
    ensure!(!text.contains("Non-2xx"), "every answer is a success: {text}");
    let requests = text.lines().find(|line| line.contains(" requests in "));
    let requests: f64 =
        requests.and_then(|line| line.split_whitespace().next()).context("wrk's sum")?.parse()?;
    Ok((requests / cpu, requests / seconds as f64))
}

fn single(
    folder: &Path,
    wardnet: &(Running, String),
    rounds: usize,
    seconds: u64,
) -> anyhow::Result<()> {
    row::head(&[
        "wardnet / axum",
        "wardnet / nginx",
        "question",
        "answer bytes",
        "wardnet requests per CPU s",
        "axum",
        "nginx",
        "wardnet requests/s",
        "connections",
    ]);
    let [a, b, c, d, ..] = wardnet_model::domain_key(LISTED).0;
    for question in Question::all([a, b, c, d]) {
        let body = question.ask(wardnet)?;
        let script = question.script(folder)?;
        let query = (question.path.as_str(), script.as_deref());
        let path = folder.join("body.json");
        std::fs::write(&path, &body)?;
        let axum = start_peer(&path)?;
        let nginx = String::from_utf8(body.clone()).ok();
        let nginx = nginx.and_then(|body| start_nginx(folder, &body).ok());
        let (mut own, mut axums, mut nginxes) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            own.push(round(&wardnet.0, &wardnet.1, query, seconds)?);
            axums.push(round(&axum, &wardnet.1, query, seconds)?);
            if let Some(nginx) = &nginx {
                nginxes.push(round(nginx, &wardnet.1, query, seconds)?);
            }
        }
        let per_cpu = |of: &[(f64, f64)]| median(of.iter().map(|round| round.0));
        let ratio =
            |peers: &[(f64, f64)]| median(own.iter().zip(peers).map(|(own, peer)| own.0 / peer.0));
        row::row(&[
            format!("{:.2}", ratio(&axums)),
            format!("{:.2}", ratio(&nginxes)),
            question.what.to_owned(),
            body.len().to_string(),
            row::thousands(per_cpu(&own)),
            row::thousands(per_cpu(&axums)),
            row::thousands(per_cpu(&nginxes)),
            row::thousands(median(own.iter().map(|round| round.1))),
            CONNECTIONS.to_string(),
        ]);
    }
    Ok(())
}

/// Makes the question with a number.
type Make = fn(u64) -> String;

/// Questions of one batch request.
const BATCH: u64 = 10_000;

fn batches(wardnet: &(Running, String), rounds: usize) -> anyhow::Result<()> {
    row::head(&[
        "questions per CPU s",
        "questions/s",
        "what",
        "listed",
        "batch",
        "bytes per answer",
    ]);
    let word = |salt: u64| database::random(salt) as u32;
    let kinds: [(&str, Make); 3] = [
        ("addresses", |n| std::net::Ipv4Addr::from(database::random(n) as u32).to_string()),
        ("SHA-256 hashes", |n| {
            (0..4).map(|part| format!("{:016x}", database::random(n * 4 + part))).collect()
        }),
        ("URLs", |n| {
            let [a, b, c] = [1, 2, 3].map(|salt| database::random(n * 4 + salt) % 100_000);
            format!("https://www.shop{a}.example{b}.com/path{c}/to/page{a}.html?id={b}")
        }),
    ];
    let mut client = server::client(wardnet)?;
    for (what, make) in kinds {
        let (mut per_cpu, mut per_second, mut listed, mut bytes) = (Vec::new(), Vec::new(), 0, 0);
        for round in 0..rounds as u64 {
            let first = u64::from(word(round)) << 20;
            let body: String = (0..BATCH).map(|n| make(first.wrapping_add(n)) + "\n").collect();
            let before = process::cpu_seconds(wardnet.0.pid())?;
            const TIMES: u64 = 30;
            let (took, answers) = time(|| -> anyhow::Result<Vec<u8>> {
                let mut last = Vec::new();
                for _ in 0..TIMES {
                    last = client.post("/v1/lookup", "text/plain", body.as_bytes())?;
                }
                Ok(last)
            });
            let cpu = process::cpu_seconds(wardnet.0.pid())? - before;
            let answers = String::from_utf8(answers?)?;
            ensure!(answers.lines().count() as u64 == BATCH, "every question has its answer");
            listed = answers.lines().filter(|line| !line.contains(r#""matched":[]"#)).count();
            bytes = answers.len() as u64 / BATCH;
            per_cpu.push((BATCH * TIMES) as f64 / cpu);
            per_second.push((BATCH * TIMES) as f64 / took.as_secs_f64());
        }
        row::row(&[
            row::thousands(median(per_cpu)),
            row::thousands(median(per_second)),
            what.to_owned(),
            format!("{:.1} %", listed as f64 * 100.0 / BATCH as f64),
            row::thousands(BATCH as f64),
            bytes.to_string(),
        ]);
    }
    Ok(())
}
