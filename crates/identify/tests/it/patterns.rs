//! Patterns: they weigh beside evidence, fade and are renewed with their list, and go with it.

use crate::sample::{
    append, bad, band, days, decided, dump, explained, good, import, import_as, open, pass, said,
    source, terms, verdict,
};
use wardnet_identify::{Engine, PatternTerms, PatternsTaken, patterns_of};
use wardnet_model::{
    Action, Band, BatchSeen, Category, Evidence, Indicator, Kind, Pattern, PatternKind,
    PatternList, Record, Sharing, SourceId, Stance, TenantId, Timestamp, Tlp,
};

const URL: &str = "http://login.example-training.top/kit/a.html";

/// A list of patterns, each an expression where it begins with `/`.
pub(crate) fn list(stance: Stance, kinds: &[Kind], texts: &[&str]) -> PatternList {
    let pattern = |text: &&str| match text.strip_prefix('/') {
        Some(regex) => Pattern { kind: PatternKind::Regex, text: regex.into() },
        None => Pattern { kind: PatternKind::Substring, text: (*text).into() },
    };
    PatternList {
        name: "a list".into(),
        kinds: kinds.to_vec(),
        stance,
        category: Category::KnownGood,
        patterns: texts.iter().map(pattern).collect(),
    }
}

pub(crate) fn set_patterns(
    engine: &mut Engine,
    seen: &BatchSeen,
    lists: Vec<PatternList>,
    now: Timestamp,
) -> PatternsTaken {
    let terms = PatternTerms { confidence: 95, tlp: Tlp::Clear };
    engine.set_patterns(seen, terms, lists, now).unwrap()
}

/// Reads a list that has nothing but patterns, each one vouching for URLs and domains.
fn look(
    engine: &mut Engine,
    source: SourceId,
    full: bool,
    texts: &[&str],
    now: Timestamp,
) -> BatchSeen {
    let mut terms = terms(source, full, &[]);
    terms.digest = wardnet_model::Key::digest(format!("{texts:?}").as_bytes()).0;
    let seen = import_as(engine, terms, &[], now);
    let kinds = [Kind::Domain, Kind::Url];
    let taken = set_patterns(engine, &seen, vec![list(Stance::Benign, &kinds, texts)], now);
    assert_eq!(taken, PatternsTaken { in_force: texts.len(), refused: None });
    seen
}

/// What the published risk of the URL is, after a check that the explanation adds up to it.
fn risk(engine: &mut Engine, now: Timestamp) -> u8 {
    pass(engine, now);
    let (_, risk) = verdict(engine, URL, now);
    let explained = explained(engine, URL, now).unwrap();
    assert_eq!(explained.explanation.published.value(), risk);
    assert_eq!(explained.explanation.recompute(), explained.explanation.exact);
    risk
}

fn lines(engine: &Engine, text: &str, now: Timestamp) -> Vec<(String, Option<&'static str>)> {
    let explained = explained(engine, text, now).unwrap();
    let line = explained.patterns.iter();
    line.map(|line| (line.pattern.text.to_string(), line.left_out)).collect()
}

#[test]
fn a_pattern_that_vouches_weighs_beside_evidence_and_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let (feed, warn) = (source(&mut engine, "feed", days(0)), source(&mut engine, "warn", days(0)));
    import(&mut engine, feed, true, &[bad(URL), bad("http://other.top/x")], days(0));
    let alone = risk(&mut engine, days(0));
    look(&mut engine, warn, true, &["/^https?://[^/]*training", "unused"], days(0));
    let beside = risk(&mut engine, days(0));
    assert!(beside < alone, "{beside} < {alone}");
    let shown = explained(&engine, URL, days(0)).unwrap();
    assert_eq!(shown.explanation.groups.len(), 2);
    assert_eq!(lines(&engine, URL, days(0)), [("^https?://[^/]*training".into(), None)]);
    assert_eq!(
        shown.published.sources.iter().map(|one| one.source).collect::<Vec<_>>(),
        [feed, warn]
    );
    assert_eq!(verdict(&engine, "http://other.top/x", days(0)).1, alone);
    look(&mut engine, warn, false, &["example"], days(3));
    assert_eq!(lines(&engine, URL, days(1)).len(), 1, "the other list was read later");
    assert_eq!(lines(&engine, URL, days(3)).len(), 2);
}

#[test]
fn a_pattern_alone_makes_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let warn = source(&mut engine, "warn", days(0));
    look(&mut engine, warn, true, &["training"], days(0));
    assert_eq!(verdict(&engine, URL, days(0)), (Band::Unrated, 0));
    let indicator = Indicator::parse(URL).unwrap();
    let (store, epoch) = (engine.store(), engine.epoch());
    let found = patterns_of(&store, &epoch, &indicator, TenantId::SHARED, days(0));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].left_out, Some("a pattern alone makes no verdict"));

    // Neither does it where all there is besides is on trial, is context, or has ended.
    let feed = source(&mut engine, "feed", days(0));
    let context = Evidence { stance: Stance::Context, ..said(URL, feed, 1, days(0)) };
    append(&mut engine, Record::Evidence(context), days(0));
    let ends = Some(days(1));
    let ended = Evidence { until: ends, ..said(URL, feed, 2, days(0)) };
    append(&mut engine, Record::Evidence(ended), days(0));
    assert!(risk(&mut engine, days(0)) > 0);
    assert_eq!(risk(&mut engine, days(2)), 0);
    assert_eq!(band(&engine, URL, days(2)), Band::Unrated);
}

#[test]
fn a_source_that_names_the_thing_does_not_say_it_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let (feed, warn) = (source(&mut engine, "feed", days(0)), source(&mut engine, "warn", days(0)));
    import(&mut engine, feed, true, &[bad(URL)], days(0));
    import(&mut engine, warn, false, &[good(URL)], days(0));
    let named = risk(&mut engine, days(0));
    look(&mut engine, warn, true, &["training", "kit/"], days(0));
    look(&mut engine, warn, false, &["example"], days(0));
    assert_eq!(risk(&mut engine, days(0)), named);
    let left_out = lines(&engine, URL, days(0));
    assert_eq!(left_out.len(), 2, "one line for each list");
    assert!(left_out.iter().all(|(_, reason)| reason.is_some()), "{left_out:?}");
}

#[test]
fn patterns_fade_and_are_renewed_with_their_list() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let (feed, warn) = (source(&mut engine, "feed", days(0)), source(&mut engine, "warn", days(0)));
    import(&mut engine, feed, true, &[bad(URL)], days(0));
    look(&mut engine, warn, true, &["training"], days(0));
    let fresh = risk(&mut engine, days(0));
    import(&mut engine, feed, true, &[bad(URL)], days(100));
    let faded = risk(&mut engine, days(100));
    assert!(faded > fresh, "{faded} > {fresh}");
    let (epoch, records) = (engine.epoch().number(), engine.journal().last());
    look(&mut engine, warn, true, &["training"], days(100));
    assert_eq!(engine.epoch().number(), epoch, "a renewal opens no epoch");
    assert_eq!(engine.journal().last(), records + 1, "a renewal is one record");
    assert_eq!(risk(&mut engine, days(100)), fresh);
    let line = &explained(&engine, URL, days(100)).unwrap().patterns[0];
    assert_eq!((line.item.first_seen, line.item.last_seen), (days(0), days(100)));
    let published = explained(&engine, URL, days(100)).unwrap().published;
    assert_eq!(published.first_seen, days(0));
}

#[test]
fn patterns_go_with_their_list() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let (feed, warn) = (source(&mut engine, "feed", days(0)), source(&mut engine, "warn", days(0)));
    import(&mut engine, feed, true, &[bad(URL)], days(0));
    let alone = risk(&mut engine, days(0));
    look(&mut engine, warn, true, &["training", "other"], days(0));
    assert!(risk(&mut engine, days(0)) < alone);
    look(&mut engine, warn, true, &["other"], days(0));
    assert_eq!(risk(&mut engine, days(0)), alone, "another snapshot");
    look(&mut engine, warn, true, &["training"], days(0));
    assert!(risk(&mut engine, days(0)) < alone, "and back");
    let seen = look(&mut engine, warn, true, &["training"], days(0));
    set_patterns(&mut engine, &seen, Vec::new(), days(0));
    assert_eq!(risk(&mut engine, days(0)), alone, "a list without patterns");
    assert!(engine.epoch().patterns().is_none());
}

#[test]
fn a_plain_list_adds_and_what_it_says_again_moves_along() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let warn = source(&mut engine, "warn", days(0));
    look(&mut engine, warn, false, &["training", "first"], days(0));
    look(&mut engine, warn, false, &["training", "second"], days(1));
    let held = |engine: &Engine| {
        let epoch = engine.epoch();
        let texts = |set: &wardnet_model::PatternSet| {
            let lists = set.lists.iter().flat_map(|list| list.patterns.iter());
            lists.map(|pattern| pattern.text.to_string()).collect::<Vec<_>>()
        };
        epoch.pattern_sets().map(texts).collect::<Vec<_>>()
    };
    assert_eq!(held(&engine), [vec!["first"], vec!["second", "training"]]);
    let epoch = engine.epoch().number();
    look(&mut engine, warn, false, &["training", "second"], days(2));
    assert_eq!(engine.epoch().number(), epoch);
}

#[test]
fn patterns_survive_a_restart_and_come_back_by_replay() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let (feed, warn) = (source(&mut engine, "feed", days(0)), source(&mut engine, "warn", days(0)));
    import(&mut engine, feed, true, &[bad(URL)], days(0));
    look(&mut engine, warn, true, &["training"], days(0));
    let (lived, risk_before) = (dump(&mut engine, days(0)), risk(&mut engine, days(0)));
    engine.close(days(0)).unwrap();

    let mut engine = open(folder.path(), days(0));
    assert_eq!(risk(&mut engine, days(0)), risk_before, "after a clean stop");
    drop(engine);
    let mut engine = open(folder.path(), days(0));
    assert_eq!(risk(&mut engine, days(0)), risk_before, "after a crash");
    drop(engine);
    for derived in ["store", "view"] {
        std::fs::remove_dir_all(folder.path().join(derived)).unwrap();
    }
    let mut engine = open(folder.path(), days(0));
    assert_eq!(dump(&mut engine, days(0)), lived, "from the journal alone");
    assert_eq!(lines(&engine, URL, days(0)), [("training".into(), None)]);
}

#[test]
fn a_change_of_patterns_settles_what_it_is_about() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let (feed, warn) = (source(&mut engine, "feed", days(0)), source(&mut engine, "warn", days(0)));
    import(&mut engine, feed, true, &[bad(URL), bad("45.95.11.34")], days(0));
    let seen = look(&mut engine, warn, true, &["training"], days(0));
    let addresses = list(Stance::Benign, &[Kind::Ipv4], &["45.95.11.34"]);
    set_patterns(&mut engine, &seen, vec![addresses], days(0));
    let alone = risk(&mut engine, days(0));
    let address = verdict(&engine, "45.95.11.34", days(0)).1;
    assert!(address < alone, "{address} < {alone}");
    assert_eq!(engine.store().settled_epoch().unwrap(), u64::from(engine.epoch().number()));
}

#[test]
fn patterns_count_for_tenants_and_decisions_still_win() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let (feed, warn) = (source(&mut engine, "feed", days(0)), source(&mut engine, "warn", days(0)));
    let own = TenantId(7);
    let said = said(URL, feed, 1, days(0));
    let private = Evidence { tenant: own, sharing: Sharing::Tenant, ..said };
    append(&mut engine, Record::Evidence(private), days(0));
    let ask =
        |engine: &Engine, tenant| crate::sample::ask(&engine.views().load(), tenant, URL, days(0));
    let alone = ask(&engine, Some(own)).1;
    look(&mut engine, warn, true, &["training"], days(0));
    assert!(ask(&engine, Some(own)).1 < alone);
    assert_eq!(ask(&engine, None), (Band::Unrated, 0), "the pattern alone");
    append(&mut engine, Record::Decision(decided(URL, Action::Block, days(0))), days(0));
    assert_eq!(ask(&engine, None).0, Band::Malicious);

    // What a tenant reads under the same source leaves the shared patterns alone.
    let mut owned = terms(warn, true, &[]);
    owned.tenant = own;
    let seen = import_as(&mut engine, owned, &[], days(0));
    assert_eq!(set_patterns(&mut engine, &seen, vec![], days(0)), PatternsTaken::default());
    let lists = vec![list(Stance::Benign, &[Kind::Url], &["other"])];
    assert!(set_patterns(&mut engine, &seen, lists, days(0)).refused.is_some());
    assert_eq!(engine.epoch().pattern_sets().count(), 1);
}

#[test]
fn what_cannot_be_used_is_refused_and_takes_the_old_patterns_along() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let (feed, warn) = (source(&mut engine, "feed", days(0)), source(&mut engine, "warn", days(0)));
    import(&mut engine, feed, true, &[bad(URL)], days(0));
    let alone = risk(&mut engine, days(0));
    let seen = look(&mut engine, warn, true, &["training"], days(0));
    let broken = vec![list(Stance::Benign, &[Kind::Url], &["training", "/("])];
    let taken = set_patterns(&mut engine, &seen, broken, days(0));
    assert_eq!(taken.in_force, 0);
    assert!(taken.refused.unwrap().contains("`a list`"));
    assert_eq!(risk(&mut engine, days(0)), alone);
    let long = "x".repeat(1000);
    let many: Vec<String> = (0..1000).map(|at| format!("{long}{at}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let large = vec![list(Stance::Benign, &[Kind::Url], &many)];
    let taken = set_patterns(&mut engine, &seen, large, days(0));
    assert!(taken.refused.unwrap().contains("set_bytes_max"), "a record has its limit");
}

#[test]
fn a_pattern_marked_for_its_owner_weighs_and_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let (feed, warn) = (source(&mut engine, "feed", days(0)), source(&mut engine, "warn", days(0)));
    import(&mut engine, feed, true, &[bad(URL)], days(0));
    let alone = risk(&mut engine, days(0));
    let seen = import(&mut engine, warn, true, &[], days(0));
    let terms = PatternTerms { confidence: 95, tlp: Tlp::Red };
    let lists = vec![list(Stance::Benign, &[Kind::Url], &["training"])];
    engine.set_patterns(&seen, terms, lists, days(0)).unwrap();
    assert!(risk(&mut engine, days(0)) < alone);
    let (store, epoch) = (engine.store(), engine.epoch());
    let indicator = Indicator::parse(URL).unwrap();
    let found =
        wardnet_identify::explain(&store, &epoch, &indicator, TenantId(7), days(0)).unwrap();
    assert!(found[0].patterns.is_empty());
    assert_eq!(found[0].explanation.groups.len(), 2);
    assert!(patterns_of(&store, &epoch, &indicator, TenantId(7), days(0)).is_empty());
}

/// Good news that stay fresh while the bad ones fade bring a verdict down earlier than both fading
/// together, so a renewal counts at once, also where nothing had faded before.
#[test]
fn every_renewal_is_seen_where_there_is_something_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let (feed, warn, other) = (
        source(&mut engine, "feed", days(0)),
        source(&mut engine, "warn", days(0)),
        source(&mut engine, "other", days(0)),
    );
    import(&mut engine, feed, true, &[bad(URL), bad("a.shop"), bad("b.shop")], days(0));
    import(&mut engine, other, true, &[good("a.shop")], days(0));
    look(&mut engine, warn, true, &["training", "b.s"], days(0));
    let mut risks = std::collections::BTreeSet::new();
    for hour in (0..60 * 24).step_by(7) {
        let now = days(0).plus_secs(hour * 3600);
        if hour % 3 == 0 {
            look(&mut engine, warn, true, &["training", "b.s"], now);
            import(&mut engine, other, true, &[good("a.shop")], now);
        }
        pass(&mut engine, now);
        for name in [URL, "a.shop", "b.shop"] {
            let shown = explained(&engine, name, now).unwrap();
            assert_eq!(shown.published.risk, shown.explanation.published, "{name}, hour {hour}");
            risks.insert(shown.published.risk);
        }
    }
    assert!(risks.len() > 4, "{risks:?}");
}
