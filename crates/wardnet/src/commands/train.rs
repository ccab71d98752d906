//! `wardnet train`.

mod about;
mod material;
mod place;

use crate::args::{TrainOptions as Options, TrainSubject};
use crate::commands::classify::shown;
use crate::models::expiry;
use crate::output::line;
use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use toml::{Table, Value};
use wardnet_analyze::learn::{FPRS, Metrics, Sample, TrainOptions, metrics, train};
use wardnet_analyze::{Model, ModelLimits, Subject};

use material::Material;
use place::Place;

/// Runs the command.
pub(crate) fn run(what: &TrainSubject) -> anyhow::Result<ExitCode> {
    let (subject, options) = match what {
        TrainSubject::Url(options) => (Subject::Url, options),
        TrainSubject::Domain(options) => (Subject::Domain, options),
    };
    let place = Place::new(options)?;
    let about = about::read(options.about.as_deref(), crate::clock::now())?;
    card_must_fit(subject, options, &about)?;
    let material = Material::read(subject, options)?;
    let samples = &material.samples;
    let mut train_options = TrainOptions::shipped(subject);
    train_options.seed = options.seed;
    let learned = train(subject, samples, &train_options, |step| tracing::info!("{step}"));
    let figures = figures(samples, &learned.unseen);
    let has_expiry = expiry(&about).is_some();
    let model = Model::new(subject, learned, card(subject, options, about, &figures));
    let bytes = model.encode();
    Model::decode(&bytes, &ModelLimits::default()).context("what was learned is no model")?;
    place.write(&bytes)?;
    let bad = samples.iter().filter(|sample| sample.is_bad).count();
    line(format!(
        "{}: {} bytes, learned from {bad} malicious and {} benign {}s",
        options.out.display(),
        bytes.len(),
        samples.len().saturating_sub(bad),
        subject.name()
    ));
    material.told().for_each(line);
    told(&figures).into_iter().for_each(line);
    if !has_expiry {
        line("its card says nothing of when it is too old: `--about FILE` says it");
    }
    Ok(ExitCode::SUCCESS)
}

/// How well the margins tell the samples apart.
fn figures(samples: &[Sample], margins: &[f32]) -> Metrics {
    let of = |is_bad: bool| -> Vec<f32> {
        let kept = samples.iter().zip(margins).filter(|(sample, _)| sample.is_bad == is_bad);
        kept.map(|(_, margin)| *margin).collect()
    };
    metrics(&of(true), &of(false))
}

/// Looks at the longest card that there can be, before time is spent on learning.
fn card_must_fit(subject: Subject, options: &Options, about: &Table) -> anyhow::Result<()> {
    let figures = Metrics { auc: 0.0, tpr: [0.0; 3], counts: [usize::MAX; 2] };
    let longest = card(subject, options, about.clone(), &figures).len();
    let most = ModelLimits::default().card_bytes_max;
    if longest > most {
        bail!(
            "the model's card would have {longest} bytes, and has at most {most}; say less in \
             `--about`, or join files of long names"
        );
    }
    Ok(())
}

/// Whether so many benign ones show how rare a false positive is: one of them would have to be one.
fn supports(good: usize, fpr: f64) -> bool {
    good as f64 * fpr >= 1.0
}

/// The figures for people.
fn told(figures: &Metrics) -> Vec<String> {
    let [_, good] = figures.counts;
    let mut lines = vec![format!("AUC {:.4} on folds that were left out", figures.auc)];
    let (said, unsaid): (Vec<_>, Vec<_>) =
        FPRS.into_iter().zip(figures.tpr).partition(|(fpr, _)| supports(good, *fpr));
    if let Some((most, _)) = unsaid.last() {
        lines.push(format!(
            "{good} benign lines are too few to tell what it finds at {:.2} % false positives or \
             fewer: that takes {:.0}",
            most * 100.0,
            1.0 / most
        ));
    }
    lines.extend(said.iter().map(|(fpr, tpr)| {
        format!("finds {:.1} % at {:.2} % false positives", tpr * 100.0, fpr * 100.0)
    }));
    lines
}

/// The card of the model that was learned, in the form of those that ship.
fn card(subject: Subject, options: &Options, mut about: Table, figures: &Metrics) -> String {
    let names = |paths: &[PathBuf]| -> Value {
        let name = |path: &PathBuf| match path.file_name() {
            Some(name) if path != Path::new("-") => name.to_string_lossy().into_owned(),
            _ => shown(path),
        };
        Value::Array(paths.iter().map(name).map(Value::String).collect())
    };
    let data = about.entry("data").or_insert_with(|| Table::new().into());
    if let Value::Table(data) = data {
        data.entry("malicious").or_insert_with(|| names(&options.malicious));
        data.entry("benign").or_insert_with(|| names(&options.benign));
    }
    let [bad, good] = figures.counts;
    let mut card = format!(
        "subject = \"{}\"\n{about}\n[figures]\nsplit = \"{} folds by registered domain; each judged by a \
         model of the others\"\nseed = {}\nmalicious = {bad}\nbenign = {good}\nauc = {:.5}\n",
        subject.name(),
        TrainOptions::shipped(subject).folds,
        options.seed,
        figures.auc,
    );
    let [_, tenth, one] = figures.tpr;
    for (name, fpr, tpr) in [("0_1", 0.001, tenth), ("1", 0.01, one)] {
        if supports(good, fpr) {
            card += &format!("tpr_at_fpr_{name}_percent = {tpr:.4}\n");
        }
    }
    card
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(good: usize) -> Metrics {
        Metrics { auc: 0.99, tpr: [0.5, 0.6, 0.7], counts: [100, good] }
    }

    #[test]
    fn no_figure_is_told_that_so_few_lines_cannot_support() {
        for (good, finds, most) in [
            (100, 1, Some("at 0.10 % false positives or fewer: that takes 1000")),
            (999, 1, Some("at 0.10 % false positives or fewer: that takes 1000")),
            (1000, 2, Some("at 0.05 % false positives or fewer: that takes 2000")),
            (1999, 2, Some("at 0.05 % false positives or fewer: that takes 2000")),
            (2000, 3, None),
        ] {
            let lines = told(&figures(good));
            let found = lines.iter().filter(|line| line.starts_with("finds ")).count();
            assert_eq!(found, finds, "{good}: {lines:?}");
            let few = lines.iter().find(|line| line.contains("too few"));
            assert_eq!(few.is_some(), most.is_some(), "{good}: {lines:?}");
            assert!(few.is_none_or(|few| few.ends_with(most.unwrap_or_default())), "{few:?}");
        }
    }
}
