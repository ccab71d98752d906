//! Guesses a feed's format from its first bytes.

mod json;
mod lines;

use crate::feeds::json_records::Nothing;
use crate::feeds::{Format, ReadOptions, read_feed};

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
        [b'[', b'!', ..] if is_markdown(head, file_name) => Detection::none(MARKDOWN),
        [b'{' | b'[', ..] if !head.trim_ascii_start().starts_with(b"[Adblock") => {
            json::detect(head)
        }
        [b'<', ..] => Detection::none(begun_by_a_tag(head, file_name)),
        _ => lines::detect(head, file_name.unwrap_or_default()),
    }
}

const MARKDOWN: &str = "it is a text in Markdown: look for the list that it describes";

/// What a text is that begins with a tag, and is no web page.
fn begun_by_a_tag(head: &[u8], file_name: Option<&str>) -> &'static str {
    if is_markdown(head, file_name) { MARKDOWN } else { "it is XML, or part of a web page" }
}

/// Whether a text is Markdown, by its name, a badge at its top, or headings beneath a tag.
fn is_markdown(head: &[u8], file_name: Option<&str>) -> bool {
    let name = file_name.unwrap_or_default().to_ascii_lowercase();
    let has = |text: &str| memchr::memmem::find(head, text.as_bytes()).is_some();
    let is_declared = head.trim_ascii_start().starts_with(b"<?xml");
    name.ends_with(".md")
        || name.ends_with(".markdown")
        || (!is_declared && ["\n# ", "\n## ", "[![", "\n```"].iter().any(|mark| has(mark)))
}

/// Says what the bytes are when they are no UTF-8 text, by their first few.
fn not_text(head: &[u8]) -> Option<&'static str> {
    match head {
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Some("it is a zip archive: unpack it first"),
        [b'B', b'Z', b'h', ..] => Some("it is packed with bzip2: unpack it, or use gzip or zstd"),
        [0xFD, b'7', b'z', b'X', b'Z', ..] => {
            Some("it is packed with xz: unpack it, or use gzip or zstd")
        }
        [_, 0, _, 0, ..] | [0, _, 0, _, ..] => Some(UTF_16),
        _ => marked_as_utf16(head),
    }
}

const UTF_16: &str = "it is UTF-16 text: save it as UTF-8";

/// Says what to do about a text that begins with a byte-order mark of UTF-16 (RFC 2781, section 3.2),
/// as PowerShell's `>` writes it.
pub fn marked_as_utf16(head: &[u8]) -> Option<&'static str> {
    matches!(head, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]).then_some(UTF_16)
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

/// The share of rows of which a format would make something, in percent. What must not block counts:
/// it was understood.
fn fits(head: &[u8], format: Format) -> u64 {
    // The last line is seldom whole.
    let end = memchr::memrchr(b'\n', head).filter(|end| *end > 0).map_or(head.len(), |end| end + 1);
    let whole = head.get(..end).unwrap_or(head);
    let read = |head: &[u8]| read_feed(head, format, &ReadOptions::default(), &mut Nothing);
    // Where it is the only row, it has to do.
    let report =
        read(whole).and_then(|report| if report.rows > 0 { Ok(report) } else { read(head) });
    let Ok(report) = report else { return 0 };
    let lost: u64 =
        ["not-an-indicator", "unknown-columns", "no-indicator", "missing-field", "value-type"]
            .iter()
            .filter_map(|reason| report.rejected.get(reason))
            .sum();
    let understood = report.accepted + report.rejected_total() - lost;
    understood * 100 / (understood + lost).max(1)
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
            ("  <!DOCTYPE HTML>\n", None, None),
            ("<?xml version='1.0'?>", None, None),
            ("<!-- x -->\n<html>", None, None),
            ("PK\u{3}\u{4}evil-shop.top", None, None),
            ("e\0v\0i\0l\0.\0t\0o\0p\0\n\0", None, None),
            ("# only comments\n", None, None),
            ("just some prose\nand more of it\n", None, None),
            ("", None, None),
        ] {
            check(head, name, expected);
        }
    }

    #[test]
    fn usual_column_names_are_not_taken_for_an_export_of_abuse_ch() {
        for (head, expected) in [
            ("ip,malware,first_seen,confidence\n45.95.11.34,X,2026-08-01,90\n", Format::Csv),
            ("indicator,type,malware,confidence,tags\nevil-shop.top,domain,X,90,\n", Format::Csv),
            ("first_seen,ioc,type,malware\n2026-08-01,evil-shop.top,domain,X\n", Format::Csv),
            ("domain,malware,first_seen,tags\nevil-shop.top,X,2026-08-01,a\n", Format::Csv),
            ("domain,sha256_hash,first_seen_utc\nevil-shop.top,,2026-08-01\n", Format::Csv),
            ("url,threat,malware,tags\nhttp://evil-shop.top/a,x,X,\n", Format::Csv),
            ("first_seen_utc,dst_ip,dst_port,malware\n", Format::AbuseChCsv),
        ] {
            check(head, None, Some(expected));
        }
    }

    fn check(head: &str, name: Option<&str>, expected: Option<Format>) {
        let detection = detect(head.as_bytes(), name);
        assert_eq!(detection.format, expected, "{head}: {}", detection.why);
        assert!(!detection.why.is_empty());
    }

    #[test]
    fn markdown_is_called_so() {
        for (head, name, expected) in [
            ("<p align=center>x</p>\n\n## Lists\n", None, MARKDOWN),
            ("<h1>Lists</h1>\n", Some("README.md"), MARKDOWN),
            ("[![badge](https://a.top/b)](https://a.top)\n", None, MARKDOWN),
            ("<?xml version='1.0'?>\n<a>\n# x\n", None, "it is XML, or part of a web page"),
            ("<rss>\n", None, "it is XML, or part of a web page"),
        ] {
            let detection = detect(head.as_bytes(), name);
            assert_eq!((detection.format, &*detection.why), (None, expected), "{head}");
        }
    }

    #[test]
    fn formats_with_a_form_of_their_own_are_told_apart() {
        for (head, name, expected) in [
            ("address=/evil-shop.top/#\n", None, Some(Format::Dnsmasq)),
            ("server=/evil-shop.top/\nlocal=/b.top/\n", None, Some(Format::Dnsmasq)),
            ("server:\n  local-zone: \"a.top.\" static\n", None, Some(Format::Unbound)),
            ("evil-shop.top CNAME .\n", None, Some(Format::Rpz)),
            ("$TTL 60\n@ IN SOA a. b. 1 2 3 4 5\n*.a.top CNAME .\n", None, Some(Format::Rpz)),
            ("{\"type\":\"bundle\",\"id\":\"bundle--1\"}", None, Some(Format::Stix)),
            ("{\"Event\":{\"info\":\"x\",\"Attribute\":[", None, Some(Format::MispEvent)),
            ("{\"a\":{\"Orgc\":{\"name\":\"x\"},\"info\":\"x\"}}", None, None),
            ("[{\"phish_id\":1,\"url\":\"http://a.top\"}]", None, Some(Format::PhishTank)),
            ("{\"fuzzylist\":[],\"blacklist\":[]}", None, Some(Format::MetaMask)),
            ("[\"evil-shop.top\",\"b.top\"]", None, Some(Format::Json)),
            ("[{\"name\":\"x\",\"url\":\"https://a.top/list\"}]", None, None),
            (
                "{\"new\":[{\"duration\":\"4h\",\"scope\":\"Ip\",\"value\":\"45.95.11.34\"}]}",
                None,
                Some(Format::CrowdSec),
            ),
            (
                "2026-08-22 01:31:00,a,domain,evil-shop.top,#phishing,https://x.top/1\n",
                None,
                Some(Format::TweetFeed),
            ),
            (
                "phish_id,url,submission_time\n1,http://a.top/,2020-05-09\n",
                None,
                Some(Format::PhishTank),
            ),
            ("#ip,ioc\n45.95.11.34,Possible X C2 IP\n", None, Some(Format::C2Intel)),
            (
                "id,source,ip,reason,action,country,as,events_count,expiration,simulated,alert_id\n\
                 1,crowdsec,Ip:45.95.11.34,crowdsecurity/ssh-bf,ban,NL,64500 X,6,3h59m,false,7",
                None,
                Some(Format::CrowdSec),
            ),
            (
                "ID,SOURCE,SCOPE:VALUE,REASON,ACTION,COUNTRY,AS,EVENTS,EXPIRATION,ALERT ID\n\
                 1,crowdsec,Ip:45.95.11.34,crowdsecurity/ssh-bf,ban,NL,64500 X,6,3h59m,7\n",
                None,
                Some(Format::CrowdSec),
            ),
            ("domain;family\nevil-shop.top;x\n", None, Some(Format::Csv)),
            ("Vendor;Description;Category;Url\nA;b;DNS;https://a.top/list\n", None, None),
            ("d41d8cd98f00b204e9800998ecf8427e  usr/bin/a\n", None, Some(Format::HashList)),
            ("d41d8cd98f00b204e9800998ecf8427e,\"Safari\"\n", Some("osx-ja3.csv"), None),
            ("0ae0bdee673be310b7963c1ebddd4b6e,2454f048-74d0-5de6-a449-1f18dbf695d5\n", None, None),
            ("45.95.11.34,1,120\n45.95.11.0/24,2,50\n", None, Some(Format::SuricataIprep)),
            ("ZXZpbC1zaG9wLnRvcA==\n", None, Some(Format::SuricataDataset)),
            (
                "# Reference: https://a.top\nevil-shop.top\n45.95.11.34:443\n/gate.php\n",
                None,
                Some(Format::Maltrail),
            ),
            ("# Reference: https://a.top\n45.95.11.0/24\n", None, Some(Format::IpList)),
            ("evil-shop.top,x (malware),http://a.top/\n", None, Some(Format::Maltrail)),
        ] {
            check(head, name, expected);
        }
    }
}
