//! Where a follower has come to, as it is written and read.

use std::fmt;
use std::str::FromStr;

/// Where a follower of a feed has come to: all changes up to this one are known to it.
///
/// Written `HISTORY-NUMBER`: the history in sixteen hexadecimal digits, the number in decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The run of the program that gave the number.
    pub history: u64,
    /// The number of the last change that is known.
    pub seq: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.history, self.seq)
    }
}

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor; send one as you got it, or none to begin with what comes next")]
pub struct CursorError;

impl FromStr for Cursor {
    type Err = CursorError;

    /// Reads only what [`fmt::Display`] writes.
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (history, seq) = text.split_once('-').ok_or(CursorError)?;
        let is_hex = history.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_decimal = seq.bytes().all(|byte| byte.is_ascii_digit());
        let is_shortest = seq == "0" || !seq.starts_with('0');
        if history.len() != 16 || !is_hex || !is_decimal || !is_shortest {
            return Err(CursorError);
        }
        let history = u64::from_str_radix(history, 16).map_err(|_| CursorError)?;
        Ok(Self { history, seq: seq.parse().map_err(|_| CursorError)? })
    }
}
