//! How subjects are dealt into folds, so that each is judged by what others taught.

use super::boost::{Table, boost};
use super::calibrate::{Calibration, calibrate};
use super::{Material, Sample, TrainOptions, joined, rows};
use crate::gram::Rolling;
use crate::popular::is_popular;
use crate::sheet::Subject;
use crate::url::Spelling;

/// The samples as they are dealt into folds: by registered domain, and those that have families once
/// more by family. A row is a sample in a deal; the rows of one deal stand behind those of the other.
pub(super) struct Deals<'a> {
    /// The fold of each sample, deal by deal.
    pub(super) folds: Vec<&'a [u64]>,
    pub(super) labels: Vec<f32>,
    pub(super) weights: Vec<f32>,
    /// The rows that are learned from.
    pub(super) learned: Vec<u32>,
}

impl<'a> Deals<'a> {
    pub(super) fn new(material: &'a Material, samples: &[Sample], options: &TrainOptions) -> Self {
        let mut folds = vec![&material.by_name[..]];
        if material.has_families {
            folds.push(&material.by_family);
        }
        let count = samples.len();
        // For names without a family the second deal is the first again.
        let is_dealt_twice = |row: usize| !samples[row % count].family.is_empty();
        let share = |row: usize| match (is_dealt_twice(row), row < count) {
            (false, true) => 1.0,
            (false, false) => 0.0,
            (true, true) => 1.0 - options.family_weight,
            (true, false) => options.family_weight,
        };
        let all = 0..folds.len() * count;
        let weights: Vec<f32> =
            all.clone().map(|row| share(row) * samples[row % count].weight).collect();
        Self {
            labels: all.clone().map(|row| material.labels[row % count]).collect(),
            learned: all.filter(|row| weights[*row] > 0.0).map(|row| row as u32).collect(),
            folds,
            weights,
        }
    }

    /// How many samples there are.
    fn count(&self) -> usize {
        self.labels.len() / self.folds.len()
    }

    /// From the margins of all rows to probabilities. Only the first `real` samples count: what was
    /// made up says nothing about how good the model is.
    pub(super) fn calibration(&self, margins: &[f32], real: usize, fpr: f64) -> Calibration {
        let rows = self.learned.iter().map(|row| *row as usize);
        let rows: Vec<usize> = rows.filter(|row| row % self.count() < real).collect();
        let pick = |values: &[f32]| -> Vec<f32> { rows.iter().map(|row| values[*row]).collect() };
        calibrate(&pick(margins), &pick(&self.labels), fpr)
    }
}

/// The margins that trees give to subjects of folds they have not seen.
pub(super) fn unseen(
    deals: &Deals<'_>,
    table: &Table,
    values: &[f32],
    options: &TrainOptions,
    progress: &mut impl FnMut(&str),
) -> Vec<f32> {
    let Deals { folds: by_deal, labels, weights, learned } = deals;
    let width = values.len() / labels.len();
    let per_deal = deals.count();
    let mut margins = vec![0.0; labels.len()];
    // A subject is in every deal; all its rows are left out where one of them is judged.
    let judged = |deal: usize, fold: u64| -> Vec<(usize, f32)> {
        let folds = by_deal[deal];
        let outside = |row: &u32| folds[*row as usize % per_deal] != fold;
        let chosen: Vec<u32> = learned.iter().copied().filter(outside).collect();
        let forest = boost(table, labels, weights, &chosen, &options.boost, options.seed);
        let inside = rows(folds, |of| of == fold).into_iter();
        let inside = inside.map(|row| row as usize + deal * per_deal);
        inside.map(|row| (row, forest.margin(&values[row * width..(row + 1) * width]))).collect()
    };
    let pairs = |fold: u64| (0..by_deal.len()).map(move |deal| (deal, fold));
    let jobs: Vec<(usize, u64)> = (0..options.folds).flat_map(pairs).collect();
    for two in jobs.chunks(2) {
        // Two at a time: each draws its own random numbers, so which runs first changes nothing.
        let parts = std::thread::scope(|scope| {
            let running: Vec<_> =
                two.iter().map(|(deal, fold)| scope.spawn(|| judged(*deal, *fold))).collect();
            running.into_iter().map(joined).collect::<Vec<_>>()
        });
        for (row, margin) in parts.into_iter().flatten() {
            margins[row] = margin;
        }
        progress(&format!("trees without {two:?}"));
    }
    margins
}

/// The fold of a subject by its registered domain: from 0 to below the number of folds. On popular sites
/// good and bad pages stand side by side, so that there each URL is dealt by itself.
pub fn fold_of(subject: Subject, text: &Spelling, options: &TrainOptions) -> u64 {
    let is_shared = subject == Subject::Url && is_popular(text.registered());
    fold(if is_shared { text.text() } else { text.registered() }, options)
}

pub(super) fn fold(text: &[u8], options: &TrainOptions) -> u64 {
    Rolling::new(options.seed).with_all(text).finish() % options.folds
}
