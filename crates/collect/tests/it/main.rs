//! The integration tests of this crate.
#![cfg(test)]

mod feeds;
mod fetch;
mod fetch_server;
