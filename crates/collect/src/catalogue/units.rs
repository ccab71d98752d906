//! Spans of time as people write them: `30s`, `15m`, `6h`, `14d`.

use wardnet_model::DAY_SECS;

/// Why a text is not a span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a span of time; write a whole number and s, m, h or d, such as `30s` or `14d`"
)]
pub(crate) struct DurationError(String);

/// Reads a span of time into seconds.
pub(crate) fn seconds(text: &str) -> Result<u64, DurationError> {
    let parse = || {
        let unit = text.chars().next_back()?;
        let per_unit = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => DAY_SECS,
            _ => return None,
        };
        let digits = text.strip_suffix(unit)?;
        // `u64::from_str` takes a sign, too.
        let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|_| all_digits)?.checked_mul(per_unit)
    };
    parse().ok_or_else(|| DurationError(text.chars().take(32).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_are_read() {
        for (text, secs) in [("30s", 30), ("15m", 900), ("6h", 21_600), ("14d", 1_209_600)] {
            assert_eq!(seconds(text), Ok(secs));
        }
        for text in ["", "s", "5", "+5s", "-5s", "5 s", "1.5h", "5w", "5µ", "99999999999999999999d"]
        {
            assert!(seconds(text).is_err(), "{text}");
        }
        assert!(seconds("400000000000000d").is_err(), "the product would overflow");
    }
}
