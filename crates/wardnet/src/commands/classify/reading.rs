//! Reading lines and files of which nobody knows how long they are.

use anyhow::{Context as _, bail};
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;
use wardnet_collect::feeds::{Limits, marked_as_utf16, open_plain};

/// The longest line that is read.
pub(crate) const LINE_BYTES_MAX: usize = 1 << 20;

/// What some editors put at the beginning of a file; it belongs to no line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Lines of bytes, one at a time.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    bytes_max: usize,
    /// How many lines were read.
    count: u64,
}

/// The lines of `input`, none longer than `bytes_max`.
pub(crate) fn lines<R: BufRead>(input: R, bytes_max: usize) -> Lines<R> {
    Lines { input, line: Vec::new(), bytes_max, count: 0 }
}

/// What was read of a line.
#[derive(Debug)]
pub(crate) struct Head<'l> {
    /// Its bytes without its end, or as many of the first as may be.
    pub(crate) text: &'l [u8],
    /// Whether there was more.
    pub(crate) is_cut: bool,
}

impl<R: BufRead> Lines<R> {
    /// The next line without its end; `None` behind the last. One that is too long is an error.
    pub(crate) fn next_line(&mut self) -> anyhow::Result<Option<&[u8]>> {
        let (bytes_max, number) = (self.bytes_max, self.count.saturating_add(1));
        match self.next_head()? {
            Some(Head { is_cut: true, .. }) => {
                bail!("line {number} is longer than {bytes_max} bytes; give one subject a line")
            }
            head => Ok(head.map(|head| head.text)),
        }
    }

    /// The next line, or as much of it as may be; `None` behind the last. The rest of a line that is
    /// too long is passed over without being held.
    pub(crate) fn next_head(&mut self) -> std::io::Result<Option<Head<'_>>> {
        self.line.clear();
        let limit = u64::try_from(self.bytes_max).unwrap_or(u64::MAX);
        let read = self.input.by_ref().take(limit).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        let mut is_cut = false;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if read == self.bytes_max {
            is_cut = self.pass_over()?;
        }
        if !is_cut && self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        let mark = if self.count == 0 { BYTE_ORDER_MARK } else { b"" };
        self.count = self.count.saturating_add(1);
        let text = self.line.strip_prefix(mark).unwrap_or(&self.line);
        Ok(Some(Head { text, is_cut }))
    }

    /// Goes behind the end of the line; whether anything lay before it.
    fn pass_over(&mut self) -> std::io::Result<bool> {
        let mut passed = false;
        loop {
            let rest = self.input.fill_buf()?;
            let end = rest.iter().position(|byte| *byte == b'\n');
            let length = end.unwrap_or(rest.len());
            passed |= length > 0;
            let is_last = end.is_some() || rest.is_empty();
            self.input.consume(length + usize::from(end.is_some()));
            if is_last {
                return Ok(passed);
            }
        }
    }
}

/// What errors call a file.
pub(crate) fn shown(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// A text whose bytes come as they are asked for.
pub(crate) type Text = Box<dyn BufRead + Send>;

/// The text of a file, or of standard input for `-`, unpacked if it is gzip or zstd.
pub(crate) fn plain(path: &Path) -> anyhow::Result<Text> {
    let mut input = packed(path)?;
    // Only what is packed goes through the reader of feeds: that one waits for its first 64 KiB,
    // and who asks line by line through a pipe waits for the answer.
    if is_packed(input.fill_buf()?) {
        return limited(input);
    }
    in_bytes(input)
}

/// The same, within the limits that feeds have.
pub(crate) fn plain_limited(path: &Path) -> anyhow::Result<Text> {
    limited(packed(path)?)
}

fn packed(path: &Path) -> std::io::Result<Text> {
    Ok(if path == Path::new("-") {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        Box::new(BufReader::new(File::open(path)?))
    })
}

fn limited(packed: Text) -> anyhow::Result<Text> {
    in_bytes(open_plain(packed, &Limits::default())?)
}

/// Takes a text whose lines are bytes: those of UTF-16 would be read as one and as nothing.
fn in_bytes(mut text: Text) -> anyhow::Result<Text> {
    match marked_as_utf16(text.fill_buf()?) {
        Some(advice) => bail!(advice),
        None => Ok(text),
    }
}

/// Whether gzip (RFC 1952) or zstd (RFC 8878), with a skippable frame or without, begins so.
const fn is_packed(head: &[u8]) -> bool {
    matches!(
        head,
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]
    )
}

/// The bytes of a file, or of standard input for `-`, up to `bytes_max`.
pub(crate) fn bytes(path: &Path, bytes_max: usize) -> anyhow::Result<Vec<u8>> {
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut read = Vec::new();
    let name = || format!("{} cannot be read", shown(path));
    #[expect(clippy::disallowed_methods, reason = "limited by `take`")]
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut read).with_context(name)?;
    } else {
        let file = File::open(path).with_context(name)?;
        file.take(limit).read_to_end(&mut read).with_context(name)?;
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a text, each with whether it was cut, however the bytes come.
    fn heads(text: &str, bytes_max: usize) -> Vec<(String, bool)> {
        let read = |buffer: usize| {
            let input = std::io::BufReader::with_capacity(buffer, text.as_bytes());
            let mut lines = lines(input, bytes_max);
            let mut heads = Vec::new();
            while let Some(Head { text, is_cut }) = lines.next_head().unwrap() {
                heads.push((String::from_utf8(text.to_vec()).unwrap(), is_cut));
            }
            heads
        };
        assert_eq!(read(1), read(100));
        read(1)
    }

    #[test]
    fn the_head_of_a_long_line_is_kept_and_the_next_line_is_whole() {
        let whole = |text: &str| (text.to_owned(), false);
        let cut = |text: &str| (text.to_owned(), true);
        assert_eq!(heads("abcdef\ngh\n", 4), [cut("abcd"), whole("gh")]);
        assert_eq!(heads("abcd\nef", 4), [whole("abcd"), whole("ef")]);
        assert_eq!(heads("abcd", 4), [whole("abcd")]);
        assert_eq!(heads("abcdefghijkl", 4), [cut("abcd")]);
        assert_eq!(heads("abc\r\n\nd\r\n", 4), [whole("abc"), whole(""), whole("d")]);
        let mut long = lines(&b"a\nabcde"[..], 4);
        assert_eq!(long.next_line().unwrap(), Some(&b"a"[..]));
        assert!(long.next_line().unwrap_err().to_string().contains("line 2 is longer than 4"));
    }

    #[test]
    fn a_byte_order_mark_belongs_to_no_line() {
        let whole = |text: &str| (text.to_owned(), false);
        assert_eq!(heads("\u{feff}ab\n\u{feff}c\n", 9), [whole("ab"), whole("\u{feff}c")]);
        assert_eq!(heads("\u{feff}\nab", 9), [whole(""), whole("ab")]);
    }
}
