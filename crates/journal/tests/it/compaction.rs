//! Compaction drops what it is told to and nothing else.

use std::thread;

use wardnet_journal::Journal;
use wardnet_journal::fault::FaultDisk;

use crate::{collect, fill, open, record};

fn sealed_end(journal: &Journal) -> u64 {
    journal.segments().iter().filter(|segment| segment.sealed).map(|s| s.end).max().unwrap()
}

#[test]
fn drops_exactly_what_is_not_kept() {
    for modulus in 1..12 {
        let disk = FaultDisk::new(modulus);
        let (journal, _) = open(&disk).unwrap();
        fill(&journal, 100);
        let end = sealed_end(&journal);
        let before = journal.segments();
        let report = journal
            .compact(|at, bytes| {
                assert_eq!(bytes, record(at));
                at % modulus != 0
            })
            .unwrap();
        let kept = |at: &u64| *at >= end || !at.is_multiple_of(modulus);
        let expected: Vec<_> = (1..=100).filter(kept).map(|at| (at, record(at))).collect();
        assert_eq!(collect(&journal), expected);
        assert_eq!(report.examined, end - 1);
        assert_eq!(report.dropped, 100 - expected.len() as u64);
        assert_eq!(report.segments_before, before.len() - 1);
        assert_eq!(report.segments_after, journal.segments().len() - 1);
        let sealed = journal.segments().iter().filter(|s| s.sealed).map(|s| s.bytes).sum::<u64>();
        assert_eq!(report.bytes_after, sealed);
        assert!(report.bytes_after < report.bytes_before);
        assert_eq!(journal.segments().last(), before.last(), "the active segment is untouched");
        disk.crash();
        let (journal, report) = open(&disk).unwrap();
        assert_eq!(report.removed, Vec::<std::path::PathBuf>::new());
        assert_eq!(collect(&journal), expected);
        for from in [1, 5, end - 1, end, 99] {
            let found: Vec<_> = journal.replay(from).map(|found| found.unwrap().0).collect();
            let wanted = expected.iter().map(|(at, _)| *at).filter(|at| *at >= from);
            assert_eq!(found, wanted.collect::<Vec<_>>());
        }
        fill(&journal, 1);
    }
}

#[test]
fn a_segment_left_empty_leaves_no_file_of_its_own() {
    let disk = FaultDisk::new(1);
    let (journal, _) = open(&disk).unwrap();
    fill(&journal, 100);
    let end = sealed_end(&journal);
    journal.compact(|_, _| false).unwrap();
    assert_eq!(journal.segments().len(), 2, "one small file covers all that was dropped");
    assert_eq!(journal.last(), 100);
    assert_eq!(collect(&journal).first().unwrap().0, end);
    let again = journal.compact(|_, _| false).unwrap();
    assert_eq!((again.examined, again.dropped), (0, 0));
    assert_eq!(again.bytes_before, again.bytes_after);
}

#[test]
fn keeping_all_of_full_segments_rewrites_nothing() {
    let disk = FaultDisk::new(1);
    let (journal, _) = open(&disk).unwrap();
    fill(&journal, 100);
    let path = journal.segments()[0].path.clone();
    let before = disk.contents(&path).unwrap();
    let report = journal.compact(|_, _| true).unwrap();
    assert_eq!(report.dropped, 0);
    assert_eq!(disk.contents(&path).unwrap(), before);
}

#[test]
fn a_replay_under_way_survives_compaction_and_appends() {
    let disk = FaultDisk::new(1);
    let (journal, _) = open(&disk).unwrap();
    fill(&journal, 100);
    for taken in 0..100_u64 {
        let mut replay = journal.replay(1);
        let mut found: Vec<u64> =
            replay.by_ref().take(taken as usize).map(|record| record.unwrap().0).collect();
        // A little more goes each time, so that files are replaced under the replay.
        journal.compact(|at, _| at % 50 > taken / 2).unwrap();
        fill(&journal, 1);
        found.extend(replay.by_ref().map(|record| record.unwrap().0));
        assert!(found.is_sorted_by(|a, b| a < b), "{found:?}");
        let now: Vec<u64> = collect(&journal).iter().map(|(at, _)| *at).collect();
        assert!(now.iter().all(|at| found.contains(at)), "none that is kept is passed over");
        fill(&journal, 1);
        assert_eq!(replay.next().unwrap().unwrap().0, journal.last(), "it goes on");
        assert!(replay.next().is_none());
    }
}

#[test]
fn appends_replays_and_compactions_at_the_same_time() {
    let disk = FaultDisk::new(1);
    let (journal, _) = open(&disk).unwrap();
    fill(&journal, 50);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..200 {
                    journal.append(&[b"one", b"two"]).unwrap();
                }
            });
        }
        scope.spawn(|| {
            for round in 2..20 {
                journal.compact(|at, _| at % round != 0 || at < 10).unwrap();
            }
        });
        scope.spawn(|| {
            for _ in 0..50 {
                let numbers: Vec<u64> = collect(&journal).iter().map(|(at, _)| *at).collect();
                assert!(numbers.is_sorted_by(|a, b| a < b));
                assert!(numbers.starts_with(&[1, 2, 3]));
            }
        });
    });
    assert_eq!(journal.last(), 50 + 3 * 200 * 2);
}

#[test]
fn an_interrupted_compaction_is_tidied_up() {
    for changes in 0..40 {
        let disk = FaultDisk::new(changes);
        let (journal, _) = open(&disk).unwrap();
        fill(&journal, 60);
        let all = collect(&journal);
        let end = sealed_end(&journal);
        disk.power_off_after(changes);
        let done = journal.compact(|at, _| at % 4 == 0);
        disk.crash();
        let (journal, _) = open(&disk).unwrap();
        let found = collect(&journal);
        let must = all.iter().filter(|(at, _)| *at % 4 == 0 || *at >= end);
        assert!(must.clone().all(|record| found.contains(record)));
        assert!(found.iter().all(|record| all.contains(record)));
        if done.is_ok() {
            assert_eq!(found, must.cloned().collect::<Vec<_>>());
        }
        assert_eq!(open(&disk).unwrap().1.removed, Vec::<std::path::PathBuf>::new());
    }
}
