//! What is streamed is compared with what is built in memory.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use wardnet_model::{
    Action, BatchId, CalibrationChange, Decision, Indicator, Record, RecordId, Risk, Scope,
    Sharing, SourceId, Stance, Tlp, Voice,
};
use wardnet_model::{Calibration, Evidence};
use wardnet_store::{Dossier, Effect, Store, Update};
use wardnet_verdictdb::{Builder, Db, Layer, OpenOptions, View};

const NOW: Timestamp = Timestamp(1_790_000_000);

/// What somebody says or decides of an indicator.
#[derive(Debug, Clone)]
struct Said {
    indicator: Indicator,
    scope: Scope,
    risk: u8,
    band: Band,
    source: u32,
    private: bool,
    decided: Option<(Action, bool)>,
}

fn indicator() -> impl Strategy<Value = Indicator> {
    let parse = |text: String| Indicator::parse(&text).unwrap();
    prop_oneof![
        (0..12u8, 0..3u8).prop_map(move |(a, b)| parse(format!("{a}.0.{b}.0"))),
        (0..12u8, 1..32u8).prop_map(move |(a, length)| {
            let bits = u32::from_be_bytes([a, 0, 0, 0]) & (u32::MAX << (32 - length));
            parse(format!("{}/{length}", std::net::Ipv4Addr::from(bits)))
        }),
        (0..4u16).prop_map(move |a| parse(format!("2001:db8:{a}::"))),
        (0..4u16, 48..64u8).prop_map(move |(a, length)| parse(format!("2001:db8:{a}::/{length}"))),
        (0..20u16).prop_map(move |number| parse(format!("host{number}.top"))),
        (0..9u16).prop_map(move |number| parse(format!("http://host{number}.top/a"))),
        (0..20u16).prop_map(move |number| parse(format!("{number:032x}"))),
        (0..20u16).prop_map(move |number| parse(format!("{number:064x}"))),
        (0..9u16).prop_map(move |number| parse(format!("AS{number}"))),
    ]
}

fn said() -> impl Strategy<Value = Said> {
    let scope = prop_oneof![Just(Scope::Exact), Just(Scope::Below), Just(Scope::Subtree)];
    let band = prop_oneof![
        Just(Band::Unrated),
        Just(Band::Safe),
        Just(Band::Suspicious),
        Just(Band::Malicious)
    ];
    let action = prop_oneof![Just(Action::Allow), Just(Action::Block), Just(Action::Withdraw)];
    let decided = prop::option::weighted(0.3, (action, any::<bool>()));
    (indicator(), scope, 0..100u8, band, 0..4u32, prop::bool::weighted(0.1), decided).prop_map(
        |(indicator, scope, risk, band, source, private, decided)| {
            let domain = indicator.kind() == Some(Kind::Domain);
            let scope = if domain { scope } else { Scope::Exact };
            Said { indicator, scope, risk, band, source, private, decided }
        },
    )
}

fn evidence(said: &Said) -> Evidence {
    Evidence {
        tenant: TenantId::SHARED,
        source: SourceId(said.source),
        indicator: said.indicator.clone(),
        scope: said.scope,
        record: RecordId(1),
        revision: 1,
        batch: BatchId::NONE,
        stance: Stance::Malicious,
        category: Category::Phishing,
        confidence: 90,
        first_seen: NOW,
        last_seen: NOW,
        until: None,
        tlp: Tlp::Clear,
        sharing: Sharing::Everyone,
        details: None,
    }
}

/// A store that holds what was said, with verdicts as they are given.
fn store(all: &[Said]) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &wardnet_store::Options::default()).unwrap();
    for (said, position) in all.iter().zip(1..) {
        let mut update = Update::default();
        update.push(Record::Evidence(evidence(said)));
        if let Some((action, shared)) = said.decided {
            let tenant = if shared { TenantId::SHARED } else { TenantId(7) };
            update.push(Record::Decision(Decision {
                tenant,
                indicator: said.indicator.clone(),
                scope: said.scope,
                action,
                category: Category::Phishing,
                author: "somebody".into(),
                reason: "".into(),
                at: NOW,
                until: None,
            }));
        }
        let voice = Voice { source: SourceId(said.source), shareable: said.private };
        let mut settle = |_: &DossierKey, dossier: &mut Dossier, _: &[Effect]| {
            dossier.published = Published {
                risk: Risk::new(said.risk),
                band: said.band,
                sources: [voice].into_iter().collect(),
                first_seen: NOW,
                last_seen: NOW.plus_secs(said.risk.into()),
                private: said.private,
                ..Published::default()
            };
        };
        store.take_in(update, position, &mut settle).unwrap();
    }
    (folder, store)
}

fn options() -> Options {
    Options { created: NOW, sequence: 3, names: true, facts: true, ..Options::default() }
}

/// The hard tier has a network, an address and a domain among what is said.
fn epoch() -> Epoch {
    let texts = ["4.0.0.0", "0.0.0.0/8", "host3.top", "zz.example"];
    let texts = texts.map(Into::into).to_vec();
    let mut epoch = Epoch::default();
    epoch.apply(&Calibration {
        epoch: 1,
        at: NOW,
        reason: "test".into(),
        changes: vec![CalibrationChange::NeverListed(texts)],
    });
    epoch
}

fn compile(store: &Store, decisions_max: usize) -> (Vec<u8>, Vec<DossierKey>) {
    let (snapshot, epoch, cancel) = (store.snapshot().unwrap(), epoch(), Cancel::default());
    let compiler =
        Compiler { snapshot: &snapshot, epoch: &epoch, now: NOW, cancel: &cancel, decisions_max };
    let mut file = Vec::new();
    let (written, private) = compiler.compile(options(), &mut file).unwrap();
    assert_eq!(written.bytes, file.len() as u64);
    (file, private)
}

/// The same in memory, in any order.
fn built_in_memory(store: &Store) -> (Vec<u8>, Vec<DossierKey>) {
    let mut builder = Builder::new(options());
    let (epoch, mut private) = (epoch(), Vec::new());
    let hard = never_listed(&epoch);
    let taken: BTreeSet<DossierKey> = hard.iter().map(|(key, _)| *key).collect();
    for decided in &hard {
        builder.push(&entry(decided).unwrap()).unwrap();
    }
    let mut push = |key: DossierKey, data: &EntryData| {
        builder.push(&data.as_entry(key.kind().unwrap(), key.key(), key.scope())).unwrap();
    };
    store
        .for_each_front(|key, front| {
            if front.published.private {
                private.push(key);
            }
            let name = name(&key, front.payload);
            if is_listed(&front.published) {
                push(key, &settle::published_entry(&key, name.clone(), &front.published));
            }
            let ruling = ruling_entry(name, &front.decisions, TenantId::SHARED, NOW);
            if let Some(ruling) = ruling.filter(|_| !taken.contains(&key)) {
                push(key, &ruling);
            }
            Ok::<(), StoreError>(())
        })
        .unwrap();
    let mut file = Vec::new();
    builder.finish(&mut file).unwrap();
    (file, private)
}

fn open(file: Vec<u8>) -> Db {
    Db::open(file.into(), &OpenOptions::default()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_base_that_is_streamed_is_the_one_that_is_built_in_memory(
        all in prop::collection::vec(said(), 0..120),
    ) {
        let (_folder, store) = store(&all);
        let (expected, private) = built_in_memory(&store);
        // Kept decisions, then some that are not.
        for decisions_max in [usize::MAX, 3, 0] {
            let (file, mut private_too) = compile(&store, decisions_max);
            private_too.sort_unstable();
            prop_assert_eq!(&private_too, &private);
            prop_assert!(file == expected, "with {} decisions kept", decisions_max);
        }
        let db = open(expected);
        prop_assert_eq!(db.dump().filter(Result::is_err).count(), 0);
    }
}

fn of_hash(text: &str, risk: u8, band: Band, action: Option<Action>) -> Said {
    let indicator = Indicator::parse(text).unwrap();
    let decided = action.map(|action| (action, true));
    Said { indicator, scope: Scope::Exact, risk, band, source: 1, private: false, decided }
}

#[test]
fn hashes_that_begin_alike_are_one_entry_with_the_most_dangerous_word() {
    // Anybody can list two SHA-256 whose first 128 bits are the same.
    let (good, bad) = ("aa".repeat(16) + &"00".repeat(16), "aa".repeat(16) + &"11".repeat(16));
    for swapped in [false, true] {
        let (one, other) = if swapped { (&bad, &good) } else { (&good, &bad) };
        let all = [
            of_hash(one, 0, Band::Safe, Some(Action::Allow)),
            of_hash(other, 90, Band::Malicious, Some(Action::Block)),
            of_hash(&"bb".repeat(32), 70, Band::Malicious, None),
        ];
        let (_folder, store) = store(&all);
        for decisions_max in [9, 0] {
            let view = View::of(open(compile(&store, decisions_max).0));
            for (text, decided) in [(one, true), (other, true), (&"bb".repeat(32), false)] {
                let key = Indicator::parse(text).unwrap().key();
                let hits = view.find(None, Kind::Sha256, &key, NOW).unwrap();
                let bands: Vec<(Layer, Band)> =
                    hits.iter().map(|(layer, hit)| (layer, hit.profile.band)).collect();
                let mut expected = vec![(Layer::Evidence, Band::Malicious)];
                expected.extend(decided.then_some((Layer::Decision, Band::Malicious)));
                assert_eq!(bands, expected, "{text}");
            }
        }
    }
}

#[test]
fn of_any_number_of_hashes_that_begin_alike_those_that_decide_are_kept() {
    let text = |number: usize| "aa".repeat(16) + &format!("{number:08x}") + &"00".repeat(12);
    let many = 3 * ALIKE_MAX;
    let all = (0..many).map(|number| {
        let decided = (number % 50 == 7).then_some(Action::Block);
        let risk = if number == 11 { 95 } else { (number % 90) as u8 };
        let private = number % 20 == 3;
        Said { private, ..of_hash(&text(number), risk, Band::Malicious, decided) }
    });
    let (_folder, store) = store(&all.collect::<Vec<_>>());
    let expected: BTreeSet<DossierKey> = (0..many)
        .filter(|number| number % 20 == 3)
        .map(|number| DossierKey::of(&Indicator::parse(&text(number)).unwrap(), Scope::Exact))
        .collect();
    for decisions_max in [9, 0] {
        let (file, private) = compile(&store, decisions_max);
        assert_eq!(private.len(), expected.len());
        assert_eq!(private.into_iter().collect::<BTreeSet<_>>(), expected);
        let view = View::of(open(file));
        let key = Indicator::parse(&text(5)).unwrap().key();
        let hits = view.find(None, Kind::Sha256, &key, NOW).unwrap();
        let risks: Vec<(Layer, u8)> =
            hits.iter().map(|(layer, hit)| (layer, hit.profile.risk.value())).collect();
        assert_eq!(risks, [(Layer::Evidence, 95), (Layer::Decision, 100)]);
    }
}

#[test]
fn a_base_that_is_no_longer_wanted_is_given_up() {
    let (_folder, store) = store(&[of_hash(&"bb".repeat(32), 70, Band::Malicious, None)]);
    let (snapshot, epoch, cancel) = (store.snapshot().unwrap(), epoch(), Cancel::default());
    cancel.set();
    let compiler = Compiler {
        snapshot: &snapshot,
        epoch: &epoch,
        now: NOW,
        cancel: &cancel,
        decisions_max: 1,
    };
    let outcome = compiler.compile(options(), std::io::sink());
    assert!(matches!(outcome, Err(EngineError::Cancelled)), "{outcome:?}");
}
