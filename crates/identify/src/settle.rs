//! From a dossier to what is published of it: the one place where verdicts are made.

use wardnet_model::{
    Action, BatchId, Decision, DomainName, Kind, Scope, Sharing, SuffixList, TenantId, Timestamp,
};
use wardnet_score::{Epoch, Item, Score, Scorer, Subject, rule};
use wardnet_store::{Dossier, DossierKey, Held, Published, Store};
use wardnet_verdictdb::{Change, EntryData, Facts, Layer, Profile, Terms};

/// The lowest published risk at which evidence without a band of its own is kept in the database,
/// so that an answer can tell its history.
const HISTORY_RISK_MIN: u8 = 10;

/// What settling dossiers changed.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Changes of the shared view.
    pub(crate) shared: Vec<Change>,
    /// Changes of tenants' own overlays.
    pub(crate) tenants: Vec<(TenantId, Change)>,
    /// How many shared changes there were, also beyond those kept.
    pub(crate) count: u64,
}

/// Settles dossiers at one time, under one epoch.
pub(crate) struct Settler<'a> {
    scorer: Scorer<'a>,
    epoch: &'a Epoch,
    store: &'a Store,
    suffixes: &'a SuffixList,
    now: Timestamp,
    sequence: u64,
    keep_changes: usize,
    outcome: Outcome,
}

impl<'a> Settler<'a> {
    /// A settler whose changes are numbered after `sequence`. No more than `keep_changes` are
    /// kept; the caller builds a new base when there were more.
    pub(crate) fn new(
        epoch: &'a Epoch,
        store: &'a Store,
        suffixes: &'a SuffixList,
        now: Timestamp,
        sequence: u64,
        keep_changes: usize,
    ) -> Self {
        let outcome = Outcome::default();
        let scorer = Scorer::new(epoch);
        Self { scorer, epoch, store, suffixes, now, sequence, keep_changes, outcome }
    }

    /// What was changed.
    pub(crate) fn finish(self) -> Outcome {
        self.outcome
    }

    /// Makes the verdicts of one dossier and notes what changed. Says whether the shared verdict
    /// did.
    pub(crate) fn settle(&mut self, key: &DossierKey, dossier: &mut Dossier) -> bool {
        let subject = subject(self.epoch, self.suffixes, key, dossier);
        let items = items(self.store, dossier, TenantId::SHARED);
        let score = self.scorer.score(subject, &items, self.now);
        let mut crossing = self.scorer.next_crossing(subject, &items, self.now);
        let ending = dossier.decisions.iter().filter_map(|decision| decision.until);
        crossing = crossing.into_iter().chain(ending.filter(|until| *until > self.now)).min();
        let published = Published {
            risk: score.verdict.risk,
            band: score.verdict.band,
            categories: score.verdict.categories,
            sources: score.sources.clone(),
            first_seen: score.verdict.first_seen,
            last_seen: score.verdict.last_seen,
            next_crossing: crossing.unwrap_or_default(),
            private: is_private(dossier),
        };
        let old = std::mem::replace(&mut dossier.published, published);
        let new = &dossier.published;
        let same = (old.risk, old.band, old.categories, &old.sources)
            == (new.risk, new.band, new.categories, &new.sources);
        if !same && (is_listed(&old) || is_listed(new)) {
            let data = is_listed(new).then(|| evidence_entry(key, dossier));
            self.change(key, Layer::Evidence, data);
        }
        if !dossier.decisions.is_empty() {
            let data = decision_entry(key, dossier, TenantId::SHARED, self.now);
            self.change(key, Layer::Decision, data);
        }
        if old.private || dossier.published.private {
            self.settle_tenants(key, subject, dossier);
        }
        !same
    }

    /// Whole verdicts for every tenant with evidence or decisions of its own.
    fn settle_tenants(&mut self, key: &DossierKey, subject: Subject, dossier: &Dossier) {
        for tenant in tenants(dossier) {
            for (layer, new) in
                tenant_entries(&self.scorer, self.store, (key, subject, dossier), tenant, self.now)
            {
                let Some(change) = self.numbered(key, layer, new) else { continue };
                self.outcome.tenants.push((tenant, change));
            }
        }
    }

    fn change(&mut self, key: &DossierKey, layer: Layer, new: Option<EntryData>) {
        self.outcome.count += 1;
        if self.outcome.shared.len() < self.keep_changes
            && let Some(change) = self.numbered(key, layer, new)
        {
            self.outcome.shared.push(change);
        }
    }

    fn numbered(
        &mut self,
        key: &DossierKey,
        layer: Layer,
        new: Option<EntryData>,
    ) -> Option<Change> {
        self.sequence += 1;
        let kind = key.kind()?;
        Some(Change {
            seq: self.sequence,
            layer,
            kind,
            key: key.key(),
            scope: key.scope(),
            new,
        })
    }
}

/// What a tenant with something of its own here is answered: evidence and decision entries that
/// take the place of the shared ones.
pub(crate) fn tenant_entries(
    scorer: &Scorer<'_>,
    store: &Store,
    (key, subject, dossier): (&DossierKey, Subject, &Dossier),
    tenant: TenantId,
    now: Timestamp,
) -> [(Layer, Option<EntryData>); 2] {
    let items = items(store, dossier, tenant);
    let score = scorer.score(subject, &items, now);
    let own = dossier.decisions.iter().any(|d| d.tenant == tenant && d.in_force(now));
    let decider = if own { tenant } else { TenantId::SHARED };
    [
        (Layer::Evidence, scored_entry(key, dossier, &score)),
        (Layer::Decision, decision_entry(key, dossier, decider, now)),
    ]
}

/// The tenants that have evidence or decisions of their own in a dossier, in order.
pub(crate) fn tenants(dossier: &Dossier) -> Vec<TenantId> {
    let evidence = dossier.evidence.iter().filter(|held| !is_shared(held)).map(|held| held.tenant);
    let decisions = dossier.decisions.iter().map(|decision| decision.tenant);
    let mut tenants: Vec<TenantId> =
        evidence.chain(decisions).filter(|tenant| *tenant != TenantId::SHARED).collect();
    tenants.sort_unstable();
    tenants.dedup();
    tenants
}

fn is_private(dossier: &Dossier) -> bool {
    dossier.evidence.iter().any(|held| !is_shared(held))
        || dossier.decisions.iter().any(|decision| decision.tenant != TenantId::SHARED)
}

/// Whether evidence counts for everybody.
pub(crate) fn is_shared(held: &Held) -> bool {
    held.tenant == TenantId::SHARED || held.sharing == Sharing::Everyone
}

/// The evidence that counts for a tenant, as scoring reads it.
pub(crate) fn items(store: &Store, dossier: &Dossier, tenant: TenantId) -> Vec<Item> {
    let counts = |held: &&Held| is_shared(held) || held.tenant == tenant;
    dossier.evidence.iter().filter(counts).map(|held| item(store, held)).collect()
}

fn item(store: &Store, held: &Held) -> Item {
    let last_seen =
        if held.batch == BatchId::NONE { held.last_seen } else { store.last_seen(held) };
    Item {
        source: held.source,
        stance: held.stance,
        category: held.category,
        confidence: held.confidence,
        first_seen: held.first_seen,
        last_seen,
        until: held.until,
        registered: held.details.as_ref().and_then(|details| details.registered),
    }
}

/// What is judged: the kind, and whether it is a host that lends space to strangers.
pub(crate) fn subject(
    epoch: &Epoch,
    suffixes: &SuffixList,
    key: &DossierKey,
    dossier: &Dossier,
) -> Subject {
    let kind = key.kind();
    let hosting = kind == Some(Kind::Domain)
        && std::str::from_utf8(&dossier.payload).is_ok_and(|name| {
            epoch.is_hosting(name)
                || suffixes_may_hold(name)
                    && DomainName::parse(name)
                        .is_ok_and(|name| suffixes.is_public_suffix(&name).is_some())
        });
    Subject { kind, hosting }
}

/// Public suffixes have at most five labels; longer names need not be asked about.
fn suffixes_may_hold(name: &str) -> bool {
    name.bytes().filter(|byte| *byte == b'.').count() < 5
}

/// Whether a verdict has a place in the database.
pub(crate) fn is_listed(published: &Published) -> bool {
    published.band != wardnet_model::Band::Unrated || published.risk.value() >= HISTORY_RISK_MIN
}

/// The database entry of the published shared verdict.
pub(crate) fn evidence_entry(key: &DossierKey, dossier: &Dossier) -> EntryData {
    published_entry(name(key, &dossier.payload), &dossier.published)
}

/// The database entry of a published verdict.
pub(crate) fn published_entry(name: Option<Box<str>>, published: &Published) -> EntryData {
    EntryData {
        profile: Profile {
            risk: published.risk,
            band: published.band,
            basis: wardnet_model::Basis::Evidence,
            categories: published.categories,
            sources: published.sources.iter().map(|source| source.0).collect(),
        },
        name,
        facts: Some(Facts { first_seen: published.first_seen, last_seen: published.last_seen }),
        terms: None,
    }
}

fn scored_entry(key: &DossierKey, dossier: &Dossier, score: &Score) -> Option<EntryData> {
    let published = Published {
        risk: score.verdict.risk,
        band: score.verdict.band,
        categories: score.verdict.categories,
        sources: score.sources.clone(),
        first_seen: score.verdict.first_seen,
        last_seen: score.verdict.last_seen,
        ..Published::default()
    };
    is_listed(&published).then(|| published_entry(name(key, &dossier.payload), &published))
}

/// The database entry of the decision that counts for a tenant, if any does.
pub(crate) fn decision_entry(
    key: &DossierKey,
    dossier: &Dossier,
    tenant: TenantId,
    now: Timestamp,
) -> Option<EntryData> {
    ruling_entry(name(key, &dossier.payload), &dossier.decisions, tenant, now)
}

/// The database entry of the ruling among a tenant's decisions.
pub(crate) fn ruling_entry(
    name: Option<Box<str>>,
    decisions: &[Decision],
    tenant: TenantId,
    now: Timestamp,
) -> Option<EntryData> {
    let own: Vec<Decision> = decisions.iter().filter(|d| d.tenant == tenant).cloned().collect();
    let ruling = rule(&own, now)?;
    debug_assert!(ruling.decision.action != Action::Withdraw, "a withdrawal rules nothing");
    Some(EntryData {
        profile: Profile {
            risk: ruling.verdict.risk,
            band: ruling.verdict.band,
            basis: ruling.verdict.basis,
            categories: ruling.verdict.categories,
            sources: std::iter::empty().collect(),
        },
        name,
        facts: Some(Facts { first_seen: ruling.decision.at, last_seen: ruling.decision.at }),
        terms: Some(Terms { decided_at: ruling.decision.at, until: ruling.decision.until }),
    })
}

/// The canonical text of an indicator, from its canonical bytes.
pub(crate) fn name(key: &DossierKey, payload: &[u8]) -> Option<Box<str>> {
    match key.kind() {
        Some(Kind::Domain | Kind::Url | Kind::Email | Kind::Ja4 | Kind::Cve | Kind::App) => {
            std::str::from_utf8(payload).ok().map(Into::into)
        }
        // Addresses, networks and file hashes are their own keys.
        Some(
            Kind::Ipv4 | Kind::Ipv6 | Kind::Ipv4Network | Kind::Ipv6Network | Kind::Sha256,
        )
        | None => None,
        Some(_) => wardnet_model::Indicator::from_payload(key.tag(), payload)
            .ok()
            .map(|indicator| indicator.to_string().into()),
    }
}

/// The dossiers that lie at an indicator: one for each scope.
pub(crate) fn scopes(indicator: &wardnet_model::Indicator) -> [DossierKey; 3] {
    [Scope::Exact, Scope::Below, Scope::Subtree].map(|scope| DossierKey::of(indicator, scope))
}
