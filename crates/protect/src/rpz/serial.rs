//! Serials: which number a content is given.
//!
//! A serial is a time, in ticks of 2^26 nanoseconds (67 ms), modulo 2^32 (RFC 1982; the numbers come
//! round after nine years). There is at most one new serial in each tick, so that the clock is never
//! outrun. What was given last is written down, a minute ahead: a primary that is started again, even
//! with a clock that was set back, begins with a serial that no other content has had.

use super::marks::Marks;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds of one step of a serial, as a power of two.
const TICK_BITS: u32 = 26;

/// The time between two serials at least.
pub(super) const TICK: Duration = Duration::from_nanos(1 << TICK_BITS);

/// How far ahead it is written down what was given: about a minute.
const AHEAD: u32 = 900;

/// A file larger than this holds something else.
const FILE_BYTES_MAX: u64 = 64;

/// The name of the file beside it that tells at which places in the history they were given.
const MARKS: &str = "rpz-marks";

/// The serial of a time since 1970.
fn serial_at(since_1970: Duration) -> u32 {
    // The low bits are meant: serials are counted in a circle.
    ((since_1970.as_nanos() >> TICK_BITS) & u128::from(u32::MAX)).try_into().unwrap_or(0)
}

/// Whether one serial comes after another (RFC 1982 section 3.2).
pub(super) const fn is_after(one: u32, other: u32) -> bool {
    let ahead = one.wrapping_sub(other);
    ahead != 0 && ahead < 1 << 31
}

/// The later of a time's serial and the one after another.
const fn next(tick: u32, last: u32) -> u32 {
    if is_after(tick, last) { tick } else { last.wrapping_add(1) }
}

/// The time of day.
#[expect(clippy::disallowed_methods, reason = "serials are times; an I/O module reads the clock")]
pub(super) fn since_1970() -> Duration {
    // A clock set before 1970 reads as 1970: serials then count on from what was written down.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Gives out the serials of all zones of a data folder.
#[derive(Debug, Default)]
pub struct Serials {
    /// Where it is written down, if anywhere.
    file: Option<PathBuf>,
    given: Mutex<Given>,
    /// At which places in the history of changes they were given.
    pub(super) marks: Marks,
}

#[derive(Debug, Default)]
struct Given {
    last: Option<u32>,
    /// Up to here it is written down as given.
    written: Option<u32>,
}

impl Serials {
    /// Goes on from what a file says; it is made when there is none.
    #[must_use]
    pub fn open(file: PathBuf) -> Self {
        let last = match read(&file) {
            Ok(last) => Some(last),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                let file = file.display();
                tracing::warn!(%file, %error, "the last serial is not known; the clock gives the next");
                None
            }
        };
        let marks = Marks::open(file.with_file_name(MARKS));
        Self { file: Some(file), given: Mutex::new(Given { last, written: last }), marks }
    }

    /// A serial for content of which nobody has seen an earlier version from this primary.
    pub(super) fn begin(&self, now: Duration) -> u32 {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let tick = serial_at(now);
        let serial = given.last.map_or(tick, |last| next(tick, last));
        self.note(&mut given, serial);
        serial
    }

    /// The serial of a zone that had another one so far.
    pub(super) fn after(&self, old: u32, now: Duration) -> u32 {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let serial = next(serial_at(now), old);
        self.note(&mut given, serial);
        serial
    }

    fn note(&self, given: &mut Given, serial: u32) {
        if given.last.is_none_or(|last| is_after(serial, last)) {
            given.last = Some(serial);
        }
        let Some(file) = &self.file else { return };
        if given.written.is_none_or(|written| is_after(serial, written)) {
            let ahead = serial.wrapping_add(AHEAD);
            match write(file, ahead) {
                Ok(()) => given.written = Some(ahead),
                Err(error) => {
                    let file = file.display();
                    tracing::error!(%file, %error, "the last serial cannot be written down");
                }
            }
        }
    }
}

fn read(file: &Path) -> io::Result<u32> {
    use std::io::Read as _;
    let mut text = String::new();
    #[expect(clippy::disallowed_methods, reason = "no more than the limit is read")]
    std::fs::File::open(file)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    text.trim().parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not a number"))
}

/// Puts a new file into the place of the old one, so that there is always a whole one.
fn write(file: &Path, serial: u32) -> io::Result<()> {
    let new = file.with_extension("new");
    let mut out = std::fs::File::create(&new)?;
    writeln!(out, "{serial}")?;
    out.sync_all()?;
    std::fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    #[test]
    fn serials_follow_the_clock_and_never_stand_still() {
        let serials = Serials::default();
        let first = serials.begin(NOW);
        assert_eq!(first, serial_at(NOW));
        assert_eq!(serials.after(first, NOW), first.wrapping_add(1), "within one tick");
        let later = NOW + Duration::from_secs(1);
        assert_eq!(serials.after(first, later), serial_at(later));
        assert!(is_after(serials.begin(later), serial_at(later)), "other content, same tick");
    }

    #[test]
    fn serials_come_round() {
        assert!(is_after(0, u32::MAX) && !is_after(u32::MAX, 0) && !is_after(7, 7));
        assert_eq!(next(5, u32::MAX), 5);
        assert_eq!(next(u32::MAX, 5), 6, "a clock set back");
    }

    #[test]
    fn a_restart_with_a_clock_set_back_begins_later() {
        let folder = std::env::temp_dir().join(format!("wardnet-serial-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("rpz-serial");
        let serials = Serials::open(file.clone());
        let mut last = serials.begin(NOW);
        for step in 1..2_000u32 {
            last = serials.after(last, NOW + TICK * step);
        }
        let before = NOW - Duration::from_secs(3_600);
        assert!(is_after(Serials::open(file.clone()).begin(before), last));
        std::fs::write(&file, "seven").unwrap();
        assert_eq!(Serials::open(file).begin(NOW), serial_at(NOW), "what is damaged is left");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
