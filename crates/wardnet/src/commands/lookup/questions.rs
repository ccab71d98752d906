//! The questions of one `wardnet lookup`, from its arguments and from standard input.

use std::io::{BufRead, Read as _};

/// Questions that go into one request.
pub(super) const QUESTIONS_AT_ONCE: usize = 10_000;

/// Bytes of a line of standard input that are kept. No indicator is as long, so that what is cut
/// off here is answered as what it is: not an indicator.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Questions in their order.
pub(super) struct Questions<'q, R> {
    given: std::slice::Iter<'q, String>,
    input: &'q mut R,
    /// Whether lines of the input come before what is given next.
    reading: bool,
}

impl<'q, R: BufRead> Questions<'q, R> {
    /// Those given; `-` stands for the lines of `input`.
    pub(super) fn new(given: &'q [String], input: &'q mut R) -> Self {
        Self { given: given.iter(), input, reading: false }
    }

    /// The next questions, at most [`QUESTIONS_AT_ONCE`]; none at the end.
    pub(super) fn next_part(&mut self) -> std::io::Result<Vec<String>> {
        let mut part = Vec::new();
        while part.len() < QUESTIONS_AT_ONCE {
            if self.reading {
                match self.line()? {
                    Some(line) if line.trim().is_empty() => {}
                    Some(line) => part.push(line),
                    None => self.reading = false,
                }
                continue;
            }
            match self.given.next() {
                Some(dash) if dash == "-" => self.reading = true,
                Some(question) => part.push(question.clone()),
                None => break,
            }
        }
        Ok(part)
    }

    /// One line without its end; of one that is too long, the beginning.
    fn line(&mut self) -> std::io::Result<Option<String>> {
        let mut line = Vec::new();
        if self.input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.len() as u64 == LINE_BYTES_MAX && !line.ends_with(b"\n") {
            self.input.skip_until(b'\n')?;
        }
        let text = String::from_utf8_lossy(&line);
        Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_where_the_dash_does() {
        let given = ["a", "-", "b", "-"].map(str::to_owned);
        let mut input = "one\r\n\n two\nthree".as_bytes();
        let mut questions = Questions::new(&given, &mut input);
        assert_eq!(questions.next_part().unwrap(), ["a", "one", " two", "three", "b"]);
        assert!(questions.next_part().unwrap().is_empty());
    }

    #[test]
    fn a_line_without_end_takes_no_memory_and_hides_no_other() {
        let long = "x".repeat(300_000);
        let text = format!("one\n{long}\ntwo\n");
        let given = ["-".to_owned()];
        let mut input = text.as_bytes();
        let part = Questions::new(&given, &mut input).next_part().unwrap();
        assert_eq!((part[0].as_str(), part[2].as_str()), ("one", "two"));
        assert_eq!(part[1].len() as u64, LINE_BYTES_MAX);
    }

    #[test]
    fn many_come_in_parts() {
        let text = "x\n".repeat(QUESTIONS_AT_ONCE + 1);
        let (given, mut input) = (["-".to_owned()], text.as_bytes());
        let mut questions = Questions::new(&given, &mut input);
        let mut lengths = [0; 3];
        lengths.fill_with(|| questions.next_part().unwrap().len());
        assert_eq!(lengths, [QUESTIONS_AT_ONCE, 1, 0]);
    }
}
