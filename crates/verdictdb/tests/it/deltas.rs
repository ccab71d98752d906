//! A base and its changes are a full build.

use crate::sample::{NOW, Row, changes, compile, few_keys, open, options, replay};
use proptest::prelude::*;
use std::collections::BTreeSet;
use wardnet_model::{Key, Kind, Timestamp};
use wardnet_verdictdb::{Db, Entry, Profile, Stored, View, apply, diff, log};

/// What a dump says, without numbers of profiles.
fn dumped(db: &Db) -> Vec<Stored<'_>> {
    db.dump().map(Result::unwrap).collect()
}

/// The answers to a question, by content.
fn answers<'a>(view: &'a View, kind: Kind, key: &Key) -> Vec<(Profile, Option<&'a str>)> {
    let hits = view.find(None, kind, key, NOW).unwrap();
    let of = |hit| (view.name(hit).unwrap(), view.facts(hit).unwrap(), view.terms(hit));
    hits.iter().map(|(_, hit)| (hit.profile.clone(), of(hit).0)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn base_and_changes_equal_a_full_build(all in changes(120), cut in 0..120usize) {
        let (before, after) = all.split_at(cut.min(all.len()));
        let sequence = before.len() as u64;
        let base = open(compile(&replay(before), sequence));
        let whole = open(compile(&replay(&all), all.len() as u64));
        let mut file = Vec::new();
        apply(&base, after, &options(0), &mut file).unwrap();
        let next = open(file);
        prop_assert_eq!(next.sequence(), whole.sequence());
        prop_assert_eq!(dumped(&next), dumped(&whole));
        prop_assert_eq!(diff(&next, &whole).count(), 0);

        let live = View::of(base).after(after, Timestamp(0));
        let (next, whole) = (View::of(next), View::of(whole));
        let keys: BTreeSet<(Kind, Key)> = all.iter().map(|row| (row.kind, row.key)).collect();
        for (kind, key) in keys {
            let expected = answers(&whole, kind, &key);
            prop_assert_eq!(&answers(&next, kind, &key), &expected);
            prop_assert_eq!(&answers(&live, kind, &key), &expected);
        }
    }

    #[test]
    fn networks_answer_alike_from_base_overlay_and_delta(
        all in changes(120),
        cut in 0..120usize,
        (kind, key) in few_keys(),
    ) {
        let (before, after) = all.split_at(cut.min(all.len()));
        let base = open(compile(&replay(before), before.len() as u64));
        let whole = View::of(open(compile(&replay(&all), all.len() as u64)));
        let live = View::of(base).after(after, Timestamp(0));
        let Some(prefix) = wardnet_verdictdb::Prefix::from_key(kind, &key) else { return Ok(()) };
        let all_of = |view: &View| {
            let mut all = Vec::new();
            view.networks(None, prefix.address(), NOW, |prefix, hits| {
                let hits = hits.iter().map(|(layer, hit)| (layer, hit.scope, hit.profile.clone()));
                all.push((prefix, hits.collect::<Vec<_>>()));
            }).unwrap();
            all
        };
        prop_assert_eq!(all_of(&live), all_of(&whole));
    }

    #[test]
    fn a_log_gives_back_its_changes_and_bears_a_torn_end(
        all in changes(40), cut in 0..40usize, torn in 0..2_000usize,
    ) {
        let limits = Default::default();
        let (first, second) = all.split_at(cut.min(all.len()));
        let mut bytes = log::head().to_vec();
        log::encode_frame(first, &limits, &mut bytes).unwrap();
        let whole_first = bytes.len();
        log::encode_frame(second, &limits, &mut bytes).unwrap();
        let contents = log::decode(&bytes, &limits).unwrap();
        prop_assert_eq!(contents.valid_len, bytes.len() as u64);
        prop_assert_eq!(contents.changes, all.clone());
        let kept = whole_first + torn % (bytes.len() - whole_first);
        let contents = log::decode(&bytes[..kept], &limits).unwrap();
        prop_assert_eq!(contents.valid_len, whole_first as u64);
        prop_assert_eq!(contents.changes, first);
    }
}

#[test]
fn only_touched_shards_are_built_again() {
    let rows: Vec<Row> = (0..140_000u64)
        .map(|i| crate::sample::row(1, Kind::Url, Key::digest(&i.to_le_bytes()), 0, Some(8)))
        .map(|mut row| {
            let new = row.new.as_mut().unwrap();
            (new.name, new.facts) = (None, None);
            row
        })
        .collect();
    let file = compile(&rows, 1);
    let base = open(file.clone());
    assert!(base.stat().sections[0].shards >= 8);
    let mut change = rows[5].clone();
    (change.seq, change.new) = (2, None);
    let mut next = Vec::new();
    let written = apply(&base, &[change.clone()], &options(0), &mut next).unwrap();
    assert_eq!(written.entries, 139_999);
    let equal = file.chunks(4096).filter(|chunk| {
        let (head, _) = chunk.split_at(chunk.len().min(64));
        next.windows(head.len()).step_by(64).any(|window| window == head)
    });
    let share = equal.count() as f64 / file.chunks(4096).len() as f64;
    assert!(share > 0.8, "{share} of the pages are found again");
    let next = View::of(open(next));
    assert!(next.find(None, Kind::Url, &change.key, NOW).unwrap().is_empty());
}

#[test]
fn a_section_that_outgrows_its_shards_is_cut_anew() {
    let content = Some(8);
    let make = |range: std::ops::Range<u64>| -> Vec<Row> {
        let row = |i: u64| {
            crate::sample::row(i + 1, Kind::Url, Key::digest(&i.to_le_bytes()), i, content)
        };
        range.map(row).collect()
    };
    let (few, more) = (make(0..1_000), make(1_000..140_000));
    let base = open(compile(&few, 1_000));
    let mut file = Vec::new();
    apply(&base, &more, &options(0), &mut file).unwrap();
    let next = open(file);
    assert!(next.stat().sections[0].shards >= 8);
    let whole = open(compile(few.iter().chain(&more), 140_000));
    assert_eq!(dumped(&next).len(), 140_000);
    assert!(dumped(&next) == dumped(&whole));
    let first: Option<Entry<'_>> = dumped(&next).first().map(|stored| stored.entry);
    assert!(first.is_some());
}
