//! What people say is listed wrongly: kept for an analyst, without weight.

use wardnet_model::{
    BatchId, Category, Details, Evidence, Indicator, Record, RecordId, Reliability, Scope, Sharing,
    Source, SourceKind, Stance, TenantId, Timestamp, Tlp,
};

use crate::{DEFAULT_CONFIDENCE, Engine, EngineError};

/// The source of what people report from the page that tells them that something is blocked.
const SOURCE: &str = "block-page";

impl Engine {
    /// Takes a report in. One of the same client on the same thing takes the place of its last;
    /// `client` tells them apart and says nothing of who they are.
    pub fn dispute(
        &mut self,
        indicator: Indicator,
        note: &str,
        client: u64,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        let source = match self.epoch.source_named(SOURCE) {
            Some(known) => known.id,
            None => {
                let describe = |id| {
                    let undescribed = Source::undescribed(id, SOURCE, Reliability::F);
                    Source { kind: SourceKind::Reporter, ..undescribed }
                };
                self.source(SOURCE, describe, now)?
            }
        };
        let reference = (!note.is_empty()).then(|| note.into());
        let details = Details { reference, ..Details::default() };
        let evidence = Evidence {
            tenant: TenantId::SHARED,
            source,
            indicator,
            scope: Scope::Exact,
            record: RecordId(client),
            revision: now.0,
            batch: BatchId::NONE,
            stance: Stance::Disputed,
            category: Category::Uncategorised,
            confidence: DEFAULT_CONFIDENCE,
            first_seen: now,
            last_seen: now,
            until: None,
            // Somebody's own words, meant for who runs this.
            tlp: Tlp::AmberStrict,
            sharing: Sharing::Tenant,
            details: (!details.is_empty()).then(|| Box::new(details)),
        };
        self.append(vec![Record::Evidence(evidence)], now)
    }
}
