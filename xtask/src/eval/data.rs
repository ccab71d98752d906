//! Reading the labelled sets under `WARDNET_DATA`.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use flate2::read::MultiGzDecoder;
use wardnet_analyze::Subject;
use wardnet_analyze::gram::Rolling;
use wardnet_analyze::learn::Sample;
use wardnet_analyze::url::{Spelling, UrlLimits};

/// The longest unpacked file that is read.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Where the labelled sets are.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

/// A sample with where it is from.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) sample: Sample,
    pub(super) source: String,
    pub(super) date: String,
    /// A bare host among URLs.
    pub(super) is_host: bool,
    /// Of these years, from lists that are not labelled sets: learned from, and judged apart.
    pub(super) is_recent: bool,
    /// Its licence keeps it out of models that ship.
    pub(super) is_for_judging: bool,
}

impl Row {
    fn new(text: &str, is_bad: bool, family: &str, source: &str) -> Self {
        let text = text.trim().as_bytes().to_vec();
        let sample = Sample { text, is_bad, family: family.to_owned(), weight: 1.0 };
        Self {
            sample,
            source: source.to_owned(),
            date: String::new(),
            is_host: false,
            is_recent: false,
            is_for_judging: false,
        }
    }
}

/// Rows, each text once.
#[derive(Default)]
struct Rows {
    all: Vec<Row>,
    seen: BTreeSet<Vec<u8>>,
}

impl Rows {
    fn add(&mut self, row: Row) {
        if !row.sample.text.is_empty() && self.seen.insert(row.sample.text.clone()) {
            self.all.push(row);
        }
    }
}

const ALEXA: &str = "allow/top/alexa-top-100000_2016-ranked.txt.gz";

/// Documents whose references are ordinary URLs of these years: ATT&CK, the National Vulnerability
/// Database, Nuclei's templates (an archive of texts).
const REFERENCES: [&str; 4] = [
    "intel/ics-attack-18.1.json.gz",
    "intel/mobile-attack-17.1.json.gz",
    "vuln/nvdcve-1.1-recent_2024-06-21.json.gz",
    "http/nuclei_templates.tar.gz",
];

fn has_path(rest: &str) -> bool {
    rest.trim_end_matches('/').contains(['/', '?'])
}

/// URLs that stand in JSON as `"url": "…"`, or in YAML as a list's item.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let in_json = text.split("\"url\"").skip(1).filter_map(|rest| {
        let rest = rest.trim_start_matches([' ', ':']).strip_prefix('"')?;
        rest.split('"').next()
    });
    let in_yaml = text.lines().filter_map(|line| line.trim_start().strip_prefix("- "));
    let is_url = |text: &&str| {
        let is_plain = text.len() < 2048 && !text.contains([' ', '{', '\\']);
        is_plain && (text.starts_with("https://") || text.starts_with("http://"))
    };
    in_json.chain(in_yaml).filter(is_url)
}

fn plain(name: &str) -> String {
    name.trim().trim_end_matches('.').to_ascii_lowercase()
}

/// A split of its own: its name, what is learned from, and what is judged.
pub(super) type Holdout<'a> = (&'static str, fn(&Row) -> bool, Vec<&'a Row>);

/// The splits that folds by registered domain do not show.
pub(super) fn holdouts(subject: Subject, rows: &[Row]) -> Vec<Holdout<'_>> {
    match subject {
        Subject::Domain => Vec::new(),
        Subject::Url => {
            let learns: fn(&Row) -> bool = |row| !is_late(row) && !is_aside(row);
            let judged = |row: &&Row| !row.is_host && (is_late(row) || is_aside(row));
            let judged = |row: &&Row| judged(row) && row.sample.is_bad == is_late(row);
            vec![(
                "phishing of May 2020 and later, learned from what came before",
                learns,
                rows.iter().filter(judged).collect(),
            )]
        }
    }
}

/// Bad URLs first seen in the last months that the data have.
fn is_late(row: &Row) -> bool {
    row.sample.is_bad && row.date.as_str() >= "2020-05"
}

/// A fifth of the registered domains.
fn is_aside(row: &Row) -> bool {
    let mut spelling = Spelling::default();
    spelling.read(&row.sample.text, &UrlLimits::default());
    Rolling::new(99).with_all(spelling.registered()).finish().is_multiple_of(5)
}

impl Folder {
    pub(super) fn from_environment() -> Result<Self> {
        let path = std::env::var_os("WARDNET_DATA")
            .context("set WARDNET_DATA to the folder with the labelled sets")?;
        Ok(Self(path.into()))
    }

    fn text(&self, name: &str) -> Result<String> {
        let path = self.0.join(name);
        let file =
            std::fs::File::open(&path).with_context(|| format!("opening {}", path.display()))?;
        let mut bytes = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "limited by `take`")]
        MultiGzDecoder::new(file).take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Labelled URLs, and bare hosts: a URL may be no more than that.
    pub(super) fn urls(&self) -> Result<Vec<Row>> {
        let mut rows = Rows::default();
        for record in csv(&self.text("web/labelled/urls.csv.gz")?).skip(1) {
            let [url, label, source, date, ..] = record.as_slice() else { continue };
            let row = Row::new(url, label != "benign", "", source);
            rows.add(Row { date: date.clone(), ..row });
        }
        for record in csv(&self.text("web/labelled/domains.csv.gz")?).skip(1) {
            let [name, label, source] = record.as_slice() else { continue };
            if matches!(label.as_str(), "phish" | "malware" | "benign") {
                rows.add(Row { is_host: true, ..Row::new(name, label != "benign", "", source) });
            }
        }
        for name in self.text(ALEXA)?.lines() {
            rows.add(Row { is_host: true, ..Row::new(name, false, "", "alexa2016") });
        }
        self.recent(&mut rows)?;
        Ok(rows.all)
    }

    /// URLs of these years: what researchers report, and what their own texts refer to. The labelled
    /// sets have ordinary URLs of 2016 to 2018 alone, which lack today's habits.
    fn recent(&self, rows: &mut Rows) -> Result<()> {
        for record in csv(&self.text("web/feeds/tweetfeed/month.csv.gz")?) {
            let [_, _, kind, url, tags, ..] = record.as_slice() else { continue };
            if kind == "url" && tags.contains("#phishing") {
                let is_host = !url.split_once("://").is_some_and(|(_, rest)| has_path(rest));
                let row = Row::new(url, true, "", "tweetfeed");
                rows.add(Row { is_host, is_recent: true, ..row });
            }
        }
        for file in REFERENCES {
            let text = self.text(file)?;
            for url in quoted(&text).filter(|url| !url.contains("attack.mitre.org/")) {
                if url.split_once("://").is_some_and(|(_, rest)| has_path(rest)) {
                    rows.add(Row { is_recent: true, ..Row::new(url, false, "", "references") });
                }
            }
        }
        Ok(())
    }

    /// Names that generators made, and top sites and the long tail.
    pub(super) fn domains(&self) -> Result<Vec<Row>> {
        let mut rows = Rows::default();
        for record in csv(&self.text("dga/dga_domains.csv.gz")?).skip(1) {
            let [name, family, source, ..] = record.as_slice() else { continue };
            // Research use only: good for judging, not for a model that ships.
            let is_for_judging = matches!(source.as_str(), "netlab360" | "dds");
            let row = Row::new(&plain(name), true, family, source);
            rows.add(Row { is_for_judging, ..row });
        }
        for name in self.text("dga/benign.txt.gz")?.lines() {
            rows.add(Row::new(&plain(name), false, "", "dga/benign"));
        }
        for list in ["cloudflare-top100k", "tranco10k", "majestic_million", "cisco_top20k"] {
            for name in self.warning_list(&format!("allow/top/{list}.json.gz"))? {
                rows.add(Row::new(&plain(&name), false, "", list));
            }
        }
        for name in self.text(ALEXA)?.lines() {
            rows.add(Row::new(&plain(name), false, "", "alexa2016"));
        }
        Ok(rows.all)
    }

    fn warning_list(&self, name: &str) -> Result<Vec<String>> {
        let list: serde_json::Value = serde_json::from_str(&self.text(name)?)?;
        let names = list["list"].as_array().context("a warning list has a `list`")?;
        Ok(names.iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect())
    }
}

/// The records of a CSV text with quoted fields.
fn csv(text: &str) -> impl Iterator<Item = Vec<String>> + '_ {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut record = vec![String::new()];
        let mut is_quoted = false;
        let mut end = rest.len();
        let mut chars = rest.char_indices().peekable();
        while let Some((at, sign)) = chars.next() {
            match sign {
                '"' if is_quoted && chars.peek().is_some_and(|(_, next)| *next == '"') => {
                    chars.next();
                    record.last_mut()?.push('"');
                }
                '"' => is_quoted = !is_quoted,
                ',' if !is_quoted => record.push(String::new()),
                '\r' if !is_quoted => {}
                '\n' if !is_quoted => {
                    end = at + 1;
                    break;
                }
                sign => record.last_mut()?.push(sign),
            }
        }
        rest = rest.get(end..).unwrap_or_default();
        Some(record)
    })
}
