//! `GET /v1/reports`: what clients say is listed wrongly, until an analyst has decided.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use wardnet_model::{Indicator, Sharing, Stance, TenantId, Tlp};
use wardnet_score::Epoch;
use wardnet_server::{Caller, Problem, Query};
use wardnet_store::{Dossier, DossierKey, Held, Listing};

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
        let mut found = Vec::new();
        let next =
            page.walk(&api.readers().store, Listing::Disputed, &api.limits, |key, dossier| {
                show(key, dossier, &epoch, tenant, &mut found);
                found.len()
            })?;
        Ok(json!({ "reports": found, "next": next }))
    });
    Ok(answer(StatusCode::OK, body.await?))
}

fn show(
    key: &DossierKey,
    dossier: &Dossier,
    epoch: &Epoch,
    tenant: TenantId,
    found: &mut Vec<Value>,
) {
    // An analyst's later word, whatever it says, settles a report.
    let decided = dossier.decisions.iter().filter(|decision| decision.tenant == tenant);
    let decided = decided.map(|decision| decision.at).max();
    let waits = |held: &&Held| {
        held.stance == Stance::Disputed
            && concerns(held, tenant)
            && decided.is_none_or(|at| at < held.last_seen)
    };
    for held in dossier.evidence.iter().filter(waits) {
        let Ok(indicator) = Indicator::from_payload(key.tag(), &dossier.payload) else { continue };
        let reference = held.details.as_ref().and_then(|details| details.reference.as_deref());
        found.push(json!({
            "indicator": indicator.to_string(),
            "kind": forms::kind_name(&indicator),
            "scope": key.scope().name(),
            "source": forms::source_name(epoch, held.source),
            "confidence": held.confidence,
            "first_seen": forms::when(held.first_seen),
            "last_seen": forms::when(held.last_seen),
            "reference": reference,
            "published": {
                "risk": dossier.published.risk.value(),
                "band": dossier.published.band.name(),
            },
        }));
    }
}

fn concerns(held: &Held, tenant: TenantId) -> bool {
    let shared = held.tenant == TenantId::SHARED || held.sharing == Sharing::Everyone;
    held.tenant == tenant || (shared && held.tlp != Tlp::Red)
}
