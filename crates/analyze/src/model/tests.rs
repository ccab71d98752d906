//! Damaged model files are refused, with the reason.

use super::file::digest;
use super::*;
use crate::forest::{LEAF, Node};
use crate::learn::tests::small_model;
use crate::network::{Dense, VIEWS, View};

fn error(bytes: &[u8]) -> ModelError {
    Model::decode(bytes, &ModelLimits::default()).unwrap_err()
}

/// The file with `change` made to it and the digest made right.
fn sealed(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = small_model(1).0.encode();
    bytes.truncate(bytes.len() - 32);
    change(&mut bytes);
    let digest = digest(&bytes);
    bytes.extend(digest);
    bytes
}

/// The length of everything before the card.
const HEADER_LEN: usize = 50;

#[test]
fn every_flipped_bit_of_the_header_and_many_others_and_many_cuts_are_noticed() {
    let bytes = smallest().encode();
    let every = (0..HEADER_LEN).flat_map(|at| (0..8).map(move |bit| (at, bit)));
    let many = (0..bytes.len()).step_by(97).map(|at| (at, at % 8));
    for (at, bit) in every.chain(many) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << bit;
        error(&damaged);
        error(&bytes[..at]);
    }
    let mut longer = bytes;
    longer.push(0);
    assert_eq!(error(&longer), ModelError::Digest);
}

#[test]
fn errors_say_what_is_wrong() {
    assert_eq!(error(b"PK\x03\x04"), ModelError::Magic);
    assert_eq!(error(&sealed(|bytes| bytes[8] = 9)), ModelError::Version(9));
    assert_eq!(error(&sealed(|bytes| bytes[10] = 7)), ModelError::Subject(7));
    assert_eq!(error(&sealed(|bytes| bytes[11] = 60)), ModelError::Value("table of weights"));
    assert_eq!(error(&sealed(|bytes| bytes[12] = 60)), ModelError::Value("table of names heard"));
    let network = error(&sealed(|bytes| bytes[13] = 60));
    assert_eq!(network, ModelError::Value("network's tables of pieces"));
    assert_eq!(error(&sealed(|bytes| bytes[13] = 0)), ModelError::Value("network"));
    assert_eq!(error(&sealed(|bytes| bytes[13] = 23)), ModelError::Length("the network"));
    assert_eq!(error(&sealed(|bytes| bytes[14] ^= 1)), ModelError::Layout);
    assert_eq!(
        error(&sealed(|bytes| bytes.truncate(bytes.len() - 1))),
        ModelError::Length("the table of weights")
    );
    let not_finite = sealed(|bytes| bytes[34..38].copy_from_slice(&f32::NAN.to_le_bytes()));
    assert_eq!(error(&not_finite), ModelError::Value("number"));
    let limits = ModelLimits { bytes_max: 10, ..ModelLimits::default() };
    let long = Model::decode(&sealed(|_| ()), &limits).unwrap_err();
    assert_eq!(long, ModelError::TooLong(10));
    let limits = ModelLimits::default();
    let long = Model::decode(&vec![0; limits.bytes_max + 1], &limits).unwrap_err();
    assert!(long.to_string().contains("more than 64 MiB"), "{long}");
}

/// What is wrong with the smallest model after `change`.
fn refused(change: impl FnOnce(&mut Model)) -> ModelError {
    let mut model = smallest();
    change(&mut model);
    error(&model.encode())
}

#[test]
fn numbers_with_which_a_score_could_be_none_are_refused() {
    for knots in [
        [(-3e38, 0.0), (3e38, 1.0)],
        [(0.0, -3e38), (1.0, 3e38)],
        [(1.0, 0.0), (1.0, 0.0)],
        [(0.0, 1.0), (1.0, 0.5)],
    ] {
        let found = refused(|model| model.calibration.knots = knots.to_vec());
        assert_eq!(found, ModelError::Value("calibration"), "{knots:?}");
    }
    let leaf = |value: f32| vec![Node { feature: LEAF, left: 0, right: 0, threshold: 0.0, value }];
    // In one round of trees, and in two of opposite signs.
    for count in [2, 256] {
        let found = refused(|model| {
            let leaves = [f32::MAX, f32::MIN].map(|value| vec![leaf(value); count]);
            model.forest.trees = leaves.concat();
        });
        assert_eq!(found, ModelError::Value("leaves"), "{count}");
    }
    assert_eq!(refused(|model| model.forest.base = f32::MAX), ModelError::Value("leaves"));
    for span in [0.0, -1.0] {
        let codes = smallest().table.codes().to_vec();
        let found = refused(|model| {
            model.table = WeightTable::from_codes(0, span, codes).unwrap();
        });
        assert_eq!(found, ModelError::Value("highest weight"), "{span}");
        let found = refused(|model| {
            model.network = Some(network(0, span, &Dense::ZERO));
        });
        assert_eq!(found, ModelError::Value("step of levels"), "{span}");
    }
}

#[test]
fn a_score_is_a_number_whatever_the_margin() {
    let calibrations = [
        vec![],
        vec![(0.0, 0.0)],
        vec![(-3e38, -3e38), (3e38, 3e38)],
        vec![(-1e38, -1e38), (1e38, 1e38)],
    ];
    for knots in calibrations {
        let calibration = Calibration { knots, shift: 5.0 };
        for margin in [0.0, 1.0, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            let score = calibration.probability(margin);
            assert!((0.0..=1.0).contains(&score), "{score} for {margin} by {calibration:?}");
        }
    }
}

#[test]
fn a_tree_that_leads_back_is_refused() {
    let (mut model, _) = small_model(1);
    let tree = model.forest.trees.iter_mut().find(|tree| tree.len() > 1).unwrap();
    tree[0].left = 0;
    let mut bytes = model.body();
    let digest = digest(&bytes);
    bytes.extend(digest);
    assert_eq!(error(&bytes), ModelError::Value("tree"));
}

#[test]
fn a_tree_whose_ways_meet_is_refused() {
    let (mut model, _) = small_model(1);
    let tree = model.forest.trees.iter_mut().find(|tree| tree.len() > 1).unwrap();
    tree[0].left = tree[0].right;
    let mut bytes = model.body();
    let digest = digest(&bytes);
    bytes.extend(digest);
    assert_eq!(error(&bytes), ModelError::Value("tree"));
}

#[test]
fn any_bytes_are_judged() {
    let (model, _) = small_model(1);
    let mut scratch = Scratch::default();
    let long = vec![b'%'; 1 << 20];
    for input in [&b""[..], b"\xff\xfe", b"http://", b"....", b"@:@", b"[::1]", &long] {
        let score = model.judge(input, &mut scratch).score;
        assert!((0.0..=1.0).contains(&score));
    }
}

/// The model of the small one whose trees ask every figure that rests on pieces.
fn asking(mut model: Model) -> Model {
    let tree = |feature: usize| {
        let node = |feature: u16, value| Node { feature, left: 1, right: 2, threshold: 0.1, value };
        let feature = u16::try_from(feature).unwrap();
        vec![node(feature, 0.0), node(LEAF, -0.5), node(LEAF, 2.0)]
    };
    model.forest.trees = (0..model.subject.sums()).map(tree).collect();
    Model::decode(&model.encode(), &ModelLimits::default()).unwrap()
}

/// Judges with a model whose numbers overflow; how many figures then have no value.
fn overflow(model: &Model) -> usize {
    let mut scratch = Scratch::default();
    let mut without = 0;
    for input in [&b"http://host9.test/secure/login.php?a=b"[..], b"", b"....", b"a/b?c"] {
        let judged = model.judge(input, &mut scratch);
        assert!((0.0..=1.0).contains(&judged.score), "{judged:?}");
        assert_eq!(judged.score, model.score(input, &mut scratch));
        let walked = model.forest.margin(&scratch.features);
        let asked = model.margin(input, &mut scratch);
        assert!((walked - asked).abs() < 1e-4, "{walked} for {asked}");
        without += scratch.features.iter().filter(|figure| figure.is_nan()).count();
    }
    without
}

#[test]
fn a_network_whose_numbers_overflow_still_gives_a_score() {
    let (mut model, _) = small_model(1);
    let mut dense = Dense::ZERO;
    dense.first.iter_mut().flatten().for_each(|weight| *weight = f32::MAX);
    dense.last = [f32::MIN; 32];
    dense.last[0] = f32::MAX;
    // Every unit is infinite, and the margin the difference of two of them.
    model.network = Some(network(0xeeee, f32::MAX, &dense));
    assert!(overflow(&asking(model)) > 0, "the network's margin is no number");
}

#[test]
fn weights_that_overflow_still_give_a_score() {
    let (mut model, _) = small_model(1);
    let codes = (0..1 << 10).map(|at| if at % 2 == 0 { 0 } else { 255 }).collect();
    model.table = WeightTable::from_codes(10, f32::MAX, codes).unwrap();
    assert!(overflow(&asking(model)) > 0, "some sum is no number");
}

/// A network whose views and pieces are all alike.
fn network(levels: u16, step: f32, dense: &Dense) -> Network {
    let view = View { levels: vec![levels; 2], step, dense: dense.clone() };
    Network::new(1, std::array::from_fn::<_, VIEWS, _>(|_| view.clone()))
}

/// A model that says nothing: the smallest file that is read whole.
fn smallest() -> Model {
    let (mut model, _) = small_model(1);
    model.card = "subject = \"url\"".to_owned();
    model.table = WeightTable::new(0, &[0.5]);
    model.network = Some(network(0xeeee, 0.5 / 7.0, &Dense::ZERO));
    model.familiar = FamiliarTable::empty(0);
    model.forest.trees.truncate(1);
    model.calibration.knots.truncate(2);
    model.digest = digest(&model.body());
    model
}

#[test]
fn the_seed_of_the_fuzz_target_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/analyze_model/smallest");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, smallest().body()).unwrap();
    }
    // The target adds the digest itself.
    let body = std::fs::read(path).unwrap();
    assert!(body == smallest().body(), "UPDATE_EXPECT=1 writes it anew");
    fuzz_model(&body);
}

#[test]
fn the_corpus_is_read() {
    fuzz_model(&small_model(1).0.encode());
    fuzz_model(&small_model(1).0.body());
    fuzz_model(b"WNMODEL\n");
}

/// The model of URLs that ships.
fn shipped() -> Model {
    let shipped = include_bytes!("../../../../models/url.model");
    Model::decode(shipped, &ModelLimits::default()).unwrap()
}

#[test]
fn a_long_word_is_not_quoted_whole() {
    let model = shipped();
    let url = format!("http://x7.example.ru/{}", "secureloginpaypal".repeat(110));
    let judged = model.judge(url.as_bytes(), &mut Scratch::default());
    assert!(judged.is_malicious && judged.reasons[0].contains('`'), "{judged:?}");
    assert!(judged.reasons.iter().all(|reason| reason.len() < 250), "{judged:?}");
}

#[test]
fn a_url_on_a_host_that_looks_like_a_brands_is_malicious_whatever_its_path() {
    let model = shipped();
    let mut scratch = Scratch::default();
    for url in
        ["http://paypa1.com/login", "http://xn--pypal-4ve.com/", "https://paypal.com.evil.top/a"]
    {
        let judged = model.judge(url.as_bytes(), &mut scratch);
        assert!(judged.is_malicious && judged.reasons[0].contains("`paypal`"), "{url} {judged:?}");
        assert_eq!(model.score(url.as_bytes(), &mut scratch), judged.score);
    }
    // A brand under another suffix, spelled with a dash, is no look-alike.
    let judged = model.judge(b"https://www.deutsche-bank.it/", &mut scratch);
    assert!(!judged.reasons[0].contains("look like"), "{judged:?}");
}

#[test]
fn reasons_say_which_way_a_figure_speaks() {
    let shipped = include_bytes!("../../../../models/domain.model");
    let model = Model::decode(shipped, &ModelLimits::default()).unwrap();
    let judged = model.judge(b"nccojqvabqvkiwhj.mx", &mut Scratch::default());
    let reasons = judged.reasons.join("; ");
    assert!(reasons.contains("the name sounds unlike names that people choose"), "{reasons}");
}
