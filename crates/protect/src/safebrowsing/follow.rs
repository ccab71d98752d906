//! Keeps what is served at the feed's newest state.

use super::judge::{Candidate, Judge, Outcome, SHARED};
use super::prefix::Hash;
use super::state::{Source, State, is_published};
use super::{Served, Service};
use crate::missed::changes_between;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use wardnet_model::{Band, CategorySet, Kind, SuffixList};
use wardnet_score::Epoch;
use wardnet_server::{monotonic_nanos, now_unix};
use wardnet_verdictdb::{Cursor, EntryData, Layer, LookupError, Prefix, PublishedChange, View};

/// The least time between two states: each is a new version of every list.
const TICK: Duration = Duration::from_secs(1);
/// A state may take up to this part of one core.
const SHARE: u32 = 10;
/// The least time between two readings of everything that only make lists better, and how much longer
/// than a reading it is.
const READING_EVERY: Duration = Duration::from_secs(60);
const READING_SHARE: u32 = 20;
/// When what could not be read is tried again.
const REST: Duration = Duration::from_secs(5);

/// A follower, and where it is.
pub(super) struct Follower {
    service: Arc<Service>,
    cursor: Cursor,
    /// When everything was last read, on the clock that never goes back.
    read_at_nanos: u64,
    /// How long that took.
    reading_took: Duration,
    /// After how long everything is to be read again, if it is.
    read_again: Option<Duration>,
}

impl Follower {
    /// Follows until it is dropped.
    pub(super) async fn follow(service: Arc<Service>) {
        let begin = move || Self::begin(service);
        let mut follower = match tokio::task::spawn_blocking(begin).await {
            Ok(follower) => follower,
            Err(error) => return tracing::error!(%error, "following the changes broke off"),
        };
        loop {
            let changed = follower.service.feed.changed(follower.cursor);
            match follower.read_again {
                // A time-out is an occasion too.
                Some(after) => drop(tokio::time::timeout(after, changed).await),
                None => changed.await,
            }
            let work = tokio::task::spawn_blocking(move || follower.catch_up());
            let took;
            (follower, took) = match work.await {
                Ok(done) => done,
                Err(error) => return tracing::error!(%error, "following the changes broke off"),
            };
            tokio::time::sleep(TICK.max(took.saturating_mul(SHARE))).await;
        }
    }

    pub(super) fn begin(service: Arc<Service>) -> Self {
        let (cursor, view) = service.feed.snapshot();
        let (read_at_nanos, reading_took) = (0, Duration::ZERO);
        let mut follower = Self { service, cursor, read_at_nanos, reading_took, read_again: None };
        follower.read_all(&view);
        follower
    }

    pub(super) fn catch_up(mut self) -> (Self, Duration) {
        let started_nanos = monotonic_nanos();
        let (head, view) = self.service.feed.snapshot();
        let changes = changes_between(&self.service.feed, self.cursor, head);
        let old = self.service.served.load_full();
        let since = Duration::from_nanos(started_nanos.saturating_sub(self.read_at_nanos));
        let is_due = self.read_again.is_some_and(|after| since >= after);
        match (changes, &*old) {
            (Some(changes), Served::Ready(state)) if !state.is_stale && !is_due => {
                if let Err(error) = self.apply(state, &view, &changes) {
                    self.damaged(&error);
                }
            }
            _ => self.read_all(&view),
        }
        self.cursor = head;
        let took = Duration::from_nanos(monotonic_nanos().saturating_sub(started_nanos));
        (self, took)
    }

    /// Reads everything anew. Clients of what was before are told the difference.
    fn read_all(&mut self, view: &View) {
        (self.read_at_nanos, self.read_again) = (monotonic_nanos(), None);
        let old = self.service.served.load_full();
        let kept_max = self.service.config.difference_entries_max;
        let epoch = self.service.epochs.load_full();
        let read = State::read(self.source(view, &epoch), 1).map(|read| match &*old {
            Served::Ready(old) => old.replaced_by(&read, kept_max),
            Served::NotYet | Served::Damaged => match self.service.take_past() {
                Some(past) => past.replaced_by(&read, kept_max),
                None => read,
            },
        });
        let took_nanos = monotonic_nanos().saturating_sub(self.read_at_nanos);
        self.reading_took = Duration::from_nanos(took_nanos);
        match read {
            Ok(state) => self.service.served.store(Arc::new(Served::Ready(state))),
            Err(error) => self.damaged(&error),
        }
    }

    /// What cannot be read is served no longer: it might lack what is dangerous.
    fn damaged(&mut self, error: &LookupError) {
        self.read_again = Some(REST);
        tracing::error!(%error, "Safe Browsing: the database cannot be read");
        self.service.served.store(Arc::new(Served::Damaged));
    }

    fn source<'v>(&'v self, view: &'v View, epoch: &'v Epoch) -> Source<'v> {
        let (config, suffixes) = (&self.service.config, SuffixList::shipped());
        Source { view, config, epoch, suffixes, now: now_unix() }
    }

    fn apply(
        &mut self,
        state: &State,
        view: &View,
        changes: &[Arc<PublishedChange>],
    ) -> Result<(), LookupError> {
        let shared = changes.iter().filter(|change| change.tenant.is_none());
        let mut wide = Wide::default();
        let mut touched = BTreeMap::new();
        for change in shared.filter(|change| is_touching(change.kind)) {
            wide.note(change);
            if let Some(candidate) = Candidate::of(change.kind, &change.key, change.name()) {
                touched.insert(candidate.key().0, candidate);
            }
        }
        if !wide.names.is_empty() {
            let pause = READING_EVERY.max(self.reading_took.saturating_mul(READING_SHARE));
            self.read_again = self.read_again.or(Some(pause));
        }
        let epoch = self.service.epochs.load_full();
        let source = self.source(view, &epoch);
        if !wide.is_empty() {
            for listed in view.entries_where(None, source.now, |_, kind| is_published(kind)) {
                let entry = listed?.entry;
                let candidate = Candidate::of(entry.kind, &entry.key, entry.name);
                if let Some(candidate) = candidate.filter(|candidate| wide.covers(candidate)) {
                    touched.insert(candidate.key().0, candidate);
                }
            }
        }
        let outcomes = judged(&source.judge(), touched)?;
        if let Some(next) = state.after(&outcomes, &self.service.config) {
            self.service.served.store(Arc::new(Served::Ready(next)));
        }
        Ok(())
    }
}

fn judged(
    judge: &Judge<'_>,
    touched: BTreeMap<Hash, Candidate>,
) -> Result<BTreeMap<Hash, (Candidate, Outcome)>, LookupError> {
    let mut outcomes = BTreeMap::new();
    for (hash, candidate) in touched {
        let outcome = judge.judge(&candidate)?;
        outcomes.insert(hash, (candidate, outcome));
    }
    Ok(outcomes)
}

/// Whether a change of this kind can change what is published.
const fn is_touching(kind: Kind) -> bool {
    is_published(kind) || matches!(kind, Kind::Ipv4Network | Kind::Ipv6Network)
}

/// Names and networks whose changes reach what lies beneath them: decisions, and what is said of a
/// site as a whole.
#[derive(Default)]
struct Wide {
    names: BTreeSet<String>,
    prefixes: Vec<Prefix>,
}

impl Wide {
    fn note(&mut self, change: &PublishedChange) {
        let both = [&change.old, &change.new];
        let is_wide =
            change.layer == Layer::Decision || both.into_iter().flatten().any(is_of_sites);
        if !is_wide {
            return;
        }
        match change.kind {
            Kind::Domain => self.names.extend(change.name().map(str::to_owned)),
            Kind::Ipv4Network | Kind::Ipv6Network => {
                self.prefixes.extend(Prefix::from_key(change.kind, &change.key));
            }
            // A directory speaks for its pages, which have the same host.
            Kind::Url => {
                let candidate = Candidate::of(change.kind, &change.key, change.name());
                self.names.extend(candidate.as_ref().and_then(Candidate::host).map(str::to_owned));
            }
            _ => {}
        }
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.prefixes.is_empty()
    }

    fn covers(&self, candidate: &Candidate) -> bool {
        if let Candidate::Address(address) = candidate {
            return self.prefixes.iter().any(|prefix| is_in(*address, *prefix));
        }
        let mut rest = candidate.host();
        while let Some(host) = rest {
            if self.names.contains(host) {
                return true;
            }
            rest = host.split_once('.').map(|(_, above)| above);
        }
        false
    }
}

fn is_in(address: IpAddr, prefix: Prefix) -> bool {
    let cut = Prefix::of_address(address).shorten(prefix.length());
    cut.is_some_and(|cut| cut.address() == prefix.address())
}

/// Whether an entry says something of a site that its pages are judged by.
fn is_of_sites(data: &Arc<EntryData>) -> bool {
    let profile = &data.profile;
    let is_good = matches!(profile.band, Band::Safe | Band::Trusted);
    is_good || CategorySet::intersects(profile.categories, SHARED)
}
