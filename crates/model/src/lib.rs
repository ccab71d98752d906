//! The vocabulary of Wardnet: what can be asked about, what is known of it, and what is answered.
//!
//! Every other crate speaks in these words. Nothing here does I/O or reads a clock: bytes arrive
//! as slices and time as [`Timestamp`]. An [`Indicator`] is parsed once, at the border, into its
//! one canonical form; read [`Indicator::parse`] first, then [`Evidence`], [`Decision`] and
//! [`Verdict`].

mod calibration;
mod category;
mod evidence;
mod expressions;
pub mod hex;
mod host;
mod indicator;
mod key;
mod kind;
mod lanes;
mod lenders;
mod observation;
mod parse;
mod pattern;
mod record;
pub mod reserved;
mod source;
mod suffix;
mod testimony;
mod time;
mod url;
mod verdict;

pub use calibration::{Calibration, CalibrationChange};
pub use category::{Category, CategorySet};
pub use evidence::{
    Action, BatchId, BatchSeen, Decision, Details, Evidence, ImportCounts, RecordId, Relation,
    RelationKind, Retraction, Sharing, Stance, Tlp,
};
pub use expressions::*;
pub use host::*;
pub use indicator::{EmailAddress, Indicator, address_key, domain_key};
pub use key::Key;
pub use kind::{Kind, Scope, UnknownName};
pub use lanes::{Hashed, digest_all};
pub use lenders::{LENDERS, is_lender, lender_of};
pub use observation::Observation;
pub use parse::{INDICATOR_BYTES_MAX, ParseError, address, network, refang};
pub use pattern::{Pattern, PatternKind, PatternList, PatternSet};
pub use record::Record;
pub use source::{Reliability, Source, SourceId, SourceKind, TenantId};
pub use suffix::*;
pub use testimony::Testimony;
pub use time::{DAY_SECS, Timestamp};
pub use url::*;
pub use verdict::{Band, Basis, MALICIOUS_FROM, RISK_STEPS, Risk, SUSPICIOUS_FROM, Verdict, Voice};
