//! What sensors saw that speak a protocol of their own: the binary hands it on from the listener
//! that understands it.

use axum::http::StatusCode;
use wardnet_model::{
    BatchId, Category, Details, Evidence, Indicator, Record, Reliability, Source, SourceKind,
    Stance, TenantId, Timestamp,
};
use wardnet_server::{Principal, Problem, now_unix};

use super::evidence::{Desk, check_listable, ensure_source, record_id};
use super::{Api, forms};
use crate::DEFAULT_CONFIDENCE;

/// Who saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sensor {
    /// A machine that the operator set up, by the name of its source: believed as much as the
    /// operator's own files.
    Machine(String),
    /// Whoever shows a token: believed as if it had reported over HTTP.
    Token(Principal),
}

/// Something that it saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What.
    pub indicator: Indicator,
    /// What it did.
    pub category: Category,
    /// When that began, if it is known.
    pub first_seen: Option<Timestamp>,
    /// Until when it is to be believed, where that is known.
    pub until: Option<Timestamp>,
    /// In the sensor's words.
    pub reference: String,
}

/// What makes the records of one sensor about one indicator the same record: however often it
/// reports, and by whatever scenario, it has one word.
const RECORD: &str = "sensor";

impl Api {
    /// Takes what a sensor saw as evidence, durable and visible when this returns; how much of it
    /// was taken. What nobody may list is passed over.
    pub async fn take_sightings(
        &self,
        sensor: Sensor,
        sightings: Vec<Sighting>,
    ) -> Result<usize, Problem> {
        if sightings.len() > self.limits.items_max.saturating_mul(2) {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "batch-too-large",
                "Batch too large",
                "a report names too much at once; send it in parts",
            ));
        }
        let now = now_unix();
        let (source, tenant) = match sensor {
            Sensor::Machine(name) => (machine_source(self, name, now).await?, TenantId::SHARED),
            Sensor::Token(principal) => {
                (ensure_source(self, principal, now).await?, TenantId(principal.tenant))
            }
        };
        let epoch = self.readers().epochs.load_full();
        let text_max = self.limits.text_bytes_max;
        let desk = Desk { tenant, source, revision: now.0, now, text_max };
        let is_listable = |seen: &Sighting| {
            let scope = forms::default_scope(&seen.indicator);
            check_listable(&seen.indicator, scope, Stance::Malicious, &epoch)
                .inspect_err(|why| tracing::debug!(%why, "a sighting is passed over"))
                .is_ok()
        };
        let records: Vec<Record> = sightings
            .into_iter()
            .filter(is_listable)
            .map(|seen| Record::Evidence(desk.seen(seen)))
            .collect();
        let taken = records.len();
        if taken > 0 {
            self.append(records).await?;
        }
        Ok(taken)
    }
}

/// The source of a machine's word; described when it speaks for the first time.
async fn machine_source(
    api: &Api,
    name: String,
    now: Timestamp,
) -> Result<wardnet_model::SourceId, Problem> {
    if let Some(known) = api.readers().epochs.load().source_named(&name) {
        return Ok(known.id);
    }
    api.run(move |engine| {
        if let Some(known) = engine.epoch().source_named(&name) {
            return Ok(known.id);
        }
        let kind = SourceKind::Sensor;
        let describe = |id| Source { kind, ..Source::undescribed(id, &name, Reliability::B) };
        engine.source(&name, describe, now)
    })
    .await
}

impl Desk {
    fn seen(&self, seen: Sighting) -> Evidence {
        let Sighting { indicator, category, first_seen, until, mut reference } = seen;
        reference.truncate(reference.floor_char_boundary(self.text_max));
        let reference = (!reference.is_empty()).then(|| reference.into());
        let details = Details { reference, ..Details::default() };
        Evidence {
            tenant: self.tenant,
            source: self.source,
            scope: forms::default_scope(&indicator),
            indicator,
            record: record_id(RECORD),
            revision: self.revision,
            batch: BatchId::NONE,
            stance: Stance::Malicious,
            category,
            confidence: DEFAULT_CONFIDENCE,
            first_seen: first_seen.unwrap_or(self.now).min(self.now),
            last_seen: self.now,
            until: until.filter(|until| *until > self.now),
            tlp: self.default_tlp(),
            sharing: self.default_sharing(),
            details: (!details.is_empty()).then(|| Box::new(details)),
        }
    }
}
