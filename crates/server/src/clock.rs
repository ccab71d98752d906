//! The only place of this crate that reads a clock.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wardnet_model::Timestamp;

/// The time of day, for expiry dates.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "an I/O crate has to read the clock somewhere")]
pub fn now_unix() -> Timestamp {
    // A clock set before 1970 reads as 1970: tokens then live longer, and nothing fails.
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// Nanoseconds since the first call in this process, never going back: for budgets and latencies.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "an I/O crate has to read the clock somewhere")]
pub fn monotonic_nanos() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let now = Instant::now();
    let elapsed = now.saturating_duration_since(*START.get_or_init(|| now));
    // 2^64 nanoseconds are 584 years.
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}
