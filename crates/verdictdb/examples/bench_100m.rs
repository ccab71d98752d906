//! Builds a database of N random entries and measures size, build, open and lookups.
//!
//! `cargo run --release -p wardnet-verdictdb --example bench_100m -- N [blocked|trusted|ipv4] [DIR]`
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark reads the clock, prints what it found, and stops at the first error"
)]

use std::fs::File;
use std::hint::black_box;
use std::io::BufWriter;
use std::ops::Range;
use std::time::Instant;
use wardnet_model::{Band, Basis, CategorySet, Key, Kind, Risk, Scope, Timestamp};
use wardnet_verdictdb::{
    Builder, Db, Entry, OpenOptions, Options, Profile, Verify, View, map_file,
};

const NOW: Timestamp = Timestamp(1);
const BATCH: usize = 4_096;
const LOOKUPS: usize = 1_000 * BATCH;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let count: u64 = arguments.get(1).map_or(1_000_000, |text| text.parse().unwrap());
    let what = arguments.get(2).map_or("blocked", String::as_str);
    let directory = arguments.get(3).map_or("/tmp", String::as_str);
    let path = format!("{directory}/bench-{}.wvdb", std::process::id());
    println!("{count} entries, {what}");
    build(count, what, &path);
    measure_open(&path);
    let db = open(&path, Verify::Lazy);
    let stat = db.stat();
    println!(
        "file {} MB: keys and profiles {} MB, {:.2} bytes an entry, names {} MB, facts {} MB",
        stat.file_bytes / 1_000_000,
        stat.keys_and_profiles_bytes() / 1_000_000,
        stat.keys_and_profiles_bytes() as f64 / stat.entries() as f64,
        stat.sections.iter().map(|section| section.names_bytes).sum::<u64>() / 1_000_000,
        stat.sections.iter().map(|section| section.facts_bytes).sum::<u64>() / 1_000_000,
    );
    let started = Instant::now();
    db.verify().unwrap();
    println!("verify all shards {:.2} s", started.elapsed().as_secs_f64());
    measure_memory(&path);
    let view = View::of(db);
    for hit in [false, true] {
        measure_lookups(&view, count, what, hit);
    }
    drop(view);
    std::fs::remove_file(&path).unwrap();
}

/// A random number for a position, the same in every run.
fn random(position: u64) -> u64 {
    let mut z = position.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn kind_of(what: &str) -> Kind {
    match what {
        "ipv4" => Kind::Ipv4,
        "trusted" => Kind::Sha256,
        _ => Kind::Url,
    }
}

fn key(what: &str, position: u64) -> Key {
    let mut bytes = [0; 32];
    if what == "ipv4" {
        // An odd factor makes distinct addresses of distinct positions.
        let address = (position as u32).wrapping_mul(0x9e37_79b1);
        bytes[..4].copy_from_slice(&address.to_be_bytes());
        bytes[16] = 32;
    } else {
        bytes[..8].copy_from_slice(&random(2 * position).to_be_bytes());
        bytes[8..16].copy_from_slice(&random(2 * position + 1).to_be_bytes());
    }
    Key(bytes)
}

fn profiles(what: &str) -> Vec<Profile> {
    let profile = |number: u32| Profile {
        risk: if what == "trusted" { Risk::ZERO } else { Risk::new(70 + number as u8) },
        band: if what == "trusted" { Band::Trusted } else { Band::Malicious },
        basis: if what == "trusted" { Basis::Hard } else { Basis::Evidence },
        categories: CategorySet::from_bits(1 << (number % 20)),
        sources: [number].into_iter().collect(),
    };
    (0..16).map(profile).collect()
}

fn build(count: u64, what: &str, path: &str) {
    let started = Instant::now();
    let profiles = profiles(what);
    let mut builder = Builder::new(Options::default());
    for position in 0..count {
        let profile = &profiles[position as usize % profiles.len()];
        let key = key(what, position);
        builder.push(&Entry::evidence(kind_of(what), key, Scope::Exact, profile)).unwrap();
    }
    let collected = started.elapsed().as_secs_f64();
    builder.finish(BufWriter::new(File::create(path).unwrap())).unwrap();
    let total = started.elapsed().as_secs_f64();
    println!("build {total:.1} s (of it collecting {collected:.1} s), peak {}", peak_memory());
}

/// The most memory the process has held, file pages included.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("unknown").to_owned()
}

fn open(path: &str, verify: Verify) -> Db {
    let bytes = map_file(&File::open(path).unwrap()).unwrap();
    Db::open(bytes, &OpenOptions { verify, ..OpenOptions::default() }).unwrap()
}

fn measure_open(path: &str) {
    let started = Instant::now();
    let db = open(path, Verify::Lazy);
    println!("lazy open {:.2} ms", started.elapsed().as_secs_f64() * 1e3);
    drop(db);
}

/// What one random read of the same mapped memory takes: each waiting for the one before, and many
/// on their way at once.
fn measure_memory(path: &str) {
    let map = map_file(&File::open(path).unwrap()).unwrap();
    let bytes: &[u8] = map.as_ref();
    let touched: u64 = bytes.iter().step_by(4096).map(|byte| u64::from(*byte)).sum();
    let places: Vec<usize> =
        (0..LOOKUPS as u64).map(|at| random(at + 9) as usize % bytes.len()).collect();
    let mut sum = touched;
    let mut shift = 0;
    let dependent = time(|range| {
        for position in range {
            let byte = bytes[places[position ^ shift]];
            sum = sum.wrapping_add(u64::from(byte));
            shift = black_box(usize::from(byte) & 1);
        }
    });
    let overlapping = time(|range| {
        for place in &places[range] {
            sum = sum.wrapping_add(u64::from(bytes[*place]));
        }
    });
    black_box(sum);
    println!("random read: dependent {dependent:.0} ns, overlapping {overlapping:.1} ns");
}

fn measure_lookups(view: &View, count: u64, what: &str, hit: bool) {
    let kind = kind_of(what);
    let first = if hit { 0 } else { count };
    let range = if hit { count } else { u64::from(u32::MAX) - count };
    let questions: Vec<(Kind, Key)> = (0..LOOKUPS as u64)
        .map(|position| (kind, key(what, first + random(position + 77) % range)))
        .collect();
    let mut found = 0usize;
    // The position of each question depends on the answer before, so that lookups cannot overlap.
    let mut shift = 0usize;
    let single = time(|range| {
        for position in range {
            let (kind, key) = &questions[position ^ shift];
            let hits = view.find(None, *kind, key, NOW).unwrap();
            let is_hit = usize::from(!hits.is_empty());
            found += is_hit;
            shift = black_box(is_hit & 1);
        }
    });
    let streamed = time(|range| {
        for (kind, key) in &questions[range] {
            let hits = view.find(None, *kind, key, NOW).unwrap();
            found += usize::from(!hits.is_empty());
        }
    });
    let batch = time(|range| {
        view.find_batch(None, &questions[range], NOW, |_, hits| {
            found += usize::from(!hits.unwrap().is_empty());
        });
    });
    let expected = if hit { 3 * LOOKUPS } else { 0 };
    assert_eq!(found, expected, "every question has its answer");
    println!(
        "{}: single {single:.0} ns, one after the other {streamed:.0} ns, batch {batch:.1} ns",
        if hit { "hit" } else { "miss" }
    );
}

/// Nanoseconds for one of [`LOOKUPS`], worked off in pieces: the lower decile over the pieces, so
/// that other work on the machine does not count.
fn time(mut work: impl FnMut(Range<usize>)) -> f64 {
    let mut pieces: Vec<u128> = (0..LOOKUPS / BATCH)
        .map(|piece| {
            let started = Instant::now();
            work(piece * BATCH..(piece + 1) * BATCH);
            started.elapsed().as_nanos()
        })
        .collect();
    pieces.sort_unstable();
    pieces[pieces.len() / 10] as f64 / BATCH as f64
}
