//! Failing writes, full disks, torn tails and damage.

use wardnet_journal::fault::FaultDisk;
use wardnet_journal::{Error, Fault, Limits, Options};

use crate::{collect, damage, fill, open, path_of_last, record, small_segments};

/// The segment header, and the head of each frame.
const HEADER: usize = 36;
const FRAME: usize = 44;

#[test]
fn a_failed_sync_poisons_the_journal() {
    let disk = FaultDisk::new(1);
    let (journal, _) = open(&disk).unwrap();
    fill(&journal, 2);
    disk.fail_syncs(1);
    let error = journal.append(&[b"lost"]).unwrap_err();
    assert!(matches!(error, Error::Poisoned { .. }), "{error}");
    assert!(error.to_string().contains("restart"), "{error}");
    // The next fsync would succeed, and would be a lie.
    assert!(matches!(journal.append(&[b"more"]), Err(Error::Poisoned { .. })));
    assert!(matches!(journal.append_unsynced(&[b"more"]), Err(Error::Poisoned { .. })));
    assert!(matches!(journal.sync(), Err(Error::Poisoned { .. })));
    assert!(matches!(journal.compact(|_, _| true), Err(Error::Poisoned { .. })));
    assert_eq!(collect(&journal).len(), 2);
    disk.crash();
    let (journal, _) = open(&disk).unwrap();
    assert_eq!(collect(&journal).len(), 2);
    fill(&journal, 1);
}

#[test]
fn a_full_disk_keeps_nothing_and_appending_resumes() {
    let disk = FaultDisk::new(1);
    let (journal, _) = open(&disk).unwrap();
    fill(&journal, 2);
    for space in [0, 1, FRAME as u64, FRAME as u64 + 3] {
        disk.set_space(Some(space));
        assert!(matches!(journal.append(&[&record(3)]), Err(Error::NoSpace { .. })));
        assert_eq!(collect(&journal).len(), 2);
    }
    disk.set_space(None);
    fill(&journal, 1);
    let expected: Vec<_> = (1..=3).map(|at| (at, record(at))).collect();
    assert_eq!(collect(&journal), expected);
    disk.crash();
    assert_eq!(collect(&open(&disk).unwrap().0), expected);
}

#[test]
fn a_disk_that_fills_up_while_rolling_over_recovers() {
    for space in 0..400 {
        let disk = FaultDisk::new(space);
        let (journal, _) = open(&disk).unwrap();
        fill(&journal, 6);
        disk.set_space(Some(space));
        let mut next = 7;
        while journal.append(&[&record(next)]).is_ok() {
            next += 1;
        }
        disk.set_space(None);
        fill(&journal, 10);
        let expected: Vec<_> = (1..next + 10).map(|at| (at, record(at))).collect();
        assert_eq!(collect(&journal), expected);
        disk.crash();
        assert_eq!(collect(&open(&disk).unwrap().0), expected);
    }
}

#[test]
fn a_torn_tail_is_cut_off_and_reported() {
    let disk = FaultDisk::new(1);
    let (journal, _) = open(&disk).unwrap();
    fill(&journal, 3);
    let path = path_of_last(&journal);
    let whole = disk.contents(&path).unwrap();
    let start = whole.len() - FRAME - 4 - record(3).len();
    for len in start + 1..whole.len() {
        disk.overwrite(&path, &whole[..len]).unwrap();
        let (journal, report) = open(&disk).unwrap();
        let torn = report.torn.unwrap();
        assert_eq!((torn.file, torn.offset), (path.clone(), start as u64));
        assert_eq!(torn.bytes, (len - start) as u64);
        assert_eq!((journal.last(), report.last), (2, 2));
        assert_eq!(open(&disk).unwrap().1.torn, None);
    }
}

#[test]
fn damage_before_the_tail_is_an_error_and_changes_nothing() {
    let disk = FaultDisk::new(1);
    let (journal, _) = open(&disk).unwrap();
    fill(&journal, 3);
    let path = path_of_last(&journal);
    let whole = disk.contents(&path).unwrap();
    let third = whole.len() - FRAME - 4 - record(3).len();
    for at in 0..third {
        disk.overwrite(&path, &whole).unwrap();
        damage(&disk, &path, at);
        let before = disk.contents(&path).unwrap();
        match open(&disk) {
            Err(Error::Damaged { file, .. }) => assert_eq!(file, path, "byte {at}"),
            Err(Error::UnsupportedVersion { .. }) => assert!((8..12).contains(&at), "byte {at}"),
            other => panic!("byte {at}: {other:?}"),
        }
        assert_eq!(disk.contents(&path).unwrap(), before);
    }
}

#[test]
fn after_a_checkpoint_the_last_frame_is_safe_from_being_cut() {
    let disk = FaultDisk::new(1);
    let (journal, _) = open(&disk).unwrap();
    fill(&journal, 3);
    journal.checkpoint().unwrap();
    let path = path_of_last(&journal);
    assert_eq!(open(&disk).unwrap().1.torn, None);
    let third = HEADER + 2 * (FRAME + 4) + record(1).len() + record(2).len();
    damage(&disk, &path, third + FRAME + 5);
    let error = open(&disk).unwrap_err();
    assert!(matches!(error, Error::Damaged { fault: Fault::FrameBodyChecksum, .. }), "{error}");
}

#[test]
fn a_record_cannot_pass_itself_off_as_a_later_frame() {
    let disk = FaultDisk::new(1);
    let (journal, _) = open(&disk).unwrap();
    fill(&journal, 1);
    // A whole other segment as a record: its frames claim that much later records were durable.
    let other = FaultDisk::new(2);
    let (forger, _) = open(&other).unwrap();
    fill(&forger, 6);
    forger.checkpoint().unwrap();
    journal.append(&[&other.contents(&path_of_last(&forger)).unwrap()]).unwrap();
    let path = path_of_last(&journal);
    damage(&disk, &path, HEADER + FRAME + 4 + record(1).len() + FRAME);
    let (journal, report) = open(&disk).unwrap();
    assert!(report.torn.is_some());
    assert_eq!(journal.last(), 1);
}

#[test]
fn damage_in_a_sealed_segment_is_found_by_opening_or_by_replay() {
    let disk = FaultDisk::new(1);
    let (journal, _) = open(&disk).unwrap();
    fill(&journal, 30);
    let path = journal.segments()[1].path.clone();
    let whole = disk.contents(&path).unwrap();
    for at in 0..whole.len() {
        disk.overwrite(&path, &whole).unwrap();
        damage(&disk, &path, at);
        let found = open(&disk).and_then(|(journal, _)| {
            let found = journal.replay(1).collect::<Result<Vec<_>, _>>();
            assert!(found.is_err(), "byte {at} is damaged and nobody noticed");
            found
        });
        match found {
            Err(Error::Damaged { file, .. } | Error::UnsupportedVersion { file, .. }) => {
                assert_eq!(file, path, "byte {at}");
            }
            other => panic!("byte {at}: {other:?}"),
        }
    }
    for len in 0..whole.len() {
        disk.overwrite(&path, &whole[..len]).unwrap();
        assert!(matches!(open(&disk), Err(Error::Damaged { .. })), "cut to {len}");
    }
}

#[test]
fn a_missing_segment_is_an_error() {
    use wardnet_journal::Disk;
    let disk = FaultDisk::new(1);
    let (journal, _) = open(&disk).unwrap();
    fill(&journal, 40);
    let segments = journal.segments();
    for index in [0, 1] {
        let copy = disk.contents(&segments[index].path).unwrap();
        disk.remove(&segments[index].path).unwrap();
        match open(&disk) {
            Err(Error::MissingSegment { file }) => assert_eq!(file, segments[index].path),
            other => panic!("{other:?}"),
        }
        disk.create(&segments[index].path).unwrap();
        disk.overwrite(&segments[index].path, &copy).unwrap();
    }
    assert_eq!(collect(&open(&disk).unwrap().0).len(), 40);
}

#[test]
fn what_exceeds_a_limit_is_refused_and_leaves_no_gap() {
    let limits = Limits { record_bytes: 10, frame_bytes: 40, frame_records: 3 };
    let options = Options { limits, ..small_segments() };
    let disk = std::sync::Arc::new(FaultDisk::new(1));
    let (journal, _) = wardnet_journal::Journal::open("/j", disk.clone(), options).unwrap();
    let append = |records: &[&[u8]]| journal.append(records).unwrap_err();
    assert!(matches!(append(&[&[0; 11]]), Error::RecordTooLarge { len: 11, limit: 10 }));
    assert!(matches!(append(&[b"", b"", b"", b""]), Error::TooManyRecords { count: 4, limit: 3 }));
    assert!(matches!(append(&[&[0; 9], &[0; 9], &[0; 9]]), Error::FrameTooLarge { len: 51, .. }));
    assert_eq!(journal.append(&[&[0; 10], &[0; 10]]).unwrap().first, 1);
    let tighter = Limits { frame_bytes: 20, ..limits };
    let error = wardnet_journal::Journal::open("/j", disk, Options { limits: tighter, ..options });
    assert!(matches!(error, Err(Error::StoredFrameTooLarge { len: 28, limit: 20, .. })));
}
