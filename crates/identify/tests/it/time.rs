//! What the passing of time does: verdicts fade, are renewed, and decisions end.

use crate::sample::{
    append, bad, band, days, decided, explained, import, open, options, pass, said, source, verdict,
};
use wardnet_identify::Engine;
use wardnet_model::{Action, Band, Decision, Evidence, Record, Stance, Timestamp};

/// Every published verdict must be what the sum says at that time.
#[track_caller]
fn published_is_so(engine: &Engine, text: &str, now: Timestamp) {
    let exact = explained(engine, text, now).unwrap().explanation.published.value();
    // A history below ten is not kept in the database.
    let expected = if exact < 10 { 0 } else { exact };
    assert_eq!(verdict(engine, text, now).1, expected, "at {now}");
}

#[test]
fn risk_falls_at_the_stored_crossings_and_a_tick_publishes_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "feed", days(0));
    import(&mut engine, feed, true, &[bad("fades.top")], days(0));
    let mut risks = vec![verdict(&engine, "fades.top", days(0)).1];
    while let Some(due) = engine.store().next_due().unwrap() {
        let before = Timestamp(due.0 - 1);
        assert_eq!(engine.tick(before).unwrap(), 0, "nothing is due before its time");
        published_is_so(&engine, "fades.top", before);
        pass(&mut engine, due);
        published_is_so(&engine, "fades.top", due);
        risks.push(verdict(&engine, "fades.top", due).1);
    }
    assert_eq!(risks, [80, 70, 60, 50, 40, 30, 20, 10, 0], "step by step, each once");
    assert_eq!(band(&engine, "fades.top", days(400)), Band::Unrated);
}

#[test]
fn renewed_evidence_rises_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "feed", days(0));
    let rows: Vec<_> = (0..50).map(|number| bad(&format!("host{number}.top"))).collect();
    import(&mut engine, feed, true, &rows, days(0));
    let fresh = verdict(&engine, "host7.top", days(0));
    pass(&mut engine, days(40));
    assert!(verdict(&engine, "host7.top", days(40)).1 < 30);
    import(&mut engine, feed, true, &rows, days(40));
    for number in 0..50 {
        assert_eq!(verdict(&engine, &format!("host{number}.top"), days(40)), fresh);
    }
}

#[test]
fn evidence_that_faded_by_a_new_half_life_rises_with_its_renewal() {
    use wardnet_model::{CalibrationChange, Category};
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "feed", days(0));
    let rows = [bad("fades.top")];
    import(&mut engine, feed, true, &rows, days(0));
    let fresh = verdict(&engine, "fades.top", days(0));
    let short = CalibrationChange::HalfLife(Category::Phishing, 86_400);
    engine.calibrate("operator", vec![short], days(5)).unwrap();
    assert!(verdict(&engine, "fades.top", days(5)).1 < fresh.1);
    import(&mut engine, feed, true, &rows, days(5));
    assert_eq!(verdict(&engine, "fades.top", days(5)), fresh);
}

#[test]
fn evidence_ends_when_its_source_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let until = Some(days(1));
    for name in ["one", "two", "three"] {
        let source = source(&mut engine, name, days(0));
        let until = until.filter(|_| name == "three");
        let says = Evidence { until, ..said("ends.top", source, 1, days(0)) };
        append(&mut engine, Record::Evidence(says), days(0));
    }
    let sources =
        |engine: &Engine| explained(engine, "ends.top", days(1)).unwrap().published.sources.len();
    pass(&mut engine, Timestamp(days(1).0 - 1));
    let before = verdict(&engine, "ends.top", days(1));
    assert_eq!(sources(&engine), 3);
    pass(&mut engine, days(1));
    assert_eq!(sources(&engine), 2, "who says so has changed");
    assert_eq!(verdict(&engine, "ends.top", days(1)), before, "if not the risk");
}

#[test]
fn a_decision_holds_until_its_last_second_with_and_without_a_tick() {
    for ticks in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut engine = open(folder.path(), days(0));
        let feed = source(&mut engine, "feed", days(0));
        import(&mut engine, feed, true, &[bad("evil.top")], days(0));
        let until = Some(days(1).plus_secs(7));
        let allow = Decision { until, ..decided("evil.top", Action::Allow, days(0)) };
        append(&mut engine, Record::Decision(allow), days(0));
        engine.rebuild_base(days(0)).unwrap();
        let (last, first) = (days(1).plus_secs(6), days(1).plus_secs(7));
        for (at, expected) in [(last, Band::Trusted), (first, Band::Malicious)] {
            if ticks {
                pass(&mut engine, at);
            }
            assert_eq!(band(&engine, "evil.top", at), expected, "ticks: {ticks}");
            assert_eq!(band(&engine, "http://evil.top/x", at), expected, "ticks: {ticks}");
        }
    }
}

#[test]
fn an_older_decision_stands_again_when_the_newer_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let allow = decided("shop.com", Action::Allow, days(0));
    append(&mut engine, Record::Decision(allow), days(0));
    let block = Decision { until: Some(days(1)), ..decided("shop.com", Action::Block, days(0)) };
    append(&mut engine, Record::Decision(block), days(0));
    assert_eq!(band(&engine, "shop.com", days(0)), Band::Malicious);
    pass(&mut engine, days(1));
    assert_eq!(band(&engine, "shop.com", days(1)), Band::Trusted);
    append(&mut engine, Record::Decision(decided("shop.com", Action::Withdraw, days(2))), days(2));
    assert_eq!(band(&engine, "shop.com", days(2)), Band::Unrated);
}

#[test]
fn a_clock_that_jumps_back_moves_no_verdict_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "feed", days(0));
    let rows = [bad("fades.top")];
    import(&mut engine, feed, true, &rows, days(0));
    pass(&mut engine, days(20));
    let faded = verdict(&engine, "fades.top", days(20));
    assert!(faded.1 < 70);

    pass(&mut engine, days(3));
    assert_eq!(verdict(&engine, "fades.top", days(3)), faded);
    let remark = Evidence { stance: Stance::Context, ..said("fades.top", feed, 9, days(3)) };
    append(&mut engine, Record::Evidence(remark), days(3));
    assert_eq!(verdict(&engine, "fades.top", days(3)), faded, "settled again, at no earlier time");
    engine.rebuild_base(days(3)).unwrap();
    assert_eq!(verdict(&engine, "fades.top", days(3)), faded);
    assert!(engine.views().load().as_of >= days(20));

    append(&mut engine, Record::Evidence(said("new.top", feed, 1, days(3))), days(3));
    assert_ne!(band(&engine, "new.top", days(3)), Band::Unrated, "what is new is taken in");
    import(&mut engine, feed, true, &rows, days(21));
    published_is_so(&engine, "fades.top", days(21));
    assert_eq!(band(&engine, "fades.top", days(21)), Band::Malicious);
}

#[test]
fn time_that_passed_while_the_engine_was_closed_has_passed() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "feed", days(0));
    import(&mut engine, feed, true, &[bad("fades.top")], days(0));
    engine.close(days(0)).unwrap();
    assert!(wardnet_identify::resting_view(folder.path(), days(0)).is_some());
    assert!(wardnet_identify::resting_view(folder.path(), days(40)).is_none());
    let (engine, opened) = Engine::open(folder.path(), options(), days(40)).unwrap();
    assert!(!opened.rebuilt && opened.replayed == 0, "{opened:?}");
    published_is_so(&engine, "fades.top", days(40));
    assert!(verdict(&engine, "fades.top", days(40)).1 < 30);
}

#[test]
fn what_is_decided_withdrawn_and_decided_again_within_a_second_holds() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let mut decide = |action| {
        append(&mut engine, Record::Decision(decided("evil.top", action, days(0))), days(0));
        band(&engine, "evil.top", days(0))
    };
    assert_eq!(decide(Action::Block), Band::Malicious);
    assert_eq!(decide(Action::Withdraw), Band::Unrated);
    assert_eq!(decide(Action::Block), Band::Malicious);
    assert_eq!(decide(Action::Withdraw), Band::Unrated);
}
