//! What scoring promises, as properties over made-up evidence.

use proptest::prelude::*;
use wardnet_model::{
    Band, Calibration, CalibrationChange, Category, DAY_SECS, Kind, Reliability, Source, SourceId,
    SourceKind, Stance, Timestamp, Tlp,
};
use wardnet_score::{Epoch, HORIZON_SECS, Item, Scorer, Subject};

const NOW: Timestamp = Timestamp(1_800_000_000);

/// Sources 1 to 6 stand alone with grades A to F; 11 to 13 copy each other (B); 20 is a model,
/// 21 a correlation; 30 is on trial; 40 and 41 are reporters (D).
fn epoch() -> Epoch {
    let describe = |id: u32, reliability, group: &str| {
        let mut source = Source::undescribed(SourceId(id), &format!("s{id}"), reliability);
        source.group = group.into();
        source
    };
    let grades = [
        Reliability::A,
        Reliability::B,
        Reliability::C,
        Reliability::D,
        Reliability::E,
        Reliability::F,
    ];
    let mut sources: Vec<Source> =
        (1..).zip(grades).map(|(id, grade)| describe(id, grade, &format!("g{id}"))).collect();
    sources.extend((11..14).map(|id| describe(id, Reliability::B, "copies")));
    for (id, kind) in [(20, SourceKind::Model), (21, SourceKind::Correlation)] {
        sources.push(Source { kind, ..describe(id, Reliability::A, &format!("g{id}")) });
    }
    for id in [40, 41] {
        let kind = SourceKind::Reporter;
        sources.push(Source { kind, ..describe(id, Reliability::D, &format!("g{id}")) });
    }
    sources.push(Source { shadow: true, ..describe(30, Reliability::A, "trial") });
    let mut epoch = Epoch::default();
    epoch.apply(&Calibration {
        epoch: 1,
        at: Timestamp(0),
        reason: "test".into(),
        changes: sources.into_iter().map(CalibrationChange::Source).collect(),
    });
    epoch
}

fn bad(source: u32) -> Item {
    Item {
        source: SourceId(source),
        stance: Stance::Malicious,
        category: Category::Malware,
        confidence: 95,
        first_seen: NOW,
        last_seen: NOW,
        until: None,
        registered: None,
        tlp: Tlp::Clear,
    }
}

const DOMAIN: Subject = Subject { kind: Some(Kind::Domain), hosting: false };

fn risk(items: &[Item]) -> u8 {
    Scorer::new(&epoch()).score(DOMAIN, items, NOW).exact.value()
}

fn item() -> impl Strategy<Value = Item> {
    let source = prop_oneof![1u32..7, 11u32..14, 20u32..22, Just(30u32), 40u32..42];
    let stance = prop_oneof![
        4 => Just(Stance::Malicious),
        2 => Just(Stance::Benign),
        1 => Just(Stance::Context),
        1 => Just(Stance::Disputed),
    ];
    let category = prop_oneof![
        Just(Category::Malware),
        Just(Category::Scanner),
        Just(Category::Phishing),
        Just(Category::TopSite)
    ];
    (source, stance, category, 0u8..=100, 0u64..200, 0u64..60, any::<bool>()).prop_map(
        |(source, stance, category, confidence, age_days, until_days, ends)| Item {
            source: SourceId(source),
            stance,
            category,
            confidence,
            first_seen: Timestamp(NOW.0 - age_days * DAY_SECS),
            last_seen: Timestamp(NOW.0 - age_days * DAY_SECS / 2),
            until: ends.then_some(NOW.plus_secs(until_days * DAY_SECS)),
            registered: None,
            tlp: if confidence % 2 == 0 { Tlp::Amber } else { Tlp::Clear },
        },
    )
}

#[test]
fn one_source_leaves_its_own_probability() {
    assert_eq!(risk(&[bad(1)]), 92, "A at 95 % sure");
    assert_eq!(risk(&[bad(2)]), 84, "B");
    assert_eq!(risk(&[bad(3)]), 68, "C");
    assert_eq!(risk(&[bad(5)]), 29, "E alone is not suspicious");
    assert_eq!(risk(&[]), 0);
}

#[test]
fn independent_sources_add_up_and_copies_do_not() {
    let one = risk(&[bad(11)]);
    let copied = risk(&[bad(11), bad(12), bad(13)]);
    let independent = risk(&[bad(3), bad(4)]);
    assert!(copied <= 99 && copied - one < 17, "{one} to {copied}");
    assert!(independent >= 95, "two middling sources that agree: {independent}");
}

#[test]
fn models_and_correlation_together_stay_suspicious() {
    let score = Scorer::new(&epoch()).score(DOMAIN, &[bad(20), bad(21)], NOW);
    assert_eq!((score.exact.value(), score.verdict.band), (69, Band::Suspicious));
    assert!(risk(&[bad(20), bad(4)]) >= 70, "direct evidence lifts the ceiling");
}

#[test]
fn a_model_lifts_what_only_reporters_say_no_further_than_suspicious() {
    let epoch = epoch();
    let judged = |items: &[Item]| {
        let explained = Scorer::new(&epoch).explain(DOMAIN, items, NOW);
        (explained.exact.value(), explained.recompute().value(), explained.ceiling)
    };
    let report = Item { confidence: 80, ..bad(40) };
    assert_eq!(judged(&[report]), (40, 40, None));
    let (risk, again, ceiling) = judged(&[report, bad(20), bad(21)]);
    assert_eq!((risk, again), (69, 69), "it was asked because of the report");
    assert!(ceiling.is_some_and(|why| why.contains("only reporters")), "{ceiling:?}");
    let (risk, ..) = judged(&[report, bad(41)]);
    assert!(risk >= 90, "two reporters that agree need no model: {risk}");
    let (with_model, ..) = judged(&[report, bad(41), bad(20)]);
    assert_eq!(with_model, risk, "and none lifts what they say");
    let feed = Item { confidence: 60, ..bad(4) };
    let (risk, _, ceiling) = judged(&[report, bad(20), feed]);
    assert!(risk >= 90 && ceiling.is_none(), "a feed confirms it: {risk}");
}

#[test]
fn a_source_on_trial_is_scored_apart() {
    let score = Scorer::new(&epoch()).score(DOMAIN, &[bad(30)], NOW);
    assert_eq!((score.exact.value(), score.verdict.band), (0, Band::Unrated));
    assert_eq!(score.shadow.map(|risk| risk.value()), Some(90));
}

#[test]
fn a_host_that_lends_space_takes_no_blame() {
    let hosting = Subject { hosting: true, ..DOMAIN };
    let score = Scorer::new(&epoch()).score(hosting, &[bad(1), bad(2)], NOW);
    assert_eq!((score.exact.value(), score.verdict.band), (29, Band::Unrated));
}

#[test]
fn good_evidence_makes_safe_and_its_absence_unrated() {
    let good = Item { stance: Stance::Benign, category: Category::TopSite, ..bad(2) };
    let scorer_epoch = epoch();
    let scorer = Scorer::new(&scorer_epoch);
    assert_eq!(scorer.score(DOMAIN, &[good], NOW).verdict.band, Band::Safe);
    assert_eq!(scorer.score(DOMAIN, &[good, bad(2)], NOW).verdict.band, Band::Suspicious);
    assert_eq!(scorer.score(DOMAIN, &[good, bad(2), bad(3)], NOW).verdict.band, Band::Malicious);
}

#[test]
fn categories_are_those_of_the_side_that_the_verdict_takes() {
    let good = Item { stance: Stance::Benign, category: Category::TopSite, ..bad(1) };
    let doubtful = Item { confidence: 10, ..bad(4) };
    let epoch = epoch();
    let scorer = Scorer::new(&epoch);
    let categories = |items: &[Item]| {
        let verdict = scorer.score(DOMAIN, items, NOW).verdict;
        verdict.categories.iter().map(Category::name).collect::<Vec<_>>()
    };
    assert_eq!(categories(&[good, doubtful]), ["top-site"]);
    assert_eq!(categories(&[good, bad(1), bad(2), bad(3)]), ["malware"]);
    assert_eq!(categories(&[doubtful]), ["malware"], "a doubt without a band");
    let both = scorer.score(DOMAIN, &[good, bad(1), bad(2), bad(3)], NOW);
    assert_eq!(both.sources.len(), 3, "who speaks for it is named all the same");
}

#[test]
fn a_young_domain_weighs_more() {
    let at = |days: u64| {
        let registered = Some(Timestamp(NOW.0 - days * DAY_SECS));
        risk(&[Item { registered, ..bad(4) }])
    };
    assert!(at(2) > at(20) && at(20) > at(300) && at(300) > at(3000));
    assert_eq!(risk(&[Item { registered: Some(NOW), stance: Stance::Context, ..bad(4) }]), 0);
}

proptest! {
    #[test]
    fn the_order_of_evidence_does_not_matter(
        mut items in proptest::collection::vec(item(), 0..8),
        seed in any::<u64>(),
    ) {
        let epoch = epoch();
        let mut scorer = Scorer::new(&epoch);
        let before = (scorer.score(DOMAIN, &items, NOW), scorer.next_crossing(DOMAIN, &items, NOW));
        let length = items.len().max(1) as u64;
        for at in 0..items.len() {
            items.swap(at, ((seed >> (at * 7)) % length) as usize);
        }
        let after = (scorer.score(DOMAIN, &items, NOW), scorer.next_crossing(DOMAIN, &items, NOW));
        prop_assert_eq!(before, after);
    }

    #[test]
    fn more_bad_evidence_never_lowers_risk(
        items in proptest::collection::vec(item(), 0..8),
        more in item(),
    ) {
        let more = Item { stance: Stance::Malicious, ..more };
        let with: Vec<Item> = items.iter().copied().chain([more]).collect();
        prop_assert!(risk(&with) >= risk(&items));
    }

    #[test]
    fn a_copy_adds_no_more_than_its_group_is_worth(count in 1usize..20) {
        let copies: Vec<Item> = (0..count).map(|at| bad(11 + at as u32 % 3)).collect();
        prop_assert!(risk(&copies) <= 100);
        let alone = Scorer::new(&epoch()).score(DOMAIN, &copies, NOW).log_odds;
        prop_assert!(alone <= 8_000 - 4_595 + 1, "a group is clipped: {}", alone);
    }

    #[test]
    fn explain_recomputes_the_same_number(items in proptest::collection::vec(item(), 0..8)) {
        let epoch = epoch();
        let scorer = Scorer::new(&epoch);
        let score = scorer.score(DOMAIN, &items, NOW);
        let explanation = scorer.explain(DOMAIN, &items, NOW);
        prop_assert_eq!(explanation.exact, score.exact);
        prop_assert_eq!(explanation.recompute(), score.exact);
        prop_assert_eq!(explanation.published, score.verdict.risk);
        prop_assert_eq!(explanation.log_odds, score.log_odds);
    }

    #[test]
    fn nothing_changes_before_the_next_crossing(
        items in proptest::collection::vec(item(), 1..6),
        probes in proptest::collection::vec(0u64..HORIZON_SECS, 24),
    ) {
        let epoch = epoch();
        let mut scorer = Scorer::new(&epoch);
        let published = |scorer: &Scorer<'_>, at| {
            let verdict = scorer.score(DOMAIN, &items, at).verdict;
            (verdict.risk, verdict.band)
        };
        let current = published(&scorer, NOW);
        let crossing = scorer.next_crossing(DOMAIN, &items, NOW);
        if let Some(at) = crossing {
            prop_assert!(at > NOW.floor_minute());
            prop_assert_ne!(published(&scorer, at), current, "something changes at {}", at);
        }
        let end = crossing.map_or(HORIZON_SECS, |at| at.secs_since(NOW.floor_minute()));
        for probe in probes {
            let at = Timestamp(NOW.floor_minute().0 + probe % end.max(1)).floor_minute();
            prop_assert_eq!(published(&scorer, at), current, "at {}", at);
        }
    }
}
