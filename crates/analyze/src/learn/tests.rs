//! Learning held against scikit-learn, and against itself.
//!
//! `tests/data/scikit_learn.tsv` has what scikit-learn 1.9.1 answers: `roc_auc_score`,
//! `LogisticRegression(penalty=None)` and `HistGradientBoostingClassifier(max_iter=12,
//! max_leaf_nodes=4, learning_rate=0.3, l2_regularization=1.0, min_samples_leaf=1)`.

use super::*;
use crate::network::View;
use crate::{Model, ModelLimits, Scratch};

const GOLDEN: &str = include_str!("../../tests/data/scikit_learn.tsv");

fn golden(kind: &str) -> Vec<Vec<&'static str>> {
    let lines = GOLDEN.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let found: Vec<_> = lines.filter(|fields| fields[0] == kind).collect();
    assert!(!found.is_empty(), "the file has such lines");
    found
}

#[test]
fn auc_is_that_of_scikit_learn() {
    let line = &golden("auc")[0];
    let expected: f64 = line[1].parse().unwrap();
    let (mut bad, mut good) = (Vec::new(), Vec::new());
    for pair in line[2].split(' ') {
        let (score, label) = pair.split_once(':').unwrap();
        let side = if label == "1" { &mut bad } else { &mut good };
        side.push(score.parse().unwrap());
    }
    assert!((metrics(&bad, &good).auc - expected).abs() < 1e-9);
}

#[test]
fn weights_are_those_of_scikit_learn() {
    let line = &golden("logistic")[0];
    let expected: Vec<f32> = line[1].split(' ').map(|number| number.parse().unwrap()).collect();
    let mut pieces = Pieces::default();
    let mut labels = Vec::new();
    for row in line[2].split(' ') {
        let (row, label) = row.split_once(':').unwrap();
        let places =
            row.bytes().enumerate().filter(|(_, b)| *b == b'1').map(|(at, _)| (at as u32) << 29);
        let mut keys = Keys::default();
        keys[0][0] = places.collect();
        pieces.push(&keys);
        labels.push(label.parse().unwrap());
    }
    let options = LinearOptions { bits: 3, epochs: 600, alpha: 0.3, l1: 0.0, l2: 0.0 };
    let rows: Vec<u32> = (0..labels.len() as u32).collect();
    let linear = learn(&pieces, &labels, &vec![1.0; labels.len()], &rows, &options, 1);
    assert!((linear.bias - expected[0]).abs() < 0.1, "{} for {}", linear.bias, expected[0]);
    for (weight, expected) in linear.weights.iter().zip(&expected[1..]) {
        assert!((weight - expected).abs() < 0.1, "{weight} for {expected}");
    }
}

#[test]
fn trees_are_those_of_scikit_learn() {
    let (mut values, mut labels, mut expected) = (Vec::new(), Vec::new(), Vec::new());
    for line in golden("boost") {
        values.extend(line[1].split(' ').map(|number| number.parse::<f32>().unwrap()));
        labels.push(line[2].parse::<f32>().unwrap());
        expected.push(line[3].parse::<f32>().unwrap());
    }
    let options = BoostOptions {
        trees: 12,
        leaves: 4,
        rate: 0.3,
        child_weight_min: 0.001,
        lambda: 1.0,
        features: 1.0,
        subjects: 1.0,
    };
    let rows: Vec<u32> = (0..labels.len() as u32).collect();
    let weights = vec![1.0; labels.len()];
    let forest = boost(&Table::new(&values, 3), &labels, &weights, &rows, &options, 1);
    for (figures, expected) in values.chunks(3).zip(&expected) {
        let margin = forest.margin(figures);
        assert!((margin - expected).abs() < 1e-3, "{margin} for {expected}");
    }
}

#[test]
fn explanations_add_up() {
    let values: Vec<f32> = (0..200).map(|at| (at * 37 % 101) as f32).collect();
    let labels: Vec<f32> =
        values.chunks(2).map(|pair| f32::from(u8::from(pair[0] + pair[1] > 100.0))).collect();
    let options = TrainOptions::shipped(Subject::Url).boost;
    let rows: Vec<u32> = (0..100).collect();
    let forest = boost(&Table::new(&values, 2), &labels, &[1.0; 100], &rows, &options, 5);
    let mut high = 0;
    for figures in values.chunks(2) {
        let mut shares = [crate::forest::Share::default(); 2];
        forest.explain(figures, &mut shares);
        let roots: f32 = forest.trees.iter().map(|tree| tree[0].value).sum();
        let sum = forest.base + roots + shares[0].all + shares[1].all;
        assert!((sum - forest.margin(figures)).abs() < 1e-3);
        // All whose second figure is high are bad.
        if figures[1] > 80.0 {
            assert!(shares[1].all > 0.0 && shares[1].is_of_high(), "{shares:?} of {figures:?}");
            high += 1;
        }
    }
    assert!(high > 10);
}

#[test]
fn a_network_learns_what_no_sum_of_weights_says() {
    // Bad is the one word or the other, but not both and not neither. Of each kind pieces are others, and
    // those of other kinds say nothing.
    let mut pieces = Pieces::default();
    let mut labels = Vec::new();
    for at in 0..4000_u32 {
        let (one, other) = (at % 2, at / 2 % 2);
        let mut keys = Keys::default();
        let [first_group, _, third, ..] = &mut keys;
        for (first, (one_of, other_of)) in (0..).step_by(5).zip(first_group.iter_mut().zip(third)) {
            *one_of = vec![(first + one) << 28, (first + 4) << 28];
            *other_of = vec![(first + 2 + other) << 28];
        }
        // Words that are in all of them.
        keys[3][0] = vec![15 << 28];
        pieces.push(&keys);
        labels.push(f32::from(u8::from(one != other)));
    }
    let options = NetworkOptions { bits: 4, epochs: 4, keep: 0.9, rate: 0.1, spread: 0.05 };
    let rows: Vec<u32> = (0..4000).collect();
    let (labels, weights, chosen) = (&labels[..], &[1.0; 4000][..], &rows[..]);
    let lessons = network::Lessons { pieces: &pieces, labels, weights, chosen };
    let network = network::learn_network(lessons, &options, 1);
    for (row, label) in labels.iter().enumerate().take(4) {
        let inputs = network.inputs(|group, kind| pieces.kind(row, group, kind));
        // Every view by itself.
        for (View { dense, .. }, inputs) in network.views().iter().zip(&inputs) {
            let margin = dense.margin(&dense.units(inputs));
            assert_eq!(margin > 0.0, *label > 0.5, "{margin} for {row}");
        }
    }
    assert_eq!(network, network::learn_network(lessons, &options, 1));
}

#[test]
fn views_start_from_other_numbers_and_words_teach_those_that_read_them() {
    let mut pieces = Pieces::default();
    let mut labels = Vec::new();
    for at in 0..1000_u32 {
        let mut keys = Keys::default();
        keys[0].fill(vec![9 << 28]);
        keys[4][0] = vec![(at % 2) << 28];
        pieces.push(&keys);
        labels.push((at % 2) as f32);
    }
    let options = NetworkOptions { bits: 4, epochs: 4, keep: 0.9, rate: 0.1, spread: 0.05 };
    let rows: Vec<u32> = (0..1000).collect();
    let (labels, weights, chosen) = (&labels[..], &[1.0; 1000][..], &rows[..]);
    let lessons = network::Lessons { pieces: &pieces, labels, weights, chosen };
    let network = network::learn_network(lessons, &options, 1);
    let [three, four, five] = network.views();
    assert_ne!(three, five, "they read equal pieces here");
    let margin = |view: &View, at: usize, row| {
        let inputs = network.inputs(|group, kind| pieces.kind(row, group, kind))[at];
        view.dense.margin(&view.dense.units(&inputs))
    };
    for (view, at) in [(three, 0), (five, 2)] {
        assert!(margin(view, at, 0) < -1.0 && margin(view, at, 1) > 1.0);
    }
    assert_eq!(margin(four, 1, 0), margin(four, 1, 1), "this one does not read words");
}

pub(crate) fn small_model(seed: u64) -> (Model, Vec<Sample>) {
    let mut samples = Vec::new();
    for at in 0..150 {
        for (text, is_bad) in [
            (format!("http://site{at}.example/news/{at}/story"), false),
            (format!("http://host{at}.test/secure/login{at}.php"), true),
        ] {
            let text = text.into_bytes();
            samples.push(Sample { text, is_bad, family: String::new(), weight: 1.0 });
        }
    }
    let mut options = TrainOptions::shipped(Subject::Url);
    options.seed = seed;
    options.folds = 2;
    options.linear.bits = 16;
    options.network.bits = 10;
    options.familiar_bits = 8;
    options.boost.trees = 10;
    let learned = train(Subject::Url, &samples, &options, |_| ());
    (Model::new(Subject::Url, learned, "subject = \"url\"\n".to_owned()), samples)
}

#[test]
fn what_is_easy_is_learned_and_equal_seeds_give_equal_models() {
    let (model, samples) = small_model(1);
    let mut scratch = Scratch::default();
    for sample in &samples {
        let judged = model.judge(&sample.text, &mut scratch);
        assert_eq!(judged.is_malicious, sample.is_bad, "{judged:?}");
        assert_eq!(judged.score, model.score(&sample.text, &mut scratch));
        assert!(!judged.reasons.is_empty());
    }
    assert_eq!(small_model(1).0.encode(), model.encode());
    assert_ne!(small_model(2).0.encode(), model.encode());
}

#[test]
fn a_model_comes_back_from_its_file() {
    let (model, _) = small_model(1);
    let bytes = model.encode();
    let limits = ModelLimits::default();
    let back = Model::decode(&bytes, &limits).unwrap();
    assert_eq!(back, model);
    assert_eq!(back.card(), "subject = \"url\"\n");
}

#[test]
fn calibration_keeps_the_order_and_sets_one_half() {
    let margins: Vec<f32> = (0..4000).map(|at| (at as f32) / 200.0 - 10.0).collect();
    let labels: Vec<f32> = (0..4000).map(|at| f32::from(u8::from(at * 7919 % 4000 < at))).collect();
    let calibration = calibrate(&margins, &labels, 0.01);
    let scores: Vec<f32> = margins.iter().map(|at| calibration.log_odds(*at)).collect();
    assert!(scores.windows(2).all(|pair| pair[0] < pair[1]), "no ties");
    let good = margins.iter().zip(&labels).filter(|(_, label)| **label < 0.5);
    let good: Vec<f32> = good.map(|(margin, _)| calibration.probability(*margin)).collect();
    let above = good.iter().filter(|score| **score > 0.5).count();
    assert_eq!(above, good.len() / 100);
}

#[test]
fn knots_rise_whatever_margins_are_tied() {
    let labels = |count: usize| -> Vec<f32> {
        (0..count).map(|at| f32::from(u8::from(at >= count / 2))).collect()
    };
    let tied = |at: usize| [-1.0, 0.0, -0.0, 2.5][at * 4 / 1000];
    let margins = [
        vec![0.0; 400],
        (0..1000).map(tied).collect(),
        (0..1000).map(|at| (at / 150) as f32).collect(),
        (0..1000).map(|at| 1.0 + (at as f32 / 500.0).floor() * f32::EPSILON).collect(),
        vec![3.0; 7],
        vec![],
    ];
    for margins in margins {
        let knots = calibrate(&margins, &labels(margins.len()), 0.01).knots;
        let rise = |pair: &[(f32, f32)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
        assert!(knots.windows(2).all(rise), "{knots:?}");
    }
}
