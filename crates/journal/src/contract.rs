//! What every engine of the journal must do, as checks that any engine's tests can run.
//!
//! Each check takes a function that opens the log of a given name: a name that was not used before
//! gives an empty log, and the same name again gives the same log, once the first is dropped.

use std::thread;

use crate::error::Error;
use crate::{Journal, Positions};

/// The records of a log, each with its sequence number, in order.
pub type Records<'a, E> = Box<dyn Iterator<Item = Result<(u64, Vec<u8>), E>> + 'a>;

/// An append-only sequence of records, numbered from 1 without gaps.
pub trait Log: Send + Sync {
    /// Why it failed.
    type Error: std::error::Error + Send;

    /// Appends records as one unit and returns when they are durable.
    fn append(&self, records: &[&[u8]]) -> Result<Positions, Self::Error>;

    /// Makes everything appended so far durable.
    fn sync(&self) -> Result<(), Self::Error>;

    /// The durable records from `from` on.
    fn replay(&self, from: u64) -> Records<'_, Self::Error>;

    /// The sequence number of the last durable record, zero if there never was one.
    fn last(&self) -> Result<u64, Self::Error>;
}

impl Log for Journal {
    type Error = Error;

    fn append(&self, records: &[&[u8]]) -> Result<Positions, Error> {
        Journal::append(self, records)
    }

    fn sync(&self) -> Result<(), Error> {
        Journal::sync(self)
    }

    fn replay(&self, from: u64) -> Records<'_, Error> {
        Box::new(Journal::replay(self, from))
    }

    fn last(&self) -> Result<u64, Error> {
        Ok(Journal::last(self))
    }
}

/// Runs all checks.
pub fn check_all<L: Log>(open: &dyn Fn(&str) -> L) {
    check_empty(open);
    check_numbers(open);
    check_replay_from(open);
    check_any_bytes(open);
    check_reopening(open);
    check_concurrent_appends(open);
}

/// A new log has nothing in it, and appending nothing changes nothing.
pub fn check_empty<L: Log>(open: &dyn Fn(&str) -> L) {
    let log = open("empty");
    assert_eq!(log.last().expect("last"), 0);
    let positions = log.append(&[]).expect("append nothing");
    assert_eq!(positions, Positions { first: 1, end: 1 });
    log.sync().expect("sync");
    assert_eq!(log.replay(0).count(), 0);
    assert_eq!(log.replay(1).count(), 0);
}

/// Sequence numbers begin at 1 and rise by one per record.
pub fn check_numbers<L: Log>(open: &dyn Fn(&str) -> L) {
    let log = open("numbers");
    assert_eq!(log.append(&[b"a"]).expect("append"), Positions { first: 1, end: 2 });
    assert_eq!(log.append(&[b"b", b"c"]).expect("append"), Positions { first: 2, end: 4 });
    assert_eq!(log.last().expect("last"), 3);
    let expected = [(1, b"a".to_vec()), (2, b"b".to_vec()), (3, b"c".to_vec())];
    assert_eq!(collect(&log, 1), expected);
}

/// A replay begins exactly where it is asked to, also within an append.
pub fn check_replay_from<L: Log>(open: &dyn Fn(&str) -> L) {
    let log = open("replay-from");
    for frame in 0..5_u8 {
        log.append(&[&[frame, 0], &[frame, 1], &[frame, 2]]).expect("append");
    }
    let all = collect(&log, 0);
    assert_eq!(all.len(), 15);
    for from in 1..=17_u64 {
        let expected: Vec<_> = all.iter().filter(|(at, _)| *at >= from).cloned().collect();
        assert_eq!(collect(&log, from), expected, "from {from}");
    }
}

/// Records may be empty and hold any bytes.
pub fn check_any_bytes<L: Log>(open: &dyn Fn(&str) -> L) {
    let log = open("any-bytes");
    let every_byte: Vec<u8> = (0..=255).collect();
    let large = every_byte.repeat(256);
    log.append(&[b"", &every_byte, b"", &large]).expect("append");
    let expected = [(1, vec![]), (2, every_byte), (3, vec![]), (4, large)];
    assert_eq!(collect(&log, 1), expected);
}

/// A log that is opened again has all its records and goes on with the next number.
pub fn check_reopening<L: Log>(open: &dyn Fn(&str) -> L) {
    let mut before = Vec::new();
    for round in 1..=4_u8 {
        let log = open("reopening");
        assert_eq!(collect(&log, 1), before);
        let positions = log.append(&[&[round]]).expect("append");
        assert_eq!(positions.first, u64::from(round));
        before.push((positions.first, vec![round]));
    }
}

/// Appends from many threads do not mix, and each is given the numbers it is found under.
pub fn check_concurrent_appends<L: Log>(open: &dyn Fn(&str) -> L) {
    const THREADS: u8 = 8;
    const APPENDS: u8 = 20;
    let log = open("concurrent");
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let log = &log;
            scope.spawn(move || {
                for append in 0..APPENDS {
                    let records = [[thread, append, 0], [thread, append, 1]];
                    let at = log.append(&[&records[0], &records[1]]).expect("append");
                    assert_eq!(at.end, at.first + 2);
                    let found: Vec<_> =
                        log.replay(at.first).take(2).map(|found| found.expect("replay")).collect();
                    let expected =
                        [(at.first, records[0].to_vec()), (at.first + 1, records[1].to_vec())];
                    assert_eq!(found, expected, "an append is seen as soon as acknowledged");
                }
            });
        }
    });
    let all = collect(&log, 1);
    let numbers: Vec<u64> = all.iter().map(|(at, _)| *at).collect();
    let count = u64::from(THREADS) * u64::from(APPENDS) * 2;
    assert_eq!(numbers, (1..=count).collect::<Vec<_>>());
}

fn collect<L: Log>(log: &L, from: u64) -> Vec<(u64, Vec<u8>)> {
    log.replay(from).collect::<Result<_, _>>().expect("replay")
}
