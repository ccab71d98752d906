//! `wardnet classify`.

mod page;
mod reading;
mod wrapping;

use crate::args::{Args, Classify, ClassifySubject};
use crate::commands::{NO_ANSWER, complain};
use crate::config::Config;
use crate::models::ModelsConfig;
use crate::output::{in_words, line};
use anyhow::Context as _;
use serde_json::json;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wardnet_analyze::url::{UrlLimits, undisguised};
use wardnet_analyze::{Model, Scratch, Subject};

use reading::{Head, plain};
pub(crate) use reading::{LINE_BYTES_MAX, bytes, lines, plain_limited, shown};

use wrapping::unwrapped;

/// Runs the command.
pub(crate) fn run(args: &Args, what: &ClassifySubject) -> anyhow::Result<ExitCode> {
    let ModelsConfig { url, domain, .. } = Config::load(args.config.as_deref())?.models;
    match what {
        ClassifySubject::Url(options) => by_model(Subject::Url, options, url),
        ClassifySubject::Domain(options) => by_model(Subject::Domain, options, domain),
        ClassifySubject::Page(options) => page::run(options),
    }
}

/// Judges by the model of the options, or else that of the settings, or else the one that ships.
fn by_model(
    subject: Subject,
    options: &Classify,
    of_settings: Option<PathBuf>,
) -> anyhow::Result<ExitCode> {
    let model = options.model.clone().or(of_settings);
    let model = crate::models::load(subject, model.as_deref())?;
    if options.card {
        line(model.card().trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let mut scratch = Scratch::default();
    Ok(each(&options.files, |path| {
        let name = || format!("{} cannot be read", shown(path));
        let input = plain(path).with_context(name)?;
        judge(&model, input, options.json, &mut scratch).with_context(name)
    }))
}

/// Does `one` with each file, or with standard input where none is named. One that fails is told
/// and keeps nobody from the next.
fn each(named: &[PathBuf], mut one: impl FnMut(&Path) -> anyhow::Result<()>) -> ExitCode {
    let standard_input = [PathBuf::from("-")];
    let files = if named.is_empty() { &standard_input[..] } else { named };
    let mut status = ExitCode::SUCCESS;
    for path in files {
        if let Err(error) = one(path) {
            complain(&in_words(&error));
            status = ExitCode::from(NO_ANSWER);
        }
    }
    status
}

fn judge(
    model: &Model,
    input: impl BufRead,
    json: bool,
    scratch: &mut Scratch,
) -> anyhow::Result<()> {
    let mut lines = lines(input, LINE_BYTES_MAX);
    while let Some(Head { text, is_cut }) = lines.next_head()? {
        if text.trim_ascii().is_empty() {
            continue;
        }
        let mut judged = model.judge(&undisguised(unwrapped(text)), scratch);
        let read = UrlLimits::default().bytes_max;
        if is_cut || text.len() > read {
            judged.reasons.push(format!("only the first {read} bytes of it were judged"));
        }
        if is_cut {
            let kept = text.len();
            judged.reasons.push(format!("its line is longer than the {kept} bytes that are shown"));
        }
        let shown = String::from_utf8_lossy(text);
        if json {
            line(object(&shown, judged.score, judged.is_malicious, &judged.reasons));
        } else {
            line(sentence(&shown, judged.score, judged.is_malicious, &judged.reasons));
        }
    }
    Ok(())
}

/// One answer for scripts.
pub(super) fn object(input: &str, score: f32, is_malicious: bool, reasons: &[String]) -> String {
    // Through text, so that a script sees the digits that the score has and no others.
    let score: f64 = score.to_string().parse().unwrap_or_default();
    json!({
        "input": input,
        "score": score,
        "label": label(is_malicious),
        "reasons": reasons,
    })
    .to_string()
}

/// One answer for people.
pub(super) fn sentence(input: &str, score: f32, is_malicious: bool, reasons: &[String]) -> String {
    let label = label(is_malicious);
    format!("{input}: {label} ({:.1} %): {}", score * 100.0, reasons.join("; "))
}

fn label(is_malicious: bool) -> &'static str {
    if is_malicious { "malicious" } else { "benign" }
}
