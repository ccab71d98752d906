//! The vocabulary of Wardnet: what can be asked about, what is known of it, and what is answered.
//!
//! Every other crate speaks in these words. Nothing here does I/O or reads a clock: bytes arrive
//! as slices and time as [`Timestamp`]. An [`Indicator`](crate::Indicator) is parsed once, at the
//! border, into its one canonical form.

mod category;
pub mod hex;
mod key;
mod kind;
mod time;
mod verdict;

pub use category::{Category, CategorySet};
pub use key::Key;
pub use kind::{Kind, Scope, UnknownName};
pub use time::{DAY_SECS, Timestamp};
pub use verdict::{Band, Basis, MALICIOUS_FROM, RISK_STEPS, Risk, SUSPICIOUS_FROM, Verdict};
