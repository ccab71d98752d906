//! Rows "Exports": lists of a million names taken over HTTP, by what they cost the server.
//!
//! `exports [NAMES [ROUNDS [FORMAT…]]]`. Half of the names are registered ones; the others lie one or
//! two labels beneath theirs, or on ground that is shared, and every sixteenth beneath another of the
//! names. All are blocked with what lies beneath them.

use anyhow::ensure;
use std::io::{BufWriter, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use wardnet_bench::timing::median;
use wardnet_bench::{database, process, row, server};

/// Lists that are taken one after the other for one figure: the kernel counts in hundredths.
const LISTS: u32 = 4;

const FORMATS: [&str; 9] =
    ["plain", "hosts", "adblock", "dnsmasq", "unbound", "rpz", "csv", "ndjson", "stix"];

const WORDS: [&str; 16] = [
    "secure", "login", "verify", "wallet", "bank", "office", "parcel", "bonus", "token", "portal",
    "news", "play", "api", "static", "update", "mail",
];
const TOPS: [&str; 8] = ["com", "net", "top", "xyz", "info", "co.uk", "com.br", "shop"];
const SHARED: [&str; 4] = ["blogspot.com", "pages.dev", "github.io", "duckdns.org"];

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let names = arguments.next().map_or(Ok(1_000_000), |text| text.parse::<u64>())?;
    let rounds = arguments.next().map_or(Ok(3), |text| text.parse::<u32>())?;
    let chosen: Vec<String> = arguments.collect();
    row::machine();
    let folder = tempfile::tempdir()?;
    let feed = folder.path().join("feed.txt");
    write_feed(&feed, names)?;
    server::configure(folder.path(), false)?;
    let mut ingest = server::command(folder.path())?;
    ingest.args(["ingest", "--source", "bench", "--format", "adblock", "--category", "malware"]);
    server::output(ingest.arg(&feed))?;
    let (running, token) = server::start(folder.path())?;
    row::head(&["format", "MB", "CPU s", "MB per CPU s", "RSS MB", "anonymous MB"]);
    for format in FORMATS {
        if !chosen.is_empty() && !chosen.iter().any(|one| one == format) {
            continue;
        }
        let mut bytes = take(&running, &token, format)?;
        let mut spent = Vec::new();
        for _ in 0..rounds {
            let before = process::cpu_seconds(running.pid())?;
            for _ in 0..LISTS {
                bytes = take(&running, &token, format)?;
            }
            let used = process::cpu_seconds(running.pid())? - before;
            spent.push(used / f64::from(LISTS));
        }
        let megabytes = bytes as f64 / 1e6;
        let seconds = median(spent);
        let memory = |name| {
            let kilobytes = process::kilobytes(running.pid(), name).unwrap_or(0);
            format!("{:.0}", kilobytes as f64 * 1024.0 / 1e6)
        };
        row::row(&[
            format.to_owned(),
            format!("{megabytes:.1}"),
            format!("{seconds:.3}"),
            format!("{:.0}", megabytes / seconds),
            memory("VmRSS"),
            memory("RssAnon"),
        ]);
    }
    Ok(())
}

/// Rules that block names with all below them.
fn write_feed(path: &Path, names: u64) -> anyhow::Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    for position in 0..names {
        writeln!(out, "||{}^", name(position))?;
    }
    Ok(out.flush()?)
}

/// The name at a position.
fn name(position: u64) -> String {
    let number = database::random(position);
    let pick = |from: &[&'static str], shift: u32| {
        let at = (number >> shift) as usize % from.len();
        from.get(at).copied().unwrap_or("x")
    };
    let (one, two, top) = (pick(&WORDS, 0), pick(&WORDS, 8), pick(&TOPS, 16));
    let own = format!("{one}-{two}-{position}");
    match number >> 32 & 0xf {
        0..8 => format!("{own}.{top}"),
        8 if position > 0 => format!("cdn.{}", name(position - 1)),
        8..13 => format!("{}.{own}.{top}", pick(&WORDS, 20)),
        13 => format!("{own}.{}", pick(&SHARED, 24)),
        _ => format!("www.{}.{own}.{top}", pick(&WORDS, 20)),
    }
}

/// Takes a list and throws it away; says how many bytes came.
fn take(running: &server::Running, token: &str, format: &str) -> anyhow::Result<u64> {
    let mut stream = TcpStream::connect(running.address)?;
    write!(
        stream,
        "GET /v1/export/{format}?level=high&kind=domain HTTP/1.0\r\nHost: bench\r\n\
         Authorization: Bearer {token}\r\n\r\n"
    )?;
    let mut buffer = vec![0; 1 << 18];
    let (mut bytes, mut is_first) = (0u64, true);
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        if std::mem::take(&mut is_first) {
            ensure!(buffer.starts_with(b"HTTP/1.0 200"), "{format} is refused");
        }
        bytes += u64::try_from(count)?;
    }
    ensure!(bytes > 1_000, "{format} is empty");
    Ok(bytes)
}
