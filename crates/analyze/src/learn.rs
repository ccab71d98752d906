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
mod deals;
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
pub use deals::fold_of;
use deals::{Deals, fold, unseen};
pub use graft::GraftOptions;
pub use invented::InventOptions;
pub use linear::LinearOptions;
pub use metrics::{FPRS, Metrics, cut, metrics};
pub use network::NetworkOptions;
pub use rng::Rng;

use linear::{Linear, Pieces, learn};

use crate::familiar::{FAMILIAR, FamiliarTable};
use crate::forest::Forest;
use crate::gram::{GROUPS, Keys};
use crate::network::Network;
use crate::sheet::{self, GroupSum, LearnedSums, Scratch, Subject};
use crate::table::{WeightTable, place_of};
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
        let invent = InventOptions { generators: 1820, names: 12, weight: 1.5 };
        Self {
            seed: 1,
            // The more folds, the more like what ships is what the trees learn from.
            folds: 10,
            familiar_bits,
            linear,
            network,
            boost,
            family_weight: 0.03,
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
    let samples = &with_made_up(subject, samples, options);
    let material = material(subject, samples, options);
    progress(&format!("{} subjects, {} pieces", samples.len(), material.pieces.count()));
    let deals = Deals::new(&material, samples, options);
    let values = unseen_values(subject, &material, &deals.folds, options, &mut progress);
    let table = Table::new(&values, subject.width());
    let margins = unseen(&deals, &table, &values, options, &mut progress);
    let Deals { labels, weights, learned, .. } = &deals;
    let forest = boost(&table, labels, weights, learned, &options.boost, options.seed);
    progress("trees");
    let everyone: Vec<u32> = (0..samples.len() as u32).collect();
    let heard = Heard::from(subject, &material, &everyone, options);
    let (by_name, by_family) = margins.split_at(samples.len());
    Learned {
        table: WeightTable::new(options.linear.bits, &heard.linear.weights),
        bias: heard.linear.bias,
        network: heard.network,
        familiar: heard.familiar,
        forest,
        calibration: deals.calibration(&margins, count, options.fpr),
        unseen: by_name[..count].to_vec(),
        unseen_family: material.has_families.then(|| by_family[..count].to_vec()),
        folds: material.by_name[..count].to_vec(),
        family_folds: material.by_family[..count].to_vec(),
    }
}

/// The samples, and behind them what is made up to learn from beside them.
fn with_made_up(subject: Subject, samples: &[Sample], options: &TrainOptions) -> Vec<Sample> {
    let mut samples = samples.to_vec();
    if subject == Subject::Url {
        let grafted = graft::graft(&mut samples, options);
        samples.extend(grafted);
    }
    // Few beside what was caught: at most one for three.
    let caught = samples.iter().filter(|sample| !sample.family.is_empty()).count();
    let mut invented = invented::invent(&samples, &options.invent, options.seed, caught / 3);
    samples.append(&mut invented);
    samples
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
    let mut keys = Keys::default();
    for sample in samples {
        sheet::read(subject, &sample.text, &mut scratch);
        sheet::read_keys(subject, &scratch.spelling, &mut keys);
        material.pieces.push(&keys);
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

/// The figures of every subject in every deal, with weights that its fold did not teach.
fn unseen_values(
    subject: Subject,
    material: &Material,
    deals: &[&[u64]],
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
    let Material { pieces, labels, weights, .. } = material;
    let lessons = network::Lessons { pieces, labels, weights, chosen };
    let learned = || network::learn_network(lessons, &options.network, options.seed);
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
        // Each draws its own random numbers: the order in which they run changes nothing.
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
        let keys = |group, kind| material.pieces.kind(row, group, kind);
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

/// What a thread found; a panic goes on in this one.
fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
