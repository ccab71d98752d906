//! The store takes in records, remembers how far it came, and forgets nothing it should keep.

use super::*;
use crate::Effect;
use wardnet_model::{
    Category, Evidence, ImportCounts, RecordId, RelationKind, Retraction, Scope, Sharing, Stance,
    Tlp,
};

fn evidence(name: &str, source: u32, record: u64, batch: BatchId) -> Evidence {
    Evidence {
        tenant: TenantId::SHARED,
        source: SourceId(source),
        indicator: Indicator::parse(name).unwrap(),
        scope: Scope::Exact,
        record: RecordId(record),
        revision: 1,
        batch,
        stance: Stance::Malicious,
        category: Category::Phishing,
        confidence: 90,
        first_seen: Timestamp(100),
        last_seen: Timestamp(100),
        until: None,
        tlp: Tlp::Clear,
        sharing: Sharing::Everyone,
        details: None,
    }
}

fn seen(source: u32, revision: u64, at: u64) -> BatchSeen {
    BatchSeen {
        tenant: TenantId::SHARED,
        source: SourceId(source),
        batch: BatchId::SNAPSHOT,
        revision,
        at: Timestamp(at),
        full: true,
        digest: [1; 32],
        counts: ImportCounts::default(),
    }
}

fn open(dir: &Path) -> Store {
    Store::open(dir, &Options::default()).unwrap()
}

fn take_in(store: &Store, records: Vec<Record>, position: u64) -> Vec<Effect> {
    let mut update = Update::default();
    records.into_iter().for_each(|record| update.push(record));
    let mut all = Vec::new();
    let mut note = |_: &DossierKey, _: &mut Dossier, effects: &[Effect]| {
        all.extend_from_slice(effects);
    };
    store.take_in(update, position, &mut note).unwrap();
    all
}

fn dossier(store: &Store, name: &str) -> Option<Dossier> {
    store.dossier(&DossierKey::of(&Indicator::parse(name).unwrap(), Scope::Exact)).unwrap()
}

#[test]
fn what_was_taken_in_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let put = || Record::Evidence(evidence("a.top", 1, 5, BatchId::SNAPSHOT));
    assert_eq!(take_in(&store, vec![put()], 7), [Effect::Added]);
    assert_eq!(take_in(&store, vec![put()], 8), [Effect::Nothing], "twice changes nothing");
    take_in(&store, vec![Record::BatchSeen(seen(1, 2, 500))], 9);
    store.persist_at_end().unwrap();
    drop(store);

    let store = open(folder.path());
    assert_eq!(store.position().unwrap(), 9);
    let held = dossier(&store, "a.top").unwrap().evidence;
    assert_eq!(held.len(), 1);
    assert_eq!(store.last_seen(&held[0]), Timestamp(500), "the batch was renewed");
    assert_eq!(store.snapshot_members(TenantId::SHARED, SourceId(1)).unwrap().len(), 1);
}

#[test]
fn what_vanished_ends_and_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let records = (0..200)
        .map(|at| Record::Evidence(evidence(&format!("n{at}.top"), 1, at, BatchId::SNAPSHOT)));
    take_in(&store, records.collect(), 200);
    let members = store.snapshot_members(TenantId::SHARED, SourceId(1)).unwrap();
    assert_eq!(members.len(), 200);
    assert!(members.is_sorted());
    let end = Record::Retraction(Retraction {
        tenant: TenantId::SHARED,
        source: SourceId(1),
        indicator: Indicator::parse("n7.top").unwrap(),
        scope: Scope::Exact,
        record: RecordId(7),
        at: Timestamp(9),
    });
    assert_eq!(take_in(&store, vec![end], 201), [Effect::Ended]);
    assert_eq!(dossier(&store, "n7.top"), None);
    assert_eq!(store.snapshot_members(TenantId::SHARED, SourceId(1)).unwrap().len(), 199);
}

fn end(name: &str, source: u32, record: u64) -> Record {
    Record::Retraction(Retraction {
        tenant: TenantId::SHARED,
        source: SourceId(source),
        indicator: Indicator::parse(name).unwrap(),
        scope: Scope::Exact,
        record: RecordId(record),
        at: Timestamp(9),
    })
}

#[test]
fn what_ends_and_joins_again_in_one_update_is_a_member() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let put = || Record::Evidence(evidence("a.top", 1, 5, BatchId::SNAPSHOT));
    take_in(&store, vec![put(), end("a.top", 1, 5), put()], 3);
    assert_eq!(store.snapshot_members(TenantId::SHARED, SourceId(1)).unwrap().len(), 1);
    take_in(&store, vec![put(), end("a.top", 1, 5)], 5);
    assert_eq!(store.snapshot_members(TenantId::SHARED, SourceId(1)).unwrap().len(), 0);
}

#[test]
fn what_a_part_of_a_feed_repeats_stays_in_its_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut of_part = evidence("a.top", 1, 5, BatchId(2));
    of_part.last_seen = Timestamp(300);
    take_in(&store, vec![Record::Evidence(evidence("a.top", 1, 5, BatchId::SNAPSHOT))], 1);
    assert_eq!(take_in(&store, vec![Record::Evidence(of_part)], 2), [Effect::Renewed]);
    let held = dossier(&store, "a.top").unwrap().evidence;
    assert_eq!((held[0].batch, held[0].last_seen), (BatchId::SNAPSHOT, Timestamp(300)));
}

#[test]
fn a_higher_revision_supersedes_and_a_lower_one_is_late() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let at = |revision, confidence| {
        Record::Evidence(Evidence {
            revision,
            confidence,
            ..evidence("a.top", 1, 5, BatchId::NONE)
        })
    };
    take_in(&store, vec![at(5, 50)], 1);
    assert_eq!(take_in(&store, vec![at(6, 60)], 2), [Effect::Renewed]);
    assert_eq!(take_in(&store, vec![at(4, 40)], 3), [Effect::Nothing]);
    assert_eq!(dossier(&store, "a.top").unwrap().evidence[0].confidence, 60);
}

#[test]
fn one_source_cannot_fill_a_dossier() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let records =
        (0..100).map(|at| Record::Evidence(evidence("a.top", 1, at, BatchId::NONE))).collect();
    take_in(&store, records, 100);
    take_in(&store, vec![Record::Evidence(evidence("a.top", 2, 1, BatchId::NONE))], 101);
    let held = dossier(&store, "a.top").unwrap().evidence;
    assert_eq!(held.len(), Limits::default().evidence_per_source_max + 1);
    assert!(held.iter().any(|held| held.source == SourceId(2)));
}

#[test]
fn crossings_come_due_in_order_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut update = Update::default();
    for at in 0..10u64 {
        update.push(Record::Evidence(evidence(&format!("n{at}.top"), 1, at, BatchId::NONE)));
    }
    let mut next = 0;
    let mut settle = |_: &DossierKey, dossier: &mut Dossier, _: &[Effect]| {
        next += 60;
        dossier.published.next_crossing = Timestamp(next);
    };
    store.take_in(update, 10, &mut settle).unwrap();
    assert_eq!(store.next_due().unwrap(), Some(Timestamp(60)));
    assert_eq!(store.due(Timestamp(59), 100).unwrap(), []);
    let due = store.due(Timestamp(300), 100).unwrap();
    assert_eq!(due.len(), 5);
    assert_eq!(store.due(Timestamp(300), 100).unwrap(), due, "until they are settled again");
    let mut visited = 0;
    store.revisit_due(&due, |_, _| visited += 1).unwrap();
    assert_eq!(visited, 5);
    assert_eq!(store.due(Timestamp(300), 100).unwrap(), []);
    assert_eq!(store.due(Timestamp(u64::MAX - 1), 100).unwrap().len(), 5);
}

#[test]
fn relations_are_found_from_both_ends() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (from, to) = (Indicator::parse("a.top").unwrap(), Indicator::parse("45.95.11.34").unwrap());
    let relation = Relation {
        tenant: TenantId::SHARED,
        source: SourceId(1),
        from: from.clone(),
        kind: RelationKind::ResolvesTo,
        to: to.clone(),
        confidence: 90,
        first_seen: Timestamp(1),
        last_seen: Timestamp(2),
        tlp: Tlp::Clear,
    };
    take_in(&store, vec![Record::Relation(relation.clone())], 1);
    assert_eq!(store.relations_of(&from).unwrap(), std::slice::from_ref(&relation));
    assert_eq!(store.relations_of(&to).unwrap(), [relation]);
}

#[test]
fn a_store_of_another_layout_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.tables().unwrap().meta.insert(LAYOUT_KEY, 99u64.to_be_bytes()).unwrap();
    drop(store);
    let error = Store::open(folder.path(), &Options::default()).unwrap_err();
    assert!(matches!(error, StoreError::Layout { found: 99, .. }), "{error}");
    let (store, is_anew) = Store::open_or_begin(folder.path(), &Options::default()).unwrap();
    assert!(is_anew && store.position().unwrap() == 0, "its journal is to be read again");
    drop(store);
    assert!(!Store::open_or_begin(folder.path(), &Options::default()).unwrap().1);
}

#[test]
fn several_threads_write_what_one_writes() {
    let records = || {
        let of = |at: u64| evidence(&format!("n{}.top", at % 3000), 1, at, BatchId::SNAPSHOT);
        (0..9000).map(of).map(Record::Evidence)
    };
    let contents = |threads: usize| {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let mut update = Update::default();
        records().for_each(|record| update.push(record));
        let settle = |key: &DossierKey, dossier: &mut Dossier, effects: &[Effect]| {
            assert_eq!(effects.len(), 3, "all that happens to one is settled at once");
            dossier.published.next_crossing = Timestamp(u64::from(key.0[1]) + 1);
        };
        let mut settlers = vec![settle; threads];
        let (first, others) = settlers.split_first_mut().unwrap();
        store.take_in_with(update, 9000, (first, others)).unwrap();
        let keys = store.keys_after(None, usize::MAX).unwrap();
        let dossiers: Vec<_> = keys.iter().map(|key| store.dossier(key).unwrap()).collect();
        let members = store.snapshot_members(TenantId::SHARED, SourceId(1)).unwrap();
        (keys, dossiers, members, store.due(Timestamp(u64::MAX - 1), usize::MAX).unwrap())
    };
    let one = contents(1);
    assert_eq!(one.0.len(), 3000);
    assert_eq!(one.2.len(), 9000);
    for threads in [2, 3, 8] {
        assert_eq!(contents(threads), one, "{threads} threads");
    }
}

fn decision(text: &str) -> Record {
    let indicator = Indicator::parse(text).unwrap();
    Record::Decision(wardnet_model::Decision {
        tenant: TenantId::SHARED,
        indicator,
        scope: Scope::Exact,
        action: wardnet_model::Action::Block,
        category: Category::Phishing,
        author: "a".into(),
        reason: "r".into(),
        at: Timestamp(5),
        until: None,
    })
}

#[test]
fn what_was_decided_and_disputed_is_listed_also_of_an_older_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let disputed =
        Evidence { stance: Stance::Disputed, ..evidence("disputed.top", 1, 1, BatchId::NONE) };
    let mut records: Vec<Record> = (0..50)
        .map(|at| Record::Evidence(evidence(&format!("n{at}.top"), 1, at, BatchId::NONE)))
        .collect();
    records.push(Record::Evidence(disputed));
    records.extend(["one.top", "two.top", "three.top"].map(decision));
    take_in(&store, records, 54);
    let listed = |store: &Store| {
        let all = |listing| store.listed_after(listing, None, 100).unwrap();
        (all(Listing::Decided), all(Listing::Disputed))
    };
    let of = |text: &str| DossierKey::of(&Indicator::parse(text).unwrap(), Scope::Exact);
    let mut decided = ["one.top", "two.top", "three.top"].map(of).to_vec();
    decided.sort_unstable();
    let whole = (decided.clone(), vec![of("disputed.top")]);
    assert_eq!(listed(&store), whole);
    let page = store.listed_after(Listing::Decided, None, 2).unwrap();
    assert_eq!(page, decided[..2]);
    let rest = store.listed_after(Listing::Decided, page.last().copied(), 2).unwrap();
    assert_eq!(rest, decided[2..]);

    let tables = store.tables().unwrap();
    let keys: Vec<_> = tables.listings.iter().map(|guard| guard.key().unwrap()).collect();
    keys.iter().for_each(|key| tables.listings.remove(&**key).unwrap());
    tables.meta.remove(LISTED).unwrap();
    drop(tables);
    store.persist().unwrap();
    drop(store);
    assert_eq!(listed(&open(folder.path())), whole);
}

#[test]
fn a_store_that_is_opened_again_has_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    take_in(&store, vec![Record::Evidence(evidence("a.top", 1, 1, BatchId::NONE))], 1);
    take_in(&store, vec![Record::BatchSeen(seen(1, 3, 300))], 2);
    let reader = store.tables().unwrap();
    let reading = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        drop(reader);
    });
    store.reopen().unwrap();
    reading.join().unwrap();
    store.check().unwrap();
    assert_eq!(store.position().unwrap(), 2);
    assert!(dossier(&store, "a.top").is_some());
    assert_eq!(store.batches_of(TenantId::SHARED, SourceId(1)).len(), 1);
    take_in(&store, vec![Record::Evidence(evidence("b.top", 1, 2, BatchId::NONE))], 3);
    assert!(dossier(&store, "b.top").is_some());
}

/// The engine gathers writes in memory, and reads its journal back into memory when it is opened.
#[test]
fn who_opens_a_store_does_not_hold_in_memory_what_was_written_before() {
    let folder = tempfile::tempdir().unwrap();
    let gathered = |store: &Store| store.tables().unwrap().database.write_buffer_size();
    let records = |from: u32| {
        let names = (from..from + 10_000).map(|number| format!("name-{number}.top"));
        names.map(|name| Record::Evidence(evidence(&name, 1, 5, BatchId::SNAPSHOT))).collect()
    };
    let store = open(folder.path());
    take_in(&store, records(0), 7);
    store.persist().unwrap();
    drop(store);

    let store = open(folder.path());
    assert!(gathered(&store) > GATHERED_MAX, "{} bytes come back", gathered(&store));
    take_in(&store, records(10_000), 8);
    store.persist_at_end().unwrap();
    drop(store);

    let store = open(folder.path());
    assert!(gathered(&store) <= GATHERED_MAX, "{} bytes come back", gathered(&store));
    assert!(dossier(&store, "name-0.top").is_some() && dossier(&store, "name-19999.top").is_some());
}

#[test]
fn faded_members_are_told_in_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let batches = [1, 2].map(|source| BatchKey::of(&seen(source, 1, 0)));
    let dossiers: Vec<DossierKey> = (0..5u8).map(|number| DossierKey([number; 22])).collect();
    for (batch, dossier) in batches.iter().flat_map(|b| dossiers.iter().map(move |d| (b, d))) {
        store.mark_faded(batch, dossier).unwrap();
    }
    for limit in 1..7 {
        let mut told = Vec::new();
        while let faded = store.faded(&batches[0], told.last().copied(), limit).unwrap()
            && !faded.is_empty()
        {
            assert!(faded.len() <= limit);
            told.extend(faded);
        }
        assert_eq!(told, dossiers, "by {limit}");
        let mut all = Vec::new();
        while let faded = store.all_faded(all.last().map(|(place, _)| *place), limit).unwrap()
            && !faded.is_empty()
        {
            assert!(faded.len() <= limit);
            all.extend(faded);
        }
        let all: Vec<DossierKey> = all.into_iter().map(|(_, dossier)| dossier).collect();
        assert_eq!(all, [dossiers.clone(), dossiers.clone()].concat(), "by {limit}");
    }
    store.clear_faded(&batches[0], dossiers.iter().copied()).unwrap();
    assert_eq!(store.faded(&batches[0], None, 9).unwrap(), []);
}
