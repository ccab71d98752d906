//! Sources earn their standing from verified decisions, and from nothing else.

use crate::sample::{DAY, START, bad, decided, import, open, source};
use wardnet_model::{Action, Kind, Record, SourceId};

fn refute(engine: &mut wardnet_identify::Engine, names: std::ops::Range<u32>) {
    let decisions =
        names.map(|at| Record::Decision(decided(&format!("shop{at}.top"), Action::Refute, START)));
    engine.append(decisions.collect(), START).unwrap();
}

fn learned(engine: &wardnet_identify::Engine, source: SourceId) -> Option<(u32, u32)> {
    engine.epoch().learned(source, Kind::Domain)
}

#[test]
fn a_source_that_is_refuted_is_believed_less_and_at_most_daily() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), START);
    let feed = source(&mut engine, "feed", START);
    let rows: Vec<_> = (0..12).map(|at| bad(&format!("shop{at}.top"))).collect();
    import(&mut engine, feed, true, &rows, START);
    let before = engine.epoch().believed(feed, Some(Kind::Domain));
    refute(&mut engine, 0..5);
    assert!(engine.learn(START.plus_secs(60)).unwrap(), "something was learned");
    assert_eq!(learned(&engine, feed), Some((0, 5)));
    assert!(engine.epoch().believed(feed, Some(Kind::Domain)) < before);

    refute(&mut engine, 5..8);
    assert!(!engine.learn(START.plus_secs(120)).unwrap(), "not twice a day");
    assert!(engine.learn(START.plus_secs(DAY + 120)).unwrap());
    assert_eq!(learned(&engine, feed), Some((0, 8)));
    assert!(!engine.learn(START.plus_secs(2 * DAY + 240)).unwrap(), "nothing new, no epoch");
}

#[test]
fn a_confirmation_taken_back_teaches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), START);
    let feed = source(&mut engine, "feed", START);
    import(&mut engine, feed, true, &[bad("shop1.top"), bad("shop2.top")], START);
    let records = [
        decided("shop1.top", Action::Confirm, START),
        decided("shop2.top", Action::Confirm, START),
        decided("shop2.top", Action::Withdraw, START.plus_secs(1)),
    ];
    engine.append(records.map(Record::Decision).to_vec(), START.plus_secs(1)).unwrap();
    assert!(engine.learn(START.plus_secs(60)).unwrap());
    assert_eq!(learned(&engine, feed), Some((1, 0)));
}
