//! Marks: which serial of a zone stands for which place in the history of changes.
//!
//! A history that goes on after a restart lets zones go on, too: from a mark and the changes since
//! then, a zone is made as it was, with the serials that it had and the differences between them.
//! Marks are written down before anybody sees the serial.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use wardnet_verdictdb::Cursor;

/// Marks that are kept of a zone.
const KEPT: usize = 64;

/// Lines after which the file is written anew.
const LINES_MAX: usize = 4_096;

/// A file larger than this holds something else.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A serial, and the place in the history at which the zone had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) serial: u32,
    pub(super) cursor: Cursor,
}

/// The marks of all zones of a data folder.
#[derive(Debug, Default)]
pub(super) struct Marks {
    file: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    zones: BTreeMap<u64, VecDeque<Mark>>,
    lines: usize,
    /// Set when a mark could not be written down: there is no file any more.
    is_broken: bool,
}

impl Marks {
    /// Goes on from what a file says.
    pub(super) fn open(file: PathBuf) -> Self {
        let mut state = State::default();
        match read(&file) {
            Ok(text) => text.lines().for_each(|line| {
                if let Some((zone, mark)) = parse(line) {
                    state.add(zone, mark);
                }
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let file = file.display();
                tracing::warn!(%file, %error, "secondaries take the zones whole");
            }
        }
        // The first one is written with all that are kept.
        state.lines = LINES_MAX;
        Self { file: Some(file), state: Mutex::new(state) }
    }

    /// The marks of a zone, oldest first.
    pub(super) fn of(&self, zone: u64) -> Vec<Mark> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.zones.get(&zone).into_iter().flatten().copied().collect()
    }

    /// Writes a mark down.
    pub(super) fn set(&self, zone: u64, mark: Mark) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.add(zone, mark);
        let Some(file) = self.file.as_ref().filter(|_| !state.is_broken) else { return };
        let written = if state.lines >= LINES_MAX {
            state.lines = state.zones.values().map(VecDeque::len).sum();
            replace(file, &state.text())
        } else {
            state.lines += 1;
            let line = line(zone, mark);
            let opened = std::fs::File::options().append(true).open(file);
            opened.and_then(|mut file| file.write_all(line.as_bytes()))
        };
        if let Err(error) = written {
            // A mark that is missing would let its serial be given to other content.
            state.is_broken = true;
            let removed = std::fs::remove_file(file).err();
            let file = file.display();
            tracing::error!(%file, %error, ?removed, "secondaries take the zones whole next time");
        }
    }

    /// Forgets a zone: what it has now follows from nothing that was known.
    pub(super) fn restart(&self, zone: u64, mark: Mark) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).zones.remove(&zone);
        self.set(zone, mark);
    }
}

impl State {
    fn add(&mut self, zone: u64, mark: Mark) {
        let marks = self.zones.entry(zone).or_default();
        // Marks of one history, rising; anything else begins anew.
        if marks.back().is_some_and(|last| {
            last.cursor.history != mark.cursor.history || last.cursor.seq > mark.cursor.seq
        }) {
            marks.clear();
        }
        marks.push_back(mark);
        if marks.len() > KEPT {
            marks.pop_front();
        }
    }

    fn text(&self) -> String {
        let all = self.zones.iter().flat_map(|(zone, marks)| marks.iter().map(|m| (*zone, *m)));
        all.map(|(zone, mark)| line(zone, mark)).collect()
    }
}

fn line(zone: u64, Mark { serial, cursor }: Mark) -> String {
    let mut line = String::new();
    // Writing to a string does not fail.
    let _written = writeln!(line, "{zone:016x} {serial} {cursor}");
    line
}

fn parse(line: &str) -> Option<(u64, Mark)> {
    let mut words = line.split(' ');
    let zone = words.next().filter(|zone| zone.len() == 16)?;
    let (serial, cursor) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    words.next().is_none().then_some((u64::from_str_radix(zone, 16).ok()?, Mark { serial, cursor }))
}

fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    #[expect(clippy::disallowed_methods, reason = "no more than the limit is read")]
    std::fs::File::open(file)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn replace(file: &Path, text: &str) -> io::Result<()> {
    let new = file.with_extension("new");
    std::fs::write(&new, text)?;
    std::fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(seq: u64) -> Mark {
        Mark { serial: 1_000 + seq as u32, cursor: Cursor { history: 7, seq } }
    }

    #[test]
    fn marks_are_kept_and_the_last_ones_only() {
        let folder = std::env::temp_dir().join(format!("wardnet-marks-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("rpz-marks");
        let marks = Marks::open(file.clone());
        (0..5_000).for_each(|seq| marks.set(1, mark(seq)));
        marks.set(2, mark(3));
        let length = std::fs::metadata(&file).unwrap().len();
        assert!(length < 5_000 * 30, "{length}");
        let again = Marks::open(file.clone());
        assert_eq!(again.of(1), (4_936..5_000).map(mark).collect::<Vec<_>>());
        assert_eq!(again.of(2), [mark(3)]);
        // Another history has nothing to do with what was before, nor has a zone begun anew.
        let other = Mark { serial: 5, cursor: Cursor { history: 8, seq: 1 } };
        again.set(1, other);
        again.restart(2, mark(9));
        assert_eq!((again.of(1), again.of(2)), (vec![other], vec![mark(9)]));
        std::fs::write(&file, "seven\n0 1\n").unwrap();
        assert!(Marks::open(file).of(1).is_empty());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
