//! Row "Safe Browsing": a list as a whole, the difference of a thousand entries, and their sizes.
//!
//! `safe_browsing [ENTRIES [ROUNDS]]`. Everything runs in this process and is asked through the
//! routes, so that a figure is that of a request without its socket.
#![expect(clippy::disallowed_methods, reason = "measuring programs read the clock")]

use anyhow::ensure;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tower::ServiceExt as _;
use wardnet_bench::{database, process, row, timing};
use wardnet_model::{Band, Basis, Category, Indicator, Kind, Risk, Scope, Timestamp, domain_key};
use wardnet_protect::safebrowsing::{Kept, SafeBrowsing, SafeBrowsingConfig, routes};
use wardnet_server::tokens::MemoryTokens;
use wardnet_server::{Gate, Limits, Metrics, Tokens};
use wardnet_verdictdb::{
    Builder, Change, Db, Entry, EntryData, FeedLimits, Layer, OpenOptions, Options, Profile, View,
    Views,
};

/// Entries of one difference.
const CHANGES: u64 = 1_000;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let entries = arguments.next().map_or(Ok(5_000_000), |text| text.parse::<u64>())?;
    let rounds = arguments.next().map_or(Ok(7), |text| text.parse::<usize>())?;
    row::machine();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(entries, rounds))
}

/// The name at a position.
fn name(position: u64) -> String {
    format!("{:x}.{:x}.top", database::random(position) >> 40, position)
}

fn profile() -> Profile {
    Profile {
        risk: Risk::new(90),
        band: Band::Malicious,
        basis: Basis::Evidence,
        categories: [Category::Phishing].into_iter().collect(),
        sources: [1].into_iter().collect(),
    }
}

fn views(entries: u64) -> anyhow::Result<Views> {
    let options = Options { names: true, ..Options::default() };
    let (mut builder, profile) = (Builder::new(options), profile());
    for position in 0..entries {
        let name = name(position);
        let key = domain_key(&name);
        let entry = Entry::evidence(Kind::Domain, key, Scope::Subtree, &profile);
        builder.push(&Entry { name: Some(&name), ..entry })?;
    }
    let mut file = Vec::new();
    builder.finish(&mut file)?;
    Ok(Views::new(View::of(Db::open(file.into(), &OpenOptions::default())?)))
}

/// Half of a difference takes names away, and half brings new ones.
fn change(views: &Views, round: u64, entries: u64) -> anyhow::Result<()> {
    let seq = views.load().seq;
    let changes = (0..CHANGES).map(|at| {
        let gone = at % 2 == 0;
        let position = if gone { round * CHANGES + at } else { entries + round * CHANGES + at };
        let name = name(position);
        let indicator = Indicator::parse(&name)?;
        let new = EntryData {
            profile: profile(),
            name: Some(name.as_str().into()),
            facts: None,
            terms: None,
        };
        Ok(Change {
            seq: seq + 1 + at,
            layer: Layer::Evidence,
            kind: Kind::Domain,
            key: indicator.key(),
            scope: Scope::Subtree,
            new: (!gone).then_some(new),
        })
    });
    let changes: Vec<Change> = changes.collect::<anyhow::Result<_>>()?;
    views.publish(&changes, Timestamp(1));
    Ok(())
}

/// One list, as its reply.
async fn list(router: &Router, name: &str, version: &str) -> anyhow::Result<(Duration, Vec<u8>)> {
    let path = format!("/v5/hashLists:batchGet?names={name}&version={version}");
    let started = Instant::now();
    let response = router.clone().oneshot(Request::get(path).body(Body::empty())?).await?;
    ensure!(response.status().is_success(), "the lists are not there yet");
    let body = to_bytes(response.into_body(), usize::MAX).await?;
    Ok((started.elapsed(), body.to_vec()))
}

async fn measure(entries: u64, rounds: usize) -> anyhow::Result<()> {
    let views = Arc::new(views(entries)?);
    let feed = views.keep_changes(1, FeedLimits::default());
    let config =
        SafeBrowsingConfig { anonymous: true, entries_max: usize::MAX, ..Default::default() };
    let before = process::cpu_seconds(std::process::id())?;
    let running = SafeBrowsing::start(config, (feed, Arc::default()), None, Kept::nothing(1));
    let tokens = Arc::new(Tokens::open(Arc::new(MemoryTokens::default()))?);
    let gate = Gate::new(tokens, Arc::default(), Metrics::new("bench"), &Limits::default());
    let router = routes(&gate, &running);
    while list(&router, "pha-4b", "").await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let reading = process::cpu_seconds(std::process::id())? - before;
    row::note(format!("everything read and judged: {reading:.1} CPU s"));
    row::head(&[
        "list",
        "entries",
        "whole, ms",
        "bytes",
        "to the bound",
        "difference, ms",
        "bytes",
    ]);
    for (name, bits) in [("se-4b", 32), ("se-8b", 64)] {
        whole_and_difference(&views, &router, (name, bits), (entries, rounds)).await?;
    }
    Ok(())
}

async fn whole_and_difference(
    views: &Views,
    router: &Router,
    (name, bits): (&str, i32),
    (entries, rounds): (u64, usize),
) -> anyhow::Result<()> {
    let (mut wholes, mut differences, mut size, mut difference_size) = (vec![], vec![], 0, 0);
    for round in 0..rounds {
        let (took, body) = list(router, name, "").await?;
        wholes.push(took.as_secs_f64() * 1e3);
        size = body.len();
        let held = version(&body);
        change(views, (bits as u64) * 1_000 + round as u64, entries)?;
        // Until the next state is there nothing has changed.
        let (took, body) = loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let told = list(router, name, &held).await?;
            if told.1.len() > 500 {
                break told;
            }
        };
        differences.push(took.as_secs_f64() * 1e3);
        difference_size = body.len();
    }
    // Entropy of the gaps between evenly spread numbers, which are as good as geometric.
    let mean = 2f64.powi(bits) / entries as f64;
    let bound = (mean.log2() + std::f64::consts::LOG2_E) * entries as f64 / 8.0;
    row::row(&[
        name.to_owned(),
        row::thousands(entries as f64),
        format!("{:.0}", timing::median(wholes)),
        row::thousands(size as f64),
        format!("{:.3}", size as f64 / bound),
        format!("{:.1}", timing::median(differences)),
        row::thousands(difference_size as f64),
    ]);
    Ok(())
}

/// The version in a reply, in base64: field 2 of the list, 49 bytes.
fn version(body: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = body.windows(2).position(|two| two == [0x12, 49]).map_or(0, |at| at + 2);
    let bytes = body.get(at..at + 49).unwrap_or_default();
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for place in 0..=three.len() {
            let six = (word >> (18 - 6 * place)) & 63;
            text.push(ALPHABET.get(six as usize).copied().map_or('A', char::from));
        }
    }
    text
}
