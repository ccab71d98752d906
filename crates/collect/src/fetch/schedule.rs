//! When a feed is fetched next: regular, spread, patient with servers in trouble.

use sha2::{Digest as _, Sha256};
use wardnet_model::{DAY_SECS, Timestamp};

/// The wait after the first failure.
const BACK_OFF_SECS_MIN: u64 = 60;

/// The longest wait between attempts while a feed fails.
const BACK_OFF_SECS_MAX: u64 = 6 * 3600;

/// A failing feed is tried no more seldom than this many intervals.
const BACK_OFF_INTERVALS_MAX: u64 = 4;

/// The longest wait that a server may ask for.
const SERVER_WAIT_SECS_MAX: u64 = DAY_SECS;

/// Times are spread by up to this part of the wait, to either side.
const JITTER_PART: u64 = 10;

/// How often a feed is fetched, and its place in the spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    /// Seconds from one success to the next attempt.
    pub interval_secs: u64,
    /// See [`jitter_seed`].
    pub jitter_seed: u64,
}

/// A number that differs between feeds and between installations, and stays the same over time.
///
/// Thousands of installations must not ask one publisher in the same second; two feeds of one
/// publisher need not either.
pub fn jitter_seed(install_seed: u64, feed_name: &str) -> u64 {
    let digest =
        Sha256::new().chain_update(install_seed.to_le_bytes()).chain_update(feed_name).finalize();
    digest.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

/// When the feed is due after an attempt at `now`.
///
/// `failures` counts the failed attempts in a row, this one included. `server_wait_secs` is what
/// the server asked for (`Retry-After`, `Cache-Control: max-age`); it is a lower bound, of which
/// at most a day is granted.
pub fn next_due(
    now: Timestamp,
    cadence: Cadence,
    failures: u32,
    server_wait_secs: Option<u64>,
) -> Timestamp {
    let wait = match failures {
        0 => cadence.interval_secs,
        _ => back_off_secs(cadence.interval_secs, failures),
    };
    let spread = wait / JITTER_PART;
    let jittered = wait - spread + cadence.jitter_seed % (2 * spread + 1);
    // A server's wait is spread to the later side only: it is a lower bound.
    let asked = server_wait_secs.unwrap_or(0).min(SERVER_WAIT_SECS_MAX);
    let asked_and_spread = asked + cadence.jitter_seed % (asked / JITTER_PART + 1);
    now.plus_secs(jittered.max(asked_and_spread))
}

fn back_off_secs(interval_secs: u64, failures: u32) -> u64 {
    let longest = BACK_OFF_SECS_MAX
        .min(interval_secs.saturating_mul(BACK_OFF_INTERVALS_MAX))
        .max(BACK_OFF_SECS_MIN);
    let doublings = failures.saturating_sub(1).min(32);
    (BACK_OFF_SECS_MIN << doublings).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);
    const HOUR: u64 = 3600;

    /// A cadence in the middle of the spread, so that waits come out exactly.
    fn unspread(interval_secs: u64, wait: u64) -> Cadence {
        Cadence { interval_secs, jitter_seed: wait / JITTER_PART }
    }

    #[test]
    fn failures_back_off_by_doubling() {
        let mut waits = Vec::new();
        for failures in 1..=12 {
            let exact = (0..).find_map(|seed| {
                let cadence = Cadence { interval_secs: 2 * HOUR, jitter_seed: seed };
                let wait = next_due(NOW, cadence, failures, None).secs_since(NOW);
                (wait == back_off_secs(2 * HOUR, failures)).then_some(wait)
            });
            waits.push(exact.unwrap() / 60);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]);
    }

    #[test]
    fn quick_feeds_are_tried_again_sooner() {
        assert_eq!(back_off_secs(300, 30), 1200, "four intervals");
        assert_eq!(back_off_secs(60, 30), 240);
        assert_eq!(back_off_secs(30 * DAY_SECS, u32::MAX), 6 * HOUR);
        assert_eq!(back_off_secs(0, 5), 60);
    }

    #[test]
    fn servers_may_ask_for_up_to_a_day() {
        let asked = |secs| next_due(NOW, unspread(HOUR, HOUR), 0, Some(secs)).secs_since(NOW);
        assert_eq!(asked(60), HOUR, "less than the interval changes nothing");
        assert!((7 * HOUR..=8 * HOUR).contains(&asked(7 * HOUR)));
        assert!((DAY_SECS..=DAY_SECS + DAY_SECS / 10).contains(&asked(u64::MAX)));
    }

    #[test]
    fn feeds_and_installations_are_spread() {
        let due = |install, name| {
            let cadence = Cadence { interval_secs: HOUR, jitter_seed: jitter_seed(install, name) };
            next_due(NOW, cadence, 0, None)
        };
        assert_eq!(due(1, "a"), due(1, "a"));
        let spread: std::collections::BTreeSet<_> =
            (0..200).map(|install| due(install, "a")).collect();
        assert!(spread.len() > 100, "{}", spread.len());
        assert!((0..20).any(|install| due(install, "a") != due(install, "b")));
    }

    proptest! {
        #[test]
        fn waits_stay_within_their_bounds(
            interval in 60..=30 * DAY_SECS, seed: u64, failures: u32, asked: Option<u64>,
        ) {
            let cadence = Cadence { interval_secs: interval, jitter_seed: seed };
            let wait = next_due(NOW, cadence, failures, asked).secs_since(NOW);
            let base = if failures == 0 { interval } else { back_off_secs(interval, failures) };
            let asked = asked.unwrap_or(0).min(DAY_SECS);
            prop_assert!(wait >= base - base / 10 && wait >= asked);
            prop_assert!(wait <= (base + base / 10).max(asked + asked / 10));
        }
    }
}
