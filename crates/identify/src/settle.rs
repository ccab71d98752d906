//! From a dossier to what is published of it: the one place where verdicts are made.

use crate::patterns::{Matched, left_out, matched};
use crate::praise::{self, Praise};
use std::borrow::Cow;
use std::collections::BTreeSet;
use wardnet_model::{
    Action, Band, BatchId, Category, CategorySet, Decision, DomainName, Indicator, Key, Kind,
    Scope, Sharing, Stance, SuffixList, TenantId, Timestamp,
};
use wardnet_score::{Epoch, Item, Patterns, Score, Scorer, Subject, rule};
use wardnet_store::{BatchKey, Dossier, DossierKey, Held, Published, Store, StoreError};
use wardnet_verdictdb::{Change, EntryData, Facts, Layer, Profile, SourceSet, Terms};

/// The lowest published risk at which evidence without a band of its own is kept in the database,
/// so that an answer can tell its history.
const HISTORY_RISK_MIN: u8 = 10;

/// What settling dossiers changed.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Changes of the shared view.
    pub(crate) shared: Vec<Change>,
    /// Changes of tenants' own overlays.
    pub(crate) tenants: Vec<TenantChange>,
    /// How many shared changes there were, also beyond those kept.
    pub(crate) count: u64,
    /// The number of the last change.
    pub(crate) sequence: u64,
    /// Members of batches whose verdict a renewal of the batch would change.
    pub(crate) faded: BTreeSet<(BatchKey, DossierKey)>,
}

/// A change of what tenants have of their own.
#[derive(Debug)]
pub(crate) enum TenantChange {
    /// A tenant's whole verdict is another.
    Set(TenantId, Change),
    /// All but these tenants have nothing of their own there, and are shown what is shared.
    OnlyOf(Kind, Key, Scope, Vec<TenantId>),
}

/// Settles dossiers at one time, under one epoch.
pub(crate) struct Settler<'a> {
    scorer: Scorer<'a>,
    epoch: &'a Epoch,
    patterns: Option<&'a Patterns>,
    store: &'a Store,
    suffixes: &'a SuffixList,
    now: Timestamp,
    keep_changes: usize,
    outcome: Outcome,
    failure: Option<StoreError>,
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
        let outcome = Outcome { sequence, ..Outcome::default() };
        let (scorer, patterns) = (Scorer::new(epoch), epoch.patterns());
        Self { scorer, epoch, patterns, store, suffixes, now, keep_changes, outcome, failure: None }
    }

    /// What was changed.
    pub(crate) fn finish(self) -> Result<Outcome, StoreError> {
        self.failure.map_or(Ok(self.outcome), Err)
    }

    /// Makes the verdicts of one dossier and notes what changed.
    pub(crate) fn settle(&mut self, key: &DossierKey, dossier: &mut Dossier) {
        let subject = subject(self.epoch, self.suffixes, key, dossier);
        let patterns = self
            .patterns
            .map_or_else(Vec::new, |patterns| matched(patterns, self.store, key, &dossier.payload));
        let praise = praise::of(self.store, key, dossier).unwrap_or_else(|error| {
            self.failure.get_or_insert(error);
            Vec::new()
        });
        let (epoch, store) = (self.epoch, self.store);
        let seen = Seen { epoch, store, dossier, patterns: &patterns, praise: &praise };
        let items = seen.items(TenantId::SHARED, self.now);
        let score = seen.score(&self.scorer, subject, &items, TenantId::SHARED, self.now);
        let tenants = tenants(dossier);
        let crossing = self.next_crossing(subject, &seen, &items, &tenants);
        self.note_faded(key, subject, &seen, &tenants);
        let published = Published {
            risk: score.verdict.risk,
            band: score.verdict.band,
            categories: categories(subject, &score),
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
            self.change(key, dossier, Layer::Evidence, data);
        }
        if !dossier.decisions.is_empty() && !is_never_listed(self.epoch, key) {
            let data = decision_entry(key, dossier, TenantId::SHARED, self.now);
            self.change(key, dossier, Layer::Decision, data);
        }
        if old.private || dossier.published.private {
            let seen = Seen { epoch, store, dossier, patterns: &patterns, praise: &praise };
            self.settle_tenants(key, subject, &seen, tenants);
        }
    }

    /// When some tenant's verdict, or the shared one, changes by itself: because evidence decays
    /// or ends, or a decision ends.
    fn next_crossing(
        &mut self,
        subject: Subject,
        seen: &Seen<'_>,
        shared: &[Item],
        tenants: &[TenantId],
    ) -> Option<Timestamp> {
        let dossier = seen.dossier;
        let mut next = self.scorer.next_crossing(subject, shared, self.now);
        for tenant in tenants {
            let own = seen.items(*tenant, self.now);
            let crossing = self.scorer.next_crossing(subject, &own, self.now);
            next = next.into_iter().chain(crossing).min();
        }
        // Verdicts are of whole minutes, so evidence ends with the minute its source names.
        let minute = |until: Timestamp| until.plus_secs(59).floor_minute();
        let evidence = seen.held().filter_map(|held| held.until).map(minute);
        let decisions = dossier.decisions.iter().filter_map(|decision| decision.until);
        let endings = evidence.chain(decisions).filter(|until| *until > self.now);
        next.into_iter().chain(endings).min()
    }

    /// Notes the batches whose renewal would change a verdict here, so that it looks at this
    /// dossier.
    fn note_faded(
        &mut self,
        key: &DossierKey,
        subject: Subject,
        seen: &Seen<'_>,
        tenants: &[TenantId],
    ) {
        let now = self.now.floor_minute();
        // Where there is something on both sides, what is fresh counts too: good news renewed while
        // the bad ones fade bring the verdict down before both fading together would.
        let says = |stance| seen.held().any(|held| held.stance == stance);
        let mixed = !seen.patterns.is_empty() || says(Stance::Malicious) && says(Stance::Benign);
        let rows = seen.held().filter(|held| {
            held.batch != BatchId::NONE && (mixed || self.store.last_seen(held) < now)
        });
        let patterns = seen.patterns.iter().map(|one| one.batch);
        let batches: Vec<BatchKey> = rows.map(Held::batch_key).chain(patterns).collect();
        let mut viewpoints = std::iter::once(TenantId::SHARED).chain(tenants.iter().copied());
        if batches.is_empty()
            || !viewpoints.any(|tenant| self.renewal_matters(subject, seen, tenant))
        {
            return;
        }
        for batch in batches {
            if self.outcome.faded.insert((batch, *key))
                && let Err(error) = self.store.mark_faded(&batch, key)
            {
                self.failure.get_or_insert(error);
            }
        }
    }

    /// Whether renewing some of the batches could change a tenant's verdict. Where all evidence is
    /// on one side, renewing all of them moves the sum the farthest. Where it is on both, any sum
    /// may come about, so every renewal is looked at.
    fn renewal_matters(&self, subject: Subject, seen: &Seen<'_>, tenant: TenantId) -> bool {
        let held = || seen.held().filter(|held| counts_for(held, tenant));
        let mut items = seen.items(tenant, self.now);
        let says = |stance| items.iter().any(|item| item.stance == stance);
        if says(Stance::Malicious) && says(Stance::Benign) {
            return true;
        }
        let verdict = |items: &[Item]| {
            let verdict = self.scorer.score(subject, items, self.now).verdict;
            (verdict.risk, verdict.band)
        };
        let before = verdict(&items);
        // Patterns come after the evidence, and all of them belong to a batch.
        let renewable = held().map(|held| held.batch != BatchId::NONE);
        for (item, renewable) in items.iter_mut().zip(renewable.chain(std::iter::repeat(true))) {
            if renewable {
                item.last_seen = item.last_seen.max(self.now);
            }
        }
        verdict(&items) != before
    }

    /// Whole verdicts for every tenant with evidence or decisions of its own.
    fn settle_tenants(
        &mut self,
        key: &DossierKey,
        subject: Subject,
        seen: &Seen<'_>,
        tenants: Vec<TenantId>,
    ) {
        let dossier = seen.dossier;
        if let Some(kind) = key.kind() {
            let place = full_key(key, &dossier.payload);
            let only = TenantChange::OnlyOf(kind, place, key.scope(), tenants.clone());
            self.outcome.tenants.push(only);
        }
        for tenant in tenants {
            for (layer, new) in tenant_entries(&self.scorer, (key, subject, seen), tenant, self.now)
            {
                if layer == Layer::Decision && is_never_listed(self.epoch, key) {
                    continue;
                }
                let Some(change) = self.numbered(key, dossier, layer, new) else { continue };
                self.outcome.tenants.push(TenantChange::Set(tenant, change));
            }
        }
    }

    fn change(
        &mut self,
        key: &DossierKey,
        dossier: &Dossier,
        layer: Layer,
        new: Option<EntryData>,
    ) {
        self.outcome.count += 1;
        if self.outcome.shared.len() < self.keep_changes
            && let Some(change) = self.numbered(key, dossier, layer, new)
        {
            self.outcome.shared.push(change);
        }
    }

    fn numbered(
        &mut self,
        key: &DossierKey,
        dossier: &Dossier,
        layer: Layer,
        new: Option<EntryData>,
    ) -> Option<Change> {
        self.outcome.sequence += 1;
        let kind = key.kind()?;
        Some(Change {
            seq: self.outcome.sequence,
            layer,
            kind,
            key: full_key(key, &dossier.payload),
            scope: key.scope(),
            new,
        })
    }
}

/// What a tenant with something of its own here is answered: evidence and decision entries that
/// take the place of the shared ones.
fn tenant_entries(
    scorer: &Scorer<'_>,
    (key, subject, seen): (&DossierKey, Subject, &Seen<'_>),
    tenant: TenantId,
    now: Timestamp,
) -> [(Layer, Option<EntryData>); 2] {
    let dossier = seen.dossier;
    let items = seen.items(tenant, now);
    let score = seen.score(scorer, subject, &items, tenant, now);
    let decided = |tenant| decision_entry(key, dossier, tenant, now);
    [
        (Layer::Evidence, scored_entry(key, subject, dossier, &score)),
        (Layer::Decision, decided(tenant).or_else(|| decided(TenantId::SHARED))),
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

/// What is never listed besides the reserved ranges, and how far each reaches.
pub(crate) fn never_listed(epoch: &Epoch) -> impl Iterator<Item = (&str, Indicator, Scope)> {
    epoch.never_listed().iter().filter_map(|text| {
        let Ok(indicator) = Indicator::parse(text) else {
            tracing::warn!(%text, "on the list of what is never listed, but no indicator");
            return None;
        };
        let scope = match indicator.kind()? {
            Kind::Domain => Scope::Subtree,
            _ => Scope::Exact,
        };
        Some((&**text, indicator, scope))
    })
}

/// Whether a place is taken by what is never listed, so that no decision may take it.
fn is_never_listed(epoch: &Epoch, key: &DossierKey) -> bool {
    never_listed(epoch).any(|(_, indicator, scope)| DossierKey::of(&indicator, scope) == *key)
}

/// Whether evidence counts for everybody.
pub(crate) fn is_shared(held: &Held) -> bool {
    held.tenant == TenantId::SHARED || held.sharing == Sharing::Everyone
}

/// What verdicts on a dossier are made from: its evidence, and the patterns that match it.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) epoch: &'a Epoch,
    pub(crate) store: &'a Store,
    pub(crate) dossier: &'a Dossier,
    pub(crate) patterns: &'a [Matched<'a>],
    pub(crate) praise: &'a [Praise],
}

impl Seen<'_> {
    /// The evidence: first the dossier's own, then what is said well of the same site elsewhere.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Held> {
        self.dossier.evidence.iter().chain(self.praise.iter().map(|praise| &praise.held))
    }

    /// What counts for a tenant at `now`, as scoring reads it: first the evidence, then the
    /// patterns that have a say.
    pub(crate) fn items(&self, tenant: TenantId, now: Timestamp) -> Vec<Item> {
        let mut items = evidence(self.store, self.held(), tenant);
        if !self.patterns.is_empty() {
            let speaks =
                |one: &&Matched<'_>| left_out(self.epoch, &items, &one.item, now).is_none();
            let patterns: Vec<Item> =
                self.patterns.iter().filter(speaks).map(|one| one.item).collect();
            items.extend(patterns);
        }
        items
    }

    /// The verdict. Its dates are those of the dossier's own evidence: who keeps a pattern, or
    /// speaks of another place, has not seen the thing itself.
    fn score(
        &self,
        scorer: &Scorer<'_>,
        subject: Subject,
        items: &[Item],
        tenant: TenantId,
        now: Timestamp,
    ) -> Score {
        let mut score = scorer.score(subject, items, now);
        let own = self.dossier.evidence.iter().filter(|held| counts_for(held, tenant)).count();
        if let Some(own) = items.get(..own).filter(|own| own.len() < items.len()) {
            let dated = scorer.score(subject, own, now).verdict;
            score.verdict.first_seen = dated.first_seen;
            score.verdict.last_seen = dated.last_seen;
        }
        score
    }
}

/// The evidence that counts for a tenant, as scoring reads it.
pub(crate) fn evidence<'h>(
    store: &Store,
    held: impl Iterator<Item = &'h Held>,
    tenant: TenantId,
) -> Vec<Item> {
    held.filter(|held| counts_for(held, tenant)).map(|held| item(store, held)).collect()
}

fn counts_for(held: &Held, tenant: TenantId) -> bool {
    is_shared(held) || held.tenant == tenant
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
        tlp: held.tlp,
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

/// The categories of a verdict. That a host lends space is said with it, so that an answer knows
/// not to vouch for what lies there.
fn categories(subject: Subject, score: &Score) -> CategorySet {
    match subject.hosting {
        true => score.verdict.categories.with(Category::Hosting),
        false => score.verdict.categories,
    }
}

/// Public suffixes have at most five labels; longer names need not be asked about.
fn suffixes_may_hold(name: &str) -> bool {
    name.bytes().filter(|byte| *byte == b'.').count() < 5
}

/// Whether a verdict has a place in the database.
pub(crate) fn is_listed(published: &Published) -> bool {
    published.band != Band::Unrated || published.risk.value() >= HISTORY_RISK_MIN
}

/// The database entry of the published shared verdict.
pub(crate) fn evidence_entry(key: &DossierKey, dossier: &Dossier) -> EntryData {
    published_entry(key, name(key, &dossier.payload), &dossier.published)
}

/// The database entry of a published verdict.
pub(crate) fn published_entry(
    key: &DossierKey,
    name: Option<Box<str>>,
    published: &Published,
) -> EntryData {
    let name = name.filter(|_| is_told(key, published.band));
    EntryData { profile: profile(published), name, facts: Some(facts(published)), terms: None }
}

/// Whether the database has an indicator's text, where it has its verdict. Lists are made of what is
/// dangerous. Good files, which are many, are found by the keys of their hashes and need no text
/// beside them.
pub(crate) fn is_told(key: &DossierKey, band: Band) -> bool {
    !matches!(key.kind(), Some(Kind::Md5 | Kind::Sha1 | Kind::Sha256))
        || matches!(band, Band::Suspicious | Band::Malicious)
}

/// What the database says of a published verdict.
pub(crate) fn profile(published: &Published) -> Profile {
    Profile {
        risk: published.risk,
        band: published.band,
        basis: wardnet_model::Basis::Evidence,
        categories: published.categories,
        sources: published.sources.iter().copied().collect(),
    }
}

/// The dates of a published verdict.
pub(crate) const fn facts(published: &Published) -> Facts {
    Facts { first_seen: published.first_seen, last_seen: published.last_seen }
}

fn scored_entry(
    key: &DossierKey,
    subject: Subject,
    dossier: &Dossier,
    score: &Score,
) -> Option<EntryData> {
    let published = Published {
        risk: score.verdict.risk,
        band: score.verdict.band,
        categories: categories(subject, score),
        sources: score.sources.clone(),
        first_seen: score.verdict.first_seen,
        last_seen: score.verdict.last_seen,
        ..Published::default()
    };
    is_listed(&published).then(|| published_entry(key, name(key, &dossier.payload), &published))
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
            sources: SourceSet::default(),
        },
        name,
        facts: Some(Facts { first_seen: ruling.decision.at, last_seen: ruling.decision.at }),
        terms: Some(Terms { decided_at: ruling.decision.at, until: ruling.decision.until }),
    })
}

/// The whole key of a dossier, of which its place keeps the first 20 bytes: overlays compare keys
/// in full.
fn full_key(key: &DossierKey, payload: &[u8]) -> Key {
    match key.kind() {
        Some(Kind::Ipv4 | Kind::Ipv6 | Kind::Ipv4Network | Kind::Ipv6Network) => key.key(),
        _ => Indicator::from_payload(key.tag(), payload)
            .map_or_else(|_| key.key(), |indicator| indicator.key()),
    }
}

/// The canonical text of an indicator, from its canonical bytes.
pub(crate) fn name(key: &DossierKey, payload: &[u8]) -> Option<Box<str>> {
    text(key, payload).map(Into::into)
}

/// As [`name`], without a copy where the bytes are the text.
pub(crate) fn text<'p>(key: &DossierKey, payload: &'p [u8]) -> Option<Cow<'p, str>> {
    match key.kind() {
        Some(Kind::Domain | Kind::Url | Kind::Email | Kind::Ja4 | Kind::Cve | Kind::App) => {
            std::str::from_utf8(payload).ok().map(Cow::Borrowed)
        }
        // Addresses and networks are their own keys, which a base keeps whole. Of a SHA-256 it keeps
        // the first bits alone.
        Some(Kind::Ipv4 | Kind::Ipv6 | Kind::Ipv4Network | Kind::Ipv6Network) | None => None,
        Some(_) => wardnet_model::Indicator::from_payload(key.tag(), payload)
            .ok()
            .map(|indicator| Cow::Owned(indicator.to_string())),
    }
}

/// The dossiers that lie at an indicator: one for each scope.
pub(crate) fn scopes(indicator: &wardnet_model::Indicator) -> [DossierKey; 3] {
    [Scope::Exact, Scope::Below, Scope::Subtree].map(|scope| DossierKey::of(indicator, scope))
}
