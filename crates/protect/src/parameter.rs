//! Parameters of queries, and what is wrong with them.

use std::fmt::Display;
use std::str::FromStr;
use wardnet_server::Problem;

/// A value that knows how to read itself.
pub(crate) fn read<T: FromStr<Err: Display>>(what: &str, value: &str) -> Result<T, Problem> {
    value.parse().map_err(|error| Problem::bad_request(format!("`{what}`: {error}")))
}

/// A whole number, in digits alone.
pub(crate) fn number(what: &str, value: &str, max: u64) -> Result<u64, Problem> {
    let is_plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.parse().ok().filter(|number| is_plain && *number <= max);
    number.ok_or_else(|| {
        Problem::bad_request(format!("`{what}` is to be a whole number from 0 to {max}"))
    })
}
