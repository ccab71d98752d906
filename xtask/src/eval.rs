//! `cargo xtask eval`: learns the models that ship, and reports how well they judge what they have
//! not seen.
//!
//! Labelled data stand under `WARDNET_DATA`; none of them are part of the repository. Every figure is
//! of subjects whose registered domain (or family, or time) the judging model had not seen.

mod ahead;
mod answers;
mod data;
mod options;
mod report;
mod scores;
mod speed;
mod trails;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use wardnet_analyze::learn::{Learned, Sample, TrainOptions, train};
use wardnet_analyze::{Model, ModelLimits, Subject};

use data::Row;
use report::Report;

/// Runs the evaluation that `words` name.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<()> {
    let [subject, words @ ..] = words else {
        bail!("say what to evaluate: `url`, `domain` or `page`")
    };
    if *subject == "page" {
        speed::pages();
        return Ok(());
    }
    let data = data::Folder::from_environment()?;
    let (subject, mut rows) = match *subject {
        "url" => (Subject::Url, data.urls()?),
        "domain" => (Subject::Domain, data.domains()?),
        other => bail!("`{other}` cannot be evaluated: say `url`, `domain` or `page`"),
    };
    if words == ["speed"] {
        return speed::run(root, subject, &rows);
    }
    if let ["answers", words @ ..] = words {
        return answers::run(subject, rows, words);
    }
    let mut options = TrainOptions::shipped(subject);
    let trial = options::read(words, &mut options, &mut rows)?;
    let aside: Vec<Row> = rows.extract_if(.., |row| row.is_for_judging).collect();
    let learned = learn(subject, &rows, &options);
    let mut report = Report::new(subject, &rows);
    report.splits(&learned);
    if let Some(path) = &trial.scores {
        scores::write(path, &rows, &learned)?;
    }
    if trial.is_trial {
        println!("{}", report.text());
        return Ok(());
    }
    report.mistakes(&learned);
    report.calibration(&learned, options.fpr);
    for (name, learns, judges) in data::holdouts(subject, &rows) {
        let seen: Vec<Row> = rows.iter().filter(|row| learns(row)).cloned().collect();
        let part = TrainOptions { folds: 2, ..options };
        let model = Model::new(subject, learn(subject, &seen, &part), String::new());
        report.holdout(name, &model, &judges);
    }
    let card = report.card(&options);
    let model = Model::new(subject, learned, card);
    report.aside(&model, &aside);
    report.throughput(&model);
    let bytes = model.encode();
    Model::decode(&bytes, &ModelLimits::default()).context("what was learned is no model")?;
    let path = root.join(format!("models/{}.model", subject.name()));
    std::fs::write(&path, &bytes).with_context(|| format!("writing {}", path.display()))?;
    println!("{}: {} bytes", path.display(), bytes.len());
    report.write(&root.join("docs/EVALUATION.md"))
}

fn learn(subject: Subject, rows: &[Row], options: &TrainOptions) -> Learned {
    let samples: Vec<Sample> = rows.iter().map(|row| row.sample.clone()).collect();
    train(subject, &samples, options, |step| eprintln!("{step}"))
}
