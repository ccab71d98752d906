//! Writes JSON straight into bytes: answers have one shape, and are written a million times a
//! second.

use std::io::Write as _;
use std::net::IpAddr;
use std::ops::Range;

use wardnet_model::{CategorySet, Indicator, Kind};
use wardnet_verdictdb::Prefix;

/// The two hexadecimal digits of every byte.
const PAIRS: [[u8; 2]; 256] = {
    let digits = *b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < pairs.len() {
        pairs[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    pairs
};

/// The end of what is written.
pub(super) struct Json<'o>(pub(super) &'o mut Vec<u8>);

impl Json<'_> {
    /// Appends text that needs no escaping.
    pub(super) fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Appends bytes of text that needs no escaping.
    pub(super) fn bytes(&mut self, text: &[u8]) {
        self.0.extend_from_slice(text);
    }

    /// Where in the text that lies which `write` appends.
    pub(super) fn part(&mut self, write: impl FnOnce(&mut Self)) -> Range<usize> {
        let start = self.0.len();
        write(self);
        start..self.0.len()
    }

    /// Appends a part that was written before.
    pub(super) fn again(&mut self, part: Range<usize>) {
        self.0.extend_from_within(part);
    }

    /// Appends a string in quotes, escaped.
    pub(super) fn string(&mut self, text: &str) {
        self.0.push(b'"');
        self.escaped(text);
        self.0.push(b'"');
    }

    /// Appends a part of a string, escaped (RFC 8259 section 7).
    pub(super) fn escaped(&mut self, text: &str) {
        let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
        // Every byte is looked at, without a way out in between: that is done many at a time.
        if text.bytes().fold(true, |all, byte| all & plain(byte)) {
            return self.raw(text);
        }
        for character in text.chars() {
            match character {
                '"' => self.raw("\\\""),
                '\\' => self.raw("\\\\"),
                // Memory takes every byte.
                '\0'..' ' => write!(self.0, "\\u{:04x}", u32::from(character)).unwrap_or_default(),
                _ => self.raw(character.encode_utf8(&mut [0; 4])),
            }
        }
    }

    /// Appends a number below 256.
    pub(super) fn number(&mut self, number: u8) {
        if number >= 100 {
            self.0.push(b'0' + number / 100);
        }
        if number >= 10 {
            self.0.push(b'0' + number / 10 % 10);
        }
        self.0.push(b'0' + number % 10);
    }

    /// Appends a comma between members.
    pub(super) fn comma_unless(&mut self, first: bool) {
        if !first {
            self.0.push(b',');
        }
    }

    /// Appends the canonical text of an indicator, as a part of a string.
    pub(super) fn indicator(&mut self, indicator: &Indicator) {
        match indicator {
            Indicator::Address(address) => self.address(*address),
            Indicator::Md5(hash) => self.hexadecimal(hash),
            Indicator::Sha1(hash) => self.hexadecimal(hash),
            Indicator::Sha256(hash) => self.hexadecimal(hash),
            Indicator::Domain(name) => self.escaped(name.as_str()),
            Indicator::Url(url) => self.escaped(url.as_str()),
            Indicator::Email(address) => self.escaped(address.as_str()),
            // Digits, letters, dots and colons: no other kind has a character to escape.
            other => self.display(other),
        }
    }

    /// Appends an address or network, as a part of a string.
    pub(super) fn prefix(&mut self, prefix: Prefix) {
        self.address(prefix.address());
        // A prefix of all bits is an address.
        if !matches!(prefix.kind(), Kind::Ipv4 | Kind::Ipv6) {
            self.0.push(b'/');
            self.number(prefix.length());
        }
    }

    /// Appends an address. The dotted form is short work; the other has rules (RFC 5952).
    fn address(&mut self, address: IpAddr) {
        let IpAddr::V4(address) = address else { return self.display(&address) };
        let [first, rest @ ..] = address.octets();
        self.number(first);
        for octet in rest {
            self.0.push(b'.');
            self.number(octet);
        }
    }

    /// Appends bytes as two digits each.
    pub(super) fn hexadecimal<const N: usize>(&mut self, bytes: &[u8; N]) {
        let pairs = bytes.map(|byte| PAIRS[usize::from(byte)]);
        self.0.extend_from_slice(pairs.as_flattened());
    }

    /// Appends what needs no escaping, as a part of a string.
    pub(super) fn display(&mut self, text: &dyn std::fmt::Display) {
        // Memory takes every byte.
        write!(self.0, "{text}").unwrap_or_default();
    }

    /// Appends the names of categories, as an array.
    pub(super) fn categories(&mut self, categories: CategorySet) {
        self.0.push(b'[');
        if !categories.is_empty() {
            for (at, category) in categories.iter().enumerate() {
                self.comma_unless(at == 0);
                self.0.push(b'"');
                self.raw(category.name());
                self.0.push(b'"');
            }
        }
        self.0.push(b']');
    }
}
