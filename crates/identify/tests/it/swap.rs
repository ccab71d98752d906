//! New bases under running readers: no answer is missing, wrong or waited for.

use crate::sample::{START, append, ask, bad, import, open, said, source};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use wardnet_model::{Band, Record};

#[test]
fn readers_never_miss_an_answer_while_bases_are_swapped() {
    const READERS: usize = 3;
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), START);
    let feed = source(&mut engine, "feed", START);
    let rows: Vec<_> = (0..500).map(|number| bad(&format!("fixed{number}.top"))).collect();
    import(&mut engine, feed, true, &rows, START);
    let views = engine.views();
    let (stop, asked, published) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for reader in 0..READERS {
            let (views, stop, asked, published) = (&views, &stop, &asked, &published);
            scope.spawn(move || {
                for round in 0.. {
                    if stop.load(Ordering::Acquire) {
                        break;
                    }
                    let newest = published.load(Ordering::Acquire);
                    let view = views.load();
                    let fixed = format!("http://fixed{}.top/x", (round + reader) % 500);
                    assert_eq!(ask(&view, None, &fixed, START).0, Band::Malicious, "{fixed}");
                    assert_eq!(ask(&view, None, "innocent.top", START).0, Band::Unrated);
                    if newest > 0 {
                        let last = format!("new{}.top", newest - 1);
                        assert_eq!(ask(&view, None, &last, START).0, Band::Malicious, "{last}");
                    }
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut bases = 0;
        for number in 0..300u64 {
            let said = Record::Evidence(said(&format!("new{number}.top"), feed, 1, START));
            append(&mut engine, said, START);
            published.store(number + 1, Ordering::Release);
            if number % 20 == 19 {
                engine.rebuild_base(START).unwrap();
                bases += 1;
            }
        }
        stop.store(true, Ordering::Release);
        assert_eq!(bases, 15);
    });
    let asked = asked.into_inner();
    assert!(asked > 1_000, "the readers asked {asked} times only");
}
