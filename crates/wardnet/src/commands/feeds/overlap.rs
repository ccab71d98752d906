//! `wardnet feeds overlap`: what the feeds have in common, and which groups that suggests.

use crate::args::{Args, Output};
use crate::backend::folder;
use crate::output::{in_words, line};
use anyhow::Context as _;
use serde_json::{Value, json};
use std::fs::File;
use std::io::BufRead as _;
use std::path::Path;
use std::process::ExitCode;
use wardnet_collect::catalogue::FeedConfig;
use wardnet_collect::feeds::{Rejection, Sink, detect, open_plain, read_feed};
use wardnet_collect::fetch::FeedState;
use wardnet_collect::overlap::{Share, Sketch, groups};
use wardnet_model::{Observation, Stance};

/// A feed and what was kept of it.
struct Read {
    feed: FeedConfig,
    sketch: Sketch,
}

/// Two feeds with something in common.
struct Pair {
    first: usize,
    second: usize,
    share: Share,
}

/// Runs the command.
pub(super) fn run(args: &Args, feeds: Option<&Path>, output: Output) -> anyhow::Result<ExitCode> {
    let (data_dir, config) = folder(args)?;
    let path = feeds
        .or(config.feeds.as_deref())
        .context("no feeds are configured; name their file with --feeds")?;
    let catalogue = crate::feeds::load(path)?;
    let mut feeds = Vec::new();
    for feed in catalogue.enabled() {
        match sketch_of(&data_dir, feed) {
            Ok(Some(sketch)) => feeds.push(Read { feed: feed.clone(), sketch }),
            Ok(None) => {}
            Err(error) => {
                crate::commands::complain(&format!("{}: left out: {}", feed.name, in_words(&error)))
            }
        }
    }
    let pairs = pairs(&feeds);
    let proposals = proposals(&feeds, &pairs);
    if output.json {
        line(as_json(&feeds, &pairs, &proposals));
    } else {
        tell(&feeds, &pairs, &proposals);
    }
    Ok(ExitCode::SUCCESS)
}

/// What is kept of the last good copy; `None` when there is none.
fn sketch_of(data_dir: &Path, feed: &FeedConfig) -> anyhow::Result<Option<Sketch>> {
    let Some(copy) = FeedState::current_copy(data_dir, &feed.name)? else { return Ok(None) };
    let options = feed.read_options();
    let mut input = open_plain(File::open(&copy)?, &options.limits)?;
    let format = match feed.format {
        Some(format) => format,
        None => {
            let detection = detect(input.fill_buf()?, Some(feed.name.as_str()));
            detection.format.context("its format is not clear")?
        }
    };
    let mut bad = Bad { feed, sketch: Sketch::default() };
    read_feed(input, format, &options, &mut bad)?;
    Ok(Some(bad.sketch))
}

/// Keeps what a feed calls bad: praise is given to the same names by all.
struct Bad<'f> {
    feed: &'f FeedConfig,
    sketch: Sketch,
}

impl Sink for Bad<'_> {
    fn observation(&mut self, seen: Observation) {
        let is_taken = seen.indicator.kind().is_some_and(|kind| self.feed.takes(kind));
        if is_taken && seen.stance == Stance::Malicious {
            self.sketch.add(seen.indicator.tag(), &seen.indicator.key());
        }
    }

    fn rejection(&mut self, _: Rejection) {}
}

fn pairs(feeds: &[Read]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (first, one) in feeds.iter().enumerate() {
        for (second, other) in feeds.iter().enumerate().skip(first + 1) {
            let share = one.sketch.compare(&other.sketch);
            if share.is_worth_telling() {
                pairs.push(Pair { first, second, share });
            }
        }
    }
    pairs.sort_by_key(|pair| {
        (std::cmp::Reverse(pair.share.of_first.max(pair.share.of_second)), pair.first, pair.second)
    });
    pairs
}

/// Feeds that depend on each other and do not share a group yet.
fn proposals(feeds: &[Read], pairs: &[Pair]) -> Vec<Vec<usize>> {
    let dependent: Vec<(usize, usize)> = pairs
        .iter()
        .filter(|pair| pair.share.is_dependence())
        .map(|pair| (pair.first, pair.second))
        .collect();
    let group = |at: &usize| feeds.get(*at).map(|read| &read.feed.group);
    groups(feeds.len(), &dependent)
        .into_iter()
        .filter(|members| members.iter().any(|at| group(at) != members.first().and_then(group)))
        .collect()
}

/// The group that most members of a proposal are in already.
fn name_of(feeds: &[Read], members: &[usize]) -> String {
    let group = |at: &usize| feeds.get(*at).map(|read| read.feed.group.to_string());
    let named: Vec<String> = members.iter().filter_map(group).collect();
    let votes = |name: &String| named.iter().filter(|other| *other == name).count();
    named
        .iter()
        .max_by_key(|name| (votes(name), std::cmp::Reverse(*name)))
        .cloned()
        .unwrap_or_default()
}

fn tell(feeds: &[Read], pairs: &[Pair], proposals: &[Vec<usize>]) {
    let name = |at: usize| feeds.get(at).map_or("", |read| read.feed.name.as_str());
    if pairs.is_empty() {
        line(format!("{} feeds were compared; no two have much in common", feeds.len()));
    }
    for pair in pairs {
        let (first, second) = (name(pair.first), name(pair.second));
        line(format!(
            "{first} and {second}: {} % of {first}, {} % of {second}",
            pair.share.of_first, pair.share.of_second
        ));
    }
    for members in proposals {
        let names: Vec<&str> = members.iter().map(|at| name(*at)).collect();
        line(format!(
            "proposal: {} depend on each other; write `group = \"{}\"` into each, so that they count \
             about once",
            names.join(", "),
            name_of(feeds, members)
        ));
    }
}

fn as_json(feeds: &[Read], pairs: &[Pair], proposals: &[Vec<usize>]) -> Value {
    let name = |at: usize| feeds.get(at).map(|read| read.feed.name.as_str());
    json!({
        "compared": feeds.iter().map(|read| read.feed.name.as_str()).collect::<Vec<_>>(),
        "pairs": pairs.iter().map(|pair| json!({
            "first": name(pair.first),
            "second": name(pair.second),
            "percent_of_first": pair.share.of_first,
            "percent_of_second": pair.share.of_second,
        })).collect::<Vec<_>>(),
        "proposals": proposals.iter().map(|members| json!({
            "feeds": members.iter().filter_map(|at| name(*at)).collect::<Vec<_>>(),
            "group": name_of(feeds, members),
        })).collect::<Vec<_>>(),
    })
}
