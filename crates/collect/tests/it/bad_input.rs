//! Feeds that would fill memory if anything in them were held: giant lines, records and lists.

use std::io::{self, BufReader, Read};
use wardnet_collect::feeds::{
    FeedReport, Format, Limits, Preview, ReadOptions, open_plain, read_feed,
};
use wardnet_model::Kind;

/// Text that is made while it is read: a start, a part many times over, an end.
struct Endless {
    parts: Vec<(&'static [u8], u64)>,
    at: usize,
}

impl Endless {
    fn new(parts: &[(&'static str, u64)]) -> Self {
        Self { parts: parts.iter().map(|(text, n)| (text.as_bytes(), *n)).rev().collect(), at: 0 }
    }
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let Some((text, left)) = self.parts.last_mut() else { break };
            if *left == 0 || text.is_empty() {
                self.parts.pop();
                continue;
            }
            let rest = &text[self.at..];
            let count = rest.len().min(buffer.len() - filled);
            buffer[filled..filled + count].copy_from_slice(&rest[..count]);
            filled += count;
            self.at += count;
            if self.at == text.len() {
                self.at = 0;
                *left -= 1;
            }
        }
        Ok(filled)
    }
}

fn read(parts: &[(&'static str, u64)], format: Format) -> (FeedReport, Preview) {
    let mut preview = Preview::new(&[], 2, 10);
    let input = BufReader::new(Endless::new(parts));
    let report = read_feed(input, format, &ReadOptions::default(), &mut preview).unwrap();
    (report, preview)
}

#[test]
fn a_giant_line_is_one_rejection() {
    let parts = [("evil-a.top\n", 1), ("xxxxxxxxxxxxxxxx", 2 << 20), ("\nevil-b.top\n", 1)];
    for format in [Format::DomainList, Format::Maltrail] {
        let (report, preview) = read(&parts, format);
        assert_eq!(report.rejected.get("line-too-long"), Some(&1), "{format}");
        assert_eq!(preview.by_kind.get(&Kind::Domain), Some(&2), "{format}");
    }
}

#[test]
fn a_giant_record_is_one_rejection() {
    let stix = "{\"type\":\"indicator\",\"id\":\"indicator--1\",\"pattern\":\"";
    for (format, start, end) in [
        (
            Format::Json,
            "[{\"domain\":\"evil-a.top\"},{\"domain\":\"",
            "\"},{\"domain\":\"evil-b.top\"}]",
        ),
        (
            Format::PhishTank,
            "[{\"url\":\"http://evil-a.top/\"},{\"url\":\"",
            "\"},{\"url\":\"http://evil-b.top/\"}]",
        ),
        (Format::MetaMask, "{\"blacklist\":[\"evil-a.top\",\"", "\",\"evil-b.top\"]}"),
        (
            Format::Json,
            "{\"domain\":\"evil-a.top\"}\n{\"domain\":\"",
            "\"}\n{\"domain\":\"evil-b.top\"}\n",
        ),
    ] {
        let (report, preview) =
            read(&[(start, 1), ("xxxxxxxxxxxxxxxx", 1 << 18), (end, 1)], format);
        assert_eq!(
            report.rejected.get("record-too-long"),
            Some(&1),
            "{format} {:?}",
            report.rejected
        );
        assert_eq!(preview.accepted(), 2, "{format}");
    }
    let parts = [("{\"objects\":[", 1), (stix, 1), ("xxxxxxxxxxxxxxxx", 1 << 18), ("\"}]}", 1)];
    let (report, _) = read(&parts, Format::Stix);
    assert_eq!(report.rejected.get("record-too-long"), Some(&1));
}

#[test]
fn any_number_of_rejections_is_counted_and_few_are_kept() {
    let (report, preview) = read(&[("address=/not a name/#\n", 300_000)], Format::Dnsmasq);
    assert_eq!(report.rejected_total(), 300_000);
    assert_eq!(preview.rejected["not-an-indicator"].1.len(), 2);
}

#[test]
fn a_feed_beyond_the_limit_ends_in_a_clear_error() {
    let mut limits = Limits::default();
    limits.plain_bytes_max = 4 << 20;
    for (format, line) in
        [(Format::HashList, "d41d8cd98f00b204e9800998ecf8427e\n"), (Format::Csv, "a,b\n")]
    {
        let input = open_plain(Endless::new(&[(line, u64::MAX)]), &limits).unwrap();
        let mut preview = Preview::new(&[], 2, 10);
        let error = read_feed(input, format, &ReadOptions::default(), &mut preview).unwrap_err();
        assert!(error.to_string().contains("the most that is read"), "{error}");
    }
}
