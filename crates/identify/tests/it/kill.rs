//! `kill -9`, again and again: everything acknowledged is answered after the next start.

use crate::sample::{START, bad, band, import, options, said, source};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use wardnet_identify::{Engine, Options, spawn};
use wardnet_model::{Band, Record};

const FOLDER: &str = "WARDNET_IDENTIFY_KILL_FOLDER";
const FIRST: &str = "WARDNET_IDENTIFY_KILL_FIRST";
const ROUNDS: u64 = 8;

/// Not a test of its own: the process that gets killed, this binary started once more.
#[test]
fn victim() {
    let Some(dir) = std::env::var_os(FOLDER) else { return };
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    // Bases are made all the time, some in the background and some in place.
    let often = Options { overlay_max: 40, ..options() };
    let (mut engine, _) = Engine::open(Path::new(&dir), often, START).unwrap();
    let feed = source(&mut engine, "feed", START);
    let (writer, _thread) = spawn(engine, || START).unwrap();
    let (answer, answers) = sync_channel(64);
    let append = |number: u64| {
        let said = Record::Evidence(said(&format!("host{number}.top"), feed, 1, START));
        let answer = answer.clone();
        let done = move |outcome: Result<(), _>| answer.send((number, outcome.is_ok())).unwrap();
        writer.append(vec![said], done).unwrap();
    };
    // Several are always on their way, so that many share one write.
    (first..first + 16).for_each(append);
    for next in first + 16.. {
        let (number, done) = answers.recv().unwrap();
        assert!(done, "{number} was refused");
        writeln!(std::io::stdout(), "acknowledged {number}").unwrap();
        append(next);
        if next % 64 == 0 {
            writer.run(|engine| engine.rebuild_base(START), |built| built.unwrap()).unwrap();
        }
        if next % 100 == 0 {
            let rows = [bad(&format!("feed{next}.top")), bad("constant.top")];
            let read = move |engine: &mut Engine| Ok(import(engine, feed, true, &rows, START));
            writer.run(read, |seen| assert_eq!(seen.unwrap().counts.read, 2)).unwrap();
        }
    }
}

#[test]
fn what_was_acknowledged_survives_being_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let more = run_victim(folder.path(), round * 1_000_000, 250 + 60 * round);
        acknowledged.extend(more);
        let (engine, _) = Engine::open(folder.path(), options(), START).unwrap();
        for number in &acknowledged {
            let name = format!("host{number}.top");
            assert_eq!(band(&engine, &name, START), Band::Malicious, "{name}, round {round}");
        }
    }
    assert!(acknowledged.len() as u64 > ROUNDS * 5, "{} only", acknowledged.len());
}

/// Lets the victim append for a while and kills it; gives the numbers it acknowledged.
fn run_victim(dir: &Path, first: u64, milliseconds: u64) -> Vec<u64> {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::victim", "--nocapture", "--test-threads=1"])
        .env(FOLDER, dir)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(victim.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let lines = output.lines().map_while(Result::ok);
        lines
            .filter_map(|line| line.split_once("acknowledged ")?.1.parse().ok())
            .collect::<Vec<u64>>()
    });
    std::thread::sleep(Duration::from_millis(milliseconds));
    victim.kill().unwrap();
    victim.wait().unwrap();
    reader.join().unwrap()
}
