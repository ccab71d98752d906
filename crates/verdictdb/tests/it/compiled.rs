//! Compiled files: determinism, both builders, sizes, what builders refuse.

use crate::sample::{NOW, Random, Row, compile, open, options, profile, row};
use wardnet_model::{Band, Key, Kind, Scope};
use wardnet_verdictdb::{
    BuildError, Builder, Difference, Entry, Layer, Limits, Plan, StreamBuilder, View, diff,
};

fn rows(count: u64) -> Vec<Row> {
    let mut random = Random(11);
    let kinds = [Kind::Domain, Kind::Url, Kind::Sha256];
    let hashed = (0..count).map(|i| {
        let key = Key::digest(&random.next().to_le_bytes());
        row(1, kinds[i as usize % 3], key, i, Some(i))
    });
    hashed.collect()
}

fn shuffled(mut rows: Vec<Row>, seed: u64) -> Vec<Row> {
    let mut random = Random(seed);
    for end in (1..rows.len()).rev() {
        rows.swap(end, random.below(end as u64 + 1) as usize);
    }
    rows
}

#[test]
fn shuffled_input_yields_the_same_bytes() {
    let rows = rows(3_000);
    let first = compile(&rows, 5);
    for seed in 0..3 {
        assert!(compile(&shuffled(rows.clone(), seed), 5) == first, "seed {seed}");
    }
}

#[test]
fn the_stream_builder_writes_what_the_builder_writes() {
    let mut rows = rows(130_000);
    let entry = |row: &Row| -> (Kind, Key, Scope) { (row.kind, row.key, row.scope) };
    rows.sort_by(|a, b| {
        let (new_a, new_b) = (a.new.as_ref().unwrap(), b.new.as_ref().unwrap());
        new_a.as_entry(a.kind, a.key, a.scope).order(&new_b.as_entry(b.kind, b.key, b.scope))
    });
    let mut plan = Plan::new(Limits::default());
    for row in &rows {
        let (kind, key, scope) = entry(row);
        plan.note(&row.new.as_ref().unwrap().as_entry(kind, key, scope)).unwrap();
    }
    let mut file = Vec::new();
    let mut builder = StreamBuilder::new(&mut file, options(5), plan).unwrap();
    for row in &rows {
        let (kind, key, scope) = entry(row);
        builder.push(&row.new.as_ref().unwrap().as_entry(kind, key, scope)).unwrap();
    }
    let written = builder.finish().unwrap();
    assert_eq!((written.bytes, written.entries), (file.len() as u64, 130_000));
    assert!(file == compile(&rows, 5));
    let db = open(file);
    assert_eq!(db.root(), written.root);
    assert!(db.stat().sections.iter().any(|section| section.shards > 1), "several shards");
}

#[test]
fn every_entry_is_found_with_name_facts_and_terms() {
    let rows = rows(60_000);
    let view = View::of(open(compile(&rows, 5)));
    let questions: Vec<(Kind, Key)> = rows.iter().map(|row| (row.kind, row.key)).collect();
    let mut seen = 0;
    view.find_batch(None, &questions, NOW, |at, batched| {
        let row = &rows[at];
        let new = row.new.as_ref().unwrap();
        let hits = view.find(None, row.kind, &row.key, NOW).unwrap();
        assert_eq!(Ok(&hits), batched);
        let in_force = new.terms.is_none_or(|terms| terms.in_force(NOW));
        let hit = match row.layer {
            Layer::Evidence => hits.evidence(row.scope),
            Layer::Decision => hits.decision(row.scope),
        };
        assert_eq!(hit.is_some(), in_force);
        if let Some(hit) = hit {
            assert_eq!(*hit.profile, new.profile);
            assert_eq!(view.name(hit).unwrap(), new.name.as_deref());
            assert_eq!(view.facts(hit).unwrap(), new.facts);
            assert_eq!(view.terms(hit), new.terms);
        }
        seen += 1;
    });
    assert_eq!(seen, rows.len());
    let mut random = Random(99);
    for _ in 0..10_000 {
        let key = Key::digest(&random.next().to_be_bytes());
        assert!(view.find(None, Kind::Url, &key, NOW).unwrap().is_empty());
    }
}

#[test]
fn a_dump_yields_every_entry_in_order() {
    let rows = rows(40_000);
    let db = open(compile(&rows, 5));
    let dumped: Vec<_> = db.dump().map(Result::unwrap).collect();
    assert_eq!(dumped.len(), rows.len());
    assert!(dumped.is_sorted_by(|a, b| a.entry.order(&b.entry).is_le()));
    let domains = db.dump_kind(Layer::Evidence, Kind::Domain).map(Result::unwrap);
    assert!(domains.into_iter().all(|stored| stored.entry.kind == Kind::Domain));
}

#[test]
fn a_diff_tells_added_removed_and_changed() {
    let mut rows = rows(300);
    let old = open(compile(&rows, 5));
    let removed = rows.remove(10);
    let changed = rows.iter().position(|row| row.new.as_ref().unwrap().profile.band == Band::Safe);
    let at = changed.unwrap();
    rows[at].new.as_mut().unwrap().profile = profile(0);
    rows.push(row(1, Kind::Email, Key::digest(b"new"), 0, Some(1)));
    let new = open(compile(&rows, 6));
    let mut counts = [0; 3];
    for difference in diff(&old, &new) {
        match difference.unwrap() {
            Difference::Added(stored) => {
                counts[0] += 1;
                assert_eq!(stored.entry.kind, Kind::Email);
            }
            Difference::Removed(stored) => {
                counts[1] += 1;
                assert_eq!(stored.entry.key.prefix64(), removed.key.prefix64());
            }
            Difference::Changed(before, after) => {
                counts[2] += 1;
                assert_eq!((before.key_bits, after.key_bits), (128, 64));
                assert_eq!(after.entry.key.prefix64(), rows[at].key.prefix64());
            }
        }
    }
    assert_eq!(counts, [1, 1, 1]);
}

#[test]
fn a_million_addresses_take_less_than_twelve_bytes_each() {
    let profile = profile(0);
    let mut builder = Builder::new(options(0));
    for i in 0..1_000_000u32 {
        let address = std::net::Ipv4Addr::from(i.wrapping_mul(0x9e37_79b1));
        let prefix = wardnet_verdictdb::Prefix::of_address(address.into());
        let entry = Entry::evidence(prefix.kind(), prefix.key(), Scope::Exact, &profile);
        builder.push(&entry).unwrap();
    }
    let mut file = Vec::new();
    builder.finish(&mut file).unwrap();
    let stat = open(file).stat();
    assert!(stat.sections[0].bytes_per_entry() < 12.0, "{:?}", stat.sections[0]);
}

#[test]
fn what_must_not_be_written_is_refused() {
    let [bad, trusted] = [profile(0), profile(3)];
    let key = Key::digest(b"x");
    let push = |entries: &[Entry<'_>]| {
        let mut builder = Builder::new(options(0));
        entries.iter().try_for_each(|entry| builder.push(entry))?;
        builder.finish(Vec::new()).map(|_| ())
    };
    let twice = Entry::evidence(Kind::Url, key, Scope::Exact, &bad);
    assert!(matches!(push(&[twice, twice]), Err(BuildError::Duplicate { .. })));
    for kind in [Kind::Md5, Kind::Sha1, Kind::CertificateSha1] {
        let forged = Entry::evidence(kind, key, Scope::Exact, &trusted);
        assert!(matches!(push(&[forged]), Err(BuildError::TrustByWeakHash { .. })));
    }
    let host_bits = Entry::evidence(Kind::Ipv4, key, Scope::Exact, &bad);
    assert!(matches!(push(&[host_bits]), Err(BuildError::BadNetworkKey { .. })));
    let long = "x".repeat(8_193);
    let named = Entry { name: Some(&long), ..twice };
    assert!(matches!(push(&[named]), Err(BuildError::TooMany { .. })));
}
