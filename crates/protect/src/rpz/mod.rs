//! Response policy zones: a primary that resolvers take their policy from.
//!
//! ```text
//!   listen    UDP, TCP, TLS              notify   NOTIFY to secondaries
//!      │                                    │
//!   question ── tsig ── transfer         follow   the change feed, tick by tick
//!      └──────────────┬─────────────────────┘
//!                   zone      a serial, a view, and the last differences
//!             ┌───────┴──────┐
//!           judge          record
//!      verdicts, targets   bytes
//! ```
//!
//! Requests are read by hickory. Records are written here, since a zone may have millions.
//!
//! # Invariants
//!
//! - A serial means one content: whatever changes a record is told with a new serial.
//! - A zone keeps no copy of its records; a transfer reads one view from end to end and holds one
//!   message.
//! - A damaged database ends a transfer; it never looks like a zone without those names.
//!
//! The names of actions and triggers are those of draft-vixie-dnsop-dns-rpz.

mod beneath;
pub mod config;
mod follow;
mod judge;
mod listen;
mod marks;
mod message;
mod metrics;
mod notify;
mod question;
mod record;
mod resume;
mod serial;
mod server;
mod target;
mod transfer;
mod tsig;
mod zone;

pub use config::RpzConfig;
pub use metrics::RpzMetrics;
pub use question::fuzz_rpz_question;
pub use serial::Serials;
pub use server::{Bound, Primary, Renewal, RpzError, Surroundings};
pub use tsig::KeyError;

#[cfg(test)]
mod tests;
