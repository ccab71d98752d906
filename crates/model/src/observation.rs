//! What a feed row or a report says, before it is known whose evidence it is.

use crate::{Category, Details, Indicator, Scope, Stance, Timestamp, Tlp};

/// One statement read from a feed or a request. The importer adds source, tenant, time and batch,
/// and the source's own category and confidence where the row has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Of what.
    pub indicator: Indicator,
    /// How far it reaches.
    pub scope: Scope,
    /// Which side it takes.
    pub stance: Stance,
    /// What for; the source's category when the row does not say.
    pub category: Option<Category>,
    /// How sure the row is, in percent; the source's when the row does not say.
    pub confidence: Option<u8>,
    /// When the row says it was first seen.
    pub first_seen: Option<Timestamp>,
    /// Until when the row says it holds.
    pub until: Option<Timestamp>,
    /// Who may see it, where the row says; the stricter of this and what the source says counts.
    pub tlp: Option<Tlp>,
    /// What else the row says.
    pub details: Option<Box<Details>>,
}

impl Observation {
    /// A bare statement that `indicator` is bad.
    pub const fn malicious(indicator: Indicator, scope: Scope) -> Self {
        Self {
            indicator,
            scope,
            stance: Stance::Malicious,
            category: None,
            confidence: None,
            first_seen: None,
            until: None,
            tlp: None,
            details: None,
        }
    }
}
