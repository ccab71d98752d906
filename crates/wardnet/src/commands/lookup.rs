//! `wardnet lookup`.

mod context;
mod questions;

use crate::args::{Args, Lookup};
use crate::backend::{Backend, folder};
use crate::commands::{NO_ANSWER, USAGE, complain};
use crate::models;
use crate::output::{in_words, line};
use anyhow::{Context as _, bail};
use axum::body::Body;
use axum::http::Method;
use context::Context;
use questions::Questions;
use serde_json::{Value, json};
use std::process::ExitCode;
use wardnet_model::SuffixList;
use wardnet_protect::answer::Asker;
use wardnet_protect::known_files::KnownFiles;
use wardnet_protect::opinion::{ModelsConfig, Opinions};
use wardnet_verdictdb::View;

/// Questions that are sent together.
const BANDS_AT_ONCE: usize = 200;

/// Runs the command.
pub(crate) fn run(args: &Args, options: &Lookup) -> anyhow::Result<ExitCode> {
    let way = Way::open(args, true)?;
    let mut context = Context::default();
    let mut worst = Worst::default();
    let mut input = std::io::stdin().lock();
    let mut questions = Questions::new(&options.indicators, &mut input);
    loop {
        let asked = questions.next_part().context("standard input cannot be read")?;
        if asked.is_empty() {
            break;
        }
        for answer in way.ask(&asked) {
            worst.note(&answer);
            if options.json {
                line(&answer.text);
            } else {
                let known = if answer.says_nothing() { context.of(&way, &answer) } else { vec![] };
                line(text(&answer.value, &known));
            }
        }
    }
    way.close()?;
    Ok(ExitCode::from(worst.0))
}

/// How each of these is rated; `none` where there was no answer.
pub(super) fn bands(args: &Args, asked: &[String]) -> anyhow::Result<Vec<String>> {
    // Nobody asked for an opinion, and none of this is to count in the trial of a model.
    let way = Way::open(args, false)?;
    let mut bands = Vec::with_capacity(asked.len());
    for part in asked.chunks(BANDS_AT_ONCE) {
        for answer in way.ask(part) {
            bands.push(answer.value["band"].as_str().unwrap_or("none").to_owned());
        }
    }
    way.close()?;
    Ok(bands)
}

/// The exit status so far. What counts most is that there was no answer, then that something was
/// no indicator, then the highest band: a failure never hides behind a verdict.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Worst(u8);

impl Worst {
    fn note(&mut self, answer: &Answered) {
        let weight = |status: u8| match status {
            NO_ANSWER => u8::MAX,
            USAGE => u8::MAX - 1,
            verdict => verdict,
        };
        let status = status(&answer.value);
        if weight(status) > weight(self.0) {
            self.0 = status;
        }
    }
}

/// One line of the output.
struct Answered {
    /// As it came.
    text: String,
    /// What it says.
    value: Value,
}

impl Answered {
    /// The answer to a question that was not answered.
    fn failed(input: &str, kind: &str, detail: &str) -> Self {
        let error = json!({ "type": kind, "detail": detail });
        let value = json!({ "input": input, "indicator": null, "band": null, "error": error });
        Self { text: value.to_string(), value }
    }

    /// Whether nothing was found that could be told.
    fn says_nothing(&self) -> bool {
        let matched = self.value.get("matched").and_then(Value::as_array);
        let is_known_file = self.value.get("known_in").is_some();
        self.value["band"] == "unrated" && matched.is_some_and(Vec::is_empty) && !is_known_file
    }
}

/// How questions are answered.
enum Way {
    /// From the files that a clean stop left, while nothing in them has changed by itself.
    Resting(View, KnownFiles, Option<Box<Opinions>>),
    /// By the server, or by an engine of our own; perhaps with opinions.
    Backend(Backend, bool),
}

impl Way {
    fn open(args: &Args, opinions: bool) -> anyhow::Result<Self> {
        let (data_dir, config) = folder(args)?;
        let socket = crate::paths::socket(&data_dir);
        let running = std::os::unix::net::UnixStream::connect(&socket).is_ok();
        if !running
            && let Some(view) = wardnet_identify::resting_view(&data_dir, crate::clock::now())
            // Only the base names its sources; those of the overlay are named by the engine.
            && view.overlay.is_empty()
        {
            let wanted = &config.models;
            let is_wanted = opinions && wanted.opinions;
            let opinions = is_wanted.then(|| opinions_of(wanted)).transpose()?;
            let known_files = crate::known::files(&config)?;
            return Ok(Self::Resting(view, known_files, opinions.map(Box::new)));
        }
        Ok(Self::Backend(Backend::open(args)?, opinions))
    }

    /// One answer for each question, in their order.
    fn ask(&self, asked: &[String]) -> Vec<Answered> {
        let answers = match self {
            Self::Resting(view, known_files, opinions) => {
                Ok(from_view(view, known_files, opinions.as_deref(), asked))
            }
            Self::Backend(backend, opinions) => request(backend, *opinions, asked),
        };
        answers.and_then(|answers| read(&answers, asked.len())).unwrap_or_else(|error| {
            let detail = in_words(&error);
            let failed = |input: &String| Answered::failed(input, "/problems/no-answer", &detail);
            asked.iter().map(failed).collect()
        })
    }

    fn close(self) -> anyhow::Result<()> {
        match self {
            Self::Resting(..) => Ok(()),
            Self::Backend(backend, _) => backend.close(),
        }
    }
}

fn opinions_of(wanted: &ModelsConfig) -> anyhow::Result<Opinions> {
    let (models, problems) = models::load_or_stand_in(wanted)?;
    problems.iter().for_each(|problem| complain(&problem.told()));
    Ok(Opinions::new(models, wanted.cache_bytes_max))
}

fn from_view(
    view: &View,
    known_files: &KnownFiles,
    opinions: Option<&Opinions>,
    asked: &[String],
) -> Vec<u8> {
    let mut answers = Vec::with_capacity(asked.len() * 400);
    let asker = Asker::new(view, SuffixList::shipped(), crate::clock::now())
        .with_known_files(known_files)
        .with_opinions(opinions);
    for input in asked {
        // A failure is written as an answer of its own, with a status to match.
        drop(asker.answer_or_error(input, &[], &mut answers));
        answers.push(b'\n');
    }
    answers
}

fn request(backend: &Backend, opinions: bool, asked: &[String]) -> anyhow::Result<Vec<u8>> {
    let mut body = String::new();
    for input in asked {
        body += &Value::from(input.as_str()).to_string();
        body.push('\n');
    }
    let kind = Some("application/x-ndjson");
    let path = format!("/v1/lookup?opinion={opinions}");
    let reply = backend.send(Method::POST, &path, kind, Body::from(body))?;
    Ok(reply.success()?.to_vec())
}

/// Reads answers, one a line. As many must have come as were asked for: no answer may be taken
/// for that to another question.
fn read(answers: &[u8], wanted: usize) -> anyhow::Result<Vec<Answered>> {
    let answers = String::from_utf8_lossy(answers);
    let read = |line: &str| {
        let value = serde_json::from_str(line).context("an answer is not JSON")?;
        Ok(Answered { text: line.to_owned(), value })
    };
    let read: Vec<Answered> = answers.lines().map(read).collect::<anyhow::Result<_>>()?;
    if read.len() != wanted {
        bail!("{wanted} questions got {} answers", read.len());
    }
    Ok(read)
}

/// The exit status that an answer asks for.
fn status(answer: &Value) -> u8 {
    match answer.get("band").and_then(Value::as_str) {
        Some("trusted" | "safe") => 0,
        Some("unrated") => 10,
        Some("suspicious") => 20,
        Some("malicious") => 30,
        _ => {
            let kind = answer.pointer("/error/type").and_then(Value::as_str).unwrap_or_default();
            if kind.ends_with("not-an-indicator") { USAGE } else { NO_ANSWER }
        }
    }
}

/// An answer for people. `known` is what there is to tell besides, where nothing counts.
fn text(answer: &Value, known: &[String]) -> String {
    let part = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let Some(band) = answer.get("band").and_then(Value::as_str) else {
        let detail = answer.pointer("/error/detail").and_then(Value::as_str).unwrap_or_default();
        return format!("{}  no answer: {detail}", part("input"));
    };
    let risk = answer.get("risk").and_then(Value::as_u64).unwrap_or(0);
    let mut out = format!("{}  {} (risk {risk})", part("indicator"), band.to_uppercase());
    let reasons = answer.get("reasons").and_then(Value::as_array);
    let reasons = reasons.into_iter().flatten().filter_map(Value::as_str);
    let sentences: Vec<&str> = match known {
        [] => reasons.collect(),
        known => known.iter().map(String::as_str).collect(),
    };
    for sentence in sentences {
        out += &format!("\n  {sentence}");
    }
    out + &opinion(answer).unwrap_or_default()
}

/// What a model thinks, where it thinks that something is bad.
fn opinion(answer: &Value) -> Option<String> {
    let opinion = answer.get("opinion").filter(|opinion| opinion["label"] == "malicious")?;
    let percent = 100.0 * opinion["score"].as_f64()?;
    let reasons = opinion["reasons"].as_array()?.iter().filter_map(Value::as_str);
    let reasons: Vec<&str> = reasons.collect();
    Some(format!("\n  a model's opinion, not a verdict ({percent:.0} %): {}", reasons.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(value: Value) -> Answered {
        Answered { text: value.to_string(), value }
    }

    fn of_band(band: &str) -> Answered {
        answered(json!({ "band": band, "matched": [], "reasons": ["no evidence"] }))
    }

    #[test]
    fn an_error_is_never_a_verdict() {
        let failed = Answered::failed("x y", "/problems/not-an-indicator", "blank");
        assert_eq!(status(&failed.value), USAGE);
        assert_eq!(status(&json!({"band": null, "error": {}})), NO_ANSWER);
        assert_eq!(status(&json!({"band": "safe"})), 0);
        assert_eq!(status(&json!({"band": "malicious"})), 30);
        assert!(text(&failed.value, &[]).contains("no answer: blank"));
    }

    #[test]
    fn a_failure_counts_before_every_verdict() {
        let usage = || Answered::failed("x y", "/problems/not-an-indicator", "blank");
        let silent = || Answered::failed("a.top", "/problems/no-answer", "down");
        let of = |answers: &[Answered]| {
            let mut worst = Worst::default();
            answers.iter().for_each(|answer| worst.note(answer));
            worst.0
        };
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[of_band("safe"), of_band("suspicious"), of_band("unrated")]), 20);
        assert_eq!(of(&[usage(), of_band("malicious")]), USAGE);
        assert_eq!(of(&[of_band("malicious"), silent(), usage()]), NO_ANSWER);
    }

    #[test]
    fn answers_that_do_not_match_the_questions_are_none() {
        assert_eq!(read(b"{}\n{}\n", 2).map(|answers| answers.len()).unwrap(), 2);
        assert!(read(b"{}\n", 2).is_err());
        assert!(read(b"{\n{}\n", 2).is_err());
    }

    #[test]
    fn what_is_known_without_weight_stands_in_the_place_of_nothing() {
        let unrated = of_band("unrated");
        assert!(unrated.says_nothing());
        assert!(text(&unrated.value, &[]).ends_with("\n  no evidence"));
        let known = text(&unrated.value, &["context: a cloud".to_owned()]);
        assert!(known.ends_with("\n  context: a cloud") && !known.contains("no evidence"));
    }
}
