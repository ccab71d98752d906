//! Names that generators of known families will make on a day, ahead of it.
//!
//! Only families whose algorithm has been published: what the malware computes, anybody can compute.

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

    fn is_leap_year(self) -> bool {
        self.year.is_multiple_of(4)
            && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400))
    }
}

/// A family of generators.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What is known of it, in a sentence.
    pub about: &'static str,
    /// All names of a day, in the order in which the malware tries them.
    pub names: fn(Day) -> Vec<String>,
}

/// The families that can be told ahead.
pub const FAMILIES: &[Family] = &[
    Family {
        name: "cryptolocker-early",
        about: "the generator of CryptoLocker as described in 2014: one name a day",
        names: cryptolocker,
    },
    Family {
        name: "necurs",
        about: "Necurs with its seed 9: 2,048 names, changing every fourth day of the month",
        names: necurs,
    },
];

/// The family called `name`.
pub fn family(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.name == name)
}

fn letter(number: u64) -> char {
    char::from(b'a'.saturating_add(u8::try_from(number % 25).unwrap_or(0)))
}

fn cryptolocker(day: Day) -> Vec<String> {
    let mut year = u64::from(day.year);
    let mut month = u64::from(day.month);
    let mut date = u64::from(day.day);
    let mut name = String::new();
    for _ in 0..16 {
        year = ((year ^ year.wrapping_mul(8)) >> 11) ^ ((year & 0xffff_fff0) << 17);
        month = ((month ^ month.wrapping_mul(4)) >> 25) ^ (month & 0xffff_fff8).wrapping_mul(16);
        date = ((date ^ (date << 13)) >> 19) ^ ((date & 0xffff_fffe) << 12);
        name.push(letter(year ^ month ^ date));
    }
    vec![format!("{name}.com")]
}

/// The suffixes of Necurs, in its order.
const NECURS_SUFFIXES: [&str; 43] = [
    "tj", "in", "jp", "tw", "ac", "cm", "la", "mn", "so", "sh", "sc", "nu", "nf", "mu", "ms", "mx",
    "ki", "im", "cx", "cc", "tv", "bz", "me", "eu", "de", "ru", "co", "su", "pw", "kz", "sx", "us",
    "ug", "ir", "to", "ga", "com", "net", "org", "biz", "xxx", "pro", "bit",
];

const NECURS_SEED: u64 = 9;
const NECURS_NAMES: u64 = 2048;

fn necurs(day: Day) -> Vec<String> {
    let mut start = stirred(u64::from(day.year));
    start = stirred(start.wrapping_add(u64::from(day.month)).wrapping_add(43690));
    start = stirred(start.wrapping_add(u64::from(day.day >> 2)));
    (0..NECURS_NAMES).map(|number| necurs_name(start, number)).collect()
}

fn necurs_name(start: u64, number: u64) -> String {
    let mut state = stirred(start.wrapping_add(number));
    state = stirred(state.wrapping_add(NECURS_SEED));
    let length = (state % 15).saturating_add(7);
    let mut name = String::new();
    for at in 0..length {
        state = stirred(state.wrapping_add(at));
        name.push(letter(state));
        state = stirred(state.wrapping_add(0x00ab_bedf));
    }
    let suffix = usize::try_from(state % 43).ok().and_then(|at| NECURS_SUFFIXES.get(at));
    name.push('.');
    name.push_str(suffix.copied().unwrap_or_default());
    name
}

fn stirred(mut value: u64) -> u64 {
    let rounds = (value & 0x7f).saturating_add(21);
    for round in 0..rounds {
        let change = (value.wrapping_mul(7) ^ (value << 15)).wrapping_add(round.wrapping_mul(8));
        value = value.wrapping_add(change).wrapping_sub(value >> 5);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn names_that_were_seen_are_told() {
        // Published with the description of the algorithm.
        assert_eq!(cryptolocker(day("2014-01-07")), ["intgmxdeadnxuyla.com"]);
        assert_eq!(cryptolocker(day("2014-01-08")), ["axwscwsslmiagfah.com"]);
        // The first of 2,048; example lists of this day's names have them.
        let names = necurs(day("2015-08-28"));
        assert_eq!(names[..3], ["nccojqvabqvkiwhj.mx", "hoedwwwywnmmbi.ac", "aeaeneaoinf.mu"]);
        assert_eq!(names.len(), 2048);
        assert_eq!(names, necurs(day("2015-08-31")), "the day counts in fours");
        assert_ne!(names, necurs(day("2015-08-27")));
    }

    #[test]
    fn days_are_read() {
        assert_eq!(day("2024-02-29"), Day { year: 2024, month: 2, day: 29 });
        for wrong in [
            "2023-02-29",
            "1900-02-29",
            "2024-13-01",
            "2024-1-1",
            "2024-01-00",
            "x",
            "2024-04-31",
            "+024-01-01",
        ] {
            assert_eq!(Day::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_family_is_found_by_its_name() {
        for known in FAMILIES {
            let found = family(known.name).unwrap();
            assert!(!(found.names)(day("2026-11-28")).is_empty());
        }
        assert!(family("unheard-of").is_none());
    }
}
