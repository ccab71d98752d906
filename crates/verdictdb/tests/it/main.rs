//! Tests of the verdict database from the outside.
#![expect(clippy::unwrap_used, reason = "a test stops at the first error")]

mod answers;
mod compiled;
mod deltas;
mod feed;
mod hostile;
mod networks;
mod sample;
mod signed;
mod views;
