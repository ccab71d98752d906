//! Guesses a feed's format from its first bytes.

use crate::feeds::csv::unquote;
use crate::feeds::lines::{Line, Lines};
use crate::feeds::{Format, Limits, abuse_ch, adblock, domain_list, hosts, ip_list};

/// How many rows are judged; the first few hundred are like the rest.
const ROWS_MAX: usize = 400;

/// A format must win this share of the rows, in percent.
const SHARE_MIN: usize = 60;

/// What a feed's first bytes look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detection {
    /// The format, when there is one that fits.
    pub format: Option<Format>,
    /// How sure that is, in percent.
    pub confidence: u8,
    /// What it was told by, for people.
    pub why: String,
}

impl Detection {
    fn sure(format: Format, confidence: u8, why: impl Into<String>) -> Self {
        Self { format: Some(format), confidence, why: why.into() }
    }

    fn none(why: impl Into<String>) -> Self {
        Self { format: None, confidence: 0, why: why.into() }
    }
}

/// Guesses a feed's format from its first bytes (64 KiB are enough) and perhaps its file's name.
pub fn detect(head: &[u8], file_name: Option<&str>) -> Detection {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    if let Some(why) = not_text(head) {
        return Detection::none(why);
    }
    if head.trim_ascii().is_empty() {
        return Detection::none("there is nothing in it");
    }
    if looks_like_html(head) {
        return Detection::none("it is a web page");
    }
    match head.trim_ascii_start() {
        [b'{' | b'[', ..] if !head.trim_ascii_start().starts_with(b"[Adblock") => detect_json(head),
        [b'<', ..] => Detection::none("it is XML"),
        _ => detect_lines(head, file_name.unwrap_or_default()),
    }
}

/// Says what the bytes are when they are no UTF-8 text, by their first few.
fn not_text(head: &[u8]) -> Option<&'static str> {
    match head {
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Some("it is a zip archive: unpack it first"),
        [b'B', b'Z', b'h', ..] => Some("it is packed with bzip2: unpack it, or use gzip or zstd"),
        [0xFD, b'7', b'z', b'X', b'Z', ..] => {
            Some("it is packed with xz: unpack it, or use gzip or zstd")
        }
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [_, 0, _, 0, ..] | [0, _, 0, _, ..] => {
            Some("it is UTF-16 text: save it as UTF-8")
        }
        _ => None,
    }
}

/// Whether the bytes begin a web page, as servers send in place of a feed.
pub fn looks_like_html(head: &[u8]) -> bool {
    let mut head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    // XHTML begins with an XML declaration, and pages of proxies with a comment.
    for (start, end) in [("<?xml", "?>"), ("<!--", "-->")] {
        if head.starts_with(start.as_bytes()) {
            let behind = memchr::memmem::find(head, end.as_bytes()).map(|at| at + end.len());
            head = behind.and_then(|at| head.get(at..)).unwrap_or_default().trim_ascii_start();
        }
    }
    ["<!doctype html", "<html", "<head", "<body", "<script"].iter().any(|mark| {
        head.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark.as_bytes()))
    })
}

fn detect_json(head: &[u8]) -> Detection {
    let has = |text: &str| memchr::memmem::find(head, text.as_bytes()).is_some();
    let first = head.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first_has = |text: &str| memchr::memmem::find(first, text.as_bytes()).is_some();
    let is_drop = first_has("\"cidr\"")
        || first_has("\"asn\"")
        || first_has("\"sblid\"")
        || (first_has("\"metadata\"") && (has("\"cidr\"") || has("\"asn\"")));
    if is_drop && first.trim_ascii_end().ends_with(b"}") {
        return Detection::sure(
            Format::SpamhausDrop,
            95,
            "its lines are JSON objects with cidr or asn",
        );
    }
    if has("\"matching_attributes\"") && has("\"list\"") {
        return Detection::sure(
            Format::MispWarninglist,
            98,
            "JSON with list and matching_attributes",
        );
    }
    if has("\"list\"") && has("\"description\"") {
        let why = "JSON with description and list; the end, which would settle it, was not seen";
        return Detection::sure(Format::MispWarninglist, 75, why);
    }
    Detection::none("it is JSON, but neither a MISP warning list nor Spamhaus DROP")
}

/// Formats that are told by a word of their own and not read.
const OTHERS: [(&str, &str); 6] = [
    ("$TTL", "it is a DNS zone (RPZ)"),
    (" CNAME .", "it is a DNS zone (RPZ)"),
    ("address=/", "it is a dnsmasq configuration"),
    ("server=/", "it is a dnsmasq configuration"),
    ("local-zone:", "it is an Unbound configuration"),
    ("%YAML", "it is YAML"),
];

/// How many rows each format would have read.
#[derive(Default)]
struct Votes {
    rows: usize,
    addresses: usize,
    networks: usize,
    hosts: usize,
    names: usize,
    rules: usize,
    urls: usize,
    sbl: usize,
}

fn detect_lines(head: &[u8], file_name: &str) -> Detection {
    let mut lines = Lines::new(head, &Limits::default());
    let mut votes = Votes::default();
    let mut spamhaus = false;
    while votes.rows < ROWS_MAX
        && let Ok(Some(line)) = lines.next()
    {
        let Line::Text(text) = line else { continue };
        if text.starts_with("[Adblock") {
            return Detection::sure(Format::Adblock, 98, "it begins with [Adblock]");
        }
        if abuse_ch::names_columns(text.trim_start_matches('#').trim()) {
            return Detection::sure(Format::AbuseChCsv, 97, format!("it names columns: {text}"));
        }
        if let Some((_, why)) = OTHERS.iter().find(|(mark, _)| text.contains(mark)) {
            return Detection::none(*why);
        }
        let comment = text.starts_with(['!', ';'])
            || text.starts_with("// ")
            || adblock::comment(text).is_some();
        if comment {
            spamhaus |= text.contains("Spamhaus");
        } else if !text.is_empty() {
            if votes.rows == 0 && abuse_ch::is_known_row(text) {
                let why = "its first row has the fields of an abuse.ch export";
                return Detection::sure(Format::AbuseChCsv, 80, why);
            }
            votes.count(text);
        }
    }
    votes.decide(spamhaus || votes.sbl > 0 || is_drop_name(file_name))
}

/// `drop.txt`, `edrop.txt`, `drop_v6.txt`, `asndrop.txt`.
fn is_drop_name(file_name: &str) -> bool {
    let name = file_name.rsplit('/').next().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    ["drop", "edrop", "dropv6", "drop_ipv6", "drop_v4", "drop_v6", "asndrop", "asn_drop"]
        .contains(&stem)
}

impl Votes {
    fn count(&mut self, text: &str) {
        self.rows += 1;
        let cell = unquote(text.split([' ', '\t', ',', ';']).next().unwrap_or_default());
        if is_rule(text) {
            self.rules += 1;
        } else if hosts::is_row(text) {
            self.hosts += 1;
        } else if cell.contains("://") {
            self.urls += 1;
        } else if text.contains("://") && !text.contains(',') {
            // Prose with a URL in it. Behind a comma it is a reference.
        } else if ip_list::read(cell).is_ok() || is_asn(cell) {
            self.addresses += 1;
            self.networks += usize::from(cell.contains('/') || is_asn(cell));
            self.sbl += usize::from(text.contains("; SBL"));
        } else if cell.contains('.') && domain_list::read(cell, Default::default()).is_ok() {
            self.names += 1;
        }
    }

    fn decide(&self, spamhaus: bool) -> Detection {
        if self.rows == 0 {
            return Detection::none("it has comments only");
        }
        if spamhaus && self.networks * 100 >= self.rows * SHARE_MIN {
            let why = "networks, from Spamhaus by its comments, SBL numbers or name";
            return Detection::sure(Format::SpamhausDrop, 90, why);
        }
        // A list of names may hold other things between them; other lists may not.
        let mixed = match self.names * 5 >= self.rows {
            true => self.names + self.addresses + self.urls,
            false => self.names,
        };
        // What is of several kinds, each too rare to win, is read by the reader that knows them all.
        let all = self.names + self.addresses + self.urls;
        if all.max(self.hosts).max(self.rules) == all
            && all * 100 >= self.rows * SHARE_MIN
            && self.addresses.max(self.urls).max(mixed) * 100 < self.rows * SHARE_MIN
        {
            let why = format!("{all} of the first {} rows are names, addresses or URLs", self.rows);
            return Detection::sure(Format::DomainList, 60, why);
        }
        let mut shares = [
            (mixed, Format::DomainList),
            (self.addresses, Format::IpList),
            (self.hosts, Format::Hosts),
            (self.rules, Format::Adblock),
            (self.urls, Format::UrlList),
        ];
        shares.sort_by_key(|(votes, _)| std::cmp::Reverse(*votes));
        let [(best, format), (second, runner_up), ..] = shares;
        let percent = best * 100 / self.rows;
        let mut why = format!("{best} of the first {} rows are {}", self.rows, format.meaning());
        if second > 0 {
            why.push_str(&format!("; {second} would be {}", runner_up.meaning()));
        }
        if percent < SHARE_MIN && self.rules * 5 >= self.rows {
            return Detection::sure(Format::Adblock, 70, "a fifth or more of its rows are rules");
        }
        if best == 0 {
            return Detection::none("its rows fit no format that is read");
        }
        if percent < SHARE_MIN {
            return Detection::none(format!("{why}, which is too few"));
        }
        Detection::sure(format, u8::try_from(percent.min(95)).unwrap_or(95), why)
    }
}

fn is_rule(text: &str) -> bool {
    text.starts_with("||")
        || text.starts_with("@@")
        || text.starts_with("*$")
        || text.starts_with('^')
        || text.contains("##")
        || text.contains("#@#")
}

fn is_asn(cell: &str) -> bool {
    cell.strip_prefix("AS").is_some_and(|number| number.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart() {
        for (head, name, expected) in [
            ("# list\n45.95.11.34\n45.95.11.0/24\n", None, Some(Format::IpList)),
            ("45.95.11.0/24 ; SBL1\n45.95.12.0/24 ; SBL2\n", None, Some(Format::SpamhausDrop)),
            ("45.95.11.0/24\n", Some("lists/edrop.txt"), Some(Format::SpamhausDrop)),
            ("0.0.0.0 evil-shop.top\n0.0.0.0 a.top b.top\n", None, Some(Format::Hosts)),
            ("*.evil-shop.top\n.b.top\nc.top\n", None, Some(Format::DomainList)),
            ("evil-shop.top\n45.95.11.34:443\nc.top/x\n", None, Some(Format::DomainList)),
            ("# AdGuard\n||evil-shop.top^\n", None, Some(Format::Adblock)),
            ("[Adblock Plus]\nx\n", None, Some(Format::Adblock)),
            ("http://evil-shop.top/a\nhttps://b.top\n", None, Some(Format::UrlList)),
            ("# id,dateadded,url,url_status,threat\n", None, Some(Format::AbuseChCsv)),
            ("{\"cidr\":\"45.95.11.0/24\"}\n", None, Some(Format::SpamhausDrop)),
            ("{\"description\":\"d\",\"list\":[\"a", None, Some(Format::MispWarninglist)),
            ("{\"type\":\"metadata\"}\n{\"asn\":1}\n", None, Some(Format::SpamhausDrop)),
            ("evil-shop.top,used by X,https://a.top\n", None, Some(Format::DomainList)),
            ("## Feed of names ##\n## second\nevil-shop.top\n", None, Some(Format::DomainList)),
            ("\"http://evil-shop.top/a\"\n", None, Some(Format::UrlList)),
            ("45.95.11.34\nhttp://evil-shop.top/a\n", None, Some(Format::DomainList)),
            ("{\"type\":\"bundle\"}", None, None),
            ("  <!DOCTYPE HTML>\n", None, None),
            ("<?xml version='1.0'?>", None, None),
            ("<!-- x -->\n<html>", None, None),
            ("PK\u{3}\u{4}evil-shop.top", None, None),
            ("e\0v\0i\0l\0.\0t\0o\0p\0\n\0", None, None),
            ("address=/evil-shop.top/#\n", None, None),
            ("evil-shop.top CNAME .\n", None, None),
            ("# only comments\n", None, None),
            ("just some prose\nand more of it\n", None, None),
            ("", None, None),
        ] {
            let detection = detect(head.as_bytes(), name);
            assert_eq!(detection.format, expected, "{head}: {}", detection.why);
            assert!(!detection.why.is_empty());
        }
    }
}
