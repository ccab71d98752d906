//! Readers are never disturbed while changes and bases arrive.

use crate::sample::{NOW, Row, compile, open, options, row};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use wardnet_model::{Key, Kind, Scope, Timestamp};
use wardnet_verdictdb::{View, Views, apply};

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
