//! Figures of a name that no n-gram shows.

use crate::measure::Counts;
use crate::url::Spelling;

/// Every figure: its name in files and tables, and what it says in plain words.
pub(crate) const FEATURES: [(&str, &str); 29] = [
    ("label.length", "the length of the name"),
    ("label.digits", "digits in the name"),
    ("label.hyphens", "hyphens in the name"),
    ("label.entropy", "how random the name looks"),
    ("label.distinct", "how many different letters the name has"),
    ("label.vowels", "the share of vowels"),
    ("label.digit_share", "the share of digits"),
    ("label.consonant_run", "a long run of consonants"),
    ("label.vowel_run", "a long run of vowels"),
    ("label.digit_run", "a long run of digits"),
    ("label.hex_run", "a long hexadecimal run"),
    ("label.switches", "letters and digits mixed"),
    ("label.repeats", "letters doubled"),
    ("label.rare", "rare letters such as j, q, x and z"),
    ("label.hex", "hexadecimal digits only"),
    ("label.alternates", "consonants and vowels taking turns"),
    ("label.first_digit", "a digit first"),
    ("label.even", "letters of even places of the alphabet only"),
    ("suffix.length", "the length of the suffix"),
    ("suffix.labels", "the number of labels of the suffix"),
    ("suffix.private", "a name lent by a provider"),
    ("subdomain.labels", "the depth of the subdomain"),
    ("subdomain.length", "the length of the subdomain"),
    ("subdomain.entropy", "how random the subdomain looks"),
    ("subdomain.first", "the length of the first label"),
    ("subdomain.first_vowels", "the share of vowels in the first label"),
    ("subdomain.first_consonants", "a long run of consonants in the first label"),
    ("subdomain.first_switches", "letters and digits mixed in the first label"),
    ("label.punycode", "an internationalised name"),
];

/// Writes the figures of the name in `host` to `out`, in the order of [`FEATURES`].
pub(crate) fn measure(host: &Spelling, out: &mut Vec<f32>) {
    let label = host.label();
    let counts = Counts::of(label);
    out.extend([counts.length, counts.digits, counts.hyphens, counts.entropy, counts.distinct]);
    out.extend([counts.share(counts.vowels), counts.share(counts.digits), counts.consonant_run]);
    out.extend([counts.vowel_run, counts.digit_run, counts.hex_run, counts.switches]);
    let pairs = |is: fn(u8, u8) -> bool| {
        let pairs = label.windows(2).filter(|pair| matches!(pair, [a, b] if is(*a, *b)));
        number(pairs.count())
    };
    out.push(pairs(|a, b| a == b));
    out.push(number(label.iter().filter(|b| b"jqxzwk".contains(b)).count()));
    out.push(flag(counts.hex_run >= counts.length));
    out.push(counts.share(pairs(|a, b| is_vowel(a) != is_vowel(b))));
    out.push(flag(label.first().is_some_and(u8::is_ascii_digit)));
    let odd = label.iter().filter(|b| **b % 2 == 0).count();
    out.push(counts.share(number(odd)));
    out.push(number(host.suffix().len()));
    out.push(number(host.suffix().iter().filter(|b| **b == b'.').count()));
    out.push(flag(host.is_private_suffix));
    let subdomain = Counts::of(host.subdomain());
    out.extend([subdomain.dots, subdomain.length, subdomain.entropy]);
    let first = Counts::of(host.subdomain().split(|b| *b == b'.').next().unwrap_or_default());
    out.extend([first.length, first.share(first.vowels), first.consonant_run, first.switches]);
    out.push(flag(label.starts_with(b"xn--")));
}

fn is_vowel(byte: u8) -> bool {
    matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u')
}

fn number(count: usize) -> f32 {
    f32::from(u16::try_from(count).unwrap_or(u16::MAX))
}

fn flag(is: bool) -> f32 {
    f32::from(u8::from(is))
}
