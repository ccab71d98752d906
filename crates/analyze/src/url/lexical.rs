//! Figures of a URL that no n-gram shows: lengths, mixtures, what stands where.

use super::spelling::Spelling;
use super::words;
use crate::measure::Counts;

/// Every figure: its name in files and tables, and what it says in plain words.
pub(crate) const FEATURES: [(&str, &str); 66] = [
    ("host.length", "the length of the host"),
    ("host.labels", "the number of labels in the host"),
    ("host.digits", "digits in the host"),
    ("host.hyphens", "hyphens in the host"),
    ("host.entropy", "how random the host looks"),
    ("host.digit_run", "a long run of digits in the host"),
    ("host.consonant_run", "a long run of consonants in the host"),
    ("host.switches", "letters and digits mixed in the host"),
    ("label.length", "the length of the registered name"),
    ("label.digits", "digits in the registered name"),
    ("label.hyphens", "hyphens in the registered name"),
    ("label.entropy", "how random the registered name looks"),
    ("label.vowels", "the share of vowels in the registered name"),
    ("label.consonant_run", "a long run of consonants in the registered name"),
    ("subdomain.length", "the length of the subdomain"),
    ("subdomain.labels", "the depth of the subdomain"),
    ("subdomain.digits", "digits in the subdomain"),
    ("subdomain.hyphens", "hyphens in the subdomain"),
    ("subdomain.entropy", "how random the subdomain looks"),
    ("suffix.length", "the public suffix"),
    ("suffix.private", "a name lent by a hosting provider"),
    ("host.address", "an IP address in place of a name"),
    ("host.port", "a port of its own"),
    ("host.user", "a user name before the host"),
    ("host.punycode", "an internationalised name"),
    ("path.length", "the length of the path"),
    ("path.depth", "the depth of the path"),
    ("path.digits", "digits in the path"),
    ("path.upper", "capitals in the path"),
    ("path.hyphens", "hyphens in the path"),
    ("path.dots", "dots in the path"),
    ("path.signs", "signs in the path"),
    ("path.entropy", "how random the path looks"),
    ("path.hex_run", "a long hexadecimal run in the path"),
    ("path.digit_run", "a long run of digits in the path"),
    ("path.switches", "letters and digits mixed in the path"),
    ("path.word_run", "a long word in the path"),
    ("path.tilde", "a user's home page"),
    ("path.double_slash", "an empty folder in the path"),
    ("file.length", "the length of the file name"),
    ("file.hyphens", "hyphens in the file name"),
    ("file.digits", "digits in the file name"),
    ("file.upper", "capitals in the file name"),
    ("file.vowels", "the share of vowels in the file name"),
    ("file.switches", "letters and digits mixed in the file name"),
    ("file.entropy", "how random the file name looks"),
    ("folder.length", "the length of the first folder"),
    ("folder.upper", "capitals in the first folder"),
    ("query.length", "the length of the query"),
    ("query.keys", "the number of parameters"),
    ("query.digits", "digits in the query"),
    ("query.hex_run", "a long hexadecimal run in the query"),
    ("query.upper", "capitals in the query"),
    ("query.escapes", "escapes in the query"),
    ("path.escapes", "escapes in the path"),
    ("query.url", "another URL inside the query"),
    ("path.url", "another host's name inside the path"),
    ("query.mail", "an e-mail address in the URL"),
    ("brand.subdomain", "a brand's name in a subdomain that is not the brand's"),
    ("brand.label", "a brand's name as part of a registered name that is not the brand's"),
    ("brand.path", "a brand's name in the path on a host that is not the brand's"),
    ("brand.own", "a host of a known brand"),
    ("words.host", "words such as `login` or `secure` in the host"),
    ("words.path", "words such as `login` or `secure` in the path"),
    ("words.cms", "folders of a content management system, which intruders use"),
    ("total.length", "the length of the URL"),
];

/// Writes the figures of `url` to `out`, in the order of [`FEATURES`].
pub(crate) fn measure(url: &Spelling, out: &mut Vec<f32>) {
    let host = Counts::of(url.host());
    let label = Counts::of(url.label());
    let subdomain = Counts::of(url.subdomain());
    out.extend([host.length, host.dots, host.digits, host.hyphens, host.entropy]);
    out.extend([host.digit_run, host.consonant_run, host.switches]);
    out.extend([label.length, label.digits, label.hyphens, label.entropy]);
    out.extend([label.share(label.vowels), label.consonant_run]);
    out.extend([subdomain.length, subdomain.dots, subdomain.digits, subdomain.hyphens]);
    out.push(subdomain.entropy);
    let punycode = has(url.host(), b"xn--");
    let flags = [url.is_private_suffix, url.is_address, url.has_port, url.has_user, punycode];
    out.push(length(url.suffix()));
    out.extend(flags.map(flag));
    path(url, out);
    query(url, out);
    names(url, out);
    out.push(length(url.text()));
}

fn path(url: &Spelling, out: &mut Vec<f32>) {
    let counts = Counts::of(url.path());
    let depth = counts.slashes;
    out.extend([counts.length, depth, counts.digits, counts.upper, counts.hyphens, counts.dots]);
    out.extend([counts.signs - depth, counts.entropy, counts.hex_run, counts.digit_run]);
    out.extend([counts.switches, counts.word_run]);
    let is_double = depth > 1.0 && has(url.path(), b"//");
    out.extend([flag(counts.tildes > 0.0), flag(is_double)]);
    let mut folders = url.path().split(|b| *b == b'/').skip(1);
    let first = Counts::of(folders.next().unwrap_or_default());
    let file = Counts::of(url.path().rsplit(|b| *b == b'/').next().unwrap_or_default());
    out.extend([file.length, file.hyphens, file.digits, file.upper, file.share(file.vowels)]);
    out.extend([file.switches, file.entropy, first.length, first.upper]);
}

fn query(url: &Spelling, out: &mut Vec<f32>) {
    let query = url.query();
    let counts = Counts::of(query);
    out.extend([counts.length, counts.equals, counts.digits, counts.hex_run]);
    out.extend([counts.upper, counts.percents, count(url.path(), b'%')]);
    let inner = has(query, b"http") || has(query, b"www.");
    let in_path = has(url.path(), b"http") || has(url.path(), b"www.") || has(url.path(), b".com/");
    let mail = url.rest().contains(&b'@') || has(url.rest(), b"%40");
    out.extend([inner, in_path, mail].map(flag));
}

fn names(url: &Spelling, out: &mut Vec<f32>) {
    let found = words::find(url);
    let brand = found.brand;
    out.extend([brand.subdomain, brand.label, brand.path, brand.own].map(flag));
    out.extend([found.lures_in_host, found.lures_in_path, found.folders]);
}

/// Of known length, which the compiler compares at one blow.
fn has<const LEN: usize>(text: &[u8], what: &[u8; LEN]) -> bool {
    text.windows(LEN).any(|part| <&[u8; LEN]>::try_from(part).is_ok_and(|part| part == what))
}

fn length(text: &[u8]) -> f32 {
    f32::from(u16::try_from(text.len()).unwrap_or(u16::MAX))
}

fn count(text: &[u8], sign: u8) -> f32 {
    let count = text.iter().filter(|b| **b == sign).count();
    f32::from(u16::try_from(count).unwrap_or(u16::MAX))
}

fn flag(is: bool) -> f32 {
    f32::from(u8::from(is))
}
