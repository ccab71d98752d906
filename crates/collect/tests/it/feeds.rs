//! Golden cases of the feed readers, and the fuzz target run over them.
//!
//! A case is a directory of `tests/data/feeds` with an `input.*` of exactly the feed's bytes,
//! perhaps a `case.toml` (`format`, `scope`, `stance`, `name`, `line_bytes_max`, `document`,
//! `rows`, `pattern`, `delimiter`, `[fields]` …), and `expected.txt`. `UPDATE_EXPECT=1` rewrites the
//! expectations.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wardnet_collect::feeds::{
    Format, Limits, Mapping, ReadOptions, Rejection, Sink, detect, fuzz_feed, open_plain, read_feed,
};
use wardnet_model::{Observation, Scope, Stance, Timestamp};

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/feeds");
    let mut cases: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "no cases: tests/data/feeds is empty");
    cases
}

/// The one file of a case whose name starts with `input`.
fn input(case: &Path) -> (String, Vec<u8>) {
    let path = fs::read_dir(case)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.file_stem().is_some_and(|stem| stem.to_string_lossy().starts_with("input"))
        })
        .unwrap_or_else(|| panic!("{} has no input.*", case.display()));
    (path.display().to_string(), fs::read(path).unwrap())
}

fn settings(case: &Path) -> (Option<Format>, ReadOptions) {
    let (mut format, mut options) = (None, ReadOptions::default());
    let mut mapping = Mapping::default();
    let text = fs::read_to_string(case.join("case.toml")).unwrap_or_default();
    for (key, value) in &text.parse::<toml::Table>().unwrap() {
        let word = || value.as_str().unwrap();
        let number = || value.as_integer().unwrap();
        match key.as_str() {
            "format" => format = Some(word().parse::<Format>().unwrap()),
            "scope" => options.scope = Some(word().parse::<Scope>().unwrap()),
            "stance" => options.stance = Some(word().parse::<Stance>().unwrap()),
            "now" => options.now = Timestamp::parse(word()),
            "name" => options.name = Some(word().into()),
            "line_bytes_max" => options.limits.line_bytes_max = number() as usize,
            "lines_max" => options.limits.lines_max = number() as u64,
            "record_bytes_max" => options.limits.record_bytes_max = number() as usize,
            "document" => options.document = Some(word().into()),
            "rows" => mapping.rows = Some(word().into()),
            "pattern" => mapping.pattern = Some(word().into()),
            "delimiter" => mapping.delimiter = word().chars().next(),
            "fields" => {
                for (role, field) in value.as_table().unwrap() {
                    mapping.fields.push((role.parse().unwrap(), field.as_str().unwrap().into()));
                }
            }
            other => panic!("{} has no meaning for `{other}`", case.display()),
        }
    }
    if mapping != Mapping::default() {
        options.mapping = Some(Arc::new(mapping));
    }
    (format, options)
}

/// Writes down all that a reader says.
#[derive(Default)]
struct Transcript(String);

impl Sink for Transcript {
    fn observation(&mut self, seen: Observation) {
        let kind = seen.indicator.kind().unwrap();
        write!(self.0, "+ {kind} {} {} {}", seen.indicator, seen.scope, seen.stance).unwrap();
        if let Some(category) = seen.category {
            write!(self.0, " category={category}").unwrap();
        }
        if let Some(confidence) = seen.confidence {
            write!(self.0, " confidence={confidence}").unwrap();
        }
        if let Some(first_seen) = seen.first_seen {
            write!(self.0, " first_seen={first_seen}").unwrap();
        }
        let details = seen.details.unwrap_or_default();
        if let Some(family) = details.family {
            write!(self.0, " family={family:?}").unwrap();
        }
        if let Some(actor) = details.actor {
            write!(self.0, " actor={actor:?}").unwrap();
        }
        if let Some(until) = seen.until {
            write!(self.0, " until={until}").unwrap();
        }
        if let Some(tlp) = seen.tlp {
            write!(self.0, " tlp={tlp}").unwrap();
        }
        if let Some(reference) = details.reference {
            write!(self.0, " reference={reference}").unwrap();
        }
        self.0.push('\n');
    }

    fn rejection(&mut self, rejection: Rejection) {
        let Rejection { line, reason, excerpt } = rejection;
        writeln!(self.0, "- line {line} {}: {excerpt}: {reason}", reason.name()).unwrap();
    }
}

fn transcribe(case: &Path) -> String {
    let (path, bytes) = input(case);
    let (forced, options) = settings(case);
    let mut transcript = Transcript::default();
    let head = {
        let mut plain = open_plain(&bytes[..], &Limits::default()).unwrap();
        std::io::BufRead::fill_buf(&mut plain).unwrap().to_vec()
    };
    let file_name = Path::new(&path).file_name().unwrap().to_string_lossy().into_owned();
    let detection = detect(&head, Some(&file_name));
    let guessed = detection.format.map_or("nothing", Format::name);
    writeln!(transcript.0, "# detected: {guessed}, {}%: {}", detection.confidence, detection.why)
        .unwrap();
    let Some(format) = forced.or(detection.format) else { return transcript.0 };
    let plain = open_plain(&bytes[..], &options.limits).unwrap();
    match read_feed(plain, format, &options, &mut transcript) {
        Ok(report) => {
            let (lines, rows, accepted) = (report.lines, report.rows, report.accepted);
            writeln!(transcript.0, "# {lines} lines, {rows} rows, {accepted} accepted").unwrap();
            writeln!(transcript.0, "# rejected: {:?}", report.rejected).unwrap();
            writeln!(transcript.0, "# {:?}", report.header).unwrap();
            for warning in report.warnings {
                writeln!(transcript.0, "# warning: {warning}").unwrap();
            }
            for pattern in report.patterns {
                writeln!(transcript.0, "# {pattern:?}").unwrap();
            }
        }
        Err(error) => writeln!(transcript.0, "# error: {error}").unwrap(),
    }
    transcript.0
}

#[test]
fn every_case_reads_as_written_down() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let found = transcribe(&case);
        let expected_path = case.join("expected.txt");
        if update {
            fs::write(&expected_path, &found).unwrap();
        } else if fs::read_to_string(&expected_path).unwrap_or_default() != found {
            wrong.push(format!("{}:\n{found}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "run with UPDATE_EXPECT=1 if this is right:\n{}", wrong.join("\n"));
}

#[test]
fn every_format_has_a_case() {
    let expected: Vec<String> =
        cases().iter().map(|case| fs::read_to_string(case.join("expected.txt")).unwrap()).collect();
    let forced: Vec<Format> = cases().iter().filter_map(|case| settings(case).0).collect();
    for format in Format::all() {
        let detected = format!("# detected: {format},");
        let found =
            forced.contains(&format) || expected.iter().any(|text| text.starts_with(&detected));
        assert!(found, "no case for {format}");
    }
}

/// A small generator with a fixed seed (splitmix64), so that failures come back.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end.max(1) as u64) as usize
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    const TOKENS: [&[u8]; 16] = [
        b"||", b"^", b"$all", b"\"", b",", b"/", b"*.", b"@@", b"\t5", b"{", b"\xff", b"\n", b"::",
        b"[.]", b"-", b"/0",
    ];
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(4) {
            0 => {
                let token = TOKENS[random.below(TOKENS.len())];
                bytes.splice(at..at, token.iter().copied());
            }
            1 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            2 => {
                let end = (at + random.below(20)).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => {
                let end = (at + random.below(40)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
        }
    }
}

#[test]
fn mutated_feeds_never_break_a_reader() {
    let formats = Format::all().count();
    let mut random = Random(20_260_822);
    for case in cases() {
        let (_, bytes) = input(&case);
        for format in 0..formats as u8 {
            fuzz_feed(&[&[format], bytes.as_slice()].concat());
        }
        for _ in 0..60 {
            let mut feed = bytes.clone();
            mutate(&mut feed, &mut random);
            feed.insert(0, random.below(formats) as u8);
            fuzz_feed(&feed);
        }
    }
}
