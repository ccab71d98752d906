//! `POST /v1/evidence`: what clients of the network saw.
//!
//! The token fixes the source, and with it how far its word is believed. A report is taken item by
//! item: what cannot be used is told back by its place, the rest is durable and visible when the
//! reply comes. The same content from the same token is one record, so a request may be repeated.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use wardnet_model::{
    BatchId, Category, Details, Evidence, Indicator, Key, Record, RecordId, Relation, Reliability,
    Scope, Sharing, Source, SourceId, SourceKind, Stance, SuffixList, TenantId, Timestamp, Tlp,
};
use wardnet_score::Epoch;
use wardnet_server::{Caller, Json, Principal, Problem, Role, now_unix};

use super::forms::{self, Complaint};
use super::{Api, answer, findings, never};
use crate::DEFAULT_CONFIDENCE;

/// What the names of tokens' sources begin with.
pub(super) const TOKEN_SOURCE: &str = "token:";

/// The source of what is reported on the machine itself.
const LOCAL_SOURCE: &str = "local";

/// A client's report.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Report {
    #[serde(default)]
    observations: Vec<Observed>,
    #[serde(default)]
    relations: Vec<Related>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Observed {
    indicator: String,
    scope: Option<String>,
    stance: Option<String>,
    category: Option<String>,
    confidence: Option<u8>,
    first_seen: Option<String>,
    until: Option<String>,
    registered: Option<String>,
    family: Option<String>,
    actor: Option<String>,
    reference: Option<String>,
    tlp: Option<String>,
    sharing: Option<String>,
    record: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Related {
    from: String,
    relation: String,
    to: String,
    confidence: Option<u8>,
    first_seen: Option<String>,
    last_seen: Option<String>,
    tlp: Option<String>,
}

pub(super) async fn post(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Json(report): Json<Report>,
) -> Result<Response, Problem> {
    let principal = caller.require(Role::Reporter)?;
    let items = report.observations.len().saturating_add(report.relations.len());
    if items > api.limits.items_max {
        return Err(too_many(api.limits.items_max));
    }
    caller.charge(u32::try_from(items.saturating_sub(1)).unwrap_or(u32::MAX))?;
    let now = now_unix();
    let revision = revision(&headers, now)?;
    let source = ensure_source(&api, principal, now).await?;
    let epoch = api.readers().epochs.load_full();
    let text_max = api.limits.text_bytes_max;
    let desk = Desk { tenant: TenantId(principal.tenant), source, revision, now, text_max };
    let (mut records, rejected) = desk.take(report, &epoch);
    let accepted = records.len();
    records.extend(findings::of(&api, &records, now).await?);
    if accepted > 0 {
        api.append(records).await?;
    }
    Ok(answer(StatusCode::OK, json!({ "accepted": accepted, "rejected": rejected })))
}

fn too_many(items_max: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "batch-too-large",
        "Batch too large",
        format!("a report may hold at most {items_max} items; send it in parts"),
    )
}

/// The number that decides which of two reports of one record is the newer: a client's counter in
/// `Idempotency-Key`, or else the time. Any other key needs no memory of ours: the same content is
/// the same record.
fn revision(headers: &HeaderMap, now: Timestamp) -> Result<u64, Problem> {
    const KEY_BYTES_MAX: usize = 255;
    let Some(key) = headers.get("idempotency-key") else { return Ok(now.0) };
    match key.to_str() {
        Ok(key) if (1..=KEY_BYTES_MAX).contains(&key.len()) => Ok(key.parse().unwrap_or(now.0)),
        _ => Err(Problem::bad_request("Idempotency-Key has 1 to 255 printable characters")),
    }
}

/// The name of the source that a caller speaks as.
pub(super) fn source_of(principal: Principal) -> String {
    match principal.token {
        Some(id) => format!("{TOKEN_SOURCE}{}", id.as_str()),
        None => LOCAL_SOURCE.to_owned(),
    }
}

/// The caller's source; described by its role when it speaks for the first time.
pub(super) async fn ensure_source(
    api: &Api,
    principal: Principal,
    now: Timestamp,
) -> Result<SourceId, Problem> {
    let name = source_of(principal);
    if let Some(known) = api.readers().epochs.load().source_named(&name) {
        return Ok(known.id);
    }
    let (kind, reliability) = match principal {
        Principal { token: None, .. } => (SourceKind::Person, Reliability::B),
        Principal { role: Role::Analyst | Role::Admin, .. } => {
            (SourceKind::Reporter, Reliability::C)
        }
        _ => (SourceKind::Reporter, Reliability::D),
    };
    api.run(move |engine| {
        // Another request may have come first; and an operator's description stays.
        if let Some(known) = engine.epoch().source_named(&name) {
            return Ok(known.id);
        }
        let describe = |id| Source { kind, ..Source::undescribed(id, &name, reliability) };
        engine.source(&name, describe, now)
    })
    .await
}

/// Where the items of one report become records.
pub(super) struct Desk {
    pub(super) tenant: TenantId,
    pub(super) source: SourceId,
    pub(super) revision: u64,
    pub(super) now: Timestamp,
    pub(super) text_max: usize,
}

impl Desk {
    fn take(&self, report: Report, epoch: &Epoch) -> (Vec<Record>, Vec<Value>) {
        let mut records = Vec::with_capacity(report.observations.len());
        let mut rejected = Vec::new();
        for (index, observed) in report.observations.into_iter().enumerate() {
            match self.observed(observed, epoch) {
                Ok(evidence) => records.push(Record::Evidence(evidence)),
                Err(detail) => {
                    rejected.push(json!({ "in": "observations", "index": index, "detail": detail }))
                }
            }
        }
        for (index, related) in report.relations.into_iter().enumerate() {
            match self.related(&related) {
                Ok(relation) => records.push(Record::Relation(relation)),
                Err(detail) => {
                    rejected.push(json!({ "in": "relations", "index": index, "detail": detail }));
                }
            }
        }
        (records, rejected)
    }

    fn observed(&self, observed: Observed, epoch: &Epoch) -> Result<Evidence, Complaint> {
        let indicator = forms::indicator(&observed.indicator)?;
        let scope: Option<Scope> = forms::optional_word("scope", observed.scope.as_deref())?;
        let scope = scope.unwrap_or_else(|| forms::default_scope(&indicator));
        let stance = forms::optional_word("stance", observed.stance.as_deref())?;
        let stance = stance.unwrap_or(Stance::Malicious);
        check_listable(&indicator, scope, stance, epoch)?;
        let category = forms::optional_word("category", observed.category.as_deref())?;
        let tlp = forms::optional_word("tlp", observed.tlp.as_deref())?;
        let sharing = forms::optional_word("sharing", observed.sharing.as_deref())?;
        let confidence = confidence(observed.confidence)?;
        let first_seen = forms::time("first_seen", observed.first_seen.as_deref())?;
        let until = forms::time("until", observed.until.as_deref())?;
        if until.is_some_and(|until| until <= self.now) {
            return Err("`until` lies in the past".to_owned());
        }
        let details = Details {
            family: forms::bounded("family", observed.family, self.text_max)?,
            actor: forms::bounded("actor", observed.actor, self.text_max)?,
            reference: forms::bounded("reference", observed.reference, self.text_max)?,
            registered: forms::time("registered", observed.registered.as_deref())?,
        };
        let category = category.unwrap_or(Category::Uncategorised);
        let record = match observed.record {
            Some(record) => record,
            None => content((stance, category, confidence), (first_seen, until), &details),
        };
        let record = record_id(&record);
        Ok(Evidence {
            tenant: self.tenant,
            source: self.source,
            indicator,
            scope,
            record,
            revision: self.revision,
            batch: BatchId::NONE,
            stance,
            category,
            confidence,
            // Nobody has seen it later than now, whatever their clock says.
            first_seen: first_seen.unwrap_or(self.now).min(self.now),
            last_seen: self.now,
            until,
            tlp: tlp.unwrap_or_else(|| self.default_tlp()),
            sharing: sharing.unwrap_or_else(|| self.default_sharing()),
            details: (!details.is_empty()).then(|| Box::new(details)),
        })
    }

    fn related(&self, related: &Related) -> Result<Relation, Complaint> {
        let first_seen = forms::time("first_seen", related.first_seen.as_deref())?;
        let last_seen = forms::time("last_seen", related.last_seen.as_deref())?;
        let last_seen = last_seen.unwrap_or(self.now).min(self.now);
        let tlp = forms::optional_word("tlp", related.tlp.as_deref())?;
        Ok(Relation {
            tenant: self.tenant,
            source: self.source,
            from: end("from", &related.from)?,
            kind: forms::word("relation", &related.relation)?,
            to: end("to", &related.to)?,
            confidence: confidence(related.confidence)?,
            first_seen: first_seen.unwrap_or(last_seen).min(last_seen),
            last_seen,
            tlp: tlp.unwrap_or_else(|| self.default_tlp()),
        })
    }

    /// What the operator reports is for everybody; what a tenant reports is its own.
    pub(super) const fn default_sharing(&self) -> Sharing {
        match self.tenant {
            TenantId::SHARED => Sharing::Everyone,
            _ => Sharing::Tenant,
        }
    }

    pub(super) const fn default_tlp(&self) -> Tlp {
        match self.tenant {
            TenantId::SHARED => Tlp::Clear,
            _ => Tlp::Amber,
        }
    }
}

pub(super) fn check_listable(
    indicator: &Indicator,
    scope: Scope,
    stance: Stance,
    epoch: &Epoch,
) -> Result<(), Complaint> {
    let wide = || {
        never::too_wide(indicator, scope, SuffixList::shipped())
            .or_else(|| never::too_wide_to_report(indicator))
    };
    let why = never::set_apart(indicator, epoch)
        .or_else(|| if stance == Stance::Malicious { wide() } else { None });
    why.map_or(Ok(()), |why| Err(format!("{indicator}: {why}")))
}

fn confidence(percent: Option<u8>) -> Result<u8, Complaint> {
    match percent {
        None => Ok(DEFAULT_CONFIDENCE),
        Some(percent @ 1..=100) => Ok(percent),
        Some(_) => Err("`confidence` is a percentage from 1 to 100".to_owned()),
    }
}

fn end(field: &str, text: &str) -> Result<Indicator, Complaint> {
    Indicator::parse(text).map_err(|error| format!("`{field}`: {error}"))
}

/// All that an observation says besides of what, in one spelling that never changes: equal content
/// is one record.
fn content(
    (stance, category, confidence): (Stance, Category, u8),
    (first_seen, until): (Option<Timestamp>, Option<Timestamp>),
    details: &Details,
) -> String {
    let times = [first_seen, until, details.registered].map(|time| time.map(|time| time.0));
    let texts = [&details.family, &details.actor, &details.reference];
    json!([stance.tag(), category.tag(), confidence, times, texts]).to_string()
}

/// The number of a client's own name for a record, or of what the record says.
pub(super) fn record_id(text: &str) -> RecordId {
    RecordId(Key::digest(text.as_bytes()).prefix64())
}
