//! `kill -9`, again and again: no acknowledged record is lost.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use wardnet_journal::fault::Random;
use wardnet_journal::{Journal, Options, RealDisk};

use crate::record;

const FOLDER: &str = "WARDNET_JOURNAL_KILL_FOLDER";
const ROUNDS: u64 = 20;

fn journal(dir: &Path) -> Journal {
    let options = Options { segment_bytes: 16 * 1024, ..Options::default() };
    Journal::open(dir, Arc::new(RealDisk), options).unwrap().0
}

/// Not a test of its own: the process that gets killed, this binary started once more.
#[test]
fn victim() {
    let Some(dir) = env::var_os(FOLDER) else { return };
    let journal = journal(Path::new(&dir));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let positions = journal.append(&[b"one", b"two"]).unwrap();
                    writeln!(std::io::stdout(), "acknowledged {}", positions.end - 1).unwrap();
                }
            });
        }
    });
}

#[test]
fn acknowledged_records_survive_being_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(3);
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        acknowledged = run_victim(dir.path(), random.below(200)).max(acknowledged);
        let journal = journal(dir.path());
        assert!(journal.last() >= acknowledged, "round {round}");
        let numbers: Vec<u64> = journal.replay(1).map(|found| found.unwrap().0).collect();
        assert_eq!(numbers, (1..=journal.last()).collect::<Vec<_>>(), "round {round}");
        assert_eq!(numbers.len() % 2, round as usize % 2, "appends survive whole");
        journal.append(&[&record(round)]).unwrap();
        acknowledged = journal.last();
    }
    assert!(acknowledged > ROUNDS * 4, "the victims got somewhere: {acknowledged}");
}

/// Lets the victim append for a while and kills it; returns the last number it acknowledged.
fn run_victim(dir: &Path, milliseconds: u64) -> u64 {
    let mut victim = Command::new(env::current_exe().unwrap())
        .args(["--exact", "kill::victim", "--nocapture", "--test-threads=1"])
        .env(FOLDER, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(victim.stdout.take().unwrap());
    let reader = thread::spawn(move || {
        let numbers = output
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| line.split_once("acknowledged ")?.1.parse::<u64>().ok());
        numbers.max().unwrap_or(0)
    });
    thread::sleep(Duration::from_millis(milliseconds));
    victim.kill().unwrap();
    victim.wait().unwrap();
    reader.join().unwrap()
}
