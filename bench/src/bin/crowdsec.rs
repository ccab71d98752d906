//! Row "CrowdSec": the stream of a bouncer that starts, and of one that is told ten changes.
//!
//! `crowdsec [ENTRIES [ROUNDS]]`. Everything runs in this process and is asked through the routes,
//! so that a figure is that of a request without its socket. `crowdsec sql FILE [ENTRIES]` writes the
//! same decisions for CrowdSec's own server: `cscli decisions import` takes about a millisecond for
//! each, its SQLite file a few microseconds. Beside it, with Debian's 1.4.6, in this order:
//!
//! ```sh
//! cscli decisions add --ip 192.0.2.1                    # the alert that all of them hang on
//! crowdsec sql /tmp/decisions.sql
//! sqlite3 /var/lib/crowdsec/data/crowdsec.db </tmp/decisions.sql
//! KEY=$(cscli bouncers add bench -o raw)
//! pull() { curl -so /dev/null -w '%{time_total}\n' -H "X-Api-Key: $KEY" \
//!   "http://127.0.0.1:8080/v1/decisions/stream?startup=$1"; }
//! for round in 1 2 3; do pull true; done
//! for n in 1 2 3 4 5 6 7 8 9 10; do cscli decisions add --ip 46.95.11.$n; done
//! pull false
//! ```
#![expect(clippy::disallowed_methods, reason = "measuring programs read the clock")]

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tower::ServiceExt as _;
use wardnet_bench::{process, row, timing};
use wardnet_model::{Band, Basis, Category, Indicator, Risk, Scope, Timestamp};
use wardnet_protect::Troubles;
use wardnet_protect::crowdsec::{
    Agents, CrowdSec, CrowdSecConfig, CrowdSecMetrics, Machines, Report, Sessions, Surroundings,
};
use wardnet_server::tokens::{MemoryTokens, NewToken};
use wardnet_server::{Gate, Health, Limits, Metrics, Role, Tokens, now_unix};
use wardnet_verdictdb::{
    Builder, Change, Db, Entry, EntryData, FeedLimits, Layer, OpenOptions, Options, Profile, View,
    Views,
};

/// Changes of one difference.
const CHANGES: u32 = 10;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|one| one == "sql").is_some() {
        let path = arguments.next().context("name the file to write")?;
        let entries = arguments.next().map_or(Ok(1_000_000), |text| text.parse::<u32>())?;
        return sql(&path, entries);
    }
    let entries = arguments.next().map_or(Ok(1_000_000), |text| text.parse::<u32>())?;
    let rounds = arguments.next().map_or(Ok(9), |text| text.parse::<u32>())?;
    row::machine();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(entries, rounds))
}

/// The address at a position: all of them differ, and none is reserved.
fn address(position: u32) -> Ipv4Addr {
    Ipv4Addr::from((45 << 24) | (position.wrapping_mul(7_919) & 0x00ff_ffff))
}

fn sql(path: &str, entries: u32) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    // Times are compared as texts, so they are written as CrowdSec writes them.
    let text = |at: Timestamp| at.to_string().replace('T', " ").replace('Z', "+00:00");
    let now = now_unix();
    let (created, until) = (text(now), text(Timestamp(now.0 + 168 * 3_600)));
    writeln!(out, "BEGIN;")?;
    for position in 0..entries {
        let address = address(position);
        // CrowdSec keeps addresses as signed numbers from the least one on.
        let number = i64::from(u32::from(address)) - i64::MAX;
        writeln!(
            out,
            "INSERT INTO decisions(created_at,updated_at,until,scenario,type,start_ip,end_ip,\
             start_suffix,end_suffix,ip_size,scope,value,origin,simulated,alert_decisions) VALUES(\
             '{created}','{created}','{until}','bench','ban',{number},{number},{least},{least},4,\
             'Ip','{address}','cscli-import',0,1);",
            least = -i64::MAX,
        )?;
    }
    writeln!(out, "COMMIT;")?;
    Ok(out.flush()?)
}

fn profile() -> Profile {
    Profile {
        risk: Risk::new(90),
        band: Band::Malicious,
        basis: Basis::Evidence,
        categories: [Category::Attacker].into_iter().collect(),
        sources: [1].into_iter().collect(),
    }
}

fn indicator(position: u32) -> Indicator {
    Indicator::address(IpAddr::V4(address(position)))
}

fn views(entries: u32) -> anyhow::Result<Views> {
    let (mut builder, profile) = (Builder::new(Options::default()), profile());
    for position in 0..entries {
        let indicator = indicator(position);
        let kind = indicator.kind().context("an address has a kind")?;
        builder.push(&Entry::evidence(kind, indicator.key(), Scope::Exact, &profile))?;
    }
    let mut file = Vec::new();
    builder.finish(&mut file)?;
    Ok(Views::new(View::of(Db::open(file.into(), &OpenOptions::default())?)))
}

/// Half of a difference takes addresses away, and half brings new ones.
fn change(views: &Views, round: u32, entries: u32) -> anyhow::Result<()> {
    let seq = views.load().seq;
    let changes = (0..CHANGES).map(|at| {
        let is_gone = at % 2 == 0;
        let number = round * CHANGES + at;
        let indicator = indicator(if is_gone { number } else { entries + number });
        let new = EntryData { profile: profile(), name: None, facts: None, terms: None };
        Ok(Change {
            seq: seq + 1 + u64::from(at),
            layer: Layer::Evidence,
            kind: indicator.kind().context("an address has a kind")?,
            key: indicator.key(),
            scope: Scope::Exact,
            new: (!is_gone).then_some(new),
        })
    });
    let changes: Vec<Change> = changes.collect::<anyhow::Result<_>>()?;
    views.publish(&changes, Timestamp(1));
    Ok(())
}

async fn stream(router: &Router, key: &str, query: &str) -> anyhow::Result<(Duration, Vec<u8>)> {
    let request = Request::get(format!("/v1/decisions/stream{query}")).header("x-api-key", key);
    let started = Instant::now();
    let response = router.clone().oneshot(request.body(Body::empty())?).await?;
    ensure!(response.status().is_success(), "the decisions are not there yet");
    let body = to_bytes(response.into_body(), usize::MAX).await?;
    Ok((started.elapsed(), body.to_vec()))
}

fn surroundings(
    folder: &std::path::Path,
    views: &Views,
    tokens: &Arc<Tokens>,
) -> anyhow::Result<Surroundings> {
    let metrics = Metrics::new("bench");
    let report: Report = Arc::new(|_, _| Box::pin(async { Ok(0) }));
    let machines = Arc::new(Machines::open(folder)?);
    let agents = Agents::new(machines, Sessions::new(&[1; 32]), Arc::clone(tokens), report);
    Ok(Surroundings {
        feed: views.keep_changes(1, FeedLimits::default()),
        folder: folder.to_path_buf(),
        metrics: CrowdSecMetrics::new(&metrics),
        health: Troubles::new(&Health::new(), "crowdsec"),
        agents,
    })
}

async fn measure(entries: u32, rounds: u32) -> anyhow::Result<()> {
    let views = Arc::new(views(entries)?);
    let folder = tempfile::tempdir()?;
    let tokens = Arc::new(Tokens::open(Arc::new(MemoryTokens::default()))?);
    let name = "bench".to_owned();
    let new = NewToken { tenant: 0, role: Role::Reader, name, expires: None, rate: None };
    let key = tokens.issue(new, now_unix())?.0.reveal().to_owned();
    let gate =
        Gate::new(Arc::clone(&tokens), Arc::default(), Metrics::new("bench"), &Limits::default());
    let around = surroundings(folder.path(), &views, &tokens)?;
    let before = process::cpu_seconds(std::process::id())?;
    let running = CrowdSec::start(CrowdSecConfig::default(), &around);
    let router = running.routes(&gate);
    while stream(&router, &key, "?startup=true").await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let reading = process::cpu_seconds(std::process::id())? - before;
    row::note(format!("everything read and judged: {reading:.1} CPU s"));
    row::head(&["stream", "median, ms", "best", "worst", "bytes"]);
    let (mut whole, mut bytes) = (Vec::new(), 0);
    for _ in 0..rounds {
        let (took, body) = stream(&router, &key, "?startup=true").await?;
        whole.push(took.as_secs_f64() * 1e3);
        bytes = body.len();
    }
    tell("start-up", &whole, bytes);
    let mut news = Vec::new();
    for round in 0..rounds {
        change(&views, round, entries)?;
        // The changes are told at the next tick.
        tokio::time::sleep(Duration::from_millis(600)).await;
        let (took, body) = stream(&router, &key, "").await?;
        let text = String::from_utf8(body)?;
        let told = text.matches("\"duration\"").count();
        ensure!(told == CHANGES as usize, "{told} told: {text}");
        news.push(took.as_secs_f64() * 1e3);
        bytes = text.len();
    }
    tell("ten changes", &news, bytes);
    Ok(())
}

fn tell(name: &str, millis: &[f64], bytes: usize) {
    let at = |percent| format!("{:.2}", timing::percentile(millis.iter().copied(), percent));
    let cells = [name.to_owned(), at(50), at(0), at(100), row::thousands(bytes as f64)];
    row::row(&cells);
}
