//! `wardnet classify`.

mod page;
mod reading;

use crate::args::{Classify, ClassifySubject};
use crate::commands::{NO_ANSWER, complain};
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

/// Runs the command.
pub(crate) fn run(what: &ClassifySubject) -> anyhow::Result<ExitCode> {
    match what {
        ClassifySubject::Url(options) => by_model(Subject::Url, options),
        ClassifySubject::Domain(options) => by_model(Subject::Domain, options),
        ClassifySubject::Page(options) => page::run(options),
    }
}

fn by_model(subject: Subject, options: &Classify) -> anyhow::Result<ExitCode> {
    let model = crate::models::load(subject, options.model.as_deref())?;
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
        let mut judged = model.judge(&undisguised(text), scratch);
        let read = UrlLimits::default().bytes_max;
        if is_cut || text.len() > read {
            judged.reasons.push(format!("only the first {read} bytes of it were judged"));
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
