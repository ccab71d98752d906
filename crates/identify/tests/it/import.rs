//! Feeds: what is new joins, what is still there is renewed, what vanished from a full one ends.

use crate::sample::{
    append, bad, band, days, dump, explained, good, import, open, pack, pass, said, source, terms,
};
use std::ops::Range;
use wardnet_identify::{Begun, Engine, ImportTerms};
use wardnet_model::{Band, Evidence, Observation, Record, RecordId, Stance, Timestamp, Tlp};

fn last_seen(engine: &Engine, text: &str) -> Vec<Timestamp> {
    let explained = explained(engine, text, days(2));
    explained
        .map(|found| found.evidence.iter().map(|line| line.last_seen).collect())
        .unwrap_or_default()
}

fn rows(texts: &[&str]) -> Vec<Observation> {
    texts.iter().map(|text| bad(text)).collect()
}

#[test]
fn an_unchanged_snapshot_is_renewed_by_one_record() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "feed", days(0));
    let listed = ["login-bank.top", "http://kit.top/a.html", "45.95.11.34"];
    let first = import(&mut engine, feed, true, &rows(&listed), days(0));
    assert_eq!((first.counts.accepted, first.counts.duplicate, first.counts.expired), (3, 0, 0));
    for text in listed {
        assert_eq!(band(&engine, text, days(0)), Band::Malicious, "{text}");
    }
    let records = engine.journal().last();
    let (begun, import) = engine.begin_import(terms(feed, true, &rows(&listed)), days(1)).unwrap();
    let Begun::Unchanged(seen) = begun else { panic!("read again: {import:?}") };
    assert!(import.is_none());
    assert_eq!((seen.counts.accepted, seen.counts.duplicate, seen.counts.expired), (0, 3, 0));
    assert_eq!(engine.journal().last(), records + 1);
    for text in listed {
        assert_eq!(last_seen(&engine, text), [days(1)], "{text}");
    }
}

#[test]
fn a_changed_snapshot_ends_what_vanished_and_adds_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "feed", days(0));
    import(&mut engine, feed, true, &rows(&["stays.top", "goes.top"]), days(0));
    let seen = import(&mut engine, feed, true, &rows(&["stays.top", "comes.top"]), days(1));
    assert_eq!((seen.counts.accepted, seen.counts.duplicate, seen.counts.expired), (1, 1, 1));
    assert_eq!(band(&engine, "stays.top", days(1)), Band::Malicious);
    assert_eq!(band(&engine, "comes.top", days(1)), Band::Malicious);
    assert_eq!(band(&engine, "goes.top", days(1)), Band::Unrated);
    assert_eq!(last_seen(&engine, "stays.top"), [days(1)]);
    assert!(explained(&engine, "goes.top", days(1)).is_none());

    let back = import(&mut engine, feed, true, &rows(&["stays.top", "goes.top"]), days(2));
    assert_eq!((back.counts.accepted, back.counts.expired), (1, 1));
    assert_eq!(band(&engine, "goes.top", days(2)), Band::Malicious);
}

#[test]
fn a_plain_import_adds_and_renews_and_never_ends_anything() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "list", days(0));
    import(&mut engine, feed, false, &rows(&["one.top", "two.top"]), days(0));
    let seen = import(&mut engine, feed, false, &rows(&["two.top", "three.top"]), days(1));
    assert_eq!((seen.counts.accepted, seen.counts.duplicate, seen.counts.expired), (1, 1, 0));
    for (text, at) in [("one.top", days(0)), ("two.top", days(1)), ("three.top", days(1))] {
        assert_eq!(band(&engine, text, days(1)), Band::Malicious, "{text}");
        assert_eq!(last_seen(&engine, text), [at], "{text}");
    }
}

#[test]
fn a_part_of_a_feed_renews_what_its_snapshot_has() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "both", days(0));
    import(&mut engine, feed, true, &rows(&["one.top", "two.top"]), days(0));
    import(&mut engine, feed, false, &rows(&["one.top"]), days(1));
    assert_eq!(last_seen(&engine, "one.top"), [days(1)]);
    import(&mut engine, feed, true, &rows(&["one.top", "two.top", "new.top"]), days(2));
    assert_eq!(last_seen(&engine, "one.top"), [days(2)], "it is still in the snapshot");
}

#[test]
fn a_row_that_stands_twice_in_a_file_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "feed", days(0));
    let twice = rows(&["one.top", "two.top", "one.top"]);
    let seen = import(&mut engine, feed, true, &twice, days(0));
    assert_eq!((seen.counts.read, seen.counts.accepted, seen.counts.duplicate), (3, 2, 1));
    assert_eq!(explained(&engine, "one.top", days(0)).unwrap().evidence.len(), 1);
}

#[test]
fn two_sources_on_one_thing_add_up_and_part_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let (one, two) = (source(&mut engine, "one", days(0)), source(&mut engine, "two", days(0)));
    import(&mut engine, one, true, &rows(&["shared.top", "mine.top"]), days(0));
    let alone = crate::sample::verdict(&engine, "shared.top", days(0));
    import(&mut engine, two, true, &rows(&["shared.top"]), days(0));
    let both = crate::sample::verdict(&engine, "shared.top", days(0));
    assert!(both.1 > alone.1, "{both:?} after {alone:?}");
    let found = explained(&engine, "shared.top", days(0)).unwrap();
    assert_eq!(
        found.published.sources.iter().map(|one| one.source).collect::<Vec<_>>(),
        [one, two]
    );
    assert_eq!(found.explanation.recompute(), found.explanation.exact);

    import(&mut engine, one, true, &rows(&["mine.top"]), days(0));
    assert_eq!(crate::sample::verdict(&engine, "shared.top", days(0)), alone);
}

#[test]
fn an_interrupted_import_ends_in_the_same_verdicts_when_it_is_repeated() {
    // More rows than are written at once, so that the crash comes between two writes.
    let many = |from: usize| -> Vec<Observation> {
        (from..from + 40_000).map(|number| bad(&format!("host{number}.top"))).collect()
    };
    let (before, after) = (many(0), many(20_000));
    let run = |interrupted: bool| {
        let folder = tempfile::tempdir().unwrap();
        let mut engine = open(folder.path(), days(0));
        let feed = source(&mut engine, "feed", days(0));
        import(&mut engine, feed, true, &before, days(0));
        if interrupted {
            let terms = terms(feed, true, &after);
            let (_, begun) = engine.begin_import(terms.clone(), days(1)).unwrap();
            let mut under_way = begun.unwrap();
            let part = pack(&under_way, after.iter().skip(5));
            engine.import_rows(&mut under_way, part).unwrap();
            engine.publish(days(1)).unwrap();
            drop((under_way, engine));
            engine = open(folder.path(), days(1));
        }
        let seen = import(&mut engine, feed, true, &after, days(1));
        assert_eq!(seen.counts.expired, 20_000);
        assert_eq!(seen.counts.accepted + seen.counts.duplicate, 40_000);
        assert_eq!(band(&engine, "host10.top", days(1)), Band::Unrated);
        assert_eq!(band(&engine, "host59999.top", days(1)), Band::Malicious);
        dump(&mut engine, days(1))
    };
    assert!(run(false) == run(true), "the verdicts differ");
}

#[test]
fn what_an_interrupted_import_changed_is_read_again_when_the_old_bytes_come_back() {
    // More new rows than are written at once.
    let many = |numbers: Range<usize>| -> Vec<Observation> {
        numbers.map(|number| bad(&format!("host{number}.top"))).collect()
    };
    let (before, after) = (many(0..100), many(100..34_000));
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "feed", days(0));
    import(&mut engine, feed, true, &before, days(0));
    let lived = dump(&mut engine, days(0));
    let (_, begun) = engine.begin_import(terms(feed, true, &after), days(0)).unwrap();
    let mut under_way = begun.unwrap();
    let all = pack(&under_way, &after);
    engine.import_rows(&mut under_way, all).unwrap();
    // Its end, in which what vanished ends, is never written.
    drop((under_way, engine));
    let mut engine = open(folder.path(), days(0));
    assert_ne!(dump(&mut engine, days(0)).len(), lived.len(), "nothing was interrupted");
    let seen = import(&mut engine, feed, true, &before, days(0));
    assert_eq!((seen.counts.duplicate, seen.counts.expired), (100, 33_900));
    assert!(dump(&mut engine, days(0)) == lived, "the verdicts differ");
    // And then they are known again.
    let (begun, _) = engine.begin_import(terms(feed, true, &before), days(1)).unwrap();
    assert!(matches!(begun, Begun::Unchanged(_)), "{begun:?}");
}

#[test]
fn of_what_a_source_says_and_what_a_row_says_the_stricter_marking_counts() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "feed", days(0));
    let marked = |tlp| vec![Observation { tlp, ..bad("marked.top") }];
    let mut tlp = |source_says, row_says| {
        let rows = marked(row_says);
        let terms = ImportTerms { tlp: source_says, ..terms(feed, true, &rows) };
        crate::sample::import_as(&mut engine, terms, &rows, days(0));
        let found = explained(&engine, "marked.top", days(0)).unwrap();
        found.evidence.iter().map(|line| line.held.tlp).collect::<Vec<_>>()
    };
    assert_eq!(tlp(Tlp::Clear, None), [Tlp::Clear]);
    assert_eq!(tlp(Tlp::Clear, Some(Tlp::Amber)), [Tlp::Amber]);
    assert_eq!(tlp(Tlp::Green, Some(Tlp::Clear)), [Tlp::Green]);
}

#[test]
fn a_renewal_looks_at_what_another_source_moved_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let (one, two) = (source(&mut engine, "one", days(0)), source(&mut engine, "two", days(0)));
    let listed = [Observation { confidence: Some(30), ..bad("shared.top") }];
    import(&mut engine, one, true, &listed, days(0));
    // The other speaks when the first has half faded, and no tick has noticed yet.
    let other = Evidence { confidence: 30, ..said("shared.top", two, 1, days(9)) };
    append(&mut engine, Record::Evidence(other), days(9));
    let faded = crate::sample::verdict(&engine, "shared.top", days(9));
    import(&mut engine, one, true, &listed, days(9));
    let renewed = crate::sample::verdict(&engine, "shared.top", days(9));
    assert!(renewed.1 > faded.1, "{renewed:?} after {faded:?}");
    let now = explained(&engine, "shared.top", days(9)).unwrap();
    assert_eq!(now.explanation.published.value(), renewed.1, "what is published is what is so");
}

#[test]
fn renewed_good_evidence_counts_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let (top, feed) = (source(&mut engine, "top", days(0)), source(&mut engine, "feed", days(0)));
    let sites = [good("shop.com"), good("news.com")];
    import(&mut engine, top, true, &sites, days(0));
    assert_eq!(band(&engine, "shop.com", days(0)), Band::Safe);
    append(&mut engine, Record::Evidence(said("shop.com", feed, 1, days(0))), days(0));
    for day in [60, 120, 180] {
        append(&mut engine, Record::Evidence(said("shop.com", feed, 1, days(day))), days(day));
        pass(&mut engine, days(day));
        import(&mut engine, top, true, &sites, days(day));
        let now = explained(&engine, "shop.com", days(day)).unwrap();
        assert_eq!(now.explanation.published, now.published.risk, "day {day}");
    }
}

#[test]
fn what_may_be_handed_on_is_what_a_source_says_in_public() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let (one, two) = (source(&mut engine, "one", days(0)), source(&mut engine, "two", days(0)));
    let shareable = |engine: &Engine| {
        let found = explained(engine, "shared.top", days(0)).unwrap();
        let sources = found.published.sources.iter();
        sources.filter(|one| one.shareable).map(|one| one.source).collect::<Vec<_>>()
    };
    let marked = |source, tlp, stance| {
        Record::Evidence(Evidence { tlp, stance, ..said("shared.top", source, 1, days(0)) })
    };
    append(&mut engine, marked(one, Tlp::Amber, Stance::Malicious), days(0));
    assert_eq!(shareable(&engine), []);
    append(&mut engine, marked(two, Tlp::Clear, Stance::Benign), days(0));
    assert_eq!(shareable(&engine), [], "praise says nothing against it");
    append(&mut engine, marked(two, Tlp::Green, Stance::Malicious), days(0));
    assert_eq!(shareable(&engine), [two]);
    append(&mut engine, marked(two, Tlp::Red, Stance::Malicious), days(0));
    assert_eq!(shareable(&engine), [], "its newest marking is stricter");
    let more = Evidence { record: RecordId(2), ..said("shared.top", one, 2, days(0)) };
    append(&mut engine, Record::Evidence(more), days(0));
    assert_eq!(shareable(&engine), [], "what two rows say is told as one, and one is for few eyes");
    append(&mut engine, marked(one, Tlp::Green, Stance::Malicious), days(0));
    assert_eq!(shareable(&engine), [one]);
}
