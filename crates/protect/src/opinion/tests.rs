//! Opinions against the small database of this crate's tests, by models learned on the spot.

use std::sync::LazyLock;

use super::*;
use crate::testing;
use wardnet_analyze::Model;
use wardnet_analyze::learn::{Sample, TrainOptions, train};
use wardnet_model::SuffixList;
use wardnet_verdictdb::{Question, View};

/// A model that has learned that `login-verify` is bad.
fn model(subject: Subject, seed: u64) -> Model {
    let sample = |at: usize| {
        let is_bad = at.is_multiple_of(2);
        let word = if is_bad { "login-verify" } else { "garden" };
        let text = format!("{word}{at}.top").into_bytes();
        Sample { text, is_bad, family: String::new(), weight: 1.0 }
    };
    let samples: Vec<Sample> = (0..400).map(sample).collect();
    let mut options = TrainOptions::shipped(subject);
    (options.seed, options.folds, options.fpr) = (seed, 2, 0.01);
    (options.linear.bits, options.boost.trees) = (10, 10);
    options.invent.generators = 0;
    Model::new(subject, train(subject, &samples, &options, |_| ()), String::new())
}

fn models(seed: u64) -> ModelSet {
    ModelSet::new(model(Subject::Url, seed), model(Subject::Domain, seed)).unwrap()
}

/// Opinions by which `login-verify7.top` is bad and `garden7.top` is not.
pub(crate) fn opinions() -> Arc<Opinions> {
    static MODELS: LazyLock<ModelSet> = LazyLock::new(|| models(1));
    Arc::new(Opinions::new(MODELS.clone(), CACHE_BYTES_MAX))
}

fn on(opinions: &Opinions, view: &View, text: &str) -> Option<Arc<Opinion>> {
    let indicator = Indicator::parse(text).unwrap();
    let question = Question::about(&indicator);
    let answer = view.ask(&question, SuffixList::shipped(), testing::CREATED).unwrap();
    opinions.on(&indicator, &answer)
}

#[test]
fn what_is_open_or_only_suspected_gets_an_opinion_and_nothing_else_does() {
    let (opinions, view) = (opinions(), testing::view());
    let bad = on(&opinions, &view, "login-verify7.top").unwrap();
    assert!(bad.is_malicious && bad.score >= 0.5 && !bad.reasons.is_empty(), "{bad:?}");
    assert!(bad.words().contains("opinion"), "{}", bad.words());
    let url = on(&opinions, &view, "http://login-verify7.top/").unwrap();
    assert_eq!((url.subject, bad.subject), (Subject::Url, Subject::Domain));
    assert!(!on(&opinions, &view, "garden7.top").unwrap().is_malicious);
    assert!(on(&opinions, &view, "weak.top").is_some(), "faded evidence rates nothing");
    let suspected = on(&opinions, &view, "http://good.shop/bad/login-verify").unwrap();
    assert!(suspected.is_malicious, "little said against it takes nothing from its looks");
    for rated in ["evil.top", "good.shop", "allowed.top", "http://evil.top/login-verify"] {
        assert_eq!(on(&opinions, &view, rated), None, "{rated}");
    }
    for other in ["45.95.12.1", "login-verify@garden.top", "localhost", testing::FILE] {
        assert_eq!(on(&opinions, &view, other), None, "{other}");
    }
}

#[test]
fn each_subject_counts_once_while_it_is_remembered() {
    let (opinions, view) = (opinions(), testing::view());
    for _ in 0..40 {
        for text in ["login-verify7.top", "garden7.top", "good.shop", "evil.top", "good.shop"] {
            drop(on(&opinions, &view, text));
        }
    }
    let [urls, names] = opinions.standing();
    assert_eq!((names.unrated.total(), names.unrated.malicious()), (2, 1));
    assert_eq!((names.good.total(), names.bad.total()), (1, 1));
    assert_eq!(urls.unrated.total(), 0);
}

#[test]
fn another_model_starts_a_trial_of_its_own_and_a_former_one_goes_on() {
    let (opinions, view) = (opinions(), testing::view());
    drop(on(&opinions, &view, "garden7.top"));
    let before = opinions.standing();
    opinions.replace(models(1));
    assert_eq!(opinions.standing(), before, "an equal model goes on");
    opinions.replace(models(2));
    assert_eq!(opinions.standing()[1].unrated.total(), 0);
    assert_eq!(opinions.former(), [before[1].clone()], "of the URLs' nothing was counted");
    opinions.resume(before.clone());
    assert_eq!(opinions.standing()[1].unrated.total(), 0, "that was another model's");
    let saved: Vec<Trial> = opinions.standing().into_iter().chain(opinions.former()).collect();
    opinions.replace(models(1));
    assert_eq!(opinions.standing(), before, "it comes back after a short try of another one");
    assert!(opinions.former().is_empty());
    let restarted = Opinions::new(models(2), CACHE_BYTES_MAX);
    restarted.resume(saved);
    restarted.replace(models(1));
    assert_eq!(restarted.standing(), before, "also after a restart");
}

#[test]
fn trials_of_the_last_models_are_kept() {
    let opinions = opinions();
    let [_, names] = opinions.standing();
    let trial = |at: u8| {
        let mut unrated = Counts::default();
        unrated.0[0] = 1;
        Trial { model: [at; 32], unrated, ..names.clone() }
    };
    let all: Vec<Trial> = (0..9).map(trial).collect();
    opinions.resume(all.clone());
    assert_eq!(opinions.former(), all[..FORMER_TRIALS_MAX]);
}

#[test]
fn a_policy_says_from_which_score_on_an_opinion_blocks() {
    let (opinions, view) = (opinions(), testing::view());
    let opinion = on(&opinions, &view, "login-verify7.top").unwrap();
    assert!(!opinion.blocks(None));
    assert!(opinion.blocks(Percent::new(1)));
    let harmless = on(&opinions, &view, "garden7.top").unwrap();
    assert!(!harmless.blocks(Percent::new(50)));
    assert_eq!((Percent::new(0), Percent::new(101)), (None, None));
}
