//! Generators that hash the date.

use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::Day;

fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first of `suffixes` whose count from the end divides `number`.
fn by_divisor(suffixes: &[&'static str], number: u32) -> &'static str {
    let counts = (1..=suffixes.len()).rev();
    let divides = |count: &usize| u32::try_from(*count).is_ok_and(|n| number.is_multiple_of(n));
    let found = suffixes.iter().zip(counts).find(|(_, count)| divides(count));
    found.map_or("com", |(suffix, _)| suffix)
}

/// The low byte of the year, moved out of the control signs.
fn year_byte(day: Day) -> u8 {
    day.year.to_le_bytes()[0].wrapping_add(0x30)
}

pub(super) fn newgoz(day: Day) -> Vec<String> {
    const KEY: [u8; 4] = [1, 5, 0x19, 0x35];
    let mut names = Vec::new();
    for number in 0..1000_u32 {
        let mut text = number.to_le_bytes().to_vec();
        text.extend(day.year.to_le_bytes());
        for part in [day.month, day.day] {
            text.extend(KEY);
            text.extend(u16::from(part).to_le_bytes());
        }
        text.extend(KEY);
        let mut name = String::new();
        for four in md5(&text).chunks(4) {
            let word = four.iter().rev().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
            name.push_str(&in_base_36(word));
        }
        let suffix = match number {
            n if n % 4 == 0 => "com",
            n if n % 3 == 0 => "org",
            n if n % 2 == 0 => "biz",
            _ => "net",
        };
        names.push(format!("{name}.{suffix}"));
    }
    names
}

fn in_base_36(mut number: u32) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = char::from_digit(number % 36, 36).unwrap_or('0');
        digits.push(digit);
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

pub(super) fn monerodownloader(day: Day) -> Vec<String> {
    const SUFFIXES: [&str; 5] = ["org", "tickets", "blackfriday", "hosting", "feedback"];
    let mut names = Vec::new();
    for number in 0..500 {
        let text = format!("jkhhksugrhtijys78g46-{}-{number}", day.since_1970());
        let digest = hex(&md5(text.as_bytes()));
        let label = digest.get(..13).unwrap_or_default();
        // The first of every day is the same.
        let label = if number == 0 { "31b4bd31fg1x2" } else { label };
        names.extend(SUFFIXES.map(|suffix| format!("{label}.{suffix}")));
    }
    names
}

/// The names of Murofet's versions 1 and 3, which differ in what they make of a digest.
fn murofet(day: Day, count: u32, spell: fn(u8, &mut String)) -> Vec<String> {
    let mut names = Vec::new();
    for number in 0..count {
        let week = day.day.wrapping_sub(day.day % 7);
        let mut text = vec![year_byte(day), day.month, week];
        text.extend(number.to_le_bytes());
        let mut name = String::new();
        for byte in md5(&text) {
            spell(byte, &mut name);
        }
        let suffix = by_divisor(&["ru", "biz", "info", "org", "net", "com"], number);
        names.push(format!("{name}.{suffix}"));
    }
    names
}

pub(super) fn murofet_1(day: Day) -> Vec<String> {
    murofet(day, 1020, |byte, name| {
        let (low, high) = ((byte & 31).wrapping_add(b'a'), (byte >> 3).wrapping_add(b'a'));
        if low != high {
            name.extend([low, high].into_iter().filter(u8::is_ascii_lowercase).map(char::from));
        }
    })
}

pub(super) fn murofet_3(day: Day) -> Vec<String> {
    murofet(day, 1000, |byte, name| {
        let low = (byte & 15).wrapping_add(b'a');
        let high = (byte >> 4).wrapping_add(b'q');
        name.push(char::from(low));
        if high <= b'z' {
            name.push(char::from(high));
        } else {
            name.push(char::from(high.wrapping_sub(b'J')));
            name.push(char::from((low % 10).wrapping_add(b'0')));
        }
    })
}

/// The names of Murofet's version 2, and of Tufik, which took it over.
fn keyed(day: Day, key: u32) -> Vec<String> {
    let mut names = Vec::new();
    for number in 0..1020_u32 {
        let mut text = vec![year_byte(day), day.month, day.day, 0];
        text.extend((number & !1).to_le_bytes());
        for (byte, key) in text.iter_mut().zip(key.to_le_bytes().iter().cycle()) {
            *byte ^= key;
        }
        let letters = md5(&text)
            .into_iter()
            .map(|byte| (byte & 15).wrapping_add(byte >> 4).wrapping_add(b'a'));
        let name: String = letters.filter(u8::is_ascii_lowercase).map(char::from).collect();
        let suffix = by_divisor(&["biz", "info", "org", "net", "com"], number);
        names.push(format!("{name}.{suffix}"));
    }
    names
}

pub(super) fn murofet_2(day: Day) -> Vec<String> {
    keyed(day, 0xd6d7_a4be)
}

pub(super) fn tufik(day: Day) -> Vec<String> {
    keyed(day, 0x9977_22ed)
}

pub(super) fn padcrypt(day: Day) -> Vec<String> {
    const SUFFIXES: [&str; 11] =
        ["com", "co.uk", "de", "org", "net", "eu", "info", "online", "co", "cc", "website"];
    const DIGITS: &[u8; 10] = b"abcdnfolmk";
    let mut names = Vec::new();
    for (mark, count) in [(':', 24), ('|', 72)] {
        for number in 0..count {
            let Day { year, month, day } = day;
            let text = format!("{day}-{month}-{year}{mark}{number}");
            let digest = hex(&Sha256::digest(text.as_bytes()));
            let letter = |sign: char| {
                let digit = sign.to_digit(10).and_then(|digit| usize::try_from(digit).ok());
                digit.and_then(|digit| DIGITS.get(digit)).map_or(sign, |byte| char::from(*byte))
            };
            let label: String = digest.chars().skip(3).take(16).map(letter).collect();
            let last = digest.chars().last().and_then(|sign| sign.to_digit(16)).unwrap_or(0);
            let suffix = usize::try_from(last).ok().and_then(|at| SUFFIXES.get(at));
            names.push(format!("{label}.{}", suffix.copied().unwrap_or("com")));
        }
    }
    names
}
