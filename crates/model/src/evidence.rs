//! What is known of indicators: evidence, relations and decisions.

use crate::{Category, Indicator, Scope, SourceId, TenantId, Timestamp, UnknownName};
use std::fmt;
use std::str::FromStr;

macro_rules! tagged {
    ($(#[$meta:meta])* $name:ident, $what:literal, $($(#[$doc:meta])* $tag:literal $variant:ident $text:literal),* $(,)?) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$doc])* $variant = $tag,)*
        }

        impl $name {
            const NAMES: &[(Self, &str)] = &[$((Self::$variant, $text),)*];

            /// The number that stands for it on disk.
            pub const fn tag(self) -> u8 {
                self as u8
            }

            /// What a number read from disk stands for.
            pub fn from_tag(tag: u8) -> Option<Self> {
                Self::NAMES.iter().find(|(one, _)| one.tag() == tag).map(|(one, _)| *one)
            }

            /// The name used in JSON and on the command line.
            pub fn name(self) -> &'static str {
                Self::NAMES.iter().find(|(one, _)| *one == self).map_or("", |(_, name)| name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $name {
            type Err = UnknownName;

            fn from_str(name: &str) -> Result<Self, UnknownName> {
                Self::NAMES
                    .iter()
                    .find(|(_, known)| *known == name)
                    .map(|(one, _)| *one)
                    .ok_or_else(|| UnknownName::new($what, name, Self::NAMES.iter().map(|row| row.1)))
            }
        }
    };
}

tagged! {
    /// Which side a piece of evidence takes.
    Stance, "stance",
    /// It says: dangerous.
    0 Malicious "malicious",
    /// It says: good.
    1 Benign "benign",
    /// It says something else of interest; it carries no weight.
    2 Context "context",
    /// It says: you list this wrongly. It waits for an analyst and carries no weight.
    3 Disputed "disputed",
}

tagged! {
    /// Traffic Light Protocol 2.0 (FIRST): who may see it.
    Tlp, "TLP",
    /// No limit.
    0 Clear "clear",
    /// The community.
    1 Green "green",
    /// The organisation and its clients, on a need-to-know basis.
    2 Amber "amber",
    /// The organisation only.
    3 AmberStrict "amber+strict",
    /// The recipient only.
    4 Red "red",
}

tagged! {
    /// Who may use a piece of evidence.
    Sharing, "sharing right",
    /// It counts for everybody's verdicts.
    0 Everyone "everyone",
    /// It counts for its own tenant only.
    1 Tenant "tenant",
}

tagged! {
    /// What an operator or analyst decides.
    Action, "action",
    /// Trust it, whatever the evidence says.
    0 Allow "allow",
    /// Block it, whatever the evidence says.
    1 Block "block",
    /// It is dangerous: verified. Sources learn from it.
    2 Confirm "confirm",
    /// It is not dangerous: verified. Sources learn from it.
    3 Refute "refute",
    /// Take an earlier decision back.
    4 Withdraw "withdraw",
}

tagged! {
    /// How one thing leads to another.
    RelationKind, "relation",
    /// A name resolves to an address.
    0 ResolvesTo "resolves-to",
    /// An address or domain hosts something.
    1 Hosts "hosts",
    /// A URL serves a file.
    2 Serves "serves",
    /// A file drops another.
    3 Drops "drops",
    /// A file contacts a host.
    4 Contacts "contacts",
    /// A file is signed by a certificate.
    5 SignedBy "signed-by",
    /// Something is attributed to an actor or family.
    6 AttributedTo "attributed-to",
    /// Two names mean one thing.
    7 AliasOf "alias-of",
    /// Something exploits a vulnerability.
    8 Exploits "exploits",
}

/// The number that names a source's own record: its own identifier, or the digest of what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RecordId(pub u64);

/// The number of a batch of evidence that is renewed together; zero stands for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BatchId(pub u64);

impl BatchId {
    /// Evidence that was not part of a batch.
    pub const NONE: Self = Self(0);
    /// The one batch of a feed that is read whole: its latest snapshot.
    pub const SNAPSHOT: Self = Self(1);
}

/// What most evidence does not have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// The malware family or campaign, in the source's words.
    pub family: Option<Box<str>>,
    /// The threat actor, in the source's words.
    pub actor: Option<Box<str>>,
    /// Where to read more: a URL or the source's own identifier.
    pub reference: Option<Box<str>>,
    /// When the domain was registered, where the source knows.
    pub registered: Option<Timestamp>,
}

impl Details {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One source's statement about one indicator.
///
/// Its identity is (tenant, source, indicator, scope, record); a higher revision supersedes a lower
/// one, an equal one is a repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Whose it is.
    pub tenant: TenantId,
    /// Who says it.
    pub source: SourceId,
    /// Of what.
    pub indicator: Indicator,
    /// How far it reaches.
    pub scope: Scope,
    /// The source's own record.
    pub record: RecordId,
    /// The snapshot's number, the source's timestamp, or the client's idempotency key.
    pub revision: u64,
    /// The batch it is renewed with.
    pub batch: BatchId,
    /// Which side it takes.
    pub stance: Stance,
    /// What for.
    pub category: Category,
    /// How sure the source is, in percent.
    pub confidence: u8,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen; a batch may have been renewed since.
    pub last_seen: Timestamp,
    /// When it ends by the source's own word.
    pub until: Option<Timestamp>,
    /// Who may see it.
    pub tlp: Tlp,
    /// Whose verdicts it counts for.
    pub sharing: Sharing,
    /// What else the source says.
    pub details: Option<Box<Details>>,
}

/// The end of one piece of evidence: it vanished from a full feed, or its source took it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retraction {
    /// Whose it was.
    pub tenant: TenantId,
    /// Who said it.
    pub source: SourceId,
    /// Of what.
    pub indicator: Indicator,
    /// How far it reached.
    pub scope: Scope,
    /// Which record of the source's.
    pub record: RecordId,
    /// When it ended.
    pub at: Timestamp,
}

/// A batch was seen, and all that is still in it is renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchSeen {
    /// Whose it is.
    pub tenant: TenantId,
    /// Whose batch it is.
    pub source: SourceId,
    /// Which batch.
    pub batch: BatchId,
    /// The snapshot's number.
    pub revision: u64,
    /// When it was seen.
    pub at: Timestamp,
    /// Whether what is missing from it has ended.
    pub full: bool,
    /// SHA-256 of the bytes it was read from, with the settings that steered the reading.
    pub digest: [u8; 32],
    /// What was read.
    pub counts: ImportCounts,
}

/// What became of the rows of one import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ImportCounts {
    /// Lines or objects with content.
    pub read: u64,
    /// New or changed evidence.
    pub accepted: u64,
    /// Evidence that was known and is renewed.
    pub duplicate: u64,
    /// What could not be used.
    pub rejected: u64,
    /// Evidence that vanished from a full feed.
    pub expired: u64,
}

/// A link between two indicators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Whose it is.
    pub tenant: TenantId,
    /// Who says so.
    pub source: SourceId,
    /// Where it starts.
    pub from: Indicator,
    /// How it leads on.
    pub kind: RelationKind,
    /// Where it ends.
    pub to: Indicator,
    /// How sure the source is, in percent.
    pub confidence: u8,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// Who may see it.
    pub tlp: Tlp,
}

/// An operator's or analyst's word. Never merged with evidence, never decayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whose it is; the shared tenant's holds for everybody.
    pub tenant: TenantId,
    /// Of what.
    pub indicator: Indicator,
    /// How far it reaches.
    pub scope: Scope,
    /// What is decided.
    pub action: Action,
    /// Why a block: the category it is listed under.
    pub category: Category,
    /// Who decided.
    pub author: Box<str>,
    /// In their words, why.
    pub reason: Box<str>,
    /// When.
    pub at: Timestamp,
    /// Until when; `None` holds until it is withdrawn.
    pub until: Option<Timestamp>,
}

impl Decision {
    /// Whether the decision is in force at `now`.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.action != Action::Withdraw && self.until.is_none_or(|until| now < until)
    }
}
