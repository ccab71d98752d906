//! Reading the labelled sets under `WARDNET_DATA`.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use flate2::read::MultiGzDecoder;
use wardnet_analyze::learn::Sample;
use wardnet_analyze::url::{Spelling, UrlLimits};
use wardnet_analyze::{Rolling, Subject};

use super::{ahead, trails};

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
    /// From lists that are not labelled sets: learned from, and judged apart.
    pub(super) is_extra: bool,
    /// Its licence keeps it out of models that ship.
    pub(super) is_for_judging: bool,
}

impl Row {
    pub(super) fn new(text: &str, is_bad: bool, family: &str, source: &str) -> Self {
        let text = text.trim().as_bytes().to_vec();
        let sample = Sample { text, is_bad, family: family.to_owned(), weight: 1.0 };
        Self {
            sample,
            source: source.to_owned(),
            date: String::new(),
            is_host: false,
            is_extra: false,
            is_for_judging: false,
        }
    }

    /// The text taken apart as `subject`.
    pub(super) fn spelled(&self, subject: Subject) -> Spelling {
        let mut spelling = Spelling::default();
        let limits = UrlLimits::default();
        match subject {
            Subject::Url => spelling.read(&self.sample.text, &limits),
            Subject::Domain => spelling.read_host(&self.sample.text, &limits),
        }
        spelling
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

fn plain_name(name: &str) -> String {
    name.trim().trim_end_matches('.').to_ascii_lowercase()
}

/// A split of its own: its name, what is learned from, and what is judged.
pub(super) type Holdout<'a> = (&'static str, fn(&Row) -> bool, Vec<&'a Row>);

/// The splits that folds by registered domain do not show.
pub(super) fn holdouts(subject: Subject, rows: &[Row]) -> Vec<Holdout<'_>> {
    match subject {
        Subject::Domain => Vec::new(),
        Subject::Url => {
            let learns: fn(&Row) -> bool = |row| !is_held_out(row) && is_of_before(row);
            let is_judged = |row: &&Row| {
                let is_of_time = !row.sample.is_bad || is_late(row);
                is_held_out(row) && is_of_time && !row.is_host && !row.is_extra
            };
            vec![(
                "phishing of May 2020 and later on a fifth of the domains, learned from what came before \
                 on the others",
                learns,
                rows.iter().filter(is_judged).collect(),
            )]
        }
    }
}

/// The month from which on bad URLs are judged, and not learned from, in the split by time.
const CUT: &str = "2020-05";

/// Whether a bad URL was first seen in the last months that the data have.
fn is_late(row: &Row) -> bool {
    row.sample.is_bad && row.date.as_str() >= CUT
}

/// Whether it was known before those months. Of what is bad and has no date nobody knows.
fn is_of_before(row: &Row) -> bool {
    let has_date = !row.date.is_empty() && row.date.as_str() < CUT;
    !row.is_extra && (!row.sample.is_bad || has_date)
}

/// A fifth of the registered domains.
fn is_held_out(row: &Row) -> bool {
    Rolling::new(99).with_all(row.spelled(Subject::Url).registered()).finish().is_multiple_of(5)
}

impl Folder {
    pub(super) fn from_environment() -> Result<Self> {
        let path = std::env::var_os("WARDNET_DATA")
            .context("set WARDNET_DATA to the folder with the labelled sets")?;
        Ok(Self(path.into()))
    }

    fn open(&self, name: &str) -> Result<std::fs::File> {
        let path = self.0.join(name);
        std::fs::File::open(&path).with_context(|| format!("opening {}", path.display()))
    }

    fn text(&self, name: &str) -> Result<String> {
        unpacked(self.open(name)?, FILE_BYTES_MAX).with_context(|| name.to_owned())
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
                rows.add(Row { is_host, is_extra: true, ..row });
            }
        }
        for file in REFERENCES {
            let text = self.text(file)?;
            for url in quoted(&text).filter(|url| !url.contains("attack.mitre.org/")) {
                if url.split_once("://").is_some_and(|(_, rest)| has_path(rest)) {
                    rows.add(Row { is_extra: true, ..Row::new(url, false, "", "references") });
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
            let row = Row::new(&plain_name(name), true, family, source);
            rows.add(Row { is_for_judging, ..row });
        }
        for (name, family) in trails::generated(self.open(trails::ARCHIVE)?, FILE_BYTES_MAX)? {
            rows.add(Row { is_extra: true, ..Row::new(&name, true, family, "maltrail") });
        }
        for (name, family) in ahead::names() {
            rows.add(Row { is_extra: true, ..Row::new(&name, true, &family, "ahead") });
        }
        for name in self.text("dga/benign.txt.gz")?.lines() {
            rows.add(Row::new(&plain_name(name), false, "", "dga/benign"));
        }
        for list in ["cloudflare-top100k", "tranco10k", "majestic_million", "cisco_top20k"] {
            for name in self.warning_list(&format!("allow/top/{list}.json.gz"))? {
                rows.add(Row::new(&plain_name(&name), false, "", list));
            }
        }
        for name in self.text(ALEXA)?.lines() {
            rows.add(Row::new(&plain_name(name), false, "", "alexa2016"));
        }
        Ok(rows.all)
    }

    fn warning_list(&self, name: &str) -> Result<Vec<String>> {
        let list: serde_json::Value = serde_json::from_str(&self.text(name)?)?;
        let names = list["list"].as_array().context("a warning list has a `list`")?;
        Ok(names.iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect())
    }
}

/// The text of what is packed. Half a list would be evaluated as if it were the whole.
fn unpacked(packed: impl Read, bytes_max: u64) -> Result<String> {
    let mut bytes = Vec::new();
    let limit = bytes_max.saturating_add(1);
    #[expect(clippy::disallowed_methods, reason = "limited by `take`")]
    let read = MultiGzDecoder::new(packed).take(limit).read_to_end(&mut bytes)?;
    if read as u64 > bytes_max {
        bail!("more than {bytes_max} bytes unpacked; raise `FILE_BYTES_MAX`");
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// A row of a domain that is put aside, or of one that is not.
    fn row(is_held_out: bool, is_bad: bool, date: &str) -> Row {
        let rows = (0..).map(|at| Row::new(&format!("http://site{at}.com/a"), is_bad, "", "list"));
        let row = rows.into_iter().find(|row| super::is_held_out(row) == is_held_out).unwrap();
        Row { date: date.to_owned(), ..row }
    }

    #[test]
    fn nothing_of_later_is_learned_from_in_the_split_by_time() {
        let recent = |row: Row| Row { is_extra: true, ..row };
        let host = |row: Row| Row { is_host: true, ..row };
        let rows = [
            ("bad, before", row(false, true, "2020-04-30"), true, false),
            (
                "bad, late, of a domain that is learned from",
                row(false, true, "2020-05-01"),
                false,
                false,
            ),
            ("bad, without a date", row(false, true, ""), false, false),
            ("bad host without a date", host(row(false, true, "")), false, false),
            ("bad, of these years", recent(row(false, true, "")), false, false),
            ("good", row(false, false, ""), true, false),
            ("good, of these years", recent(row(false, false, "")), false, false),
            ("aside, bad, before", row(true, true, "2020-04-30"), false, false),
            ("aside, bad, late", row(true, true, "2020-05-01"), false, true),
            ("aside, bad, without a date", row(true, true, ""), false, false),
            ("aside, bad host, late", host(row(true, true, "2021-01-01")), false, false),
            ("aside, good", row(true, false, ""), false, true),
            ("aside, good, of these years", recent(row(true, false, "")), false, false),
        ];
        for (name, row, is_learned, is_judged) in rows {
            let rows = [row];
            let holdouts = holdouts(Subject::Url, &rows);
            let [(_, learns, judged)] = holdouts.as_slice() else { panic!("one split") };
            assert_eq!((learns(&rows[0]), !judged.is_empty()), (is_learned, is_judged), "{name}");
        }
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read_in_part() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(b"example.com\n").unwrap();
        let packed = packer.finish().unwrap();
        assert_eq!(unpacked(&packed[..], 12).unwrap(), "example.com\n");
        assert!(unpacked(&packed[..], 11).unwrap_err().to_string().contains("more than 11 bytes"));
    }
}
