//! `wardnet feeds try`: fetches a feed, and shows what it would bring before anything is stored.

use crate::args::{Args, TryFeed};
use crate::backend::folder;
use crate::commands::lookup::bands;
use crate::commands::{NO_ANSWER, USAGE};
use crate::output::{line, thousands};
use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufRead as _;
use std::path::Path;
use std::process::ExitCode;
use wardnet_collect::catalogue::{Catalogue, FeedConfig, Location, public_feeds};
use wardnet_collect::feeds::{
    Detection, FeedReport, Format, Preview, Rejection, detect, open_plain, read_feed,
};
use wardnet_collect::fetch::{FeedFolder, FetchSettings, Fetched, Fetcher, Verdict, judge};
use wardnet_model::Observation;

/// Entries that are looked up to tell how much is known already.
const DRAWN_MAX: usize = 1000;

/// Known good entries that are shown.
const GOOD_SHOWN: usize = 10;

/// What was found.
struct Found {
    format: Option<(Format, Detection)>,
    bytes: u64,
    report: Option<FeedReport>,
    verdict: Option<String>,
    problem: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: &Args, options: &TryFeed) -> anyhow::Result<ExitCode> {
    let (feed, settings) = feed_of(args, options)?;
    let mut preview = Preview::new(&feed.kinds, options.samples, DRAWN_MAX);
    let found = look(&feed, &settings, &mut preview)?;
    let known = known(args, &preview)?;
    if options.json {
        line(as_json(&feed, &found, &preview, known.as_ref()));
    } else {
        tell(&feed, &found, &preview, known.as_ref());
    }
    Ok(match (&found.problem, found.report.is_some()) {
        (None, true) => ExitCode::SUCCESS,
        (_, true) => ExitCode::from(NO_ANSWER),
        _ => ExitCode::from(USAGE),
    })
}

/// The feed that is meant: one of feeds.toml, a public one, a URL, or a file.
fn feed_of(args: &Args, options: &TryFeed) -> anyhow::Result<(FeedConfig, FetchSettings)> {
    let (_, config) = folder(args)?;
    let path = options.feeds.as_deref().or(config.feeds.as_deref());
    let own = path.map(crate::feeds::load).transpose()?.unwrap_or_default();
    let public = public_feeds().map_err(|_| anyhow!("the public catalogue cannot be read"))?;
    let what = options.feed.as_str();
    let known = own.feed(what).or_else(|| public.feed(what)).cloned();
    let mut feed = match known {
        Some(feed) => feed,
        None => described(what)?,
    };
    feed.allow_private |= options.allow_private;
    if let Some(format) = &options.format {
        feed.format = Some(format.parse()?);
    }
    if let Some(stance) = &options.stance {
        feed.stance = Some(stance.parse()?);
    }
    if let Some(scope) = &options.scope {
        feed.scope = Some(scope.parse()?);
    }
    // The manifest of a MISP feed stands for all its events.
    if feed.format.is_none() && feed.location.document() == "manifest.json" {
        feed.format = Some(Format::MispEvent);
    }
    Ok((feed, own.fetch))
}

/// A feed that nobody has described yet.
fn described(what: &str) -> anyhow::Result<FeedConfig> {
    let is_url = what.contains("://") || what.starts_with("file:");
    let base = std::env::current_dir().context("the current folder cannot be told")?;
    let url = if is_url { what } else { "file:feed" };
    let text = format!("[[feed]]\nname = \"try\"\nallow_http = true\nurl = {url:?}\n");
    let mut catalogue = Catalogue::parse(&text, &base).map_err(|problems| {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow!("{}", told.join("\n"))
    })?;
    let mut feed = catalogue.feeds.pop().context("no feed")?;
    if !is_url {
        let path = Path::new(what);
        if path.exists() && !path.is_file() {
            bail!("`{what}` is no regular file; name one that holds a list");
        }
        if !path.is_file() {
            bail!(
                "`{what}` is no file here, no URL, and no feed of feeds.toml or of `wardnet feeds \
                 catalogue`"
            );
        }
        feed.location = Location::File(std::path::absolute(path)?);
    }
    Ok(feed)
}

/// Fetches and reads the feed. All of it goes into a folder that is deleted again.
fn look(
    feed: &FeedConfig,
    settings: &FetchSettings,
    preview: &mut Preview,
) -> anyhow::Result<Found> {
    let scratch = tempfile::tempdir().context("no temporary folder")?;
    let now = crate::clock::now();
    let feed_folder = FeedFolder::open(scratch.path(), feed, 0)?;
    let fetched = Fetcher::new(settings)?.fetch(feed, &feed_folder, now)?;
    let Fetched::Fresh(fresh) = fetched else { bail!("the server sent no copy") };
    let mut input = open_plain(File::open(fresh.path())?, &Default::default())?;
    let document = feed.location.document();
    let detection = detect(input.fill_buf()?, Some(&document));
    let mut found =
        Found { format: None, bytes: fresh.bytes, report: None, verdict: None, problem: None };
    let Some(format) = feed.format.or(detection.format) else {
        found.problem = Some(format!(
            "its format is not clear: {}; name one with --format (`wardnet feeds formats` lists them)",
            detection.why
        ));
        return Ok(found);
    };
    found.format = Some((format, detection));
    let read = read_feed(input, format, &feed.read_options(), preview);
    if let Verdict::HoldBack(reason) = judge(None, read.as_ref(), feed.shrink_limit) {
        found.verdict = Some(reason.to_string());
    }
    match read {
        Ok(report) => found.report = Some(report),
        Err(error) => found.problem = Some(error.to_string()),
    }
    Ok(found)
}

/// How the entries that were drawn are rated already.
#[derive(Debug, Default)]
struct Known {
    drawn: usize,
    by_band: BTreeMap<String, usize>,
    /// Entries that are known as good.
    good: Vec<(String, String)>,
}

/// Looks up what was drawn; `None` when there is no data folder to look into.
fn known(args: &Args, preview: &Preview) -> anyhow::Result<Option<Known>> {
    let (data_dir, _) = folder(args)?;
    let drawn = preview.drawn();
    if !data_dir.is_dir() || drawn.is_empty() {
        return Ok(None);
    }
    let mut known = Known { drawn: drawn.len(), ..Known::default() };
    for (indicator, band) in drawn.iter().zip(bands(args, &drawn)?) {
        if band == "trusted" || band == "safe" {
            known.good.push((indicator.clone(), band.clone()));
        }
        *known.by_band.entry(band).or_default() += 1;
    }
    Ok(Some(known))
}

fn tell(feed: &FeedConfig, found: &Found, preview: &Preview, known: Option<&Known>) {
    line(format!("{}: {} bytes", feed.location, thousands(found.bytes)));
    if let Some((format, detection)) = &found.format {
        let told = match (feed.format, detection.format) {
            (Some(_), Some(guess)) if guess != *format => format!("as told; it looks like {guess}"),
            (Some(_), _) => "as told".to_owned(),
            _ => format!("{} % sure: {}", detection.confidence, detection.why),
        };
        line(format!("  format: {format} ({told})"));
    }
    if let Some(report) = &found.report {
        line(format!(
            "  rows: {} read, {} entries would come in, {} rejected",
            thousands(report.rows),
            thousands(preview.accepted()),
            thousands(report.rejected_total())
        ));
        counts("kinds", preview.by_kind.iter().map(|(kind, count)| (kind.name(), *count)));
        counts("sides", preview.by_stance.iter().map(|(stance, count)| (stance.name(), *count)));
        counts("categories", preview.by_category.iter().map(|(name, count)| (*name, *count)));
        counts("families", preview.families(8).into_iter());
        if !report.patterns.is_empty() {
            line(format!("  patterns: {}", thousands(report.patterns.len() as u64)));
        }
        if preview.not_taken > 0 {
            line(format!("  of kinds that are not taken: {}", thousands(preview.not_taken)));
        }
        for warning in &report.warnings {
            line(format!("  note: {warning}"));
        }
    }
    for observation in preview.samples.values().flatten() {
        line(format!("  + {}", observation_text(observation)));
    }
    if preview.never_blocks > 0 {
        line(format!(
            "  held back, since it must never block: {}",
            thousands(preview.never_blocks)
        ));
    }
    for (reason, (count, rows)) in &preview.rejected {
        line(format!("  rejected, {reason}: {}", thousands(*count)));
        for Rejection { line: number, excerpt, reason } in rows {
            line(format!("    line {number}: {excerpt}: {reason}"));
        }
    }
    if let Some(known) = known {
        tell_known(known);
    }
    if let Some(reason) = &found.verdict {
        line(format!("  it would be held back: {reason}"));
    }
    if let Some(problem) = &found.problem {
        line(format!("  {problem}"));
    }
    line("  nothing was stored");
}

fn counts<'n>(what: &str, counts: impl Iterator<Item = (&'n str, u64)>) {
    let told: Vec<String> =
        counts.map(|(name, count)| format!("{name} {}", thousands(count))).collect();
    if !told.is_empty() {
        line(format!("  {what}: {}", told.join(", ")));
    }
}

fn tell_known(known: &Known) {
    let of = |bands: &[&str]| -> usize {
        bands.iter().filter_map(|band| known.by_band.get(*band)).sum()
    };
    line(format!(
        "  known: of {} entries drawn from it, {} are rated malicious or suspicious already, {} \
         are unrated, {} are rated good",
        thousands(known.drawn as u64),
        thousands(of(&["malicious", "suspicious"]) as u64),
        thousands(of(&["unrated"]) as u64),
        thousands(of(&["trusted", "safe"]) as u64),
    ));
    for (indicator, band) in known.good.iter().take(GOOD_SHOWN) {
        line(format!("    {indicator} is rated {band}"));
    }
}

fn observation_text(seen: &Observation) -> String {
    let mut text = match seen.indicator.kind() {
        Some(kind) => format!("{kind} {} {} {}", seen.indicator, seen.scope, seen.stance),
        None => seen.indicator.to_string(),
    };
    if let Some(category) = seen.category {
        text += &format!(", {category}");
    }
    if let Some(confidence) = seen.confidence {
        text += &format!(", {confidence} % sure");
    }
    let details = seen.details.as_deref().cloned().unwrap_or_default();
    for (what, value) in [("family", details.family), ("actor", details.actor)] {
        if let Some(value) = value {
            text += &format!(", {what} {}", value.escape_debug());
        }
    }
    if let Some(first_seen) = seen.first_seen {
        text += &format!(", first seen {first_seen}");
    }
    text
}

fn as_json(feed: &FeedConfig, found: &Found, preview: &Preview, known: Option<&Known>) -> Value {
    let names = |counts: Vec<(&str, u64)>| -> BTreeMap<String, u64> {
        counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
    };
    let report = found.report.as_ref();
    json!({
        "location": feed.location.to_string(),
        "bytes": found.bytes,
        "format": found.format.as_ref().map(|(format, _)| format.name()),
        "detected": found.format.as_ref().and_then(|(_, d)| d.format).map(Format::name),
        "confidence": found.format.as_ref().map(|(_, d)| d.confidence),
        "why": found.format.as_ref().map(|(_, d)| d.why.clone()),
        "rows": report.map(|report| report.rows),
        "accepted": preview.accepted(),
        "rejected": report.map(FeedReport::rejected_total),
        "never_blocks": preview.never_blocks,
        "not_taken": preview.not_taken,
        "patterns": report.map(|report| report.patterns.len()),
        "kinds": names(preview.by_kind.iter().map(|(k, n)| (k.name(), *n)).collect()),
        "stances": names(preview.by_stance.iter().map(|(s, n)| (s.name(), *n)).collect()),
        "categories": preview.by_category,
        "families": names(preview.families(50)),
        "samples": preview.samples.values().flatten().map(observation_text).collect::<Vec<_>>(),
        "rejected_by": preview.rejected.iter().map(|(reason, (count, rows))| {
            let rows: Vec<Value> = rows.iter().map(|row| json!({
                "line": row.line, "excerpt": row.excerpt, "detail": row.reason.to_string(),
            })).collect();
            json!({ "reason": reason, "count": count, "rows": rows })
        }).collect::<Vec<_>>(),
        "warnings": report.map(|report| {
            report.warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
        }),
        "known": known.map(|known| json!({
            "drawn": known.drawn,
            "bands": known.by_band,
            "good": known.good.iter().map(|(indicator, band)| {
                json!({ "indicator": indicator, "band": band })
            }).collect::<Vec<_>>(),
        })),
        "held_back": found.verdict,
        "problem": found.problem,
    })
}
