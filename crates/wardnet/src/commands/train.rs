//! `wardnet train`.

use crate::args::{TrainOptions as Options, TrainSubject};
use crate::commands::classify::{LINE_BYTES_MAX, lines};
use crate::models::expiry;
use crate::output::line;
use anyhow::{Context as _, bail};
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

/// Runs the command.
pub(crate) fn run(what: &TrainSubject) -> anyhow::Result<ExitCode> {
    let (subject, options) = match what {
        TrainSubject::Url(options) => (Subject::Url, options),
        TrainSubject::Domain(options) => (Subject::Domain, options),
    };
    let about = about(options)?;
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
    let mut train_options = TrainOptions::shipped(subject);
    train_options.seed = options.seed;
    let learned = train(subject, &samples, &train_options, |step| tracing::info!("{step}"));
    let margins = |is_bad: bool| -> Vec<f32> {
        let kept = samples.iter().zip(&learned.unseen).filter(|(s, _)| s.is_bad == is_bad);
        kept.map(|(_, margin)| *margin).collect()
    };
    let figures = metrics(&margins(true), &margins(false));
    let has_expiry = expiry(&about).is_some();
    let card = card(subject, options, about, &figures);
    let model = Model::new(subject, learned, card);
    let bytes = model.encode();
    std::fs::write(&options.out, &bytes)
        .with_context(|| format!("{} cannot be written", options.out.display()))?;
    line(format!(
        "{}: {} bytes, learned from {bad} malicious and {good} benign {}s",
        options.out.display(),
        bytes.len(),
        subject.name()
    ));
    line(format!("AUC {:.4} on folds that were left out", figures.auc));
    for (fpr, tpr) in FPRS.iter().zip(figures.tpr) {
        line(format!("finds {:.1} % at {:.2} % false positives", tpr * 100.0, fpr * 100.0));
    }
    if !has_expiry {
        line("its card says nothing of when it is too old: `--about FILE` says it");
    }
    Ok(ExitCode::SUCCESS)
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
    let [_, tenth, one] = figures.tpr;
    format!(
        "subject = \"{}\"\n{about}\n[figures]\nsplit = \"5 folds by registered domain; each judged by a \
         model of the others\"\nseed = {}\nmalicious = {bad}\nbenign = {good}\nauc = {:.5}\n\
         tpr_at_fpr_0_1_percent = {tenth:.4}\ntpr_at_fpr_1_percent = {one:.4}\n",
        subject.name(),
        options.seed,
        figures.auc,
    )
}
