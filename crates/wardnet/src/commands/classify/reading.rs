//! Reading lines and files of which nobody knows how long they are.

use anyhow::{Context as _, bail};
use std::io::{BufRead, Read as _};
use std::path::Path;

/// The longest line that is read.
pub(crate) const LINE_BYTES_MAX: usize = 1 << 20;

/// Lines of bytes, one at a time.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    bytes_max: usize,
}

/// The lines of `input`, none longer than `bytes_max`.
pub(crate) fn lines<R: BufRead>(input: R, bytes_max: usize) -> Lines<R> {
    Lines { input, line: Vec::new(), bytes_max }
}

impl<R: BufRead> Lines<R> {
    /// The next line without its end; `None` behind the last.
    pub(crate) fn next_line(&mut self) -> anyhow::Result<Option<&[u8]>> {
        self.line.clear();
        let limit = u64::try_from(self.bytes_max).unwrap_or(u64::MAX);
        let read = self.input.by_ref().take(limit).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if read == self.bytes_max {
            bail!("a line is longer than {} bytes; give one subject a line", self.bytes_max);
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        Ok(Some(&self.line))
    }
}

/// The bytes of a file, or of standard input for `-`, up to `bytes_max`.
pub(crate) fn bytes(path: &Path, bytes_max: usize) -> anyhow::Result<Vec<u8>> {
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut read = Vec::new();
    let name = || format!("{} cannot be read", path.display());
    #[expect(clippy::disallowed_methods, reason = "limited by `take`")]
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut read).with_context(name)?;
    } else {
        let file = std::fs::File::open(path).with_context(name)?;
        file.take(limit).read_to_end(&mut read).with_context(name)?;
    }
    Ok(read)
}
