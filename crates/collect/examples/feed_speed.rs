//! Reads feeds and says how fast, and what was rejected.
//!
//! `feed_speed [--show N] [--format NAME] FILE…`: each file is inflated first, read five times, and
//! the best time is given; N rejections of each reason are shown.

#![expect(clippy::print_stdout, reason = "a tool for a terminal")]

use std::collections::BTreeMap;
use std::error::Error;
use std::io::BufRead;
use std::time::Instant;
use wardnet_collect::feeds::{
    FeedReport, Format, Limits, ReadOptions, Rejection, Sink, detect, open_plain, read_feed,
};
use wardnet_model::Observation;

const ROUNDS: usize = 5;

struct Shown {
    per_reason: usize,
    rejections: BTreeMap<&'static str, Vec<Rejection>>,
}

impl Sink for Shown {
    fn observation(&mut self, observation: Observation) {
        std::hint::black_box(observation);
    }

    fn rejection(&mut self, rejection: Rejection) {
        let kept = self.rejections.entry(rejection.reason.name()).or_default();
        if kept.len() < self.per_reason {
            kept.push(rejection);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut per_reason, mut forced) = (0, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--show" => per_reason = arguments.next().ok_or("--show needs a number")?.parse()?,
            "--format" => forced = Some(arguments.next().ok_or("--format needs a name")?.parse()?),
            file => {
                if let Err(error) = measure(file, forced, per_reason) {
                    println!("{file}: {error}");
                }
            }
        }
    }
    Ok(())
}

fn measure(file: &str, forced: Option<Format>, per_reason: usize) -> Result<(), Box<dyn Error>> {
    let mut plain = Vec::new();
    let mut reader = open_plain(std::fs::File::open(file)?, &Limits::default())?;
    while let buffer = reader.fill_buf()?
        && !buffer.is_empty()
    {
        plain.extend_from_slice(buffer);
        let length = buffer.len();
        reader.consume(length);
    }
    let head = plain.get(..plain.len().min(64 << 10)).unwrap_or_default();
    let detection = detect(head, Some(file));
    println!("{file}\n  {}% {:?}: {}", detection.confidence, detection.format, detection.why);
    let Some(format) = forced.or(detection.format) else { return Ok(()) };
    let (report, shown, nanos) = best_of(&plain, format, per_reason)?;
    let nanos_per_row = nanos / u128::from(report.rows.max(1));
    println!(
        "  {format}: {} lines, {} rows, {} accepted, {} rejected {:?}, {nanos_per_row} ns/row",
        report.lines,
        report.rows,
        report.accepted,
        report.rejected_total(),
        report.rejected
    );
    for warning in &report.warnings {
        println!("  warning: {warning}");
    }
    if per_reason > 0 {
        println!("  {:?}, {} patterns", report.header, report.patterns.len());
    }
    for rejection in shown.rejections.values().flatten() {
        println!("    line {}: {} ({})", rejection.line, rejection.excerpt, rejection.reason);
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "measures time")]
fn best_of(
    plain: &[u8],
    format: Format,
    per_reason: usize,
) -> Result<(FeedReport, Shown, u128), Box<dyn Error>> {
    let options = ReadOptions::default();
    let mut best: Option<(FeedReport, Shown, u128)> = None;
    for _ in 0..ROUNDS {
        let mut shown = Shown { per_reason, rejections: BTreeMap::new() };
        let start = Instant::now();
        let report = read_feed(plain, format, &options, &mut shown)?;
        let nanos = start.elapsed().as_nanos();
        if best.as_ref().is_none_or(|(.., fastest)| nanos < *fastest) {
            best = Some((report, shown, nanos));
        }
    }
    best.ok_or_else(|| "no round was run".into())
}
