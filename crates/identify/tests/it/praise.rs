//! Good words about a site weigh wherever on it the bad ones were said.

use crate::sample::{bad, days, dump, explained, good, import, open, pass, source, verdict};
use wardnet_identify::Engine;
use wardnet_model::{Observation, Scope, SourceId, Stance, Timestamp};

fn below(row: Observation) -> Observation {
    Observation { scope: Scope::Subtree, ..row }
}

fn listed(engine: &mut Engine, rows: &[Observation], now: Timestamp) -> (SourceId, SourceId) {
    let (feed, sites) = (source(engine, "feed", now), source(engine, "sites", now));
    import(engine, feed, true, rows, now);
    (feed, sites)
}

#[test]
fn praise_weighs_at_every_scope_and_with_www() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let rows =
        [below(bad("site.top")), bad("www.site.top"), bad("login.site.top"), below(bad("bad.top"))];
    let (_, sites) = listed(&mut engine, &rows, days(0));
    let risk = |engine: &mut Engine, name: &str| {
        pass(engine, days(1));
        verdict(engine, name, days(1)).1
    };
    let before = risk(&mut engine, "www.site.top");
    assert!(before >= 70, "{before}");

    import(&mut engine, sites, true, &[good("site.top")], days(1));
    let after = risk(&mut engine, "www.site.top");
    assert!(after < before, "{after} after, {before} before");
    assert_eq!(risk(&mut engine, "site.top"), after);
    assert_eq!(risk(&mut engine, "login.site.top"), before, "a bad subdomain stays bad");
    assert_eq!(risk(&mut engine, "bad.top"), before, "nobody praised it");

    // The same the other way round, and after the praise has ended.
    let late = source(&mut engine, "late", days(1));
    import(&mut engine, late, true, &[good("other.top")], days(1));
    let feed = source(&mut engine, "second", days(1));
    import(&mut engine, feed, true, &[below(bad("other.top"))], days(1));
    let praised = risk(&mut engine, "www.other.top");
    import(&mut engine, late, true, &[], days(1));
    let alone = risk(&mut engine, "www.other.top");
    assert!(praised < 70 && alone >= 70, "{praised} praised, {alone} alone");
}

#[test]
fn praise_is_explained_and_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let (_, sites) = listed(&mut engine, &[bad("www.site.top")], days(0));
    import(&mut engine, sites, true, &[good("site.top")], days(0));

    let told = explained(&engine, "www.site.top", days(0)).unwrap();
    assert_eq!(told.explanation.published, told.published.risk);
    let line = told.evidence.iter().find(|line| line.held.stance == Stance::Benign).unwrap();
    assert_eq!(line.elsewhere, Some(("site.top".into(), Scope::Exact)));

    // Praise that its list repeats counts as fresh.
    pass(&mut engine, days(400));
    let faded = verdict(&engine, "www.site.top", days(400));
    import(&mut engine, sites, true, &[good("site.top")], days(400));
    let told = explained(&engine, "www.site.top", days(400)).unwrap();
    assert_eq!(told.explanation.published, told.published.risk);
    assert!(verdict(&engine, "www.site.top", days(400)).1 <= faded.1);

    let lived = dump(&mut engine, days(400));
    drop(engine);
    std::fs::remove_dir_all(folder.path().join("store")).unwrap();
    let mut again = open(folder.path(), days(400));
    assert_eq!(dump(&mut again, days(400)), lived);
}
