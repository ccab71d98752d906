//! What the measuring programs share: rows, clocks, random keys, child processes, HTTP.
//!
//! Each program under `src/bin` prints rows of a Markdown table, the ratio first. Figures of one
//! row come from one run, with the rounds of the peers alternating, so that other work on the
//! machine disturbs both alike; the median of the rounds is shown.

pub mod database;
pub mod dns;
pub mod http;
pub mod process;
pub mod reads;
pub mod row;
pub mod server;
pub mod timing;
pub mod vectors;
