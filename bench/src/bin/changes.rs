//! Row "change stream": one change to many clients, and what each costs the server.
//!
//! `changes [CLIENTS [ROUNDS]]`; needs two open files for each client (`ulimit -n`).
#![expect(clippy::disallowed_methods, reason = "measuring programs read the clock")]

use anyhow::{Context as _, ensure};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use wardnet_bench::{http::Client, process, row, server};

/// How long anything may take before the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let clients = arguments.next().map_or(Ok(9_900), |text| text.parse::<usize>())?;
    let rounds = arguments.next().map_or(Ok(9), |text| text.parse::<usize>())?;
    row::machine();
    let folder = tempfile::tempdir()?;
    server::configure(folder.path(), false)?;
    let path = folder.path().join("wardnet.toml");
    let mut text = std::fs::read_to_string(&path)?;
    // All clients come from one address here.
    text += "[limits]\nconnections_max = 30000\nconnections_per_address_max = 30000\n";
    std::fs::write(&path, text)?;
    let (running, token) = server::start(folder.path())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured = runtime.block_on(measure(&running, &token, (clients, rounds)))?;
    measured.print(clients);
    Ok(())
}

/// What was seen.
struct Measured {
    /// Kilobytes that the server grew by with all clients there: resident, and after the rounds.
    grown_kb: [u64; 2],
    /// From the order to the reply, to the first, the middle and the last client; for each round.
    rounds: Vec<[f64; 4]>,
    cpu_per_round: f64,
    idle_cpu_per_second: f64,
}

impl Measured {
    fn print(&self, clients: usize) {
        let of = |at: usize| {
            let mut times: Vec<f64> = self.rounds.iter().map(|round| round[at]).collect();
            times.sort_by(f64::total_cmp);
            let middle = times.get(times.len() / 2).copied().unwrap_or_default();
            let worst = times.last().copied().unwrap_or_default();
            format!("{:.0} ({:.0})", middle * 1e3, worst * 1e3)
        };
        row::head(&[
            "clients",
            "ms to the reply (worst)",
            "to the first",
            "to the middle one",
            "to the last",
            "kB resident each",
            "after the rounds",
            "server CPU ms per change",
            "idle CPU %",
        ]);
        let each = |kb: u64| format!("{:.1}", kb as f64 * 1.024 / clients as f64);
        row::row(&[
            row::thousands(clients as f64),
            of(0),
            of(1),
            of(2),
            of(3),
            each(self.grown_kb[0]),
            each(self.grown_kb[1]),
            format!("{:.0}", self.cpu_per_round * 1e3),
            format!("{:.1}", self.idle_cpu_per_second * 100.0),
        ]);
    }
}

async fn measure(
    running: &server::Running,
    token: &str,
    (clients, rounds): (usize, usize),
) -> anyhow::Result<Measured> {
    let resident = || process::kilobytes(running.pid(), "VmRSS").context("the server has ended");
    let mut orders = Client::connect(running.address, token)?;
    orders.get("/v1/status")?;
    let before = resident()?;
    let (heard, mut hearing) = mpsc::unbounded_channel();
    for _ in 0..clients {
        let stream = follow(running.address, token).await?;
        tokio::spawn(listen(stream, heard.clone()));
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let with_all = resident()?;
    let cpu = process::cpu_seconds(running.pid())?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let idle_cpu_per_second = (process::cpu_seconds(running.pid())? - cpu) / 10.0;
    let cpu = process::cpu_seconds(running.pid())?;
    let mut seen = Vec::new();
    for number in 0..rounds {
        let body =
            format!(r#"{{"indicator":"host{number}.top","action":"block","reason":"bench"}}"#);
        let started = Instant::now();
        orders.post("/v1/decisions", "application/json", body.as_bytes())?;
        let reply = started.elapsed().as_secs_f64();
        let mut times = Vec::with_capacity(clients);
        while times.len() < clients {
            let at = tokio::time::timeout(PATIENCE, hearing.recv()).await?;
            let at: Instant = at.context("a client has gone")?;
            times.push(at.duration_since(started).as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        seen.push([reply, times[0], times[clients / 2], times[clients - 1]]);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let cpu_per_round = (process::cpu_seconds(running.pid())? - cpu) / rounds as f64;
    let after = resident()?;
    Ok(Measured {
        grown_kb: [with_all.saturating_sub(before), after.saturating_sub(before)],
        rounds: seen,
        cpu_per_round,
        idle_cpu_per_second,
    })
}

/// Begins to follow, and reads the greeting.
async fn follow(address: SocketAddr, token: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET /v1/changes HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\
         Authorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut seen = Vec::new();
    let mut part = [0; 1024];
    while !seen.windows(4).any(|bytes| bytes == b"\nid:") {
        let count = tokio::time::timeout(PATIENCE, stream.read(&mut part)).await??;
        ensure!(count > 0, "the server hung up: {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(part.get(..count).unwrap_or_default());
    }
    Ok(stream)
}

/// Tells of each change that comes.
async fn listen(mut stream: TcpStream, heard: mpsc::UnboundedSender<Instant>) {
    let mut part = [0; 1024];
    while let Ok(count) = stream.read(&mut part).await
        && count > 0
    {
        let text = part.get(..count).unwrap_or_default();
        let is_change = text.windows(13).any(|bytes| bytes == b"event: change");
        if is_change && heard.send(Instant::now()).is_err() {
            return;
        }
    }
}
