//! Days of the calendar.

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// The year, such as 2026.
    pub year: u16,
    /// The month, from 1.
    pub month: u8,
    /// The day of the month, from 1.
    pub day: u8,
}

impl Day {
    /// Reads `2026-11-28`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let [year, month, day] = [parts.next()?, parts.next()?, parts.next()?];
        let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let lengths = [year.len(), month.len(), day.len()] == [4, 2, 2];
        if !is_plain || !lengths || parts.next().is_some() {
            return None;
        }
        let date =
            Self { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? };
        let last = match date.month {
            4 | 6 | 9 | 11 => 30,
            2 if date.is_leap_year() => 29,
            2 => 28,
            1..=12 => 31,
            _ => 0,
        };
        (1..=last).contains(&date.day).then_some(date)
    }

    /// Days since 1970.
    pub(super) fn since_1970(self) -> u64 {
        let years = 1970..self.year;
        let leap = |year: u16| u64::from(Self { year, month: 1, day: 1 }.is_leap_year());
        let before: u64 = years.map(|year| leap(year).saturating_add(365)).sum();
        let lengths =
            [31, 28_u64.saturating_add(leap(self.year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let months = usize::from(self.month.saturating_sub(1));
        let months: u64 = lengths.iter().take(months).sum();
        before.saturating_add(months).saturating_add(u64::from(self.day.saturating_sub(1)))
    }

    fn is_leap_year(self) -> bool {
        self.year.is_multiple_of(4)
            && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400))
    }
}
