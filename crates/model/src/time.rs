//! Points in time, as whole seconds of Unix time.

use std::fmt;

/// Seconds since 1970-01-01 00:00:00 UTC.
///
/// Nothing in this crate reads a clock: the caller passes `now`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

/// Seconds in a day.
pub const DAY_SECS: u64 = 86_400;

/// The last second of the year 9999, beyond which RFC 3339 has no spelling.
const RFC3339_MAX: u64 = 253_402_300_799;

impl Timestamp {
    /// Whole seconds from `earlier` to this time; zero when `earlier` lies in the future.
    pub const fn secs_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This time, `secs` later.
    #[must_use]
    pub const fn plus_secs(self, secs: u64) -> Self {
        Self(self.0.saturating_add(secs))
    }

    /// This time, cut down to the whole minute that verdicts are computed for.
    #[must_use]
    pub const fn floor_minute(self) -> Self {
        Self(self.0 - self.0 % 60)
    }

    /// The time of a civil date and a time of day in UTC; `None` when a part is out of range.
    pub fn from_civil(date: (u64, u64, u64), time: (u64, u64, u64)) -> Option<Self> {
        let ((year, month, day), (hour, minute, second)) = (date, time);
        let in_range = (1970..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 61;
        in_range.then(|| {
            let days = days_from_civil(year, month, day);
            Self(days * DAY_SECS + hour * 3600 + minute * 60 + second.min(59))
        })
    }

    /// Reads `YYYY-MM-DD`, `YYYY-MM-DD HH:MM[:SS]` and RFC 3339 times in UTC or with an offset.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.trim().as_bytes();
        let date = (digits(bytes, 0, 4)?, digits(bytes, 5, 7)?, digits(bytes, 8, 10)?);
        if bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
            return None;
        }
        if bytes.len() == 10 {
            return Self::from_civil(date, (0, 0, 0));
        }
        if !matches!(bytes.get(10), Some(b' ' | b'T' | b't')) || bytes.get(13) != Some(&b':') {
            return None;
        }
        let (hour, minute) = (digits(bytes, 11, 13)?, digits(bytes, 14, 16)?);
        let (second, rest) = match bytes.get(16) {
            Some(b':') => (digits(bytes, 17, 19)?, bytes.get(19..)?),
            _ => (0, bytes.get(16..)?),
        };
        Self::from_civil(date, (hour, minute, second))?.shift_by_offset(rest)
    }

    /// Applies what follows the seconds: a fraction, then `Z`, `UTC` or `+HH:MM`.
    fn shift_by_offset(self, rest: &[u8]) -> Option<Self> {
        let fraction = match rest {
            [b'.', digits @ ..] => 1 + digits.iter().take_while(|b| b.is_ascii_digit()).count(),
            _ => 0,
        };
        let zone = rest.get(fraction..)?.trim_ascii();
        match zone {
            [] | [b'Z' | b'z'] | b"UTC" | b"(UTC)" => Some(self),
            [sign @ (b'+' | b'-'), offset @ ..] => {
                let minutes_at = if offset.get(2) == Some(&b':') { 3 } else { 2 };
                let secs =
                    digits(offset, 0, 2)? * 3600 + digits(offset, minutes_at, minutes_at + 2)? * 60;
                let shifted = if *sign == b'+' {
                    self.0.checked_sub(secs)?
                } else {
                    self.0.checked_add(secs)?
                };
                (offset.len() == minutes_at + 2).then_some(Self(shifted))
            }
            _ => None,
        }
    }
}

/// Writes RFC 3339 in UTC, for instance `2026-08-22T18:10:19Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.rfc3339();
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl Timestamp {
    /// What [`fmt::Display`] writes, for those who write many.
    pub fn rfc3339(self) -> [u8; 20] {
        let secs = self.0.min(RFC3339_MAX);
        let (year, month, day) = civil_from_days(secs / DAY_SECS);
        let mut text = *b"0000-00-00T00:00:00Z";
        let mut put = |at: usize, value: u64| {
            let places = text.iter_mut().skip(at).take(2);
            for (place, digit) in places.zip([value / 10 % 10, value % 10]) {
                *place += digit as u8;
            }
        };
        put(0, year / 100);
        put(2, year % 100);
        put(5, month);
        put(8, day);
        put(11, secs / 3600 % 24);
        put(14, secs / 60 % 60);
        put(17, secs % 60);
        text
    }
}

fn digits(bytes: &[u8], from: usize, to: usize) -> Option<u64> {
    let part = bytes.get(from..to)?;
    part.iter().try_fold(0u64, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0'))
    })
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar, counted in years that
/// begin in March so that the leap day comes last.
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_round_trip_over_four_centuries() {
        for days in 0..160_000 {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
        assert_eq!(Timestamp(1_787_422_219).to_string(), "2026-08-22T18:10:19Z");
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp(u64::MAX).to_string(), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn the_spellings_of_the_feeds_are_read() {
        let expected = Timestamp::from_civil((2018, 6, 6), (16, 44, 5));
        for text in [
            "2018-06-06 16:44:05",
            "2018-06-06T16:44:05Z",
            "2018-06-06T18:44:05+02:00",
            "2018-06-06T18:44:05.123+0200",
            "2018-06-06 16:44:05 UTC",
        ] {
            assert_eq!(Timestamp::parse(text), expected, "{text}");
        }
        for text in ["", "2018-13-01", "2018-02-30", "2018/06/06", "2018-06-06T16", "20180606"] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}
