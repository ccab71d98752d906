//! CrowdSec's interfaces: what bouncers and agents send, and what they are told.
//!
//! | message | type |
//! |---|---|
//! | queries of bouncers | [`StreamQuery`], [`ListQuery`], with a [`Filter`] |
//! | what they are told to block | [`Decision`] |
//! | durations, as Go writes and reads them | [`GoDuration`] |
//! | agents that introduce themselves and log in | [`Credentials`] |
//! | what agents have seen | [`Alert`], of the local and of the central interface |
//!
//! Whatever else a message has is passed over, as CrowdSec's own server does: newer clients send
//! more than older ones.

mod alert;
mod decision;
mod duration;
mod fuzz;
mod query;

pub use alert::{Alert, Credentials, Seen, alerts, credentials};
pub use decision::Decision;
pub use duration::{GoDuration, NoDuration};
pub use fuzz::fuzz_crowdsec_request;
pub use query::{Filter, ListQuery, StreamQuery};

/// What a request may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Values of one list in a query: scopes, origins, scenarios. Default 64.
    pub values_max: usize,
    /// Bytes of one text that is kept: a value, a scenario, a message. Longer ones are refused in
    /// queries and names, and cut in alerts. Default 1,024.
    pub text_bytes_max: usize,
    /// Alerts of one request. Default 10,000.
    pub alerts_max: usize,
    /// What all alerts of one request may name together. Default 20,000.
    pub seen_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { values_max: 64, text_bytes_max: 1_024, alerts_max: 10_000, seen_max: 20_000 }
    }
}

/// What is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A value of a query or a message cannot be understood.
    #[error("{0}")]
    Malformed(String),
    /// It asks for more than is done at once.
    #[error("at most {max} {what} at once; send them in parts")]
    TooMany {
        /// Of what there are too many.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
}
