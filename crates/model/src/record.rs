//! The records of the journal: everything Wardnet ever learned.

use crate::{BatchSeen, Calibration, Decision, Evidence, Relation, Retraction};

/// One thing learned. Everything else is derived from these and can be rebuilt by replay.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Record {
    /// A statement about an indicator.
    Evidence(Evidence),
    /// The end of such a statement.
    Retraction(Retraction),
    /// A whole batch of statements is renewed.
    BatchSeen(BatchSeen),
    /// A link between indicators.
    Relation(Relation),
    /// An operator's or analyst's word.
    Decision(Decision),
    /// What scoring reads.
    Calibration(Calibration),
}
