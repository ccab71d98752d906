//! The integration tests of this crate.
#![cfg(test)]

mod bad_input;
mod feeds;
mod fetch;
mod fetch_server;
