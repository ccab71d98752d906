//! The journal alone gives every verdict again, also after compaction: whatever was learned, and
//! in whatever order and pieces it was taken in.

use crate::patterns::{list, set_patterns};
use crate::sample::{START, ask, bad, copy, decided, dump, good, import, said};
use proptest::prelude::*;
use std::path::Path;
use wardnet_identify::{Engine, Options};
use wardnet_model::{
    Action, CalibrationChange, Category, Decision, Evidence, Kind, Observation, PatternList,
    Record, RecordId, Reliability, Retraction, Scope, Sharing, Source, SourceId, Stance, TenantId,
    Timestamp,
};

const NAMES: [&str; 6] = [
    "evil.top",
    "www.evil.top",
    "http://evil.top/kit/",
    "45.95.11.34",
    "docs.google.com",
    "a.shop",
];

/// What feeds say: which name, whether it is good, how sure.
const LISTS: [&[(usize, bool, u8)]; 4] = [
    &[(0, false, 95), (1, false, 30), (2, false, 60), (3, false, 30)],
    &[(0, false, 95), (1, false, 30), (3, false, 60), (4, false, 95), (0, false, 95)],
    &[(1, true, 95), (4, true, 95), (5, true, 60)],
    &[],
];

const SOURCES: u32 = 3;
const TENANTS: u32 = 3;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    /// A source says something of its own accord.
    Say {
        name: usize,
        source: u32,
        record: u64,
        tenant: u32,
        confidence: u8,
        until: Option<u64>,
        good: bool,
    },
    /// It takes that back.
    End { name: usize, source: u32, record: u64, tenant: u32 },
    /// Somebody decides.
    Decide { name: usize, tenant: u32, action: usize, secs: Option<u64> },
    /// A feed is read: one of a few lists, so that most are read again.
    Feed { source: u32, full: bool, list: usize },
    /// A feed is read that has patterns, or none any more.
    Look { source: u32, full: bool, list: usize, patterns: usize },
    /// A source is described anew.
    Describe { source: u32, grade: u8, group: bool, shadow: bool },
    /// Evidence fades faster or slower.
    HalfLife { days: u64 },
    /// Time is looked at.
    Tick,
    /// A new base is built.
    Rebuild,
}

fn step() -> impl Strategy<Value = Step> {
    let (name, source, tenant) = (0..NAMES.len(), 0..SOURCES, 0..TENANTS);
    let place = (name.clone(), source.clone(), 0..3u64, tenant.clone());
    let until = prop::option::weighted(0.3, 1..4_000_000u64);
    prop_oneof![
        6 => (place.clone(), 10..100u8, until.clone(), prop::bool::weighted(0.2)).prop_map(
            |((name, source, record, tenant), confidence, until, good)| Step::Say {
                name, source, record, tenant, confidence, until, good
            }
        ),
        2 => place.prop_map(|(name, source, record, tenant)| Step::End {
            name, source, record, tenant
        }),
        3 => (name, tenant, 0..5usize, until).prop_map(|(name, tenant, action, secs)| {
            Step::Decide { name, tenant, action, secs }
        }),
        8 => (source.clone(), prop::bool::weighted(0.7), 0..LISTS.len())
            .prop_map(|(source, full, list)| Step::Feed { source, full, list }),
        4 => (source.clone(), prop::bool::weighted(0.6), 0..LISTS.len(), 0..4usize).prop_map(
            |(source, full, list, patterns)| Step::Look { source, full, list, patterns }
        ),
        1 => (source, 0..6u8, any::<bool>(), prop::bool::weighted(0.2)).prop_map(
            |(source, grade, group, shadow)| Step::Describe { source, grade, group, shadow }
        ),
        1 => (1..60u64).prop_map(|days| Step::HalfLife { days }),
        5 => Just(Step::Tick),
        1 => Just(Step::Rebuild),
    ]
}

/// Seconds that pass: none, a moment, or up to three weeks.
fn pause() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(0), 1 => 1..120u64, 3 => 3_600..2_000_000u64]
}

/// Steps, each with the seconds that pass before it.
fn history() -> impl Strategy<Value = Vec<(u64, Step)>> {
    prop::collection::vec((pause(), step()), 1..30)
}

/// Small pieces, so that a history is cut into many of them.
fn options(replay_chunk: usize) -> Options {
    let journal = wardnet_journal::Options { segment_bytes: 512, ..Default::default() };
    Options { journal, replay_chunk, overlay_max: 8, ..Options::default() }
}

const ACTIONS: [Action; 5] =
    [Action::Allow, Action::Block, Action::Confirm, Action::Refute, Action::Withdraw];

fn describe(
    engine: &mut Engine,
    source: u32,
    grade: u8,
    group: bool,
    shadow: bool,
    now: Timestamp,
) {
    let name = format!("source-{source}");
    let describe = |id| {
        let grade = Reliability::from_tag(grade).unwrap();
        let mut source = Source::undescribed(id, &name, grade);
        if group {
            source.group = "all".into();
        }
        source.shadow = shadow;
        source
    };
    engine.source(&name, describe, now).unwrap();
}

fn observation((name, is_good, confidence): &(usize, bool, u8)) -> Observation {
    let text = NAMES[*name];
    let row = if *is_good { good(text) } else { bad(text) };
    Observation { confidence: Some(*confidence), ..row }
}

/// What lists say of looks.
fn looks(number: usize) -> Vec<PatternList> {
    let kinds = [Kind::Domain, Kind::Url];
    match number {
        0 => vec![list(Stance::Benign, &kinds, &["evil.top"])],
        1 => vec![
            list(Stance::Benign, &kinds, &["/^http://evil", "/^a"]),
            list(Stance::Malicious, &kinds, &["google"]),
        ],
        2 => vec![list(Stance::Benign, &[Kind::Ipv4], &["45.95.11.34"])],
        _ => Vec::new(),
    }
}

fn live(engine: &mut Engine, step: Step, now: Timestamp) {
    let id = |source| SourceId(source + 1);
    let sharing = |tenant| if tenant == 2 { Sharing::Tenant } else { Sharing::Everyone };
    match step {
        Step::Say { name, source, record, tenant, confidence, until, good } => {
            let said = said(NAMES[name], id(source), record, now);
            let stance = if good { Stance::Benign } else { Stance::Malicious };
            let until = until.map(|secs| now.plus_secs(secs));
            let (tenant, sharing) = (TenantId(tenant), sharing(tenant));
            let said = Evidence { tenant, sharing, confidence, until, stance, ..said };
            engine.append(vec![Record::Evidence(said)], now).unwrap();
        }
        Step::End { name, source, record, tenant } => {
            let said = said(NAMES[name], id(source), record, now);
            let end = Retraction {
                tenant: TenantId(tenant),
                source: said.source,
                indicator: said.indicator,
                scope: Scope::Exact,
                record: RecordId(record),
                at: now,
            };
            engine.append(vec![Record::Retraction(end)], now).unwrap();
        }
        Step::Decide { name, tenant, action, secs } => {
            let until = secs.map(|secs| now.plus_secs(secs));
            let decision = decided(NAMES[name], ACTIONS[action], now);
            let decision =
                Decision { tenant: TenantId(tenant), scope: Scope::Exact, until, ..decision };
            engine.append(vec![Record::Decision(decision)], now).unwrap();
        }
        Step::Feed { source, full, list } => {
            let rows: Vec<Observation> = LISTS[list].iter().map(observation).collect();
            import(engine, id(source), full, &rows, now);
        }
        Step::Look { source, full, list, patterns } => {
            let rows: Vec<Observation> = LISTS[list].iter().map(observation).collect();
            let seen = import(engine, id(source), full, &rows, now);
            set_patterns(engine, &seen, looks(patterns), now);
        }
        Step::Describe { source, grade, group, shadow } => {
            describe(engine, source, grade, group, shadow, now);
        }
        Step::HalfLife { days } => {
            let change = CalibrationChange::HalfLife(Category::Phishing, days * 86_400);
            engine.calibrate("operator", vec![change], now).unwrap();
        }
        Step::Tick => crate::sample::pass(engine, now),
        Step::Rebuild => engine.rebuild_base(now).unwrap(),
    }
}

/// Every verdict, the shared ones and those of every tenant.
fn verdicts(engine: &mut Engine, now: Timestamp) -> (Vec<String>, Vec<String>) {
    let dump = dump(engine, now);
    let view = engine.views().load();
    let tenants = (0..TENANTS).map(|tenant| Some(TenantId(tenant)));
    let asked = tenants.flat_map(|tenant| NAMES.map(|name| (tenant, name)));
    let asked = asked
        .map(|(tenant, name)| format!("{tenant:?} {name} {:?}", ask(&view, tenant, name, now)));
    (dump, asked.collect())
}

/// The verdicts that a journal alone gives.
fn replayed(journal: &Path, replay_chunk: usize, now: Timestamp) -> (Vec<String>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    copy(journal, &folder.path().join("journal"));
    let (mut engine, opened) = Engine::open(folder.path(), options(replay_chunk), now).unwrap();
    assert!(opened.replayed > 0 && opened.rebuilt);
    verdicts(&mut engine, now)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_journal_alone_gives_every_verdict_again(
        history in history(),
        pause in pause(),
        replay_chunk in prop_oneof![4 => 1..12usize, 1 => Just(1 << 16)],
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut now = START;
        let (mut engine, _) = Engine::open(folder.path(), options(1 << 16), now).unwrap();
        for source in 0..SOURCES {
            describe(&mut engine, source, 1, false, false, now);
        }
        for (pause, step) in history {
            now = now.plus_secs(pause);
            live(&mut engine, step, now);
        }
        now = now.plus_secs(pause);
        let lived = verdicts(&mut engine, now);
        let journal = folder.path().join("journal");
        prop_assert_eq!(&replayed(&journal, replay_chunk, now), &lived, "replayed");
        engine.compact().unwrap();
        prop_assert_eq!(&verdicts(&mut engine, now), &lived, "compacted");
        prop_assert_eq!(&replayed(&journal, replay_chunk, now), &lived, "compacted, replayed");
    }
}

#[test]
fn compaction_drops_what_was_superseded() {
    let folder = tempfile::tempdir().unwrap();
    let (mut engine, _) = Engine::open(folder.path(), options(1 << 16), START).unwrap();
    describe(&mut engine, 0, 1, false, false, START);
    // What the version knows by itself, and the source, stay.
    let first = engine.journal().bytes();
    for minute in 0..200 {
        let now = START.plus_secs(minute * 60);
        let said = said("evil.top", SourceId(1), 1, now);
        engine.append(vec![Record::Evidence(said)], now).unwrap();
    }
    let now = START.plus_secs(200 * 60);
    let (lived, before) = (verdicts(&mut engine, now), engine.journal().bytes());
    engine.compact().unwrap();
    let after = engine.journal().bytes();
    assert!((after - first) * 10 < before - first, "{after} of {before} bytes are left");
    assert_eq!(replayed(&folder.path().join("journal"), 5, now), lived);
    assert!(lived.0.iter().any(|line| line.contains(&format!("{START:?}"))), "first seen then");
}
