//! The records of a JSON document of any size, one at a time, in bounded memory.
//!
//! A parser for whole documents would hold all of it. This one walks through the text, keeps the
//! bytes of one wanted value, and leaves their parsing to `serde_json`.

use crate::feeds::Limits;
use crate::feeds::mapping::Role;
use serde_json::Value;
use std::io::{self, BufRead};

/// How much of a key is kept, in bytes: none that is looked for is longer.
const KEY_BYTES_MAX: usize = 64;

/// How much is taken from the input at once.
const CHUNK_BYTES: usize = 64 << 10;

/// One step of the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A value of an object, by its key.
    Key(Box<str>),
    /// A value of an array.
    Element,
}

impl Step {
    pub(crate) fn is_key(&self, name: &str) -> bool {
        matches!(self, Self::Key(key) if &**key == name)
    }
}

/// A wanted value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item<'i> {
    /// Its text.
    Text(&'i [u8]),
    /// It is longer than the limit; its beginning.
    TooLong(&'i [u8]),
}

/// How the document ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All of it was read, or all that was wanted.
    Whole,
    /// The text ended too early.
    CutShort,
    /// The text is no JSON from that byte on, or nested too deep.
    Damaged(u64),
}

/// Why walking stopped.
enum Stop {
    Io(io::Error),
    End,
    Damaged,
    Enough,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Walks through a document, or several one after the other, and hands over every value whose way
/// is `wanted`. `take` returns whether to go on.
pub(crate) fn each_item<R: BufRead>(
    input: R,
    bytes_max: usize,
    limits: &Limits,
    wanted: &dyn Fn(&[Step]) -> bool,
    take: &mut dyn FnMut(&[Step], Item<'_>) -> bool,
) -> io::Result<Ending> {
    let mut walk = Walk {
        input,
        chunk: Vec::with_capacity(CHUNK_BYTES),
        at: 0,
        before: 0,
        path: Vec::new(),
        kept: Vec::new(),
        bytes_max,
        depth_max: limits.json_depth_max,
        wanted,
        take,
    };
    match walk.documents() {
        Ok(()) | Err(Stop::Enough) => Ok(Ending::Whole),
        Err(Stop::End) => Ok(Ending::CutShort),
        Err(Stop::Damaged) => Ok(Ending::Damaged(walk.before + walk.at as u64)),
        Err(Stop::Io(error)) => Err(error),
    }
}

struct Walk<'w, R> {
    input: R,
    chunk: Vec<u8>,
    /// Where in the chunk we are.
    at: usize,
    /// How many bytes came before the chunk.
    before: u64,
    path: Vec<Step>,
    kept: Vec<u8>,
    bytes_max: usize,
    depth_max: usize,
    wanted: &'w dyn Fn(&[Step]) -> bool,
    take: &'w mut dyn FnMut(&[Step], Item<'_>) -> bool,
}

impl<R: BufRead> Walk<'_, R> {
    fn documents(&mut self) -> Result<(), Stop> {
        if self.peek()? == Some(0xEF) {
            // A byte order mark (Unicode 16, section 23.8).
            for _ in 0..3 {
                self.next()?;
            }
        }
        let mut is_first = true;
        loop {
            match self.peek_past_blanks()? {
                None if is_first => return Err(Stop::End),
                None => return Ok(()),
                Some(_) => self.value()?,
            }
            is_first = false;
        }
    }

    fn value(&mut self) -> Result<(), Stop> {
        let first = self.peek_past_blanks()?.ok_or(Stop::End)?;
        if (self.wanted)(&self.path) {
            return self.keep();
        }
        if self.path.len() >= self.depth_max {
            return Err(Stop::Damaged);
        }
        match first {
            b'{' => self.object(),
            b'[' => self.array(),
            _ => self.skip(false).map(|_| ()),
        }
    }

    fn object(&mut self) -> Result<(), Stop> {
        self.next()?;
        if self.peek_past_blanks()? == Some(b'}') {
            self.next()?;
            return Ok(());
        }
        loop {
            if self.peek_past_blanks()?.ok_or(Stop::End)? != b'"' {
                return Err(Stop::Damaged);
            }
            let key = self.key()?;
            if self.peek_past_blanks()?.ok_or(Stop::End)? != b':' {
                return Err(Stop::Damaged);
            }
            self.next()?;
            self.path.push(Step::Key(key));
            self.value()?;
            self.path.pop();
            if self.ends_with(b'}')? {
                return Ok(());
            }
        }
    }

    fn array(&mut self) -> Result<(), Stop> {
        self.next()?;
        if self.peek_past_blanks()? == Some(b']') {
            self.next()?;
            return Ok(());
        }
        loop {
            self.path.push(Step::Element);
            self.value()?;
            self.path.pop();
            if self.ends_with(b']')? {
                return Ok(());
            }
        }
    }

    /// Takes the comma before another value, or the end of all.
    fn ends_with(&mut self, end: u8) -> Result<bool, Stop> {
        let byte = self.peek_past_blanks()?.ok_or(Stop::End)?;
        self.next()?;
        match byte {
            b',' => Ok(false),
            byte if byte == end => Ok(true),
            _ => Err(Stop::Damaged),
        }
    }

    /// A key, as far as it is kept. Escapes stay as they are: no key that is looked for has one.
    fn key(&mut self) -> Result<Box<str>, Stop> {
        self.next()?;
        let mut key = Vec::new();
        loop {
            match self.next()? {
                b'"' => break,
                b'\\' => {
                    key.push(b'\\');
                    self.next()?;
                }
                byte if key.len() < KEY_BYTES_MAX => key.push(byte),
                _ => {}
            }
        }
        Ok(String::from_utf8_lossy(&key).into())
    }

    /// Hands over the value that begins here.
    fn keep(&mut self) -> Result<(), Stop> {
        self.kept.clear();
        let length = self.skip(true)?;
        let item = match length > self.bytes_max {
            true => Item::TooLong(&self.kept),
            false => Item::Text(&self.kept),
        };
        if (self.take)(&self.path, item) { Ok(()) } else { Err(Stop::Enough) }
    }

    /// Goes past a value, whatever it is, and says how long it was.
    fn skip(&mut self, keep: bool) -> Result<usize, Stop> {
        let (mut depth, mut length) = (0usize, 0usize);
        loop {
            let byte = match self.peek()? {
                Some(byte) => byte,
                // A number at the end of everything has no sign behind it.
                None if depth == 0 && length > 0 => return Ok(length),
                None => return Err(Stop::End),
            };
            let is_scalar_end = matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
            if depth == 0 && is_scalar_end {
                // At the very beginning this is no value.
                return if length > 0 { Ok(length) } else { Err(Stop::Damaged) };
            }
            self.one(keep, &mut length)?;
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                b'"' => self.string(keep, &mut length)?,
                _ => {}
            }
            if depth == 0 && matches!(byte, b'}' | b']' | b'"') {
                return Ok(length);
            }
        }
    }

    /// Goes to the end of a string whose opening quote is gone.
    fn string(&mut self, keep: bool, length: &mut usize) -> Result<(), Stop> {
        loop {
            match self.one(keep, length)? {
                b'"' => return Ok(()),
                b'\\' => {
                    self.one(keep, length)?;
                }
                _ => {}
            }
        }
    }

    fn one(&mut self, keep: bool, length: &mut usize) -> Result<u8, Stop> {
        let byte = self.next()?;
        *length = length.saturating_add(1);
        if keep && self.kept.len() < self.bytes_max {
            self.kept.push(byte);
        }
        Ok(byte)
    }

    fn peek_past_blanks(&mut self) -> Result<Option<u8>, Stop> {
        while let Some(byte) = self.peek()? {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Ok(Some(byte));
            }
            self.at += 1;
        }
        Ok(None)
    }

    fn next(&mut self) -> Result<u8, Stop> {
        let byte = self.peek()?.ok_or(Stop::End)?;
        self.at += 1;
        Ok(byte)
    }

    fn peek(&mut self) -> Result<Option<u8>, Stop> {
        if self.at >= self.chunk.len() {
            self.before = self.before.saturating_add(self.chunk.len() as u64);
            self.at = 0;
            self.chunk.clear();
            let buffer = self.input.fill_buf()?;
            let count = buffer.len().min(CHUNK_BYTES);
            self.chunk.extend_from_slice(buffer.get(..count).unwrap_or_default());
            self.input.consume(count);
        }
        Ok(self.chunk.get(self.at).copied())
    }
}

/// Whether a document comes as one object a line.
pub(crate) fn is_one_a_line(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let (first, second) = (lines.next().unwrap_or_default(), lines.find(|line| !line.is_empty()));
    if !first.starts_with(b"{") || !first.ends_with(b"}") {
        return false;
    }
    match second {
        Some(line) => {
            line.starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(first).is_ok()
        }
        None => is_sole_record(first),
    }
}

/// Whether an object is a record itself, and none that holds records: a list of one line.
fn is_sole_record(object: &[u8]) -> bool {
    let Ok(Value::Object(fields)) = serde_json::from_slice(object) else { return false };
    // So does a list of texts that is no field of a record, such as its tags.
    let holds_records = |(name, value): (&String, &Value)| match value {
        Value::Object(_) => true,
        Value::Array(all) => {
            let is_field = Role::of_field(name).is_some_and(|role| !role.is_indicator());
            all.iter().any(|one| one.is_object() || one.is_string() && !is_field)
        }
        _ => false,
    };
    let names_indicator = |(name, value): (&String, &Value)| {
        value.is_string() && Role::of_field(name).is_some_and(Role::is_indicator)
    };
    let is_stix = fields.get("type").and_then(Value::as_str) == Some("indicator");
    is_stix && fields.contains_key("pattern")
        || !fields.iter().any(holds_records) && fields.iter().any(names_indicator)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_object_that_holds_a_list_is_no_record() {
        for record in [
            r#"{"domain":"evil.top","tags":["phishing","kit"]}"#,
            r#"{"ip":"101.2.3.4","ports":[80,443]}"#,
        ] {
            assert!(is_sole_record(record.as_bytes()), "{record}");
        }
        for holder in [
            r#"{"domain":"feed.vendor.top","list":["bad-one.top","bad-two.top"]}"#,
            r#"{"ip":"101.2.3.4","blocklist":["101.2.3.5"]}"#,
            r#"{"host":"vendor.top","ips":["101.2.3.5"]}"#,
            r#"{"domain":"vendor.top","items":[{"domain":"bad-one.top"}]}"#,
        ] {
            assert!(!is_sole_record(holder.as_bytes()), "{holder}");
        }
    }
    use std::io::BufReader;

    fn items(text: &[u8], bytes_max: usize) -> (Vec<String>, Ending) {
        let mut found = Vec::new();
        let wanted = |path: &[Step]| path.last() == Some(&Step::Element);
        let limits = Limits { json_depth_max: 8, ..Limits::default() };
        let input = BufReader::with_capacity(3, text);
        let ending = each_item(input, bytes_max, &limits, &wanted, &mut |_, item| {
            found.push(match item {
                Item::Text(text) => String::from_utf8_lossy(text).into_owned(),
                Item::TooLong(start) => format!("{}…", String::from_utf8_lossy(start)),
            });
            true
        });
        (found, ending.unwrap())
    }

    #[test]
    fn elements_are_found_wherever_they_are() {
        for (text, expected, ending) in [
            ("[1, \"a]\", {\"b\":[2]}]", vec!["1", "\"a]\"", "{\"b\":[2]}"], Ending::Whole),
            ("{\"x\":{\"y\":[true]},\"z\":[]}", vec!["true"], Ending::Whole),
            ("{\"a\":[1]}\n{\"a\":[2]}\n", vec!["1", "2"], Ending::Whole),
            ("\u{feff}[\"\\\"\"]", vec!["\"\\\"\""], Ending::Whole),
            ("[1, {\"b\":", vec!["1"], Ending::CutShort),
            ("[1 2]", vec!["1"], Ending::Damaged(4)),
            ("{\"a\" 1}", vec![], Ending::Damaged(5)),
            ("[123456789012]", vec!["1234567890…"], Ending::Whole),
            ("", vec![], Ending::CutShort),
            ("7", vec![], Ending::Whole),
        ] {
            let (found, ended) = items(text.as_bytes(), 10);
            assert_eq!(
                (found, ended),
                (expected.iter().map(ToString::to_string).collect(), ending),
                "{text}"
            );
        }
        let deep = "{\"a\":".repeat(9);
        assert!(matches!(items(deep.as_bytes(), 10).1, Ending::Damaged(_)));
    }

    #[test]
    fn lines_of_objects_are_told_from_one_document() {
        assert!(is_one_a_line(b"{\"a\":1}\n{\"b\":2}\n"));
        assert!(!is_one_a_line(b"{\"a\":1}\n"), "as well a whole document");
        assert!(!is_one_a_line(b"{\n\"a\":1}\n"));
        // A record alone is a line, too; what holds records is a document.
        assert!(is_one_a_line(b"{\"domain\":\"a.top\",\"tags\":[\"x\"]}\n"));
        assert!(is_one_a_line(b"{\"type\":\"indicator\",\"pattern\":\"\",\"x\":[{}]}"));
        assert!(!is_one_a_line(b"{\"domain\":\"a.top\",\"list\":[{\"ip\":\"\"}]}\n"));
        assert!(!is_one_a_line(b"{\"domains\":[\"a.top\"]}\n"));
        assert!(!is_one_a_line(b"[{\"a\":1},\n{\"b\":2}]"));
    }

    proptest! {
        /// Whatever serde_json reads, the walk reads too, and finds the same elements.
        #[test]
        fn elements_are_those_of_serde_json(
            values in prop::collection::vec("[a-z\\\\\"\\[\\]{}:, \u{e4}]{0,9}", 0..6),
        ) {
            let text = serde_json::to_string(&values).unwrap();
            let (found, ended) = items(text.as_bytes(), 1000);
            let read: Vec<String> =
                found.iter().map(|item| serde_json::from_str(item).unwrap()).collect();
            prop_assert_eq!((read, ended), (values, Ending::Whole));
        }

        #[test]
        fn any_bytes_end(text in "[\\[\\]{}:,\"\\\\1 a]{0,40}") {
            let _outcome = items(text.as_bytes(), 5);
        }
    }
}
