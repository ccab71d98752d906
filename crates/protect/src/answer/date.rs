//! The date of a view, written once for many answers.

use std::cell::Cell;
use std::io::Write as _;

use wardnet_model::Timestamp;

/// A time as RFC 3339 writes it in UTC, which always takes twenty bytes.
pub(super) type Date = [u8; 20];

thread_local! {
    static LAST: Cell<Option<(Timestamp, Date)>> = const { Cell::new(None) };
}

/// `time` as text. A view is asked many times, and all its answers bear its date, so the last one
/// is kept.
pub(super) fn date(time: Timestamp) -> Date {
    if let Some((last, date)) = LAST.get()
        && last == time
    {
        return date;
    }
    let mut date = Date::default();
    // Times beyond the year 9999 are written as its last second: the text always fits.
    write!(date.as_mut_slice(), "{time}").unwrap_or_default();
    LAST.set(Some((time, date)));
    date
}

#[cfg(test)]
mod tests {
    use wardnet_model::Timestamp;

    use super::date;

    #[test]
    fn dates_fill_their_twenty_bytes_and_do_not_stick() {
        for seconds in [0, 1_787_422_219, 0, 1_787_422_220, 253_402_300_799, u64::MAX] {
            let time = Timestamp(seconds);
            assert_eq!(String::from_utf8(date(time).to_vec()).unwrap(), time.to_string());
        }
    }
}
