//! Small observations under real top-level names, and engines that take them in.

use std::path::Path;
use wardnet_identify::{Begun, Engine, Explained, Import, ImportTerms, Options, Parcel, explain};
use wardnet_model::{
    Action, Band, BatchId, BatchSeen, Category, Decision, Evidence, Indicator, Key, Observation,
    Record, RecordId, Scope, Sharing, SourceId, Stance, SuffixList, TenantId, Timestamp, Tlp,
};
use wardnet_verdictdb::{Question, View};

/// A whole minute.
pub(crate) const START: Timestamp = Timestamp(1_780_000_020);

pub(crate) const DAY: u64 = 86_400;

pub(crate) fn days(count: u64) -> Timestamp {
    START.plus_secs(count * DAY)
}

pub(crate) fn options() -> Options {
    Options::default()
}

pub(crate) fn open(dir: &Path, now: Timestamp) -> Engine {
    Engine::open(dir, options(), now).unwrap().0
}

/// A source of grade B, in a group of its own.
pub(crate) fn source(engine: &mut Engine, name: &str, now: Timestamp) -> SourceId {
    engine.local_source(name, now).unwrap()
}

pub(crate) fn bad(text: &str) -> Observation {
    Observation::malicious(Indicator::parse(text).unwrap(), Scope::Exact)
}

pub(crate) fn good(text: &str) -> Observation {
    let category = Some(Category::KnownGood);
    Observation { stance: Stance::Benign, category, ..bad(text) }
}

pub(crate) fn terms(source: SourceId, full: bool, rows: &[Observation]) -> ImportTerms {
    ImportTerms {
        tenant: TenantId::SHARED,
        source,
        full,
        digest: Key::digest(format!("{rows:?}").as_bytes()).0,
        category: Category::Phishing,
        confidence: 95,
        tlp: Tlp::Clear,
        sharing: Sharing::Everyone,
    }
}

/// Imports rows; unchanged ones are renewed.
pub(crate) fn import(
    engine: &mut Engine,
    source: SourceId,
    full: bool,
    rows: &[Observation],
    now: Timestamp,
) -> BatchSeen {
    import_as(engine, terms(source, full, rows), rows, now)
}

pub(crate) fn import_as(
    engine: &mut Engine,
    terms: ImportTerms,
    rows: &[Observation],
    now: Timestamp,
) -> BatchSeen {
    let (begun, import) = engine.begin_import(terms.clone(), now).unwrap();
    let Some(mut import) = import else {
        let Begun::Unchanged(seen) = begun else { panic!("an import that never began") };
        return seen;
    };
    let parcel = pack(&import, rows);
    engine.import_rows(&mut import, parcel).unwrap();
    engine.finish_import(import, rows.len() as u64, 0).unwrap()
}

pub(crate) fn pack<'a>(import: &Import, rows: impl IntoIterator<Item = &'a Observation>) -> Parcel {
    let mut packer = import.packer();
    rows.into_iter().for_each(|row| packer.push(row.clone()));
    packer.take()
}

/// A statement that came by itself, in no batch.
pub(crate) fn said(text: &str, source: SourceId, record: u64, at: Timestamp) -> Evidence {
    Evidence {
        tenant: TenantId::SHARED,
        source,
        indicator: Indicator::parse(text).unwrap(),
        scope: Scope::Exact,
        record: RecordId(record),
        revision: at.0,
        batch: BatchId::NONE,
        stance: Stance::Malicious,
        category: Category::Phishing,
        confidence: 95,
        first_seen: at,
        last_seen: at,
        until: None,
        tlp: Tlp::Clear,
        sharing: Sharing::Everyone,
        details: None,
    }
}

pub(crate) fn decided(text: &str, action: Action, at: Timestamp) -> Decision {
    Decision {
        tenant: TenantId::SHARED,
        indicator: Indicator::parse(text).unwrap(),
        scope: Scope::Subtree,
        action,
        category: Category::Malware,
        author: "analyst".into(),
        reason: "seen by hand".into(),
        at,
        until: None,
    }
}

pub(crate) fn append(engine: &mut Engine, record: Record, now: Timestamp) {
    engine.append(vec![record], now).unwrap();
}

/// The passing of time, as the writer sees to it.
pub(crate) fn pass(engine: &mut Engine, now: Timestamp) {
    engine.tick(now).unwrap();
    engine.publish(now).unwrap();
}

pub(crate) fn ask(view: &View, tenant: Option<TenantId>, text: &str, now: Timestamp) -> (Band, u8) {
    let indicator = Indicator::parse(text).unwrap();
    let question = Question { tenant, ..Question::about(&indicator) };
    let answer = view.ask(&question, SuffixList::shipped(), now).unwrap();
    (answer.band, answer.risk.value())
}

pub(crate) fn verdict(engine: &Engine, text: &str, now: Timestamp) -> (Band, u8) {
    ask(&engine.views().load(), None, text, now)
}

pub(crate) fn band(engine: &Engine, text: &str, now: Timestamp) -> Band {
    verdict(engine, text, now).0
}

/// What `explain` says of a thing at its exact scope.
pub(crate) fn explained(engine: &Engine, text: &str, now: Timestamp) -> Option<Explained> {
    let indicator = Indicator::parse(text).unwrap();
    let found = explain(&engine.store(), &engine.epoch(), &indicator, TenantId::SHARED, now);
    found.unwrap().into_iter().next()
}

/// Every entry of a base that is built for now, but for when things were last seen: renewals of a
/// batch are found there only after something else moved the verdict.
pub(crate) fn dump(engine: &mut Engine, now: Timestamp) -> Vec<String> {
    pass(engine, now);
    engine.rebuild_base(now).unwrap();
    let view = engine.views().load();
    let base = view.base.as_ref().unwrap();
    let mut lines: Vec<String> = base
        .dump()
        .map(|stored| {
            let entry = stored.unwrap().entry;
            let first_seen = entry.facts.map(|facts| facts.first_seen);
            format!(
                "{:?} {:?} {:?} {:?} {:?} {:?}",
                entry.kind, entry.scope, entry.name, entry.profile, first_seen, entry.terms
            )
        })
        .collect();
    lines.sort_unstable();
    lines
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
