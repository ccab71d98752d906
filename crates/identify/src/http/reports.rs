//! `GET /v1/reports`: what clients say is listed wrongly, until an analyst has decided.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use wardnet_model::{Indicator, Sharing, Stance, SuffixList, TenantId, Timestamp, Tlp};
use wardnet_score::Epoch;
use wardnet_server::{Caller, Problem, Query, now_unix};
use wardnet_store::{Dossier, DossierKey, Held, Listing};
use wardnet_verdictdb::{Question, View};

use super::page::Page;
use super::{Api, answer, blocking, forms, tenant};

pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    if page.indicator.is_some() {
        return Err(Problem::bad_request("`indicator` is not a parameter here; see /v1/explain"));
    }
    let tenant = tenant(&caller);
    let body = blocking(move || {
        let epoch = api.readers().epochs.load();
        let view = api.readers().views.load();
        let desk = Desk { epoch: &epoch, view: &view, tenant, now: now_unix() };
        let mut found = Vec::new();
        let next =
            page.walk(&api.readers().store, Listing::Disputed, &api.limits, |key, dossier| {
                desk.show(key, dossier, &mut found);
                found.len()
            })?;
        Ok(json!({ "reports": found, "next": next }))
    });
    Ok(answer(StatusCode::OK, body.await?))
}

/// From what reports are shown.
struct Desk<'d> {
    epoch: &'d Epoch,
    view: &'d View,
    tenant: TenantId,
    now: Timestamp,
}

impl Desk<'_> {
    fn show(&self, key: &DossierKey, dossier: &Dossier, found: &mut Vec<Value>) {
        // An analyst's later word, whatever it says, settles a report.
        let decided = dossier.decisions.iter().filter(|decision| decision.tenant == self.tenant);
        let decided = decided.map(|decision| decision.at).max();
        let waits = |held: &&Held| {
            held.stance == Stance::Disputed
                && concerns(held, self.tenant)
                && decided.is_none_or(|at| at < held.last_seen)
        };
        for held in dossier.evidence.iter().filter(waits) {
            let Ok(indicator) = Indicator::from_payload(key.tag(), &dossier.payload) else {
                continue;
            };
            let reference = held.details.as_ref().and_then(|details| details.reference.as_deref());
            found.push(json!({
                "indicator": indicator.to_string(),
                "kind": forms::kind_name(&indicator),
                "scope": key.scope().name(),
                "source": forms::source_name(self.epoch, held.source),
                "confidence": held.confidence,
                "first_seen": forms::when(held.first_seen),
                "last_seen": forms::when(held.last_seen),
                "reference": reference,
                "published": self.published(&indicator, dossier),
            }));
        }
    }

    /// How it is answered now: what is disputed may be listed by what it lies in. Where a part of
    /// the database is damaged, how it was settled by itself.
    fn published(&self, indicator: &Indicator, dossier: &Dossier) -> Value {
        let question = Question { indicator, tenant: Some(self.tenant), addresses: &[] };
        let (risk, band) = match self.view.ask(&question, SuffixList::shipped(), self.now) {
            Ok(answer) => (answer.risk, answer.band),
            Err(_) => (dossier.published.risk, dossier.published.band),
        };
        json!({ "risk": risk.value(), "band": band.name() })
    }
}

fn concerns(held: &Held, tenant: TenantId) -> bool {
    let shared = held.tenant == TenantId::SHARED || held.sharing == Sharing::Everyone;
    held.tenant == tenant || (shared && held.tlp != Tlp::Red)
}
