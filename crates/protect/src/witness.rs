//! What is known of a thing besides its verdict, for protocols that tell it.

use std::sync::Arc;
use wardnet_model::{Indicator, Relation, TenantId, Testimony, Timestamp};

/// Who says what of a thing, and what it has to do with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// One word for each source, in the order of their names.
    pub testimonies: Vec<Testimony>,
    /// What leads from the thing or to it.
    pub relations: Vec<Relation>,
}

/// Knows what is known, as a tenant may know it; an error says why nothing can be told now.
/// It reads from disk: call it where that may take a moment.
pub type Witness =
    Arc<dyn Fn(&Indicator, TenantId, Timestamp) -> Result<Known, String> + Send + Sync>;
