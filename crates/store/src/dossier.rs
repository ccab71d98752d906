//! All that is known of one indicator at one scope.

use crate::BatchKey;
use smallvec::SmallVec;
use wardnet_model::{
    Band, BatchId, Category, CategorySet, Decision, Details, Evidence, Indicator, Kind, RecordId,
    Retraction, Risk, Scope, Sharing, SourceId, Stance, TenantId, Timestamp, Tlp, Voice,
};

/// The place of a dossier: kind, the first 20 bytes of the indicator's key, scope.
///
/// Dossiers sort by kind, then key, then scope, which is the order of a verdict database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DossierKey(pub [u8; 22]);

impl DossierKey {
    /// The place of `indicator` at `scope`.
    pub fn of(indicator: &Indicator, scope: Scope) -> Self {
        Self::new(indicator.tag(), &indicator.key(), scope)
    }

    /// The place of a key.
    pub fn new(tag: u8, key: &wardnet_model::Key, scope: Scope) -> Self {
        let mut bytes = [0u8; 22];
        bytes[0] = tag;
        bytes[1..21].copy_from_slice(&key.0[..20]);
        bytes[21] = scope.tag();
        Self(bytes)
    }

    /// The number of the indicator's kind.
    pub const fn tag(&self) -> u8 {
        self.0[0]
    }

    /// The indicator's kind, if this build knows it.
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_tag(self.tag())
    }

    /// The scope.
    pub fn scope(&self) -> Scope {
        Scope::from_tag(self.0[21]).unwrap_or_default()
    }

    /// The indicator's key, as far as it is kept; zeros beyond.
    pub fn key(&self) -> wardnet_model::Key {
        let mut bytes = [0u8; 32];
        bytes[..20].copy_from_slice(&self.0[1..21]);
        wardnet_model::Key(bytes)
    }
}

/// One piece of evidence in a dossier; indicator and scope are the dossier's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Whose it is.
    pub tenant: TenantId,
    /// Who says it.
    pub source: SourceId,
    /// The source's own record.
    pub record: RecordId,
    /// Higher supersedes lower.
    pub revision: u64,
    /// What it is renewed with.
    pub batch: BatchId,
    /// Which side it takes.
    pub stance: Stance,
    /// What for.
    pub category: Category,
    /// How sure the source is, in percent.
    pub confidence: u8,
    /// Who may see it.
    pub tlp: Tlp,
    /// Whose verdicts it counts for.
    pub sharing: Sharing,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen by itself; its batch may have been renewed since.
    pub last_seen: Timestamp,
    /// When it ends by the source's word.
    pub until: Option<Timestamp>,
    /// What else the source says.
    pub details: Option<Box<Details>>,
}

impl Held {
    /// The batch it is renewed with.
    pub const fn batch_key(&self) -> BatchKey {
        BatchKey { tenant: self.tenant, source: self.source, batch: self.batch }
    }

    fn identity(&self) -> (TenantId, SourceId, RecordId) {
        (self.tenant, self.source, self.record)
    }

    /// A part of the feed says the same as its snapshot: it stays the snapshot's, whose renewals
    /// go on counting. Revisions of different batches have no order.
    fn see_again(&mut self, new: &Self) -> Effect {
        if new.last_seen <= self.last_seen && new.first_seen >= self.first_seen {
            return Effect::Nothing;
        }
        self.last_seen = self.last_seen.max(new.last_seen);
        self.first_seen = self.first_seen.min(new.first_seen);
        Effect::Renewed
    }
}

impl Held {
    /// Parts evidence into what it is about and what is said.
    pub fn split(evidence: Evidence) -> (Indicator, Self) {
        let held = Self {
            tenant: evidence.tenant,
            source: evidence.source,
            record: evidence.record,
            revision: evidence.revision,
            batch: evidence.batch,
            stance: evidence.stance,
            category: evidence.category,
            confidence: evidence.confidence,
            tlp: evidence.tlp,
            sharing: evidence.sharing,
            first_seen: evidence.first_seen,
            last_seen: evidence.last_seen,
            until: evidence.until,
            details: evidence.details,
        };
        (evidence.indicator, held)
    }
}

/// The shared verdict that was last published for a dossier.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Published {
    /// The risk.
    pub risk: Risk,
    /// The band.
    pub band: Band,
    /// Why.
    pub categories: CategorySet,
    /// Who says so.
    pub sources: SmallVec<[Voice; 4]>,
    /// When the first evidence was first seen.
    pub first_seen: Timestamp,
    /// When the newest was last seen.
    pub last_seen: Timestamp,
    /// When the verdict changes by itself; zero for never.
    pub next_crossing: Timestamp,
    /// Whether some tenant has evidence or decisions of its own here.
    pub private: bool,
}

/// What happens to a dossier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mutation {
    /// Evidence arrives.
    Put(Held),
    /// Evidence ends.
    End {
        /// Whose it was.
        tenant: TenantId,
        /// Who said it.
        source: SourceId,
        /// Which record.
        record: RecordId,
    },
    /// Somebody decides.
    Decide(Decision),
}

impl Mutation {
    /// The end that a retraction brings.
    pub const fn end(retraction: &Retraction) -> Self {
        Self::End {
            tenant: retraction.tenant,
            source: retraction.source,
            record: retraction.record,
        }
    }
}

/// What a mutation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Something new is known.
    Added,
    /// Something known is seen again, or changed.
    Renewed,
    /// Something known has ended.
    Ended,
    /// Nothing: it was known, or superseded, or never there.
    Nothing,
}

/// How much one dossier may hold. What goes beyond is still in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Pieces of evidence of one source; the oldest gives way. Default 16.
    pub evidence_per_source_max: usize,
    /// Pieces of evidence of all sources; the oldest gives way. Default 512.
    pub evidence_max: usize,
    /// Decisions; the oldest that is no longer in force gives way, then the oldest. Default 64.
    pub decisions_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { evidence_per_source_max: 16, evidence_max: 512, decisions_max: 64 }
    }
}

/// All that is known of one indicator at one scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dossier {
    /// The indicator's canonical bytes, without its kind.
    pub payload: Box<[u8]>,
    /// What is said of it.
    pub evidence: SmallVec<[Held; 2]>,
    /// What was decided about it.
    pub decisions: Vec<Decision>,
    /// The shared verdict as last published.
    pub published: Published,
}

impl Dossier {
    /// An empty dossier on `indicator`.
    pub fn new(indicator: &Indicator) -> Self {
        let mut payload = Vec::with_capacity(48);
        indicator.write_payload(&mut payload);
        Self {
            payload: payload.into(),
            evidence: SmallVec::new(),
            decisions: Vec::new(),
            published: Published::default(),
        }
    }

    /// Whether nothing is known any more.
    pub fn is_empty(&self) -> bool {
        self.evidence.is_empty() && self.decisions.is_empty()
    }

    /// Takes in one mutation.
    pub fn apply(&mut self, mutation: Mutation, limits: &Limits) -> Effect {
        match mutation {
            Mutation::Put(held) => self.put(held, limits),
            Mutation::End { tenant, source, record } => {
                let before = self.evidence.len();
                self.evidence.retain(|held| held.identity() != (tenant, source, record));
                if self.evidence.len() < before { Effect::Ended } else { Effect::Nothing }
            }
            Mutation::Decide(decision) => self.decide(decision, limits),
        }
    }

    fn put(&mut self, new: Held, limits: &Limits) -> Effect {
        if let Some(known) = self.evidence.iter_mut().find(|h| h.identity() == new.identity()) {
            if known.batch == BatchId::SNAPSHOT && new.batch > BatchId::SNAPSHOT {
                return known.see_again(&new);
            }
            if new.revision < known.revision || *known == new {
                return Effect::Nothing;
            }
            let first_seen = known.first_seen.min(new.first_seen);
            *known = Held { first_seen, ..new };
            return Effect::Renewed;
        }
        let source = (new.tenant, new.source);
        self.evidence.push(new);
        let of_source = |held: &Held| (held.tenant, held.source) == source;
        let count = self.evidence.iter().filter(|held| of_source(held)).count();
        if count > limits.evidence_per_source_max {
            self.forget_oldest(of_source);
        }
        if self.evidence.len() > limits.evidence_max {
            self.forget_oldest(|_| true);
        }
        Effect::Added
    }

    fn forget_oldest(&mut self, among: impl Fn(&Held) -> bool) {
        let oldest = self
            .evidence
            .iter()
            .enumerate()
            .filter(|(_, held)| among(held))
            .min_by_key(|(_, held)| (held.last_seen, held.identity()))
            .map(|(at, _)| at);
        if let Some(at) = oldest {
            self.evidence.remove(at);
        }
    }

    fn decide(&mut self, decision: Decision, limits: &Limits) -> Effect {
        // Equal to the last that its tenant decided, it is a repeat. Equal to an earlier one, of the same
        // second, it is decided again: what was in between may have been a withdrawal.
        let last = self.decisions.iter().rfind(|held| held.tenant == decision.tenant);
        if last == Some(&decision) {
            return Effect::Nothing;
        }
        if self.decisions.len() >= limits.decisions_max {
            let ended = self.decisions.iter().position(|held| !held.in_force(decision.at));
            self.decisions.remove(ended.unwrap_or(0));
        }
        self.decisions.push(decision);
        Effect::Added
    }
}
