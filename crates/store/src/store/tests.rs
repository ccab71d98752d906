//! The store takes in records, remembers how far it came, and forgets nothing it should keep.

use super::*;
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
    store.take_in(update, position, |_, _, effects| all.extend_from_slice(effects)).unwrap();
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
    store.persist().unwrap();
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
    store
        .take_in(update, 10, |_, dossier, _| {
            next += 60;
            dossier.published.next_crossing = Timestamp(next);
        })
        .unwrap();
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
    store.meta.insert(LAYOUT_KEY, 99u64.to_be_bytes()).unwrap();
    drop(store);
    let error = Store::open(folder.path(), &Options::default()).unwrap_err();
    assert!(matches!(error, StoreError::Layout { found: 99, .. }), "{error}");
}
