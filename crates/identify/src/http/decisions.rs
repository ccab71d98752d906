//! `/v1/decisions`: what people decided, and deciding.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use wardnet_model::{
    Action, Category, Decision, Indicator, Record, Scope, SuffixList, TenantId, Timestamp,
};
use wardnet_score::Epoch;
use wardnet_server::{Caller, Json, Principal, Problem, Query, Role, now_unix};
use wardnet_store::{Listing, Store};

use super::forms::{self, Complaint};
use super::page::Page;
use super::{Api, answer, blocking, failed, never, tenant};
use crate::settle::scopes;

/// The author of what is decided on the machine itself.
const LOCAL_AUTHOR: &str = "local";

/// Whether the decision at a place is in force: not over, and not withdrawn since.
pub(super) fn stands(decisions: &[Decision], at: usize, now: Timestamp) -> bool {
    let Some(decision) = decisions.get(at) else { return false };
    let withdrawn = decisions.iter().enumerate().any(|(other_at, other)| {
        other.action == Action::Withdraw
            && other.tenant == decision.tenant
            && (other.at, other_at) > (decision.at, at)
    });
    decision.in_force(now) && !withdrawn
}

pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let (tenant, now) = (tenant(&caller), now_unix());
    let body = blocking(move || match &page.indicator {
        Some(text) => {
            let indicator = forms::indicator(text).map_err(forms::unprocessable)?;
            on_indicator(&api.readers().store, &indicator, tenant, now)
        }
        None => on_page(&api, &page, tenant, now),
    });
    Ok(answer(StatusCode::OK, body.await?))
}

fn on_indicator(
    store: &Store,
    indicator: &Indicator,
    tenant: TenantId,
    now: Timestamp,
) -> Result<Value, Problem> {
    let mut found = Vec::new();
    for key in scopes(indicator) {
        if let Some(dossier) = store.dossier(&key).map_err(|error| failed(&error))? {
            show(&dossier.decisions, tenant, now, &mut found);
        }
    }
    Ok(json!({ "decisions": found, "next": null }))
}

fn on_page(api: &Api, page: &Page, tenant: TenantId, now: Timestamp) -> Result<Value, Problem> {
    let mut found = Vec::new();
    let next = page.walk(&api.readers().store, Listing::Decided, &api.limits, |_, dossier| {
        show(&dossier.decisions, tenant, now, &mut found);
        found.len()
    })?;
    Ok(json!({ "decisions": found, "next": next }))
}

fn show(decisions: &[Decision], tenant: TenantId, now: Timestamp, found: &mut Vec<Value>) {
    for (at, decision) in decisions.iter().enumerate() {
        if decision.tenant == tenant || decision.tenant == TenantId::SHARED {
            found.push(forms::decision(decision, stands(decisions, at, now)));
        }
    }
}

/// What an analyst sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDecision {
    indicator: String,
    scope: Option<String>,
    action: String,
    category: Option<String>,
    reason: String,
    until: Option<String>,
    r#for: Option<String>,
}

pub(super) async fn post(
    State(api): State<Api>,
    caller: Caller,
    Json(new): Json<NewDecision>,
) -> Result<Response, Problem> {
    let principal = caller.require(Role::Analyst)?;
    let (now, reason_max) = (now_unix(), api.limits.text_bytes_max);
    let mut decision = new.read(now, reason_max).map_err(forms::unprocessable)?;
    decision.tenant = TenantId(principal.tenant);
    decision.author = author(&api, principal);
    if decision.action == Action::Withdraw {
        check_withdrawal(&api, &decision).await?;
    } else {
        check_effect(&decision, &api.readers().epochs.load())?;
    }
    let body = forms::decision(&decision, decision.in_force(now));
    api.append(vec![Record::Decision(decision)]).await?;
    Ok(answer(StatusCode::CREATED, body))
}

impl NewDecision {
    fn read(self, now: Timestamp, reason_max: usize) -> Result<Decision, Complaint> {
        let indicator = forms::indicator(&self.indicator)?;
        let scope: Option<Scope> = forms::optional_word("scope", self.scope.as_deref())?;
        let category = forms::optional_word("category", self.category.as_deref())?;
        if self.reason.trim().is_empty() {
            return Err("`reason`: say why, for those who come after you".to_owned());
        }
        let reason = forms::bounded("reason", Some(self.reason), reason_max)?.unwrap_or_default();
        let until = end(self.until.as_deref(), self.r#for.as_deref(), now)?;
        Ok(Decision {
            tenant: TenantId::SHARED,
            scope: scope.unwrap_or_else(|| forms::default_scope(&indicator)),
            indicator,
            action: forms::word("action", &self.action)?,
            category: category.unwrap_or(Category::Uncategorised),
            author: Box::default(),
            reason,
            at: now,
            until,
        })
    }
}

fn end(
    until: Option<&str>,
    span: Option<&str>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Complaint> {
    let until = match (until, span) {
        (Some(_), Some(_)) => return Err("give `until` or `for`, not both".to_owned()),
        (None, Some(span)) => Some(now.plus_secs(forms::duration_secs("for", span)?)),
        (until, None) => forms::time("until", until)?,
    };
    match until {
        Some(until) if until <= now => Err("`until` lies in the past".to_owned()),
        until => Ok(until),
    }
}

/// The name of the caller's token.
fn author(api: &Api, principal: Principal) -> Box<str> {
    let Some(id) = principal.token else { return LOCAL_AUTHOR.into() };
    let named = api.tokens.list().into_iter().find(|record| record.id == id);
    let name = named.map(|record| record.name).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| id.as_str().to_owned()).into()
}

/// Refuses what would stand in the list and change nothing.
fn check_effect(decision: &Decision, epoch: &Epoch) -> Result<(), Problem> {
    let blocks = matches!(decision.action, Action::Block | Action::Confirm);
    let wide = || never::too_wide(&decision.indicator, decision.scope, SuffixList::shipped());
    let why =
        never::set_apart(&decision.indicator, epoch).or_else(|| if blocks { wide() } else { None });
    match why {
        None => Ok(()),
        Some(why) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "no-effect",
            "This decision would have no effect",
            format!("{}: {why}", decision.indicator),
        )),
    }
}

/// Refuses to withdraw what nobody decided.
async fn check_withdrawal(api: &Api, decision: &Decision) -> Result<(), Problem> {
    let (api, wanted) = (api.clone(), decision.clone());
    blocking(move || {
        let key = wardnet_store::DossierKey::of(&wanted.indicator, wanted.scope);
        let dossier = api.readers().store.dossier(&key).map_err(|error| failed(&error))?;
        let decisions = dossier.map(|dossier| dossier.decisions).unwrap_or_default();
        let own = |(at, held): (usize, &Decision)| {
            held.tenant == wanted.tenant && stands(&decisions, at, wanted.at)
        };
        if decisions.iter().enumerate().any(own) {
            return Ok(());
        }
        Err(Problem::not_found(format!(
            "no decision of yours is in force on {} with scope {}",
            wanted.indicator, wanted.scope
        )))
    })
    .await
}
