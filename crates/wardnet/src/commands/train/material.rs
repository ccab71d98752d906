//! What a model is learned from.

use crate::args::TrainOptions as Options;
use crate::commands::classify::{LINE_BYTES_MAX, lines, plain_limited, shown};
use anyhow::{Context as _, bail};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use wardnet_analyze::Subject;
use wardnet_analyze::learn::Sample;

/// The fewest subjects of either label that a model can be learned from.
const SUBJECTS_MIN: usize = 100;

/// The most lines that are learned from: they and their pieces are held in memory.
const LINES_MAX: usize = 4_000_000;

/// What all files have to be learned from.
#[derive(Debug)]
pub(super) struct Material {
    /// Each subject of a label once, the malicious first.
    pub(super) samples: Vec<Sample>,
    /// Lines that said what a line of their label had said.
    repeated: usize,
    both: Both,
}

impl Material {
    pub(super) fn read(subject: Subject, options: &Options) -> anyhow::Result<Self> {
        let inputs = options.malicious.iter().chain(&options.benign).chain(&options.about);
        if inputs.filter(|path| *path == Path::new("-")).count() > 1 {
            bail!("standard input is read once; give `-` once, and files beside it");
        }
        let mut samples = side(&options.malicious, true, LINES_MAX)?;
        let lines = samples.len();
        let mut others = side(&options.benign, false, LINES_MAX.saturating_sub(lines))?;
        let repeated = leave_first(&mut samples).saturating_add(leave_first(&mut others));
        let (bad, good) = (samples.len(), others.len());
        samples.append(&mut others);
        let material = Self { both: Both::of(&samples), samples, repeated };
        if bad < SUBJECTS_MIN || good < SUBJECTS_MIN {
            let name = subject.name();
            let told = material.repeated_told().map(|told| format!(" ({told})"));
            bail!(
                "{bad} malicious and {good} benign {name}s are too few to learn from{}; give at \
                 least {SUBJECTS_MIN} of each",
                told.unwrap_or_default()
            );
        }
        material.both.must_be_few()?;
        Ok(material)
    }

    /// What is odd about the lines.
    pub(super) fn told(&self) -> impl Iterator<Item = String> {
        let both = (self.both.bad > 0).then(|| self.both.told());
        self.repeated_told().into_iter().chain(both)
    }

    fn repeated_told(&self) -> Option<String> {
        let verb = if self.repeated == 1 { "line repeats" } else { "lines repeat" };
        (self.repeated > 0).then(|| format!("{} {verb} another and counted once", self.repeated))
    }
}

/// Keeps the first of equal subjects; how many others there were.
fn leave_first(samples: &mut Vec<Sample>) -> usize {
    let mut seen = HashSet::new();
    let firsts: Vec<bool> =
        samples.iter().map(|sample| seen.insert(sample.text.as_slice())).collect();
    let all = samples.len();
    let mut firsts = firsts.into_iter();
    samples.retain(|_| firsts.next().unwrap_or(true));
    all.saturating_sub(samples.len())
}

/// Lines that are in malicious and in benign files.
#[derive(Debug)]
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

/// The subjects of all files of one label.
fn side(files: &[PathBuf], is_bad: bool, lines_max: usize) -> anyhow::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for path in files {
        let name = || format!("{} cannot be read", shown(path));
        read(path, is_bad, lines_max, &mut samples).with_context(name)?;
    }
    Ok(samples)
}

/// Reads the subjects of a file, plain or packed, one a line, a family behind a tab.
fn read(
    path: &Path,
    is_bad: bool,
    lines_max: usize,
    samples: &mut Vec<Sample>,
) -> anyhow::Result<()> {
    let mut lines = lines(plain_limited(path)?, LINE_BYTES_MAX);
    while let Some(text) = lines.next_line()? {
        let mut fields = text.splitn(2, |byte| *byte == b'\t');
        let name = fields.next().unwrap_or_default().trim_ascii();
        if name.is_empty() || text.starts_with(b"#") {
            continue;
        }
        if samples.len() >= lines_max {
            bail!("with it there are more than {LINES_MAX} lines; give fewer");
        }
        let family = fields.next().unwrap_or_default();
        let family = String::from_utf8_lossy(family).into_owned();
        samples.push(Sample { text: name.to_vec(), is_bad, family, weight: 1.0 });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subject_is_learned_from_once() {
        let sample = |text: &str, family: &str| Sample {
            text: text.as_bytes().to_vec(),
            is_bad: true,
            family: family.to_owned(),
            weight: 1.0,
        };
        let mut samples =
            vec![sample("a", "one"), sample("b", ""), sample("a", "two"), sample("a", "")];
        assert_eq!(leave_first(&mut samples), 2);
        assert_eq!(samples, [sample("a", "one"), sample("b", "")]);
    }
}
