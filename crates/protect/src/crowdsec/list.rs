//! `GET /v1/decisions`: for bouncers that ask about each visitor.

use super::Service;
use super::bouncers::{begin, malformed, respond};
use super::judge::Judge;
use super::place::Place;
use super::stream::List;
use super::told::Said;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;
use wardnet_model::Timestamp;
use wardnet_server::{Caller, Problem};
use wardnet_wire::crowdsec::ListQuery;

pub(super) async fn list(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let query = request.uri().query().unwrap_or_default();
    let asked = ListQuery::read(query, &service.limits).map_err(|error| malformed(&error))?;
    let now = caller.admitted().at();
    let body = match asked.about {
        _ if asked.remediation.as_ref().is_some_and(|one| *one != service.wording.remediation) => {
            Body::from("null")
        }
        Some((address, length)) if asked.containing => {
            covering(&service, &asked, (address, length), now)?
        }
        _ => walk(&service, asked, now)?,
    };
    service.counters.asked();
    Ok(respond(if request.method() == Method::HEAD { Body::empty() } else { body }))
}

/// What contains an address or network: by the newest state, and with all exceptions.
fn covering(
    service: &Service,
    asked: &ListQuery,
    (address, length): (IpAddr, u8),
    now: Timestamp,
) -> Result<Body, Problem> {
    let (_, view) = service.feed.snapshot();
    let judge = Judge { view: &view, policy: service.config.policy(), now };
    let found = judge.covering(address, length).map_err(|error| {
        tracing::error!(%error, "CrowdSec: the database cannot be read");
        Problem::unavailable("the database cannot be read").with_retry_after_secs(30)
    })?;
    let (mut out, mut list) = (Vec::new(), List { is_begun: false });
    for (place, said) in found {
        if wants(service, asked, place, said) {
            out.push(if list.is_begun { b',' } else { b'[' });
            list.is_begun = true;
            service.wording.write(place, said, now, &mut out);
        }
    }
    out.extend_from_slice(if list.is_begun { b"]" } else { b"null" });
    Ok(out.into())
}

fn wants(service: &Service, asked: &ListQuery, place: Place, said: Said) -> bool {
    let is_value = asked.value.as_ref().is_none_or(|value| *value == place.text());
    is_value && service.wording.wants(&asked.filter, place, said)
}

/// What lies in a network, one place, or everything.
fn walk(service: &Arc<Service>, asked: ListQuery, now: Timestamp) -> Result<Body, Problem> {
    let told = service.ready(Clone::clone)?;
    let exact = asked.value.as_deref().map(exact);
    let within = asked.about.and_then(|(address, length)| Place::of(address, length));
    let service_ = Arc::clone(service);
    let frames = begin(service, move |out| {
        let service = service_;
        let mut list = List { is_begun: false };
        let from = match (&exact, within) {
            // A value that is no address stands nowhere.
            (Some(exact), _) => exact.unwrap_or(Place::LAST),
            (None, Some(within)) => within,
            (None, None) => Place::FIRST,
        };
        for (place, row) in told.rows_from(from) {
            if exact.is_some_and(|exact| exact != Some(place)) {
                break;
            }
            if within.is_some_and(|within| !place.is_up_to_last_of(within)) {
                break;
            }
            let is_within = within.is_none_or(|one| one == place || one.contains(place));
            if is_within && wants(&service, &asked, place, row.said) {
                out.frame().push(if list.is_begun { b',' } else { b'[' });
                list.is_begun = true;
                service.wording.write(place, row.said, now, out.frame());
                out.flush_full()?;
            }
        }
        out.frame().extend_from_slice(if list.is_begun { b"]" } else { b"null" });
        Ok(())
    })?;
    Ok(Body::new(frames))
}

/// The place that a value names.
fn exact(value: &str) -> Option<Place> {
    let single = value.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    let network = single.or_else(|_| value.parse::<IpNet>()).ok()?;
    Place::of(network.addr(), network.prefix_len())
}
