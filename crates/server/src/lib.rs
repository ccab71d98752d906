//! What every listener needs once: accept, TLS, tokens, budgets, metrics, drain.
//!
//! A request passes these parts, from the socket inwards:
//!
//! ```text
//!   listen   accept loop (TCP, Unix), connection caps, timeouts, graceful drain
//!    └ tls   certificates from files, swapped on reload without losing a connection
//!       └ axum::Router     routes, replaced on reload; anything unknown is answered as a problem
//!          └ gate          ONE layer per route: who is it (tokens), may it (budget),
//!             │            how did it go (metrics)
//!             └ handler    takes `Caller` for the tenant, `Json<T>` for a bounded body; or a
//!                          plain function of `Admitted`, where an answer waits for nothing
//! ```
//!
//! Protocols of single datagrams do not pass here: [`udp`] takes many from the kernel at once, on
//! plain threads, and hands each to an answerer.
//!
//! Read [`Gate`] first: it is where a route says who may call it and what a call costs. Then
//! [`Listener`], which serves a router. [`Tokens`], [`Budgets`], [`Metrics`] and [`Health`] are
//! the shared state that the binary creates once and hands to every listener.
//!
//! # Invariants
//!
//! - A secret is never stored, logged or shown by `Debug`: only its SHA-256 leaves [`tokens`].
//! - A revoked token is refused from the very next request on: what is remembered of a secret goes
//!   with its token.
//! - Every error answer, also the router's own, is `application/problem+json` (RFC 9457), but for
//!   protocols whose clients read something else: [`Gate::speaking`].
//! - Every size, count and time that a stranger controls has a name in [`Limits`].

mod auth;
pub mod budget;
mod clock;
mod crowd;
mod dialect;
mod extract;
mod gate;
mod health;
mod limits;
pub mod listen;
mod live_router;
pub mod metrics;
mod principal;
mod problem;
pub mod tls;
pub mod tokens;
pub mod udp;

pub use auth::{Admitted, Caller};
pub use budget::{AddressMeters, Budgets, Rate};
pub use clock::{monotonic_nanos, now_unix};
pub use crowd::{Crowd, Place};
pub use dialect::{Dialect, Told};
pub use extract::{BodyBytes, Json, Path, Query, with_problem_fallbacks};
pub use gate::{Access, AnswerService, Gate, GateLayer, GateService, RouteSpec};
pub use health::{Component, Health, Status};
pub use limits::Limits;
pub use listen::{Listener, ListenerConfig, Peer, Shutdown};
pub use live_router::LiveRouter;
pub use metrics::Metrics;
pub use principal::{OPERATOR_TENANT, Principal, Role};
pub use problem::{PROBLEM_JSON, Problem};
pub use tls::Tls;
pub use tokens::Tokens;
