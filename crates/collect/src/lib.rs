//! What comes in: feeds, fetching and evidence intake, turned into records.
//!
//! [`feeds`] reads published lists into observations; start with [`feeds::read_feed`].

pub mod catalogue;
pub mod feeds;
pub mod fetch;
pub mod overlap;
