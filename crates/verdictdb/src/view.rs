//! One consistent state: a base, what changed since, and each tenant's own.

use crate::db::{Db, Place, Section, Walk};
use crate::feed::{ChangeFeed, FeedLimits, History, Recorder};
use crate::news::{self, News, Untold};
use crate::prefix::Prefix;
use crate::{Change, EntryData, Facts, Layer, LookupError, Overlay, Profile, SourceNames, Terms};
use arc_swap::ArcSwap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use wardnet_model::{Key, Kind, Scope, TenantId, Timestamp};

/// Where a hit comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'a> {
    /// The base, at this place.
    Base(Place),
    /// An overlay.
    Overlay(&'a EntryData),
}

/// One entry that a lookup found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit<'a> {
    /// How far the entry reaches.
    pub scope: Scope,
    /// What is said.
    pub profile: &'a Profile,
    /// Where it comes from; names, facts and terms are found by it.
    pub origin: Origin<'a>,
}

/// Everything that is known of one key: at most one entry for each layer and scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hits<'a>([[Option<Hit<'a>>; 3]; 2]);

impl<'a> Hits<'a> {
    /// The evidence entry of a scope.
    pub fn evidence(&self, scope: Scope) -> Option<&Hit<'a>> {
        let [evidence, _] = &self.0;
        evidence.get(usize::from(scope.tag()))?.as_ref()
    }

    /// The decision of a scope, if it is in force.
    pub fn decision(&self, scope: Scope) -> Option<&Hit<'a>> {
        let [_, decisions] = &self.0;
        decisions.get(usize::from(scope.tag()))?.as_ref()
    }

    /// All hits with their layers, evidence first.
    pub fn iter(&self) -> impl Iterator<Item = (Layer, &Hit<'a>)> {
        let [evidence, decisions] = &self.0;
        let evidence = evidence.iter().flatten().map(|hit| (Layer::Evidence, hit));
        evidence.chain(decisions.iter().flatten().map(|hit| (Layer::Decision, hit)))
    }

    /// Whether nothing is known.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.iter().flatten().all(Option::is_none)
    }

    #[inline(always)]
    pub(crate) fn put(&mut self, layer: Layer, scope: Scope, hit: Option<Hit<'a>>) {
        let [evidence, decisions] = &mut self.0;
        let scopes = if layer == Layer::Evidence { evidence } else { decisions };
        if let Some(slot) = scopes.get_mut(usize::from(scope.tag())) {
            *slot = hit;
        }
    }
}

/// A state of all knowledge, immutable. Copies share their content.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The compiled database, if there is one yet.
    pub base: Option<Arc<Db>>,
    /// Changes since the base.
    pub overlay: Overlay,
    /// Whole verdicts of tenants with evidence or decisions of their own; asked first.
    pub tenants: imbl::OrdMap<TenantId, Overlay>,
    /// The number of the last change contained.
    pub seq: u64,
    /// The time for which the verdicts were computed.
    pub as_of: Timestamp,
}

impl View {
    /// The state of a database alone.
    pub fn of(base: Db) -> Self {
        let (seq, as_of) = (base.sequence(), base.created());
        Self { base: Some(Arc::new(base)), seq, as_of, ..Self::default() }
    }

    /// Finds everything known of one key. Does not allocate.
    ///
    /// For addresses and networks this is the entry of exactly that key; see [`View::networks`].
    pub fn find(
        &self,
        tenant: Option<TenantId>,
        kind: Kind,
        key: &Key,
        now: Timestamp,
    ) -> Result<Hits<'_>, LookupError> {
        let mut hits = Hits::default();
        self.find_into(tenant, kind, key, now, &mut hits)?;
        Ok(hits)
    }

    #[inline(always)]
    pub(crate) fn find_into<'a>(
        &'a self,
        tenant: Option<TenantId>,
        kind: Kind,
        key: &Key,
        now: Timestamp,
        hits: &mut Hits<'a>,
    ) -> Result<(), LookupError> {
        if let Some(base) = &self.base {
            base.collect(Layer::Evidence, kind, key, now, hits)?;
            base.collect(Layer::Decision, kind, key, now, hits)?;
        }
        self.cover(tenant, kind, key, now, hits);
        Ok(())
    }

    /// Whether anything may lie over the base, for this asker.
    pub(crate) fn is_covered(&self, tenant: Option<TenantId>) -> bool {
        let own = tenant.and_then(|tenant| self.tenants.get(&tenant));
        !self.overlay.is_empty() || own.is_some_and(|own| !own.is_empty())
    }

    #[inline(always)]
    pub(crate) fn cover<'a>(
        &'a self,
        tenant: Option<TenantId>,
        kind: Kind,
        key: &Key,
        now: Timestamp,
        hits: &mut Hits<'a>,
    ) {
        self.overlay.cover(kind, key, now, false, hits);
        if let Some(own) = tenant.and_then(|tenant| self.tenants.get(&tenant)) {
            own.cover(kind, key, now, true, hits);
        }
    }

    /// Calls `found` for every known prefix that covers `address`, the longest first.
    ///
    /// IPv4-mapped IPv6 addresses are asked as what they are; the caller maps them.
    pub fn networks<'a>(
        &'a self,
        tenant: Option<TenantId>,
        address: IpAddr,
        now: Timestamp,
        mut found: impl FnMut(Prefix, &Hits<'a>),
    ) -> Result<(), LookupError> {
        let whole = Prefix::of_address(address);
        let own = tenant.and_then(|tenant| self.tenants.get(&tenant));
        let overlays = [Some(&self.overlay), own];
        let mut base = BaseWalk::new(self.base.as_deref(), whole)?;
        let mut length = Some(whole.length);
        while let Some(longest) = length {
            let changed = overlays.iter().flatten();
            let changed = changed.filter_map(|o| o.next_length(whole.family, longest)).max();
            let Some(next) = changed.max(base.next_length()) else { break };
            let Some(prefix) = whole.shorten(next) else { break };
            let mut hits = Hits::default();
            base.take(next, now, &mut hits)?;
            self.cover(tenant, prefix.kind(), &prefix.key(), now, &mut hits);
            if !hits.is_empty() {
                found(prefix, &hits);
            }
            length = next.checked_sub(1);
        }
        Ok(())
    }

    /// The canonical text of a hit, where it is kept.
    pub fn name<'a>(&'a self, hit: &Hit<'a>) -> Result<Option<&'a str>, LookupError> {
        match (hit.origin, &self.base) {
            (Origin::Overlay(data), _) => Ok(data.name.as_deref()),
            (Origin::Base(place), Some(base)) => base.name(place),
            (Origin::Base(_), None) => Ok(None),
        }
    }

    /// The dates of a hit, where they are kept.
    pub fn facts(&self, hit: &Hit<'_>) -> Result<Option<Facts>, LookupError> {
        match (hit.origin, &self.base) {
            (Origin::Overlay(data), _) => Ok(data.facts),
            (Origin::Base(place), Some(base)) => base.facts(place),
            (Origin::Base(_), None) => Ok(None),
        }
    }

    /// When a decision was made and how long it stands; `None` for evidence.
    pub fn terms(&self, hit: &Hit<'_>) -> Option<Terms> {
        match hit.origin {
            Origin::Overlay(data) => data.terms,
            Origin::Base(place) => self.base.as_ref()?.terms(place),
        }
    }

    /// What is said at one place, whether or not it is a decision that has run out.
    pub fn entry_at(
        &self,
        tenant: Option<TenantId>,
        (layer, kind, key, scope): (Layer, Kind, &Key, Scope),
    ) -> Result<Option<EntryData>, LookupError> {
        // At the first second of all time every decision stands.
        let hits = self.find(tenant, kind, key, Timestamp(0))?;
        let hit = match layer {
            Layer::Evidence => hits.evidence(scope),
            Layer::Decision => hits.decision(scope),
        };
        let Some(hit) = hit else { return Ok(None) };
        let (name, facts) = (self.name(hit)?.map(Into::into), self.facts(hit)?);
        Ok(Some(EntryData { profile: hit.profile.clone(), name, facts, terms: self.terms(hit) }))
    }

    /// Names of the sources, as the base lists them.
    pub fn sources(&self) -> Option<&SourceNames> {
        self.base.as_ref().map(|base| base.sources())
    }

    /// This state after some changes. Changes that the base contains are ignored.
    #[must_use]
    pub fn after(&self, changes: &[Change], as_of: Timestamp) -> Self {
        let mut next = self.clone();
        let contained = self.base.as_ref().map_or(0, |base| base.sequence());
        for change in changes {
            if self.base.is_none() || change.seq > contained {
                next.overlay.apply(change);
            }
            next.seq = next.seq.max(change.seq);
        }
        next.as_of = next.as_of.max(as_of);
        next
    }

    /// This state with the overlay of one tenant; an empty one removes the tenant.
    #[must_use]
    pub fn with_tenant(&self, tenant: TenantId, overlay: Overlay) -> Self {
        let mut next = self.clone();
        if overlay.is_empty() {
            next.tenants.remove(&tenant);
        } else {
            next.tenants.insert(tenant, overlay);
        }
        next
    }

    /// This state on a new base, without the changes that the base contains.
    pub fn on_base(&self, base: Arc<Db>) -> Result<Self, StaleBase> {
        let sequence = base.sequence();
        let current = self.base.as_ref().map_or(0, |base| base.sequence());
        if sequence < current {
            return Err(StaleBase { current, offered: sequence });
        }
        let mut next = self.clone();
        next.overlay.forget_until(sequence);
        next.seq = next.seq.max(sequence);
        next.as_of = next.as_of.max(base.created());
        next.base = Some(base);
        Ok(next)
    }
}

/// A base older than the one in use: the changes between them are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the base ends at change {offered}, the one in use at {current}; fetch a newer one")]
pub struct StaleBase {
    current: u64,
    offered: u64,
}

/// Walks both layers of a base over the prefixes that cover an address.
struct BaseWalk<'a> {
    layers: [Option<LayerWalk<'a>>; 2],
}

struct LayerWalk<'a> {
    db: &'a Db,
    section: &'a Section,
    walk: Walk<'a>,
    next: Option<(Place, u8, u8, u32)>,
}

impl<'a> BaseWalk<'a> {
    fn new(base: Option<&'a Db>, whole: Prefix) -> Result<Self, LookupError> {
        let layer = |layer| -> Result<Option<LayerWalk<'a>>, LookupError> {
            let Some(db) = base else { return Ok(None) };
            let Some((number, section)) = db.section(layer, whole.kind()) else { return Ok(None) };
            let mut walk = db.covering(number, section, whole)?;
            let next = walk.next(db, section)?;
            Ok(Some(LayerWalk { db, section, walk, next }))
        };
        Ok(Self { layers: [layer(Layer::Evidence)?, layer(Layer::Decision)?] })
    }

    fn next_length(&self) -> Option<u8> {
        let lengths = self.layers.iter().flatten().filter_map(|layer| layer.next);
        lengths.map(|(_, length, ..)| length).max()
    }

    /// Adds the entries of one prefix length to `hits`.
    fn take(&mut self, length: u8, now: Timestamp, hits: &mut Hits<'a>) -> Result<(), LookupError> {
        for layer in self.layers.iter_mut().flatten() {
            while let Some((place, at, scope, profile)) = layer.next
                && at >= length
            {
                layer.db.add(layer.section.record.layer, place, scope, profile, now, hits);
                layer.next = layer.walk.next(layer.db, layer.section)?;
            }
        }
        Ok(())
    }
}

/// A base that is ready to be swapped in; see [`Views::prepare`].
#[derive(Debug)]
pub struct NextBase {
    base: Arc<Db>,
    /// In what it differs from what was said when it was built; `None` when nobody wanted to know.
    news: Option<Result<Vec<News>, Untold>>,
}

/// The current [`View`], which readers take without waiting and writers replace.
///
/// Once [`Self::keep_changes`] was called, whoever wants to know what changes reads the
/// [`ChangeFeed`]; writers pay for that, readers of views do not.
#[derive(Debug, Default)]
pub struct Views {
    current: ArcSwap<View>,
    /// Writers take turns, so that the feed tells of changes in the order in which they came.
    writing: Mutex<()>,
    feed: OnceLock<Arc<ChangeFeed>>,
}

impl Views {
    /// Begins with a state.
    pub fn new(view: View) -> Self {
        Self { current: ArcSwap::from_pointee(view), ..Self::default() }
    }

    /// The current state. It stays as it is for as long as it is held.
    pub fn load(&self) -> Arc<View> {
        self.current.load_full()
    }

    /// Keeps changes from now on, for those who follow. `history` is a number that no other history
    /// has: cursors of one mean nothing in another. The first call counts.
    pub fn keep_changes(&self, history: u64, limits: FeedLimits) -> Arc<ChangeFeed> {
        let _turn = self.turn();
        let feed = || Arc::new(ChangeFeed::new(history, limits, self.load()));
        Arc::clone(self.feed.get_or_init(feed))
    }

    /// As [`Self::keep_changes`], going on with a history that led to the current state: its cursors
    /// hold. `recorder` keeps what is told from now on.
    pub fn resume_changes(
        &self,
        history: History,
        recorder: Option<Box<dyn Recorder>>,
        limits: FeedLimits,
    ) -> Arc<ChangeFeed> {
        let _turn = self.turn();
        let feed = || Arc::new(ChangeFeed::resume(history, recorder, limits, self.load()));
        Arc::clone(self.feed.get_or_init(feed))
    }

    /// The changes, if they are kept.
    pub fn feed(&self) -> Option<&Arc<ChangeFeed>> {
        self.feed.get()
    }

    /// Adds changes; readers that load afterwards see all of them.
    pub fn publish(&self, changes: &[Change], as_of: Timestamp) {
        let _turn = self.turn();
        let old = self.load();
        let next = old.after(changes, as_of);
        self.tell(&old, next, |old, next| news::published(old, next, changes));
    }

    /// Replaces the overlay of one tenant.
    pub fn publish_tenant(&self, tenant: TenantId, overlay: &Overlay) {
        let _turn = self.turn();
        let old = self.load();
        let next = old.with_tenant(tenant, overlay.clone());
        self.tell(&old, next, |old, next| news::published_to(tenant, old, next));
    }

    /// Puts a new base under the changes, and drops those that it contains.
    ///
    /// What the new base says and nobody published one by one is told to the feed's readers too.
    pub fn swap_base(&self, base: Arc<Db>) -> Result<(), StaleBase> {
        self.swap_in(self.prepare(&self.load(), base, || true)?)
    }

    /// Makes a base ready to be swapped in: finds out in what it differs from `state`, the view of
    /// the moment that it was built from. For a large base that takes long, but nobody waits for it;
    /// when `go_on` says no, it ends early, and what it gives must not be swapped in.
    pub fn prepare(
        &self,
        state: &View,
        base: Arc<Db>,
        go_on: impl Fn() -> bool,
    ) -> Result<NextBase, StaleBase> {
        let next = state.on_base(Arc::clone(&base))?;
        let feed = self.feed.get().filter(|feed| feed.is_read());
        let max = feed.map(|feed| feed.limits().differences_max);
        let news = max.map(|max| news::differences(state, &next, max, &go_on));
        Ok(NextBase { base, news })
    }

    /// Puts a base that was made ready under the changes, and drops those that it contains; changes
    /// that came since it was built stay over it.
    pub fn swap_in(&self, base: NextBase) -> Result<(), StaleBase> {
        let _turn = self.turn();
        let old = self.load();
        let NextBase { base, news } = base;
        let next = old.on_base(base)?;
        // Where nobody read when it was made ready, and somebody does now, nothing can be told.
        let news = news.unwrap_or(Err(Untold::TooMuch));
        self.tell(&old, next, |_, next| Ok(news::uncovered(news?, next)));
        Ok(())
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a state into force, and then tells the feed's readers what is new in it. Whoever asks
    /// does not wait for them.
    fn tell(
        &self,
        old: &Arc<View>,
        next: View,
        news: impl FnOnce(&View, &View) -> Result<Vec<News>, Untold>,
    ) {
        let next = Arc::new(next);
        self.current.store(Arc::clone(&next));
        let Some(feed) = self.feed.get() else { return };
        if feed.is_read() {
            let news = news(old, &next);
            feed.append(news, next);
        } else {
            feed.pass_over(next);
        }
    }
}
