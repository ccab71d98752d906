//! `wardnet train`.

use crate::args::{TrainOptions as Options, TrainSubject};
use crate::commands::classify::{LINE_BYTES_MAX, lines};
use crate::models::expiry;
use crate::output::line;
use anyhow::{Context as _, bail};
use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use toml::{Table, Value};
use wardnet_analyze::learn::{FPRS, Metrics, Sample, TrainOptions, metrics, train};
use wardnet_analyze::{Model, Subject};
use wardnet_collect::feeds::{Limits, open_plain};

/// The fewest subjects of either label that a model can be learned from.
const SUBJECTS_MIN: usize = 100;

/// The most subjects that are learned from: they and their pieces are held in memory.
const SUBJECTS_MAX: usize = 4_000_000;

/// The largest description of a model.
const ABOUT_BYTES_MAX: usize = 64 << 10;

/// What a description of a model may say at its head.
const ABOUT_KEYS: [&str; 5] = ["what", "note", "expires", "data", "use"];

/// Runs the command.
pub(crate) fn run(what: &TrainSubject) -> anyhow::Result<ExitCode> {
    let (subject, options) = match what {
        TrainSubject::Url(options) => (Subject::Url, options),
        TrainSubject::Domain(options) => (Subject::Domain, options),
    };
    let about = about(options)?;
    let samples = samples(subject, options)?;
    let both = Both::of(&samples);
    both.must_be_few()?;
    let mut train_options = TrainOptions::shipped(subject);
    train_options.seed = options.seed;
    let learned = train(subject, &samples, &train_options, |step| tracing::info!("{step}"));
    let margins = |is_bad: bool| -> Vec<f32> {
        let judged = learned.judged.iter().filter_map(|row| samples.get(*row));
        let kept = judged.zip(&learned.unseen).filter(|(s, _)| s.is_bad == is_bad);
        kept.map(|(_, margin)| *margin).collect()
    };
    let figures = metrics(&margins(true), &margins(false));
    let has_expiry = expiry(&about).is_some();
    let card = card(subject, options, about, &figures);
    let model = Model::new(subject, learned, card);
    let bytes = model.encode();
    std::fs::write(&options.out, &bytes)
        .with_context(|| format!("{} cannot be written", options.out.display()))?;
    let [bad, good] = figures.counts;
    line(format!(
        "{}: {} bytes, learned from {bad} malicious and {good} benign {}s",
        options.out.display(),
        bytes.len(),
        subject.name()
    ));
    if both.bad > 0 {
        line(both.told());
    }
    told(&figures).into_iter().for_each(line);
    if !has_expiry {
        line("its card says nothing of when it is too old: `--about FILE` says it");
    }
    Ok(ExitCode::SUCCESS)
}

/// What all files have to be learned from.
fn samples(subject: Subject, options: &Options) -> anyhow::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for path in &options.malicious {
        read(path, true, &mut samples)?;
    }
    let bad = samples.len();
    for path in &options.benign {
        read(path, false, &mut samples)?;
    }
    let good = samples.len() - bad;
    if bad < SUBJECTS_MIN || good < SUBJECTS_MIN {
        bail!(
            "{bad} malicious and {good} benign {}s are too few to learn from; give at least \
             {SUBJECTS_MIN} of each",
            subject.name()
        );
    }
    Ok(samples)
}

/// Lines that are in malicious and in benign files.
struct Both {
    /// How many malicious ones, of how many.
    bad: usize,
    all_bad: usize,
    /// How many benign ones, of how many.
    good: usize,
    all_good: usize,
}

impl Both {
    fn of(samples: &[Sample]) -> Self {
        let of = |is_bad: bool| samples.iter().filter(move |sample| sample.is_bad == is_bad);
        let texts =
            |is_bad: bool| -> HashSet<&[u8]> { of(is_bad).map(|s| s.text.as_slice()).collect() };
        let shared = |is_bad: bool| {
            let others = texts(!is_bad);
            of(is_bad).filter(|sample| others.contains(sample.text.as_slice())).count()
        };
        let all = |is_bad: bool| of(is_bad).count();
        Self { bad: shared(true), all_bad: all(true), good: shared(false), all_good: all(false) }
    }

    fn told(&self) -> String {
        let Self { bad, all_bad, good, all_good } = self;
        format!(
            "{bad} of {all_bad} malicious and {good} of {all_good} benign lines are in files of both"
        )
    }

    /// Where most of one label is the other's as well, a file was given twice or by mistake.
    fn must_be_few(&self) -> anyhow::Result<()> {
        if self.bad > self.all_bad / 2 || self.good > self.all_good / 2 {
            bail!("{}; take them out of the one or the other", self.told());
        }
        Ok(())
    }
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

/// Reads the subjects of a file, plain or packed, one a line, a family behind a tab.
fn read(path: &Path, is_bad: bool, samples: &mut Vec<Sample>) -> anyhow::Result<()> {
    let name = || format!("{} cannot be read", path.display());
    let file = File::open(path).with_context(name)?;
    let plain = open_plain(file, &Limits::default()).with_context(|| path.display().to_string())?;
    let mut lines = lines(plain, LINE_BYTES_MAX);
    while let Some(text) = lines.next_line().with_context(name)? {
        if text.trim_ascii().is_empty() || text.starts_with(b"#") {
            continue;
        }
        if samples.len() == SUBJECTS_MAX {
            bail!("more than {SUBJECTS_MAX} lines; give fewer");
        }
        let mut fields = text.splitn(2, |byte| *byte == b'\t');
        let name = fields.next().unwrap_or_default().to_vec();
        let family = fields.next().unwrap_or_default();
        let family = String::from_utf8_lossy(family).into_owned();
        samples.push(Sample { text: name, is_bad, family, weight: 1.0 });
    }
    Ok(())
}

/// What the operator says of the model.
fn about(options: &Options) -> anyhow::Result<Table> {
    let Some(path) = &options.about else { return Ok(Table::new()) };
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(name)?;
    if text.len() > ABOUT_BYTES_MAX {
        bail!("{}: more than {ABOUT_BYTES_MAX} bytes; say it shorter", name());
    }
    let about: Table = text.parse().with_context(name)?;
    for written in ["subject", "figures"] {
        if about.contains_key(written) {
            bail!("{}: leave `{written}` out: it is written by the training", name());
        }
    }
    if let Some(unknown) = about.keys().find(|key| !ABOUT_KEYS.contains(&key.as_str())) {
        let known = ABOUT_KEYS.map(|key| format!("`{key}`")).join(", ");
        bail!("{}: nothing is called `{unknown}` there; {known} are known", name());
    }
    for table in ["data", "use"] {
        if about.get(table).is_some_and(|value| !value.is_table()) {
            bail!("{}: `{table}` is a table, written `[{table}]`", name());
        }
    }
    if expiry(&about) == Some(None) {
        bail!("{}: `expires` is a day in quotes, such as \"2027-11-30\"", name());
    }
    Ok(about)
}

/// The card of the model that was learned, in the form of those that ship.
fn card(subject: Subject, options: &Options, mut about: Table, figures: &Metrics) -> String {
    let names = |paths: &[PathBuf]| -> Value {
        let name = |path: &PathBuf| {
            path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
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
        "subject = \"{}\"\n{about}\n[figures]\nsplit = \"5 folds by registered domain; each judged by a \
         model of the others\"\nseed = {}\nmalicious = {bad}\nbenign = {good}\nauc = {:.5}\n",
        subject.name(),
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
