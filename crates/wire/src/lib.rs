//! Protocols without sockets: bytes to questions, answers to bytes.
//!
//! | protocol | module |
//! |---|---|
//! | DNS queries of the usual form, and their replies, without allocation | [`dns`] |
//!
//! Nothing here opens a socket, reads a clock or allocates for a stranger's sake.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::panic
    )
)]

pub mod dns;
