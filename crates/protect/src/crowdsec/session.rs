//! Sessions of agents: JSON Web Tokens (RFC 7519), signed with a key of this run.

use super::machines::Machines;
use data_encoding::BASE64URL_NOPAD;
use ring::hmac;
use serde::{Deserialize, Serialize};
use wardnet_model::Timestamp;
use wardnet_server::tokens::TokenId;
use wardnet_server::{Principal, Role, Tokens};

/// How long a session lasts. Agents log in again a minute before.
pub(super) const SESSION_SECS: u64 = 3_600;

/// The longest session that is read.
const BYTES_MAX: usize = 4_096;

/// The head of every session: which signature it has.
const HEAD: &[u8] = br#"{"alg":"HS256","typ":"JWT"}"#;

/// Who logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// One that introduced itself and that the operator knows.
    Machine(String),
    /// One whose password is an access token.
    Token(Principal),
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    id: String,
    exp: u64,
    orig_iat: u64,
    /// Where the password is an access token: its public name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<TokenId>,
}

/// Makes sessions, and knows them again.
#[derive(Debug)]
pub struct Sessions {
    key: hmac::Key,
}

impl Sessions {
    /// Draws a key. After the next start agents log in again.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    /// A session that begins now; and when it ends.
    pub(super) fn begin(&self, agent: &Agent, name: &str, now: Timestamp) -> (String, Timestamp) {
        let end = Timestamp(now.0.saturating_add(SESSION_SECS));
        let token = match agent {
            Agent::Machine(_) => None,
            Agent::Token(principal) => principal.token,
        };
        let claims = Claims { id: name.to_owned(), exp: end.0, orig_iat: now.0, token };
        let claims = serde_json::to_vec(&claims).unwrap_or_default();
        let mut text = BASE64URL_NOPAD.encode(HEAD);
        text.push('.');
        text.push_str(&BASE64URL_NOPAD.encode(&claims));
        let signature = hmac::sign(&self.key, text.as_bytes());
        text.push('.');
        text.push_str(&BASE64URL_NOPAD.encode(signature.as_ref()));
        (text, end)
    }

    /// Who a session is of, if it still holds: it ends with its machine or token.
    pub(super) fn agent(
        &self,
        header: &str,
        (machines, tokens): (&Machines, &Tokens),
        now: Timestamp,
    ) -> Option<Agent> {
        // CrowdSec's own clients name the scheme, those in Python do not.
        let (scheme, rest) = header.split_once(' ').unwrap_or(("", header));
        let is_known = scheme.is_empty() || scheme.eq_ignore_ascii_case("bearer");
        let text = rest.trim();
        if !is_known || text.len() > BYTES_MAX {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        hmac::verify(&self.key, signed.as_bytes(), &signature).ok()?;
        // Whatever is signed has our head.
        let (_, claims) = signed.split_once('.')?;
        let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?;
        let claims: Claims = serde_json::from_slice(&claims).ok()?;
        if claims.exp <= now.0 {
            return None;
        }
        match claims.token {
            None => machines.is_validated(&claims.id).then_some(Agent::Machine(claims.id)),
            Some(id) => {
                let holder = tokens.holder(id, now);
                holder.filter(|holder| holder.role >= Role::Reporter).map(Agent::Token)
            }
        }
    }
}
