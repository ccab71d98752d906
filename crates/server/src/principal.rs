//! Who is asking: the role and tenant a request acts for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::tokens::TokenId;

/// What a token may do. Each role may also do everything the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Asks questions.
    Reader,
    /// Also reports evidence and feedback.
    Reporter,
    /// Also decides: allow, block, confirm, refute.
    Analyst,
    /// Also manages tokens, sources and configuration.
    Admin,
}

impl Role {
    /// All roles, weakest first.
    pub const ALL: [Self; 4] = [Self::Reader, Self::Reporter, Self::Analyst, Self::Admin];

    /// The name used in files, tokens listings and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Reporter => "reporter",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
        }
    }

    /// The role called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The tenant that owns the installation, and that local administration acts for.
pub const OPERATOR_TENANT: u32 = 0;

/// An authenticated caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Principal {
    /// The token shown, or `None` for the administrator on the local socket.
    pub token: Option<TokenId>,
    /// The tenant whose evidence and Decisions apply.
    pub tenant: u32,
    /// What the caller may do.
    pub role: Role,
}

impl Principal {
    /// The operator, who owns the process and reached it through the socket in the data folder.
    #[must_use]
    pub const fn local_admin() -> Self {
        Self { token: None, tenant: OPERATOR_TENANT, role: Role::Admin }
    }
}

#[cfg(test)]
mod tests {
    use super::Role;

    #[test]
    fn roles_are_ordered_and_named() {
        assert!(Role::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        for role in Role::ALL {
            assert_eq!(Role::from_name(role.name()), Some(role));
        }
        assert_eq!(Role::from_name("root"), None);
    }
}
