//! Every route of a listener, as its settings ask for them.

use super::{Service, agents, bouncers, central, list, message};
use axum::Router;
use axum::routing::{delete_service, get_service, post_service};
use std::sync::Arc;
use wardnet_server::{Access, Gate, Role, RouteSpec, with_problem_fallbacks};

/// Bytes of a body from who is known: an agent that was cut off for long has much to tell.
const BODY_BYTES_MAX: usize = 50 << 20;
/// Bytes of a body from who is not.
const STRANGERS_BODY_BYTES_MAX: usize = 64 << 10;

/// The routes.
pub(super) fn routes(gate: &Gate, service: &Arc<Service>) -> Router {
    let gate = &gate.speaking(message::words);
    let mut routes = for_bouncers(gate, service);
    if service.config.agents {
        routes = routes.merge(local(gate, service));
    }
    if service.config.central {
        let state = || Arc::clone(service);
        let stream = |name| gate.route(session(name));
        let (v2, v3) = ("/v2/decisions/stream", "/v3/decisions/stream");
        routes = routes
            .nest("/v2", central_of(gate, service))
            .route(v2, get_service(stream(v2).wrap(central::flat, state())))
            .nest("/v3", central_of(gate, service))
            .route(v3, get_service(stream(v3).wrap(central::grouped, state())));
    }
    with_problem_fallbacks(routes, gate)
}

/// A route whose handler looks for a session.
const fn session(name: &'static str) -> RouteSpec {
    RouteSpec::new(name, Access::Anonymous).own_authorization().body_bytes_max(BODY_BYTES_MAX)
}

/// A route for who has no session yet.
const fn stranger(name: &'static str) -> RouteSpec {
    session(name).body_bytes_max(STRANGERS_BODY_BYTES_MAX)
}

fn for_bouncers(gate: &Gate, service: &Arc<Service>) -> Router {
    let reader = Access::Role(Role::Reader);
    let state = || Arc::clone(service);
    let keyed = gate.speaking(message::forbid);
    let stream = keyed.route(RouteSpec::new("/v1/decisions/stream", reader));
    let decisions = keyed.route(RouteSpec::new("/v1/decisions", reader));
    let usage = gate.route(session("/v1/usage-metrics"));
    Router::new()
        .route("/v1/decisions/stream", get_service(stream.wrap(bouncers::stream, state())))
        .route("/v1/decisions", get_service(decisions.wrap(list::list, state())))
        .route("/v1/usage-metrics", post_service(usage.wrap(bouncers::usage, state())))
}

/// The local interface for agents.
fn local(gate: &Gate, service: &Arc<Service>) -> Router {
    let state = || Arc::clone(service);
    let route = |name| gate.route(session(name));
    let register = gate.route(stranger("/v1/watchers")).wrap(agents::register, state());
    let login = gate.route(stranger("/v1/watchers/login")).wrap(agents::login, state());
    let alerts = || route("/v1/alerts");
    let one = || route("/v1/alerts/{id}");
    let decisions = |name| delete_service(route(name).wrap(agents::delete, state()));
    Router::new()
        .route("/v1/decisions", decisions("DELETE /v1/decisions"))
        .route("/v1/decisions/{id}", decisions("/v1/decisions/{id}"))
        .route("/v1/watchers", post_service(register))
        .route("/v1/watchers/login", post_service(login))
        .route(
            "/v1/heartbeat",
            get_service(route("/v1/heartbeat").wrap(agents::heartbeat, state())),
        )
        .route(
            "/v1/alerts",
            get_service(alerts().wrap(agents::list, state()))
                .post_service(alerts().wrap(agents::alert, state()))
                .delete_service(alerts().wrap(agents::delete, state())),
        )
        .route(
            "/v1/alerts/{id}",
            get_service(one().wrap(agents::show, state()))
                .delete_service(one().wrap(agents::delete, state())),
        )
        .route(
            "/v1/allowlists",
            get_service(route("/v1/allowlists").wrap(agents::allowlists, state())),
        )
        .route(
            "/v1/allowlists/check/{address}",
            get_service(route("/v1/allowlists/check/{address}").wrap(agents::allowlisted, state())),
        )
}

/// What both versions of the central interface have alike.
fn central_of(gate: &Gate, service: &Arc<Service>) -> Router {
    let state = || Arc::clone(service);
    let route = |name| gate.route(session(name));
    let stranger = |name| gate.route(stranger(name));
    let acknowledge = |name| post_service(route(name).wrap(central::acknowledge, state()));
    let register = stranger("central /watchers").wrap(agents::register, state());
    let leave = route("central /watchers").wrap(central::leave, state());
    let login = stranger("central /watchers/login").wrap(agents::login, state());
    let reset = stranger("central /watchers/reset").wrap(central::reset, state());
    Router::new()
        .route("/watchers", post_service(register).delete_service(leave))
        .route("/watchers/login", post_service(login))
        .route("/watchers/reset", post_service(reset))
        .route("/watchers/enroll", acknowledge("central /watchers/enroll"))
        .route("/signals", post_service(route("central /signals").wrap(central::signals, state())))
        .route("/metrics", acknowledge("central /metrics"))
        .route("/metrics/", acknowledge("central /metrics"))
        .route("/usage-metrics", acknowledge("central /usage-metrics"))
}
