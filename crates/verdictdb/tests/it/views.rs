//! Readers are never disturbed while changes and bases arrive.

use crate::sample::{NOW, Row, compile, open, options, row};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use wardnet_model::{Key, Kind, Scope, TenantId, Timestamp};
use wardnet_verdictdb::{Overlay, View, Views, apply};

/// What a view lists: keys' last bytes, scopes, and whether each entry is alone.
fn listed(view: &View, tenant: Option<TenantId>) -> Vec<(u8, Scope, bool)> {
    let all = view.entries(tenant, NOW).map(|one| one.unwrap());
    all.map(|one| (one.entry.key.0[7], one.entry.scope, one.is_alone)).collect()
}

/// Evidence about a hash whose first eight bytes are `number`, and whose others are `rest`.
fn hash(number: u8, rest: u8, scope: Scope, content: Option<u64>) -> Row {
    let mut key = Key([rest; 32]);
    key.0[..8].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, number]);
    let mut row = row(number.into(), Kind::Sha256, key, scope.tag().into(), content);
    if let Some(new) = &mut row.new {
        new.name = Some(key.0.iter().map(|byte| format!("{byte:02x}")).collect());
    }
    row
}

#[test]
fn entries_know_whether_they_are_alone_at_their_place() {
    use Scope::{Exact, Subtree};
    const TENANT: TenantId = TenantId(3);
    let base = [
        hash(1, 9, Exact, Some(1)),
        hash(2, 9, Exact, Some(1)),
        hash(2, 9, Subtree, Some(1)),
        hash(3, 9, Exact, Some(1)),
        hash(3, 8, Exact, Some(1)),
        hash(4, 9, Exact, Some(1)),
        hash(5, 9, Exact, Some(1)),
        hash(5, 9, Subtree, Some(1)),
        hash(6, 9, Exact, Some(1)),
    ];
    let view = View::of(open(compile(&base, 0)));
    let alone = |number| (number, Exact, true);
    let two = |number| [(number, Exact, false), (number, Subtree, false)];
    let alike = [(3, Exact, false), (3, Exact, false)];
    let parts = |parts: &[&[(u8, Scope, bool)]]| parts.concat();
    let expected = parts(&[&[alone(1)], &two(2), &alike, &[alone(4)], &two(5), &[alone(6)]]);
    assert_eq!(listed(&view, None), expected);
    assert_eq!((view.count(Kind::Sha256), view.count(Kind::Md5)), (Ok(9), Ok(0)));
    // Another begins alike; one of two goes; one takes another's place.
    let over = [
        hash(4, 7, Exact, Some(1)),
        hash(5, 9, Subtree, None),
        hash(6, 9, Exact, Some(2)),
        hash(7, 9, Exact, Some(1)),
    ];
    let view = view.after(&over, NOW);
    let alike_too = [(4, Exact, false), (4, Exact, false)];
    let six_on = [alone(5), alone(6), alone(7)];
    assert_eq!(listed(&view, None), parts(&[&[alone(1)], &two(2), &alike, &alike_too, &six_on]));
    // One is gone, one is new, and one that begins as another is not told from it.
    assert_eq!(view.count(Kind::Sha256), Ok(9));
    // A tenant has a word of its own beside the shared one, and one in its place.
    let mut own = Overlay::default();
    own.apply(&hash(1, 9, Subtree, Some(1)));
    own.apply(&hash(7, 9, Exact, None));
    let view = view.with_tenant(TENANT, own);
    let expected = parts(&[&two(1), &two(2), &alike, &alike_too, &[alone(5), alone(6)]]);
    assert_eq!(listed(&view, Some(TENANT)), expected);
}

fn row_at(seq: u64) -> Row {
    row(seq, Kind::Url, Key::digest(&seq.to_le_bytes()), 0, Some(8))
}

#[test]
fn readers_miss_nothing_while_bases_are_swapped() {
    const CHANGES: u64 = 400;
    let views = Views::new(View::of(open(compile(&[], 0))));
    let (published, done) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for reader in 0..3u64 {
            let (views, published, done) = (&views, &published, &done);
            scope.spawn(move || {
                let mut asked = reader;
                while !done.load(Ordering::Acquire) {
                    let visible = published.load(Ordering::Acquire);
                    let view = views.load();
                    assert!(view.seq >= visible, "a view never goes back");
                    asked = asked.wrapping_mul(25_214_903_917).wrapping_add(11);
                    if visible > 0 {
                        let row = row_at(1 + asked % visible);
                        let hits = view.find(None, row.kind, &row.key, NOW).unwrap();
                        assert!(hits.evidence(Scope::Exact).is_some(), "{}", row.seq);
                    }
                }
            });
        }
        for seq in 1..=CHANGES {
            views.publish(&[row_at(seq)], Timestamp(seq));
            published.store(seq, Ordering::Release);
            if seq % 50 == 0 {
                let view = views.load();
                let changes: Vec<Row> = (1..=seq).map(row_at).collect();
                let mut file = Vec::new();
                let base = view.base.as_ref().unwrap();
                apply(base, &changes, &options(0), &mut file).unwrap();
                views.swap_base(Arc::new(open(file))).unwrap();
                assert!(views.load().overlay.is_empty(), "the new base contains all changes");
            }
        }
        done.store(true, Ordering::Release);
    });
    assert_eq!(views.load().seq, CHANGES);
}

#[test]
fn a_swap_keeps_newer_changes_and_refuses_older_bases() {
    let views = Views::new(View::of(open(compile(&[], 0))));
    let rows: Vec<Row> = (1..=4).map(row_at).collect();
    views.publish(&rows, Timestamp(9));
    views.swap_base(Arc::new(open(compile(&rows[..2], 2)))).unwrap();
    let view = views.load();
    assert_eq!((view.overlay.len(), view.seq), (2, 4));
    for row in &rows {
        assert!(!view.find(None, row.kind, &row.key, NOW).unwrap().is_empty());
    }
    assert!(views.swap_base(Arc::new(open(compile(&rows[..1], 1)))).is_err());
    assert_eq!(views.load().base.as_ref().unwrap().sequence(), 2);
}
