//! The promise: what was acknowledged survives any crash, once, in order, unchanged; what was not
//! is kept up to some append or lost.

use std::collections::BTreeSet;

use proptest::prelude::*;
use wardnet_journal::fault::FaultDisk;
use wardnet_journal::{Error, Journal};

use crate::{collect, open, record};

#[derive(Clone, Debug)]
enum Action {
    Append(u8),
    AppendUnsynced(u8),
    Sync,
    Checkpoint,
    Compact(u64),
    FillDisk(u64),
    FreeDisk,
    FailSync,
    PowerOffAfter(u64),
    Restart,
    Crash,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (1..6_u8).prop_map(Action::Append),
        6 => (1..6_u8).prop_map(Action::AppendUnsynced),
        2 => Just(Action::Sync),
        1 => Just(Action::Checkpoint),
        2 => (2..5_u64).prop_map(Action::Compact),
        1 => (0..900_u64).prop_map(Action::FillDisk),
        2 => Just(Action::FreeDisk),
        1 => Just(Action::FailSync),
        2 => (0..25_u64).prop_map(Action::PowerOffAfter),
        2 => Just(Action::Restart),
        2 => Just(Action::Crash),
    ]
}

/// The records of one append, without those dropped since, and the number after its last one.
struct Append {
    records: Vec<(u64, Vec<u8>)>,
    end: u64,
}

/// What must be found after a crash, and what may be.
struct Model {
    disk: FaultDisk,
    journal: Journal,
    /// Acknowledged.
    records: Vec<(u64, Vec<u8>)>,
    /// Appended since, in order.
    pending: Vec<Append>,
    /// Records that an unfinished compaction wanted to drop.
    perhaps_dropped: BTreeSet<u64>,
    poisoned: bool,
    /// Makes each record differ from those that had its number before.
    appends: u64,
}

impl Model {
    fn new(seed: u64) -> Self {
        let disk = FaultDisk::new(seed);
        let (journal, _) = open(&disk).unwrap();
        let (records, pending) = (Vec::new(), Vec::new());
        let (perhaps_dropped, poisoned, appends) = (BTreeSet::new(), false, 0);
        Self { disk, journal, records, pending, perhaps_dropped, poisoned, appends }
    }

    fn next(&self) -> u64 {
        // Compaction may have dropped the last record, but never its number.
        self.pending.last().map_or(self.journal.last() + 1, |append| append.end)
    }

    fn append(&mut self, count: u8, durable: bool) {
        self.appends += 1;
        let records: Vec<_> = (0..u64::from(count))
            .map(|i| [record(self.appends * 7 + i), self.appends.to_le_bytes().to_vec()].concat())
            .collect();
        let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let first = self.next();
        let end = first + u64::from(count);
        self.pending.push(Append { records: (first..).zip(records.clone()).collect(), end });
        let appended = if durable {
            self.journal.append(&slices)
        } else {
            self.journal.append_unsynced(&slices)
        };
        if matches!(appended, Err(Error::NoSpace { .. })) {
            self.pending.pop();
        }
        if let Ok(positions) = &appended {
            assert_eq!(positions.first, first);
            assert!(!self.poisoned, "nothing is acknowledged after a failure");
        }
        self.settle(durable, appended.map(drop));
    }

    fn settle(&mut self, durable: bool, done: Result<(), Error>) {
        match done {
            Ok(()) if durable => {
                self.records.extend(self.pending.drain(..).flat_map(|append| append.records));
            }
            Err(Error::Poisoned { .. }) => self.poisoned = true,
            Ok(()) | Err(Error::NoSpace { .. }) => {}
            Err(error) => panic!("an unexpected error: {error}"),
        }
    }

    fn compact(&mut self, modulus: u64) {
        let mut dropped = BTreeSet::new();
        let done = self.journal.compact(|at, _| {
            let keep = at % modulus != 0;
            if !keep {
                dropped.insert(at);
            }
            keep
        });
        if done.is_ok() {
            // Unsynced records are in there, too, when rolling over has sealed their segment.
            let pending = self.pending.iter_mut().map(|append| &mut append.records);
            for records in pending.chain([&mut self.records]) {
                records.retain(|(at, _)| !dropped.contains(at));
            }
        } else {
            self.perhaps_dropped.append(&mut dropped);
        }
    }

    fn crash(&mut self) {
        self.disk.crash();
        self.reopen(open(&self.disk).unwrap().0);
    }

    /// Only the process ends: what was written can be read, synced or not.
    fn restart(&mut self) {
        self.disk.set_space(None);
        self.disk.fail_syncs(0);
        match open(&self.disk) {
            Ok((journal, _)) => self.reopen(journal),
            // The power is off.
            Err(Error::Io { .. }) => self.crash(),
            Err(error) => panic!("an unexpected error: {error}"),
        }
    }

    fn reopen(&mut self, journal: Journal) {
        self.journal = journal;
        let found = collect(&self.journal);
        let numbers: BTreeSet<u64> = found.iter().map(|(at, _)| *at).collect();
        // Either all records of an append survived or none, in the order of the appends.
        let end = self.journal.last() + 1;
        let survived = self.pending.drain(..).filter(|append| append.end <= end);
        self.records.extend(survived.flat_map(|append| append.records));
        self.records.retain(|(at, _)| numbers.contains(at) || !self.perhaps_dropped.contains(at));
        assert_eq!(found, self.records);
        self.perhaps_dropped.clear();
        self.poisoned = false;
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Append(count) => self.append(*count, true),
            Action::AppendUnsynced(count) => self.append(*count, false),
            Action::Sync => {
                let done = self.journal.sync();
                self.settle(true, done);
            }
            Action::Checkpoint => {
                let done = self.journal.checkpoint();
                let noted = if let Err(Error::NoSpace { .. }) = done { Ok(()) } else { done };
                self.settle(true, noted);
            }
            Action::Compact(modulus) => self.compact(*modulus),
            Action::FillDisk(space) => self.disk.set_space(Some(*space)),
            Action::FreeDisk => self.disk.set_space(None),
            Action::FailSync => self.disk.fail_syncs(1),
            Action::PowerOffAfter(changes) => self.disk.power_off_after(*changes),
            Action::Restart => self.restart(),
            Action::Crash => self.crash(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn acknowledged_records_survive(
        seed: u64,
        actions in proptest::collection::vec(action(), 1..120),
    ) {
        let mut model = Model::new(seed);
        for action in &actions {
            model.act(action);
        }
        model.crash();
        model.crash();
    }
}
