//! Who is asking: credentials out of a request, and the caller that handlers see.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use wardnet_model::Timestamp;

use crate::budget::{Budgets, OverBudget};
use crate::clock::{monotonic_nanos, now_unix};
use crate::gate::{Access, Shared};
use crate::listen::Peer;
use crate::principal::{Principal, Role};
use crate::problem::Problem;
use crate::tokens::{TokenEntry, TokenError};

/// Who asks, and when, as established by the [`Gate`](crate::Gate). It never holds a secret.
#[derive(Debug, Clone)]
pub struct Admitted {
    identity: Identity,
    peer: Peer,
    at: Timestamp,
}

#[derive(Debug, Clone)]
enum Identity {
    Anonymous,
    Local,
    Token(Arc<TokenEntry>),
}

impl Admitted {
    /// Establishes who asks, checks that the route admits it, and takes the route's price.
    pub(crate) fn admit(
        shared: &Shared,
        (access, questions): (Access, u32),
        sent: Sent<'_>,
        peer: Peer,
        now_nanos: u64,
    ) -> Result<Self, Problem> {
        let at = now_unix();
        let credential = match credential(sent.headers, sent.own) {
            Credential::None => {
                sent.query.and_then(key_of).map_or(Credential::None, Credential::Token)
            }
            other => other,
        };
        let identity = match credential {
            Credential::None if shared.is_owner(peer) => Identity::Local,
            Credential::None => Identity::Anonymous,
            Credential::Token(token) => match shared.tokens.verify(token, at) {
                Ok(entry) => Identity::Token(entry),
                Err(error) => return Err(refuse(shared, peer, &error, now_nanos)),
            },
            Credential::OtherScheme => {
                return Err(refuse(shared, peer, &TokenError::Malformed, now_nanos));
            }
        };
        let admitted = Self { identity, peer, at };
        admitted.check(access, &shared.budgets, now_nanos)?;
        admitted.take(&shared.budgets, questions, now_nanos)?;
        Ok(admitted)
    }

    /// Who it is; `None` for an anonymous caller on a route that admits one.
    #[must_use]
    pub fn principal(&self) -> Option<Principal> {
        match &self.identity {
            Identity::Anonymous => None,
            Identity::Local => Some(Principal::local_admin()),
            Identity::Token(entry) => Some(entry.principal()),
        }
    }

    /// Where the request came from.
    #[must_use]
    pub const fn peer(&self) -> Peer {
        self.peer
    }

    /// When the request was admitted.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Passes a caller of this role or a stronger one, for routes where it depends on the request.
    pub fn require(&self, role: Role) -> Result<Principal, Problem> {
        match self.principal() {
            None => Err(Problem::unauthorized(
                "send a token as Authorization: Bearer wn_…, or as X-Api-Key: wn_…",
            )),
            Some(principal) if principal.role < role => Err(Problem::forbidden(format!(
                "this needs the role {role}, the token has {}",
                principal.role
            ))),
            Some(principal) => Ok(principal),
        }
    }

    fn check(&self, access: Access, budgets: &Budgets, now_nanos: u64) -> Result<(), Problem> {
        let Access::Role(role) = access else { return Ok(()) };
        let Err(problem) = self.require(role) else { return Ok(()) };
        if matches!(self.identity, Identity::Anonymous) {
            budgets.take_failed_login(self.peer.address(), now_nanos)?;
        }
        Err(problem)
    }

    fn take(&self, budgets: &Budgets, questions: u32, now_nanos: u64) -> Result<(), OverBudget> {
        match &self.identity {
            Identity::Local => Ok(()),
            Identity::Token(entry) => entry.take(budgets.token_rate(), questions, now_nanos),
            Identity::Anonymous => {
                budgets.take_anonymous(self.peer.address(), questions, now_nanos)
            }
        }
    }
}

/// Where a request may carry a token.
#[derive(Clone, Copy)]
pub(crate) struct Sent<'r> {
    pub(crate) headers: &'r HeaderMap,
    /// Only where the route reads it.
    pub(crate) query: Option<&'r str>,
    /// Whether `Authorization` is the route's own.
    pub(crate) own: bool,
}

/// The caller of a request. Handlers take it as an argument.
#[derive(Debug, Clone)]
pub struct Caller {
    admitted: Admitted,
    pub(crate) body_bytes_max: usize,
    pub(crate) shared: Arc<Shared>,
}

impl Caller {
    pub(crate) const fn new(
        admitted: Admitted,
        body_bytes_max: usize,
        shared: Arc<Shared>,
    ) -> Self {
        Self { admitted, body_bytes_max, shared }
    }

    /// Who asks, and when.
    #[must_use]
    pub const fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    /// Who it is; `None` for an anonymous caller on a route that admits one.
    #[must_use]
    pub fn principal(&self) -> Option<Principal> {
        self.admitted.principal()
    }

    /// Where the request came from.
    #[must_use]
    pub const fn peer(&self) -> Peer {
        self.admitted.peer()
    }

    /// Passes a caller of this role or a stronger one, for routes where it depends on the request.
    pub fn require(&self, role: Role) -> Result<Principal, Problem> {
        self.admitted.require(role)
    }

    /// Takes further questions from the caller's budget: a batch of `n` charges `n - 1`, as the
    /// gate already took one.
    pub fn charge(&self, questions: u32) -> Result<(), Problem> {
        Ok(self.admitted.take(&self.shared.budgets, questions, monotonic_nanos())?)
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            tracing::error!(path = parts.uri.path(), "a route that takes a Caller has no gate");
            Problem::internal()
        })
    }
}

enum Credential<'a> {
    None,
    Token(&'a [u8]),
    OtherScheme,
}

/// `Authorization: Bearer` (RFC 6750 section 2.1), unless the route reads that itself, or else
/// `X-Api-Key`, or as clients of VirusTotal spell it.
fn credential(headers: &HeaderMap, own_authorization: bool) -> Credential<'_> {
    if let Some(value) = headers.get(AUTHORIZATION).filter(|_| !own_authorization) {
        // RFC 9110 section 11.1: the scheme's name is case-insensitive.
        return match value.as_bytes().split_at_checked(7) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => {
                Credential::Token(token.trim_ascii())
            }
            _ => Credential::OtherScheme,
        };
    }
    match headers.get("x-api-key").or_else(|| headers.get("x-apikey")) {
        Some(value) => Credential::Token(value.as_bytes()),
        None => Credential::None,
    }
}

/// The token in a query, as `key=`. Tokens have no bytes that a query would have to escape.
fn key_of(query: &str) -> Option<&[u8]> {
    query.split('&').find_map(|pair| pair.strip_prefix("key=")).map(str::as_bytes)
}

/// A failed login: counted, and answered with 429 once the address failed too often. A valid
/// token passes from the same address all the while, so nobody can lock out a neighbour.
fn refuse(shared: &Shared, peer: Peer, error: &TokenError, now_nanos: u64) -> Problem {
    shared.metrics.failed_logins().inc();
    match shared.budgets.take_failed_login(peer.address(), now_nanos) {
        Ok(()) => Problem::unauthorized(error.to_string()),
        Err(over) => over.into(),
    }
}
