//! A model: weights, trees and a scale, with a card that says where they are from.

mod file;
mod reasons;
#[cfg(test)]
mod tests;

use crate::commonplace;
use crate::disposable::is_disposable;
use crate::domain::{self, Resemblance};
use crate::familiar::FamiliarTable;
use crate::forest::{FlatForest, Forest};
use crate::gram::{GROUPS, Keys, Rolling};
use crate::learn::{Calibration, Learned};
use crate::network::Network;
use crate::own;
use crate::sheet::{self, GroupSum, LearnedSums, Scratch, Subject};
use crate::table::WeightTable;
use crate::url::Spelling;

pub use file::{ModelError, ModelLimits, fuzz_model};

/// What a model says of one subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// From 0, harmless, to 1.
    pub score: f32,
    /// The score is at least one half.
    pub is_malicious: bool,
    /// What spoke most for it, in plain words; the strongest first.
    pub reasons: Vec<String>,
}

/// A learned model of one kind of subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    subject: Subject,
    card: String,
    table: WeightTable,
    bias: f32,
    network: Option<Network>,
    familiar: FamiliarTable,
    forest: Forest,
    flat: FlatForest,
    calibration: Calibration,
    digest: [u8; 32],
}

/// From which score on reasons are looked for; below, nothing stands out.
const REASONS_FROM: f32 = 0.05;

/// How many reasons are given.
const REASONS_MAX: usize = 4;

/// A score from which on a subject is called malicious.
const MALICIOUS_FROM: f32 = 0.5;

impl Model {
    /// The model of `subject` that was learned; `card` is its description, in TOML.
    pub fn new(subject: Subject, learned: Learned, card: String) -> Self {
        let Learned { table, bias, network, familiar, forest, calibration, .. } = learned;
        let mut model = Self {
            subject,
            card,
            table,
            bias,
            network,
            familiar,
            flat: FlatForest::new(&forest),
            forest,
            calibration,
            digest: [0; 32],
        };
        model.digest = file::digest(&model.body());
        model
    }

    /// What kind of subject it judges.
    pub const fn subject(&self) -> Subject {
        self.subject
    }

    /// Where it is from and what it is worth, in TOML.
    pub fn card(&self) -> &str {
        &self.card
    }

    /// SHA-256 of its file, without the digest at its end: the model's identity.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The score of `input`, from 0 to 1. Any bytes do.
    pub fn score(&self, input: &[u8], scratch: &mut Scratch) -> f32 {
        let margin = self.margin(input, scratch);
        // What is worth nothing by itself need not be looked for.
        let likeness = domain::strong_resemblance(&scratch.spelling);
        let likeness = likeness.map_or(0.0, |found| found.score());
        self.probability(margin, &scratch.spelling).0.max(likeness)
    }

    /// The score of `input`, with reasons.
    pub fn judge(&self, input: &[u8], scratch: &mut Scratch) -> Judgement {
        let margin = self.margin(input, scratch);
        let (own, excuse) = self.probability(margin, &scratch.spelling);
        let resemblance = self.resemblance(scratch);
        let score = resemblance.as_ref().map_or(own, |found| own.max(found.score()));
        let spelling = &scratch.spelling;
        let mut reasons: Vec<String> =
            resemblance.iter().map(|found| found.words(spelling)).collect();
        if let Some(excuse) = excuse {
            reasons.push(excuse.to_owned());
        } else if own >= REASONS_FROM {
            reasons.extend(self.reasons(scratch));
        }
        if self.subject == Subject::Domain && is_disposable(&scratch.spelling) {
            reasons.push("a site that lends mail addresses for an hour".to_owned());
        }
        if reasons.is_empty() {
            reasons.push("nothing in it stands out".to_owned());
        }
        reasons.truncate(REASONS_MAX);
        Judgement { score, is_malicious: score >= MALICIOUS_FROM, reasons }
    }

    /// The log-odds of `input` before calibration; leaves its figures in `scratch`.
    pub fn margin(&self, input: &[u8], scratch: &mut Scratch) -> f32 {
        sheet::read(self.subject, input, scratch);
        let Scratch { spelling, features, keys } = scratch;
        // Keys first, weights afterwards: the tables are larger than the nearest caches, and loads
        // that wait for nothing else wait together.
        sheet::read_keys(self.subject, spelling, keys);
        let mut groups = [GroupSum::default(); GROUPS];
        for (group, kinds) in groups.iter_mut().zip(keys.iter()) {
            let mut sum = GroupSum::default();
            for key in kinds.iter().flatten() {
                sum.add(self.table.weight(*key));
            }
            *group = sum;
        }
        let network = self.network.as_ref().map(|network| {
            network.margin(&network.inputs(|group, kind| of_kind(keys, group, kind)))
        });
        let sums = LearnedSums { groups: &groups, bias: self.bias, network };
        features.clear();
        sheet::write_learned(&sums, &self.familiar, spelling, features);
        sheet::measure(self.subject, spelling, features);
        self.flat.margin(features)
    }

    /// What a margin is worth, and why it is not worth more.
    fn probability(&self, margin: f32, spelling: &Spelling) -> (f32, Option<&'static str>) {
        let probability = self.calibration.probability(margin);
        let is_high = probability > own::SCORE_MAX;
        if let Some(excuse) = is_high.then(|| own::excuse(self.subject, spelling)).flatten() {
            return (own::SCORE_MAX, Some(excuse));
        }
        match self.commonplace(probability, spelling) {
            Some(words) => (commonplace::SCORE_MAX, Some(words)),
            None => (probability, None),
        }
    }

    /// Whether only what a URL shares with thousands of others makes it look malicious.
    fn commonplace(&self, probability: f32, url: &Spelling) -> Option<&'static str> {
        if self.subject != Subject::Url || probability < MALICIOUS_FROM {
            return None;
        }
        let rest = commonplace::rest(url)?;
        let margin = self.margin(&rest.text, &mut Scratch::default());
        (self.calibration.probability(margin) < rest.below).then_some(rest.words)
    }

    fn resemblance(&self, scratch: &Scratch) -> Option<Resemblance> {
        match self.subject {
            // Of the many hosts that URLs have, some are one letter from another's.
            Subject::Url => domain::strong_resemblance(&scratch.spelling),
            Subject::Domain => domain::resemblance(&scratch.spelling),
        }
    }
}

/// The keys of a group's pieces of one kind.
fn of_kind(keys: &Keys, group: usize, kind: usize) -> &[u32] {
    keys.get(group).and_then(|kinds| kinds.get(kind)).map_or(&[], Vec::as_slice)
}

/// Tells layouts of figures apart: a hash of their names.
fn layout(subject: Subject) -> u64 {
    let mut hash = Rolling::new(LAYOUT_VERSION);
    for index in 0..subject.width() {
        let (name, words) = subject.feature(index);
        hash = hash.with_all(name.as_bytes()).with(0).with_all(words.as_bytes()).with(0);
    }
    hash.finish()
}

/// Rises when a figure or a piece changes its meaning but not its name.
const LAYOUT_VERSION: u64 = 5;
