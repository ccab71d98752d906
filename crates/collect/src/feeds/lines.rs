//! Lines of a feed, one at a time, in bounded memory.

use crate::feeds::Limits;
use std::io::{self, BufRead};

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// Text, with blanks at both ends removed.
    Text(&'a str),
    /// Bytes that are not UTF-8.
    NotUtf8(&'a [u8]),
    /// A line beyond the limit; its beginning.
    TooLong(&'a [u8]),
}

/// How much of a line beyond the limit is kept, for the rejection's excerpt.
const TOO_LONG_KEPT: usize = 256;

/// Reads lines that end in LF or CRLF, the last one perhaps in neither.
pub(crate) struct Lines<R> {
    input: R,
    /// Bytes of `input`'s buffer that were lent out and are consumed by the next call.
    lent: usize,
    /// A line that does not lie in one piece in the buffer.
    pieces: Vec<u8>,
    number: u64,
    line_bytes_max: usize,
    lines_max: u64,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R, limits: &Limits) -> Self {
        Self {
            input,
            lent: 0,
            pieces: Vec::new(),
            number: 0,
            line_bytes_max: limits.line_bytes_max,
            lines_max: limits.lines_max,
        }
    }

    /// Whether reading stopped at the limit on lines, with more to come.
    pub(crate) fn is_cut_short(&mut self) -> io::Result<bool> {
        Ok(self.number >= self.lines_max && !self.input.fill_buf()?.is_empty())
    }

    /// The next line; `None` at the end of the feed or of what the limits allow.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.input.consume(std::mem::take(&mut self.lent));
        if self.number >= self.lines_max {
            return Ok(None);
        }
        let buffer = self.input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        let Some(end) = memchr::memchr(b'\n', buffer) else {
            return self.next_in_pieces().map(Some);
        };
        self.lent = end + 1;
        let bytes = self.input.fill_buf()?.get(..end).unwrap_or_default();
        Ok(Some(judge(bytes, end > self.line_bytes_max, self.number)))
    }

    /// Gathers a line that runs over the end of the buffer, no more of it than the limit.
    fn next_in_pieces(&mut self) -> io::Result<Line<'_>> {
        self.pieces.clear();
        let mut length = 0usize;
        loop {
            let buffer = self.input.fill_buf()?;
            let end = memchr::memchr(b'\n', buffer);
            let piece = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
            let room = self.line_bytes_max.saturating_sub(self.pieces.len());
            self.pieces.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
            length = length.saturating_add(piece.len());
            let consumed = piece.len() + usize::from(end.is_some());
            let done = end.is_some() || buffer.is_empty();
            self.input.consume(consumed);
            if done {
                return Ok(judge(&self.pieces, length > self.line_bytes_max, self.number));
            }
        }
    }
}

fn judge(bytes: &[u8], too_long: bool, number: u64) -> Line<'_> {
    if too_long {
        return Line::TooLong(bytes.get(..TOO_LONG_KEPT).unwrap_or(bytes));
    }
    // Only the first line can begin with a byte order mark (Unicode 16, section 23.8).
    let bytes = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] if number == 1 => rest,
        bytes => bytes,
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => Line::Text(text.trim()),
        Err(_) => Line::NotUtf8(bytes.trim_ascii()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::BufReader;

    fn read(bytes: &[u8], capacity: usize, limits: &Limits) -> Vec<String> {
        let mut lines = Lines::new(BufReader::with_capacity(capacity, bytes), limits);
        let mut texts = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            texts.push(match line {
                Line::Text(text) => text.to_owned(),
                Line::NotUtf8(_) => "<not UTF-8>".to_owned(),
                Line::TooLong(_) => "<too long>".to_owned(),
            });
        }
        texts
    }

    #[test]
    fn every_line_end_is_understood_whatever_the_buffer() {
        let bytes = b"\xEF\xBB\xBFone\r\n\ntwo  \nbad \xFF\nlast";
        for capacity in 1..20 {
            let lines = read(bytes, capacity, &Limits::default());
            assert_eq!(lines, ["one", "", "two", "<not UTF-8>", "last"], "{capacity}");
        }
    }

    #[test]
    fn long_lines_are_skipped_without_being_held() {
        let limits = Limits { line_bytes_max: 8, ..Limits::default() };
        let mut bytes = b"fine\n".to_vec();
        bytes.resize(1 << 20, b'x');
        bytes.extend_from_slice(b"\n12345678\n123456789\nend");
        for capacity in [3, 16, 4096, 2 << 20] {
            let mut lines = Lines::new(BufReader::with_capacity(capacity, &bytes[..]), &limits);
            while lines.next().unwrap().is_some() {}
            assert!(lines.pieces.capacity() <= 64, "{}", lines.pieces.capacity());
            let texts = read(&bytes, capacity, &limits);
            assert_eq!(texts, ["fine", "<too long>", "12345678", "<too long>", "end"]);
        }
    }

    #[test]
    fn reading_stops_at_the_limit_on_lines() {
        let limits = Limits { lines_max: 2, ..Limits::default() };
        let mut lines = Lines::new(&b"1\n2\n3\n"[..], &limits);
        while lines.next().unwrap().is_some() {}
        assert_eq!(lines.number, 2);
        assert!(lines.is_cut_short().unwrap());
        let mut whole = Lines::new(&b"1\n2\n"[..], &limits);
        while whole.next().unwrap().is_some() {}
        assert!(!whole.is_cut_short().unwrap());
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_standard_library(
            text in "([a-c ]{0,9}(\r\n|\n)?){0,8}", capacity in 1usize..16,
        ) {
            let expected: Vec<&str> = text.lines().map(str::trim).collect();
            prop_assert_eq!(read(text.as_bytes(), capacity, &Limits::default()), expected);
        }
    }
}
