//! CrowdSec's central interface, of agents of version 1.4 (`/v2`) and later ones (`/v3`): they send
//! signals of what they have seen, and take the list of what everybody's signals and all other
//! evidence come to.
//!
//! Agents are known as those of the local interface are: one that introduces itself waits for the
//! operator. All signals of one agent are the word of one source.

use super::Service;
use super::agents::take;
use super::bouncers::{begin, respond};
use super::session::Agent;
use super::stream::{List, Pull, Sink};
use super::told::Told;
use crate::frames::Stop;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use std::collections::BTreeSet;
use std::sync::Arc;
use wardnet_model::{Category, Timestamp};
use wardnet_server::{Caller, Problem};
use wardnet_wire::crowdsec::{Filter, GoDuration, StreamQuery};

/// What a request without more to say is answered.
const DONE: &str = r#"{"message":"OK"}"#;

/// `POST /signals`.
pub(super) async fn signals(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let (agent, body) = service.agents.report_of(&caller, request).await?;
    take(&service, &caller, agent, &body).await?;
    Ok(respond(Body::from(DONE)))
}

/// `POST /metrics`, `/usage-metrics` and `/watchers/enroll`: nothing of it is kept. Whoever may log
/// in belongs to the operator already.
pub(super) async fn acknowledge(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    service.agents.report_of(&caller, request).await?;
    service.counters.usage();
    Ok(respond(Body::from(DONE)))
}

/// `DELETE /watchers`: an agent leaves.
pub(super) async fn leave(
    State(service): State<Arc<Service>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    match service.agents.agent(&caller, &headers)? {
        Agent::Machine(name) => service
            .agents
            .machines
            .remove(&name)
            .map_err(|error| Problem::unavailable(error.to_string()))?,
        Agent::Token(_) => return Err(Problem::forbidden("a token is the operator's to revoke")),
    }
    Ok(respond(Body::from(DONE)))
}

/// `POST /watchers/reset`.
pub(super) async fn reset(State(_): State<Arc<Service>>, _: Caller) -> Result<Response, Problem> {
    Err(Problem::forbidden(
        "a forgotten password is the operator's to forget: `wardnet crowdsec remove`, and introduce \
         the machine again",
    ))
}

/// `GET /v2/decisions/stream`: as the local interface has it.
pub(super) async fn flat(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    service.agents.agent(&caller, request.headers())?;
    let told = service.ready(Clone::clone)?;
    let now = caller.admitted().at();
    service.counters.pulled(true);
    let service_ = Arc::clone(&service);
    let frames = begin(&service, move |out| {
        let wording = service_.wording.as_central();
        let filter = everything(&service_)?;
        Pull { told: &told, known: None, filter: &filter, wording: &wording, now }.write(out)
    })?;
    Ok(respond(Body::new(frames)))
}

fn everything(service: &Service) -> Result<Filter, Stop> {
    // An empty query is always understood.
    Ok(StreamQuery::read("", &service.limits).map(|query| query.filter).unwrap_or_default())
}

/// `GET /v3/decisions/stream`: by scope and scenario.
pub(super) async fn grouped(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    service.agents.agent(&caller, request.headers())?;
    let told = service.ready(Clone::clone)?;
    let now = caller.admitted().at();
    service.counters.pulled(true);
    let service_ = Arc::clone(&service);
    let frames = begin(&service, move |out| write_grouped(&service_, &told, now, out))?;
    Ok(respond(Body::new(frames)))
}

fn write_grouped(
    service: &Service,
    told: &Told,
    now: Timestamp,
    out: &mut impl Sink,
) -> Result<(), Stop> {
    out.frame().extend_from_slice(b"{\"new\":[");
    let mut groups = List { is_begun: false };
    let present: BTreeSet<Category> = told.rows().map(|(_, row)| row.said.category).collect();
    for category in present {
        for scope in ["Ip", "Range"] {
            let rows = told
                .rows()
                .filter(|(place, row)| row.said.category == category && place.scope() == scope);
            let mut list = List { is_begun: false };
            for (place, row) in rows {
                if !list.is_begun {
                    groups.next(out.frame());
                    let scenario = service.wording.scenario(row.said);
                    let head = format!(
                        "{{\"scenario\":\"{scenario}\",\"scope\":\"{}\",\"decisions\":[",
                        scope.to_ascii_lowercase()
                    );
                    out.frame().extend_from_slice(head.as_bytes());
                }
                list.next(out.frame());
                let left = GoDuration::from_secs(service.wording.left(row.said, now));
                let one = format!("{{\"duration\":\"{left}\",\"value\":\"{}\"}}", place.text());
                out.frame().extend_from_slice(one.as_bytes());
                out.flush_full()?;
            }
            if list.is_begun {
                out.frame().extend_from_slice(b"]}");
            }
        }
    }
    out.frame().extend_from_slice(b"],\"deleted\":[");
    let mut groups = List { is_begun: false };
    for scope in ["Ip", "Range"] {
        let mut list = List { is_begun: false };
        for (place, _) in told.gone().filter(|(place, _)| place.scope() == scope) {
            if !list.is_begun {
                groups.next(out.frame());
                let head =
                    format!("{{\"scope\":\"{}\",\"decisions\":[", scope.to_ascii_lowercase());
                out.frame().extend_from_slice(head.as_bytes());
            }
            list.next(out.frame());
            out.frame().extend_from_slice(format!("\"{}\"", place.text()).as_bytes());
            out.flush_full()?;
        }
        if list.is_begun {
            out.frame().extend_from_slice(b"]}");
        }
    }
    out.frame().extend_from_slice(b"],\"links\":{\"blocklists\":[],\"allowlists\":[]}}");
    Ok(())
}
