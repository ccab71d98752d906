//! Generators that calculate: shifts, products and random numbers from the date.

use super::Day;

fn letter(number: u64) -> char {
    char::from(b'a'.saturating_add(u8::try_from(number % 25).unwrap_or(0)))
}

pub(super) fn cryptolocker(day: Day) -> Vec<String> {
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

pub(super) fn necurs(day: Day) -> Vec<String> {
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

/// A letter of the alphabet's `count` first ones.
fn of_alphabet(number: u32, count: u32) -> char {
    let at = number.checked_rem(count).unwrap_or(0);
    char::from(b'a'.wrapping_add(u8::try_from(at).unwrap_or(0)))
}

/// The sign of `signs` that `number` falls on.
fn of(signs: &[u8], number: u32) -> char {
    let at = usize::try_from(number).unwrap_or(0).checked_rem(signs.len()).unwrap_or(0);
    signs.get(at).copied().map_or('a', char::from)
}

/// The random numbers of Numerical Recipes.
struct Recipes(u32);

impl Recipes {
    const fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0
    }
}

pub(super) fn mydoom(day: Day) -> Vec<String> {
    const SUFFIXES: [&str; 8] = ["com", "biz", "us", "net", "org", "ws", "info", "in"];
    const SEED: u32 = 0xfa8;
    let date = [u32::from(day.year), u32::from(day.month), u32::from(day.day)];
    let date = date.iter().fold(SEED, |sum, part| sum.wrapping_add(*part));
    let mut random = Recipes(date);
    let mut names = Vec::new();
    // From the 51st on the malware starts again from its seed alone.
    for _ in 0..50 {
        let drawn = random.next();
        let digit = |at: u32| drawn.checked_div(10_u32.pow(at)).unwrap_or(0) % 10;
        let label: String = (0..10).map(|at| of(b"asnhreqwpm", digit(at))).collect();
        let suffix = usize::try_from(digit(0)).unwrap_or(0).min(7);
        let suffix = SUFFIXES.get(suffix).copied().unwrap_or("in");
        names.push(format!("{label}.{suffix}"));
    }
    names
}

pub(super) fn symmi(day: Day) -> Vec<String> {
    const SETS: [&[u8]; 2] = [b"aeiouy", b"bcdfghklmnpqrstvwxz"];
    let half = u32::from(day.day / 16).wrapping_mul(100).wrapping_add(u32::from(day.month));
    let mut state = half.wrapping_mul(10_000).wrapping_add(u32::from(day.year)).wrapping_add(42);
    // The random numbers of Microsoft's C library.
    let mut random = || {
        state = state.wrapping_mul(214_013).wrapping_add(2_531_011);
        (state >> 16) & 0x7fff
    };
    let mut names = Vec::new();
    for _ in 0..64 {
        let length = 8_u32.wrapping_add(random() % 8);
        let mut label = String::new();
        let mut first = 0;
        for at in 0..length {
            if at % 2 == 0 {
                first = usize::from(random() & 0x100 != 0);
            }
            let set = if at % 2 == 0 { first } else { 1_usize.wrapping_sub(first) };
            let signs = SETS.get(set).copied().unwrap_or_default();
            // The last of either set is never drawn.
            let signs = signs.split_last().map_or(signs, |(_, front)| front);
            label.push(of(signs, random()));
        }
        names.push(format!("{label}.ddns.net"));
    }
    names
}

pub(super) fn proslikefan(day: Day) -> Vec<String> {
    const SUFFIXES: [&str; 10] =
        ["eu", "biz", "se", "info", "com", "net", "org", "ru", "in", "name"];
    let mut names = Vec::new();
    for seed in ["prospect", "OK"] {
        for number in 0..10 {
            for suffix in SUFFIXES {
                let Day { year, month, day } = day;
                let text = format!("{seed}.{month}.{day}.{year}.{suffix}");
                let mut state = u64::from(text_hash(&text)).wrapping_add(number);
                let mut label = String::new();
                while u64::try_from(label.len()).unwrap_or(u64::MAX) < (state % 7).wrapping_add(6) {
                    state = u64::from(text_hash(&format!("{label}{state}")));
                    label.push(of_alphabet(u32::try_from(state % 26).unwrap_or(0), 26));
                }
                names.push(format!("{label}.{suffix}"));
            }
        }
    }
    names
}

/// The hash of strings in Java, without its sign.
fn text_hash(text: &str) -> u32 {
    let hash =
        text.bytes().fold(0_i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)));
    hash.unsigned_abs()
}

pub(super) fn ranbyus(day: Day) -> Vec<String> {
    const SUFFIXES: [&str; 9] = ["in", "me", "cc", "su", "tw", "net", "com", "pw", "org"];
    const SEEDS: [u64; 2] = [0x0f0d_5bfa, 0xae87_14be];
    let date =
        u64::from(day.day).wrapping_mul(u64::from(day.month)).wrapping_mul(u64::from(day.year));
    let mut names = Vec::new();
    for seed in SEEDS {
        let mut state = date ^ seed;
        for number in 0..40_usize {
            let (front, back) = (ranbyus_bytes(&mut state), ranbyus_bytes(&mut state));
            let drawn = front.iter().chain(&back).take(17);
            let label: String = drawn.map(|byte| of_alphabet(u32::from(*byte), 25)).collect();
            let suffix = usize::from(day.day).wrapping_add(number) % 8;
            let suffix = SUFFIXES.get(suffix).copied().unwrap_or("in");
            names.push(format!("{label}.{suffix}"));
        }
    }
    names
}

/// Three steps of Knuth's 64-bit generator, mixed into sixteen bytes.
fn ranbyus_bytes(state: &mut u64) -> [u8; 16] {
    let step =
        |state: u64| state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
    let first = step(*state);
    let second = step(first);
    let third = step(second);
    *state = third;
    let mixed = ((third >> 24) & 0xffff_ff00) | ((third & 0xffff_ffff) >> 24);
    let words = [
        ((mixed ^ second) & 0x000f_ffff) ^ second,
        second >> 32,
        (first & 0xfff0_0000) | ((third >> 32) >> 12),
        first >> 32,
    ];
    let mut bytes = [0; 16];
    for (four, word) in bytes.chunks_mut(4).zip(words) {
        for (to, from) in four.iter_mut().zip(word.to_le_bytes()) {
            *to = from;
        }
    }
    bytes
}

pub(super) fn qakbot(day: Day) -> Vec<String> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const SUFFIXES: [&str; 6] = ["com", "net", "org", "info", "biz", "org"];
    let third = (day.day.saturating_sub(1) / 10).min(2);
    let month = MONTHS.get(usize::from(day.month.saturating_sub(1))).copied().unwrap_or("jan");
    let mut names = Vec::new();
    let text = format!("{third}.{month}.{}.00000000", day.year);
    let mut twister = Twister::new(crc32(text.as_bytes()));
    for _ in 0..5000 {
        let suffix = twister.between(0, 5);
        let length = twister.between(8, 25);
        let label: String = (0..length).map(|_| of_alphabet(twister.between(0, 25), 26)).collect();
        let suffix = usize::try_from(suffix).ok().and_then(|at| SUFFIXES.get(at));
        names.push(format!("{label}.{}", suffix.copied().unwrap_or("com")));
    }
    names
}

/// The checksum of Ethernet and zip files.
fn crc32(bytes: &[u8]) -> u32 {
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1))
        })
    });
    !crc
}

/// The Mersenne twister (Matsumoto and Nishimura, 1998).
struct Twister {
    state: Vec<u32>,
    at: usize,
}

impl Twister {
    fn new(seed: u32) -> Self {
        let mut state = vec![seed];
        let mut last = seed;
        for at in 1..624 {
            last = (last ^ (last >> 30)).wrapping_mul(1_812_433_253).wrapping_add(at);
            state.push(last);
        }
        Self { state, at: 624 }
    }

    fn word(&self, at: usize) -> u32 {
        self.state.get(at % 624).copied().unwrap_or(0)
    }

    fn twist(&mut self) {
        for at in 0..624_usize {
            let next = self.word(at.wrapping_add(1));
            let pair = (self.word(at) & 0x8000_0000) | (next & 0x7fff_ffff);
            let odd = 0x9908_b0df & 0_u32.wrapping_sub(pair & 1);
            let new = self.word(at.wrapping_add(397)) ^ (pair >> 1) ^ odd;
            if let Some(word) = self.state.get_mut(at) {
                *word = new;
            }
        }
        self.at = 0;
    }

    fn next(&mut self) -> u32 {
        if self.at >= 624 {
            self.twist();
        }
        let mut drawn = self.word(self.at);
        self.at = self.at.wrapping_add(1);
        drawn ^= drawn >> 11;
        drawn ^= (drawn << 7) & 0x9d2c_5680;
        drawn ^= (drawn << 15) & 0xefc6_0000;
        drawn ^ (drawn >> 18)
    }

    /// A number from `low` to `high`, by a share of 28 bits.
    fn between(&mut self, low: u32, high: u32) -> u32 {
        let share = u64::from(self.next() & 0x0fff_ffff);
        let span = u64::from(high.wrapping_sub(low)).wrapping_add(1);
        low.wrapping_add(u32::try_from(share.wrapping_mul(span) >> 28).unwrap_or(0))
    }
}
