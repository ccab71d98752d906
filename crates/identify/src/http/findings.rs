//! What models find of things that are reported: evidence beside the report, by a source of its
//! own that is on trial until it is promoted.

use std::fmt;
use std::sync::Arc;

use wardnet_model::{
    BatchId, Details, Evidence, Indicator, Key, Record, RecordId, Reliability, Source, SourceId,
    SourceKind, Stance, Timestamp,
};
use wardnet_server::Problem;

use super::{Api, forms};

/// What the one finding of a model on an indicator is called: a later one takes its place.
const RECORD: &[u8] = b"model";

/// What a model found of an indicator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The model's name as a source. Another model has another name, and another trial.
    pub source: Box<str>,
    /// How sure the model is, in percent from 1 to 100.
    pub confidence: u8,
    /// Why, in plain words.
    pub reason: Box<str>,
}

type Find = dyn Fn(&Indicator) -> Option<Finding> + Send + Sync;

/// Asks models about what is reported as dangerous. Those that find nothing say nothing.
#[derive(Clone, Default)]
pub struct Finder(Option<Arc<Find>>);

impl Finder {
    /// Asks `find`.
    pub fn new(find: impl Fn(&Indicator) -> Option<Finding> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(find)))
    }
}

impl fmt::Debug for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finder").field("asks", &self.0.is_some()).finish()
    }
}

/// What models find of what `records` say is dangerous, as records.
pub(super) async fn of(
    api: &Api,
    records: &[Record],
    now: Timestamp,
) -> Result<Vec<Record>, Problem> {
    let Some(find) = &api.finder.0 else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for record in records {
        let Record::Evidence(report) = record else { continue };
        if report.stance == Stance::Malicious
            && let Some(finding) = find(&report.indicator)
        {
            let source = source(api, &finding.source, now).await?;
            found.push(Record::Evidence(evidence(report, &finding, source, now)));
        }
    }
    Ok(found)
}

fn evidence(report: &Evidence, finding: &Finding, source: SourceId, now: Timestamp) -> Evidence {
    let details = Details { reference: Some(finding.reason.clone()), ..Details::default() };
    Evidence {
        tenant: report.tenant,
        source,
        indicator: report.indicator.clone(),
        scope: forms::default_scope(&report.indicator),
        record: RecordId(Key::digest(RECORD).prefix64()),
        revision: now.0,
        batch: BatchId::NONE,
        stance: Stance::Malicious,
        // A model says that something is bad, not how.
        category: wardnet_model::Category::Uncategorised,
        confidence: finding.confidence,
        first_seen: now,
        last_seen: now,
        until: None,
        tlp: report.tlp,
        sharing: report.sharing,
        details: Some(Box::new(details)),
    }
}

/// The model's source; one that is new is on trial.
async fn source(api: &Api, name: &str, now: Timestamp) -> Result<SourceId, Problem> {
    if let Some(known) = api.readers().epochs.load().source_named(name) {
        return Ok(known.id);
    }
    let name = name.to_owned();
    api.run(move |engine| match engine.epoch().source_named(&name) {
        Some(known) => Ok(known.id),
        None => engine.source(&name, |id| model_source(id, &name), now),
    })
    .await
}

/// A model that nobody has promoted.
#[must_use]
pub fn model_source(id: SourceId, name: &str) -> Source {
    let undescribed = Source::undescribed(id, name, Reliability::C);
    Source { kind: SourceKind::Model, shadow: true, ..undescribed }
}
