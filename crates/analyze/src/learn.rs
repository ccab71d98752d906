//! Learning a model from labelled subjects.
//!
//! Two stages. A linear model and a small network learn what pieces of text are worth; boosted trees
//! learn from sums over those weights, from the network's margin, and from figures that no piece shows.
//! The trees must not see what the same subjects taught, or they would trust it too much: so the
//! subjects are dealt into folds by registered domain, and the sums and margins of each fold come from
//! what the other folds taught. Names of generators are dealt a second time by family, so that the trees also learn what
//! the sums are worth on a family that nobody has seen.
//!
//! Nothing of a stranger's reaches this module but as text to take apart.

#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "works on arrays whose sizes it chose itself"
)]

mod boost;
mod calibrate;
mod graft;
mod invented;
mod linear;
mod metrics;
mod network;
mod rng;
#[cfg(test)]
pub(crate) mod tests;

pub use boost::BoostOptions;
pub(crate) use boost::{Table, boost};
pub use calibrate::{Calibration, calibrate};
pub use graft::GraftOptions;
pub use invented::InventOptions;
pub use linear::LinearOptions;
pub use metrics::{FPRS, Metrics, cut, metrics};
pub use network::NetworkOptions;
pub use rng::Rng;

use linear::{Linear, Pieces, learn};

use crate::familiar::{FAMILIAR, FamiliarTable};
use crate::forest::Forest;
use crate::gram::{GROUPS, Rolling};
use crate::network::Network;
use crate::popular::is_popular;
use crate::sheet::{self, GroupSum, LearnedSums, Scratch, Subject};
use crate::table::{WeightTable, key, place_of};
use crate::url::Spelling;

/// One labelled subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The URL or name.
    pub text: Vec<u8>,
    /// Whether it is bad.
    pub is_bad: bool,
    /// The family of a generator, if it is known; empty otherwise.
    pub family: String,
    /// How much it counts; 1 for most.
    pub weight: f32,
}

/// How to learn a model.
#[derive(Debug, Clone, Copy)]
pub struct TrainOptions {
    /// The seed of every random choice.
    pub seed: u64,
    /// How many folds.
    pub folds: u64,
    /// The tables of what was heard have 2 to the power of this many places.
    pub familiar_bits: u32,
    /// The weights of pieces.
    pub linear: LinearOptions,
    /// The network, for subjects whose models have one.
    pub network: NetworkOptions,
    /// The trees.
    pub boost: BoostOptions,
    /// How much of a name's weight is given to what is known of it without its family.
    pub family_weight: f32,
    /// Names of made-up generators that are learned from beside the samples that have families.
    pub invent: InventOptions,
    /// Paths for bare hosts, among URLs.
    pub graft: GraftOptions,
    /// The share of false positives at which a subject is called malicious.
    pub fpr: f64,
}

impl TrainOptions {
    /// What the shipped model of `subject` was learned with.
    pub fn shipped(subject: Subject) -> Self {
        let (epochs, subjects, familiar_bits) = match subject {
            Subject::Url => (6, 0.8, 18),
            Subject::Domain => (4, 0.5, 19),
        };
        // The more folds, the more like what ships is what the trees learn from.
        let folds = match subject {
            Subject::Url => 10,
            Subject::Domain => 5,
        };
        // Where a network has its say, fewer trees do.
        let (bits, trees, rate, fpr) = match subject {
            Subject::Url => (22, 60, 0.16, 0.0003),
            Subject::Domain => (20, 100, 0.11, 0.0004),
        };
        let linear = LinearOptions { bits, epochs, alpha: 0.5, l1: 0.02, l2: 0.5 };
        let network = NetworkOptions { bits: 20, epochs: 4, keep: 0.5, rate: 0.1, spread: 0.05 };
        let boost = BoostOptions {
            trees,
            leaves: 31,
            rate,
            child_weight_min: 1.0,
            lambda: 2.0,
            features: 0.4,
            subjects,
        };
        let invent = InventOptions { generators: 1920, names: 12, weight: 2.0 };
        Self {
            seed: 1,
            folds,
            familiar_bits,
            linear,
            network,
            boost,
            family_weight: 0.2,
            invent,
            graft: GraftOptions { bare: 0.75, weight: 0.5 },
            fpr,
        }
    }
}

/// What learning yields.
#[derive(Debug)]
pub struct Learned {
    /// The weights of pieces.
    pub(crate) table: WeightTable,
    /// What the linear part adds for every subject.
    pub(crate) bias: f32,
    /// What pieces are worth beside one another.
    pub(crate) network: Option<Network>,
    /// How often the n-grams of names were heard.
    pub(crate) familiar: FamiliarTable,
    /// The trees.
    pub(crate) forest: Forest,
    /// From margins to probabilities.
    pub calibration: Calibration,
    /// For each sample the margin that a model gave it which had not seen its fold.
    pub unseen: Vec<f32>,
    /// The same where whole families were left out.
    pub unseen_family: Option<Vec<f32>>,
    /// The fold of each sample, by registered domain.
    pub folds: Vec<u64>,
    /// The same where samples of one family are in one fold.
    pub family_folds: Vec<u64>,
}

/// Everything that is fixed about the samples.
struct Material {
    pieces: Pieces,
    /// Figures that depend on no weight, sample by sample.
    own: Vec<f32>,
    labels: Vec<f32>,
    weights: Vec<f32>,
    names: Vec<Spelling>,
    by_name: Vec<u64>,
    by_family: Vec<u64>,
    has_families: bool,
    familiar_bits: u32,
}

/// Learns a model of `subject` from `samples`.
pub fn train(
    subject: Subject,
    samples: &[Sample],
    options: &TrainOptions,
    mut progress: impl FnMut(&str),
) -> Learned {
    let count = samples.len();
    let mut samples = samples.to_vec();
    if subject == Subject::Url {
        let grafted = graft::graft(&mut samples, options);
        samples.extend(grafted);
    }
    // Few beside what was caught: at most one for three.
    let caught = samples.iter().filter(|sample| !sample.family.is_empty()).count();
    let mut invented = invented::invent(&samples, &options.invent, options.seed, caught / 3);
    samples.append(&mut invented);
    let samples = samples.as_slice();
    let material = material(subject, samples, options);
    progress(&format!("{} subjects, {} pieces", samples.len(), material.pieces.count()));
    let mut deals = vec![&material.by_name];
    if material.has_families {
        deals.push(&material.by_family);
    }
    let values = unseen_values(subject, &material, &deals, options, &mut progress);
    let width = subject.width();
    let table = Table::new(&values, width);
    let labels: Vec<f32> = deals.iter().flat_map(|_| material.labels.iter().copied()).collect();
    // The second deal is of names with a family only: for all others it is the first again.
    let is_dealt_twice: Vec<bool> =
        samples.iter().map(|s| material.has_families && !s.family.is_empty()).collect();
    let share = |row: usize| {
        if is_dealt_twice[row % samples.len()] {
            if row < samples.len() { 1.0 - options.family_weight } else { options.family_weight }
        } else {
            1.0
        }
    };
    let weigh = |row: usize| share(row) * samples[row % samples.len()].weight;
    let weights: Vec<f32> = (0..labels.len()).map(weigh).collect();
    let everyone: Vec<u32> = (0..labels.len() as u32)
        .filter(|row| weights[*row as usize] > 0.0)
        .filter(|row| {
            let row = *row as usize;
            row < samples.len() || is_dealt_twice[row - samples.len()]
        })
        .collect();
    let known = Known { table: &table, labels: &labels, weights: &weights, rows: &everyone };
    let margins = unseen(&known, &values, &deals, options, &mut progress);
    let forest = boost(&table, &labels, &weights, &everyone, &options.boost, options.seed);
    progress("trees");
    let everyone_dealt = everyone;
    let everyone: Vec<u32> = (0..samples.len() as u32).collect();
    let heard = Heard::from(subject, &material, &everyone, options);
    // What was made up says nothing about how good the model is.
    let is_real = |row: &&u32| **row as usize % samples.len() < count;
    let pick = |values: &[f32]| {
        everyone_dealt.iter().filter(is_real).map(|row| values[*row as usize]).collect()
    };
    let (dealt, truth): (Vec<f32>, Vec<f32>) = (pick(&margins), pick(&labels));
    let calibration = calibrate(&dealt, &truth, options.fpr);
    let (by_name, by_family) = margins.split_at(samples.len());
    Learned {
        table: WeightTable::new(options.linear.bits, &heard.linear.weights),
        bias: heard.linear.bias,
        network: heard.network,
        familiar: heard.familiar,
        forest,
        calibration,
        unseen: by_name[..count].to_vec(),
        unseen_family: material.has_families.then(|| by_family[..count].to_vec()),
        folds: material.by_name[..count].to_vec(),
        family_folds: material.by_family[..count].to_vec(),
    }
}

fn material(subject: Subject, samples: &[Sample], options: &TrainOptions) -> Material {
    let mut scratch = Scratch::default();
    let mut material = Material {
        pieces: Pieces::default(),
        own: Vec::new(),
        labels: Vec::new(),
        weights: samples.iter().map(|sample| sample.weight).collect(),
        names: Vec::new(),
        by_name: Vec::new(),
        by_family: Vec::new(),
        has_families: samples.iter().any(|sample| !sample.family.is_empty()),
        familiar_bits: options.familiar_bits,
    };
    let mut groups: [Vec<u32>; GROUPS] = Default::default();
    for sample in samples {
        sheet::read(subject, &sample.text, &mut scratch);
        for group in &mut groups {
            group.clear();
        }
        sheet::pieces(subject, &scratch.spelling, &mut |gram| {
            groups[gram.group].push(key(gram.hash));
        });
        material.pieces.push(&groups);
        sheet::measure(subject, &scratch.spelling, &mut material.own);
        material.names.push(scratch.spelling.clone());
        material.labels.push(f32::from(u8::from(sample.is_bad)));
        let name = fold_of(subject, &scratch.spelling, options);
        material.by_name.push(name);
        let family = sample.family.as_bytes();
        material.by_family.push(if family.is_empty() { name } else { fold(family, options) });
    }
    material
}

/// The fold of a subject by its registered domain.
fn fold_of(subject: Subject, text: &Spelling, options: &TrainOptions) -> u64 {
    // On popular sites good and bad pages stand side by side: each page is judged by itself.
    let is_shared = subject == Subject::Url && is_popular(text.registered());
    fold(if is_shared { text.text() } else { text.registered() }, options)
}

fn fold(text: &[u8], options: &TrainOptions) -> u64 {
    Rolling::new(options.seed).with_all(text).finish() % options.folds
}

/// The figures of every subject in every deal, with weights that its fold did not teach.
fn unseen_values(
    subject: Subject,
    material: &Material,
    deals: &[&Vec<u64>],
    options: &TrainOptions,
    progress: &mut impl FnMut(&str),
) -> Vec<f32> {
    let mut values = Vec::new();
    for folds in deals {
        for fold in 0..options.folds {
            let chosen = rows(folds, |of| of != fold);
            let heard = Heard::from(subject, material, &chosen, options);
            progress(&format!("weights without fold {fold}"));
            write_values(subject, material, &heard, folds, fold, &mut values);
        }
    }
    in_order(values, subject.width())
}

fn rows(folds: &[u64], keep: impl Fn(u64) -> bool) -> Vec<u32> {
    (0..folds.len() as u32).filter(|row| keep(folds[*row as usize])).collect()
}

fn linear(material: &Material, chosen: &[u32], options: &TrainOptions) -> Linear {
    learn(
        &material.pieces,
        &material.labels,
        &material.weights,
        chosen,
        &options.linear,
        options.seed,
    )
}

fn network(
    subject: Subject,
    material: &Material,
    chosen: &[u32],
    options: &TrainOptions,
) -> Option<Network> {
    let learned = || {
        let Material { pieces, labels, weights, .. } = material;
        network::learn_network(pieces, labels, weights, chosen, &options.network, options.seed)
    };
    subject.has_network().then(learned)
}

/// What the benign among `chosen` sound like.
fn familiar(material: &Material, chosen: &[u32]) -> FamiliarTable {
    let benign = chosen.iter().filter(|row| material.labels[**row as usize] < 0.5);
    FamiliarTable::hear(material.familiar_bits, benign.map(|row| &material.names[*row as usize]))
}

/// What figures depend on that was learned.
struct Heard {
    linear: Linear,
    network: Option<Network>,
    familiar: FamiliarTable,
}

impl Heard {
    fn from(subject: Subject, material: &Material, chosen: &[u32], options: &TrainOptions) -> Self {
        let weighs = |row: &u32| material.weights[*row as usize] > 0.0;
        let chosen: &Vec<u32> = &chosen.iter().copied().filter(weighs).collect();
        // Each is the same alone.
        let (linear, network) = std::thread::scope(|scope| {
            let network = scope.spawn(|| network(subject, material, chosen, options));
            (linear(material, chosen, options), joined(network))
        });
        Self { linear, network, familiar: familiar(material, chosen) }
    }
}

/// One row of figures, with its place.
type Row = (usize, Vec<f32>);

fn write_values(
    subject: Subject,
    material: &Material,
    heard: &Heard,
    folds: &[u64],
    fold: u64,
    values: &mut Vec<Row>,
) {
    let bits = heard.linear.weights.len().trailing_zeros();
    let own_width = subject.width() - subject.sums() - FAMILIAR;
    let deal = values.len() / folds.len() * folds.len();
    for row in rows(folds, |of| of == fold) {
        let row = row as usize;
        let mut groups = [GroupSum::default(); GROUPS];
        for (group, sum) in groups.iter_mut().enumerate() {
            for key in material.pieces.group(row, group) {
                sum.add(heard.linear.weights[place_of(*key, bits)]);
            }
        }
        let mut out = Vec::with_capacity(subject.width());
        let keys = (0..GROUPS).map(|group| material.pieces.group(row, group));
        let margin = heard.network.as_ref().map(|network| network.margin(&network.inputs(keys)));
        let sums = LearnedSums { groups: &groups, bias: heard.linear.bias, network: margin };
        sheet::write_learned(&sums, &heard.familiar, &material.names[row], &mut out);
        out.extend_from_slice(&material.own[row * own_width..(row + 1) * own_width]);
        values.push((deal + row, out));
    }
}

fn in_order(mut values: Vec<Row>, width: usize) -> Vec<f32> {
    values.sort_by_key(|(row, _)| *row);
    let mut flat = Vec::with_capacity(values.len() * width);
    for (_, row) in values {
        flat.extend(row);
    }
    flat
}

/// What trees learn from.
struct Known<'a> {
    table: &'a Table,
    labels: &'a [f32],
    weights: &'a [f32],
    /// The rows that count.
    rows: &'a [u32],
}

/// The margins that trees give to subjects of folds they have not seen.
fn unseen(
    known: &Known<'_>,
    values: &[f32],
    deals: &[&Vec<u64>],
    options: &TrainOptions,
    progress: &mut impl FnMut(&str),
) -> Vec<f32> {
    let Known { table, labels, weights, rows: all } = known;
    let width = values.len() / labels.len();
    let per_deal = labels.len() / deals.len();
    let mut margins = vec![0.0; labels.len()];
    // A subject is in every deal; all its rows are left out where one of them is judged.
    let judged = |deal: usize, fold: u64| -> Vec<(usize, f32)> {
        let folds = deals[deal];
        let outside = |row: &u32| folds[*row as usize % per_deal] != fold;
        let chosen: Vec<u32> = all.iter().copied().filter(outside).collect();
        let forest = boost(table, labels, weights, &chosen, &options.boost, options.seed);
        let inside = rows(folds, |of| of == fold).into_iter();
        let inside = inside.map(|row| row as usize + deal * per_deal);
        inside.map(|row| (row, forest.margin(&values[row * width..(row + 1) * width]))).collect()
    };
    let pairs = |fold: u64| (0..deals.len()).map(move |deal| (deal, fold));
    let jobs: Vec<(usize, u64)> = (0..options.folds).flat_map(pairs).collect();
    for two in jobs.chunks(2) {
        // Two at a time: each is the same alone.
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

/// What a thread found; a panic goes on in this one.
fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
