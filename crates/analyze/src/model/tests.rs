//! Damaged model files are refused, with the reason.

use super::file::digest;
use super::*;
use crate::learn::tests::small_model;
use crate::network::Dense;

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

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let bytes = small_model(1).0.encode();
    for at in (0..bytes.len()).step_by(97) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
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
    assert!(matches!(long, ModelError::TooLong(_)), "{long}");
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

#[test]
fn a_network_whose_numbers_overflow_still_gives_a_score() {
    let (mut model, _) = small_model(1);
    let mut dense = Dense::ZERO;
    for (at, weight) in dense.first.iter_mut().flatten().enumerate() {
        *weight = if at % 3 == 0 { f32::MAX } else { f32::MIN };
    }
    dense.last = [f32::MIN; 32];
    dense.last[0] = f32::MAX;
    model.network = Network::from_levels(1, vec![0x0f0f, 0xf0f0], f32::MAX, dense);
    let body = model.body();
    let bytes = [&body[..], &digest(&body)].concat();
    let model = Model::decode(&bytes, &ModelLimits::default()).unwrap();
    let mut scratch = Scratch::default();
    for input in [&b"http://host9.test/secure/login.php?a=b"[..], b"", b"....", b"a/b?c"] {
        let judged = model.judge(input, &mut scratch);
        assert!((0.0..=1.0).contains(&judged.score), "{judged:?}");
        assert_eq!(judged.score, model.score(input, &mut scratch));
    }
}

/// A model that says nothing: the smallest file that is read whole.
fn smallest() -> Model {
    let (mut model, _) = small_model(1);
    model.card = "subject = \"url\"".to_owned();
    model.table = WeightTable::new(0, &[0.5]);
    model.network = Some(Network::new(1, &[[0.5; 4]; 2], Dense::ZERO));
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
    assert_eq!(body, smallest().body(), "UPDATE_EXPECT=1 writes it anew");
    fuzz_model(&body);
}

#[test]
fn the_corpus_is_read() {
    fuzz_model(&small_model(1).0.encode());
    fuzz_model(&small_model(1).0.body());
    fuzz_model(b"WNMODEL\n");
}

#[test]
fn a_url_on_a_host_that_looks_like_a_brands_is_malicious_whatever_its_path() {
    let shipped = include_bytes!("../../../../models/url.model");
    let model = Model::decode(shipped, &ModelLimits::default()).unwrap();
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
