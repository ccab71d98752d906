//! Durations as Go writes them: `3h59m2s`, `1.5s`, `-10m0s`.

use std::fmt;
use std::str::FromStr;

/// A span of time in nanoseconds, as `time.Duration` of Go holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct GoDuration(i64);

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

impl GoDuration {
    /// So many seconds; the longest duration where there are more.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Whole seconds, towards zero.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0 / 1_000_000_000
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        // As `time.Duration.String` does it: below a second in the largest unit that gives at least
        // one, else in hours, minutes and seconds without leading zero units.
        match nanos {
            0 => f.write_str("0s"),
            1..MICRO => write!(f, "{nanos}ns"),
            MICRO..MILLI => fraction(f, nanos, MICRO, "µs"),
            MILLI..SECOND => fraction(f, nanos, MILLI, "ms"),
            _ => {
                let (hours, rest) = (nanos / HOUR, nanos % HOUR);
                let (minutes, rest) = (rest / MINUTE, rest % MINUTE);
                if hours > 0 {
                    write!(f, "{hours}h")?;
                }
                if hours > 0 || minutes > 0 {
                    write!(f, "{minutes}m")?;
                }
                fraction(f, rest, SECOND, "s")
            }
        }
    }
}

fn fraction(f: &mut fmt::Formatter<'_>, nanos: u64, unit: u64, name: &str) -> fmt::Result {
    let parts = |value: u64, unit: u64| {
        (value.checked_div(unit).unwrap_or(0), value.checked_rem(unit).unwrap_or(0))
    };
    let (whole, mut rest) = parts(nanos, unit);
    write!(f, "{whole}")?;
    let mut scale = unit / 10;
    if rest > 0 {
        f.write_str(".")?;
    }
    while rest > 0 && scale > 0 {
        let (digit, after) = parts(rest, scale);
        write!(f, "{digit}")?;
        rest = after;
        scale /= 10;
    }
    f.write_str(name)
}

/// A text that is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a duration; write one as Go does, such as `4h30m` or `90s`")]
pub struct NoDuration;

impl FromStr for GoDuration {
    type Err = NoDuration;

    /// Reads what `time.ParseDuration` of Go reads.
    fn from_str(text: &str) -> Result<Self, NoDuration> {
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Ok(Self(0));
        }
        if rest.is_empty() {
            return Err(NoDuration);
        }
        let mut total = 0u64;
        while !rest.is_empty() {
            let (nanos, after) = part(rest)?;
            total = total.checked_add(nanos).ok_or(NoDuration)?;
            rest = after;
        }
        if negative {
            return 0i64.checked_sub_unsigned(total).map(Self).ok_or(NoDuration);
        }
        i64::try_from(total).map(Self).map_err(|_| NoDuration)
    }
}

/// One number with its unit, and what comes after.
fn part(text: &str) -> Result<(u64, &str), NoDuration> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at_checked(digits(text)).ok_or(NoDuration)?;
    let (after_point, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at_checked(digits(rest)).ok_or(NoDuration)?,
        None => ("", rest),
    };
    if whole.is_empty() && after_point.is_empty() {
        return Err(NoDuration);
    }
    let is_unit = |c: &char| !c.is_ascii_digit() && *c != '.';
    let length =
        rest.chars().take_while(is_unit).map(char::len_utf8).fold(0, usize::saturating_add);
    let (unit, rest) = rest.split_at_checked(length).ok_or(NoDuration)?;
    let unit = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => MICRO,
        "ms" => MILLI,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        _ => return Err(NoDuration),
    };
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| NoDuration)? };
    let mut nanos = whole.checked_mul(unit).ok_or(NoDuration)?;
    let mut scale = unit;
    for digit in after_point.bytes() {
        scale /= 10;
        let digit = u64::from(digit.saturating_sub(b'0'));
        nanos = nanos.checked_add(digit.saturating_mul(scale)).ok_or(NoDuration)?;
    }
    Ok((nanos, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn written_as_go_writes_them() {
        // From the table of `TestDurationString` in Go's own tests of package time.
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(GoDuration(nanos).to_string(), text);
            assert_eq!(text.parse(), Ok(GoDuration(nanos)), "{text}");
        }
    }

    #[test]
    fn read_as_go_reads_them() {
        for (text, secs) in
            [("0", 0), ("+5s", 5), ("-4h", -14_400), ("1h30m", 5_400), ("1.5h", 5_400), (".5m", 30)]
        {
            assert_eq!(text.parse::<GoDuration>().map(GoDuration::as_secs), Ok(secs), "{text}");
        }
        for text in ["", "-", "3", "s", ".s", "1x", "1 s", "9999999999h", "1..5s", "7d", "h1"] {
            assert_eq!(text.parse::<GoDuration>(), Err(NoDuration), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(nanos: i64) {
            prop_assert_eq!(GoDuration(nanos).to_string().parse(), Ok(GoDuration(nanos)));
        }
    }
}
