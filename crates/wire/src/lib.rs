//! Protocols without sockets: bytes to questions, answers to bytes.
//!
//! | protocol | module |
//! |---|---|
//! | CrowdSec: queries of bouncers, decisions, durations, alerts of agents | [`crowdsec`] |
//! | DNS queries of the usual form, and their replies, without allocation | [`dns`] |
//! | Safe Browsing 4 and 5: messages, coded lists of hashes | [`safebrowsing`] |
//!
//! Nothing here opens a socket or reads a clock. What a stranger's message may make it allocate is
//! bounded by the size of that message.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::panic
    )
)]

pub mod crowdsec;
pub mod dns;
pub mod safebrowsing;
