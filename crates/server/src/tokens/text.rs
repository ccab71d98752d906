//! The spelling of tokens, and their secrets.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{TokenError, TokenStoreError};

/// Base 32 of RFC 4648 section 6, in lower case: safe in URLs and headers, without the `_` that
/// parts a token, and marked as one word by a double click.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const PREFIX: &[u8] = b"wn_";
const ID_LEN: usize = 16;
const SECRET_LEN: usize = 40;
const SECRET_AT: usize = PREFIX.len() + ID_LEN + 1;
const TEXT_LEN: usize = SECRET_AT + SECRET_LEN;

/// The public name of a token: 80 random bits as 16 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenId([u8; ID_LEN]);

impl TokenId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Built from `ALPHABET` only, so it is ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, TokenError> {
        let id: [u8; ID_LEN] = bytes.try_into().map_err(|_| TokenError::Malformed)?;
        let is_ours = |byte: &u8| matches!(byte, b'a'..=b'z' | b'2'..=b'7');
        id.iter().all(is_ours).then_some(Self(id)).ok_or(TokenError::Malformed)
    }
}

impl FromStr for TokenId {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        Self::from_bytes(text.as_bytes())
    }
}

impl TryFrom<String> for TokenId {
    type Error = TokenError;

    fn try_from(text: String) -> Result<Self, TokenError> {
        text.parse()
    }
}

impl From<TokenId> for String {
    fn from(id: TokenId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The SHA-256 of a secret's text.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    pub(crate) fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// Compares in time that does not depend on where the two differ.
    pub(crate) fn matches(&self, secret: &[u8]) -> bool {
        self.0.ct_eq(&Self::of(secret).0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretHash(…)")
    }
}

impl TryFrom<String> for SecretHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        wardnet_model::hex::decode(&text).map(Self).ok_or("a hash is 64 hexadecimal digits")
    }
}

impl From<SecretHash> for String {
    fn from(hash: SecretHash) -> Self {
        wardnet_model::hex::Hex(&hash.0).to_string()
    }
}

/// A whole token, shown once to whoever asked for it.
#[derive(Clone)]
pub struct TokenText(String);

impl TokenText {
    /// Draws a new token; returns its public id and the hash to keep beside it.
    pub(crate) fn draw() -> Result<(TokenId, SecretHash, Self), TokenStoreError> {
        let id: [u8; ID_LEN] = draw_characters()?;
        let secret: [u8; SECRET_LEN] = draw_characters()?;
        let mut text = String::with_capacity(TEXT_LEN);
        text.push_str("wn_");
        text.extend(id.iter().map(|byte| char::from(*byte)));
        text.push('_');
        text.extend(secret.iter().map(|byte| char::from(*byte)));
        Ok((TokenId(id), SecretHash::of(&secret), Self(text)))
    }

    /// The token itself. It goes to its owner, never into a log.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenText(…)")
    }
}

/// Splits a token as a client sent it into its id and its secret.
pub(crate) fn split(token: &[u8]) -> Result<(TokenId, &[u8]), TokenError> {
    let (id, secret) = token
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split_at_checked(ID_LEN))
        .ok_or(TokenError::Malformed)?;
    let secret = secret.strip_prefix(b"_").ok_or(TokenError::Malformed)?;
    if secret.len() != SECRET_LEN {
        return Err(TokenError::Malformed);
    }
    Ok((TokenId::from_bytes(id)?, secret))
}

/// Five random bits per character; 32 divides 256, so every character is equally likely.
fn draw_characters<const N: usize>() -> Result<[u8; N], TokenStoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| TokenStoreError::Random(error.to_string()))?;
    Ok(bytes.map(|byte| ALPHABET[usize::from(byte % 32)]))
}
