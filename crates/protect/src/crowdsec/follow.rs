//! Keeps what is told at the feed's newest state.

use super::judge::{Decided, Everything, Judge, is_told};
use super::place::Place;
use super::told::{Said, Told};
use super::{Served, Service};
use crate::missed::changes_between;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use wardnet_server::now_unix;
use wardnet_verdictdb::{Cursor, Layer, LookupError, Prefix, PublishedChange, View};

/// The least time between two steps.
const TICK: Duration = Duration::from_millis(200);
/// When what could not be read is tried again.
const REST: Duration = Duration::from_secs(5);
/// The longest time without a look at what has ended or may be forgotten.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// A follower, and where it is.
pub(super) struct Follower {
    service: Arc<Service>,
    cursor: Cursor,
    decided: Decided,
    /// What was told last, also while nothing can be read.
    told: Told,
    is_damaged: bool,
}

/// What a new state says of some places.
type Words = Vec<(Place, Option<Said>)>;

impl Follower {
    /// Follows until it is dropped.
    pub(super) async fn follow(service: Arc<Service>, told: Told) {
        let begin = move || Self::begin(service, told);
        let mut follower = match tokio::task::spawn_blocking(begin).await {
            Ok(follower) => follower,
            Err(error) => return tracing::error!(%error, "following the changes broke off"),
        };
        loop {
            let wait = follower.wait();
            let changed = follower.service.feed.changed(follower.cursor);
            // A time-out is an occasion too.
            drop(tokio::time::timeout(wait, changed).await);
            follower = match tokio::task::spawn_blocking(move || follower.catch_up()).await {
                Ok(follower) => follower,
                Err(error) => return tracing::error!(%error, "following the changes broke off"),
            };
            tokio::time::sleep(TICK).await;
        }
    }

    /// How long until something is to be done, whatever changes.
    fn wait(&self) -> Duration {
        if self.is_damaged {
            return REST;
        }
        let end = self.decided.next_end();
        let end = end.map(|end| Duration::from_secs(end.0.saturating_sub(now_unix().0)));
        end.map_or(LOOK_EVERY, |end| end.min(LOOK_EVERY))
    }

    /// Reads everything: what differs from what was told before is news.
    pub(super) fn begin(service: Arc<Service>, told: Told) -> Self {
        let (cursor, view) = service.feed.snapshot();
        let decided = Decided::default();
        let mut follower = Self { service, cursor, decided, told, is_damaged: false };
        let words = follower.read_all(&view);
        follower.take(words);
        follower
    }

    pub(super) fn catch_up(mut self) -> Self {
        let (head, view) = self.service.feed.snapshot();
        let changes = changes_between(&self.service.feed, self.cursor, head);
        let words = match changes {
            Some(changes)
                if !self.is_damaged && !changes.iter().any(|one| is_far_reaching(one)) =>
            {
                self.read(&view, &changes)
            }
            _ => self.read_all(&view),
        };
        self.cursor = head;
        self.take(words);
        self
    }

    fn judge<'v>(&self, view: &'v View) -> Judge<'v> {
        Judge { view, policy: self.service.config.policy(), now: now_unix() }
    }

    /// Reads what changes touched, and what has ended.
    fn read(
        &mut self,
        view: &View,
        changes: &[Arc<PublishedChange>],
    ) -> Result<Words, LookupError> {
        let judge = self.judge(view);
        let mut touched: BTreeSet<Place> = BTreeSet::new();
        for change in changes.iter().filter(|one| one.tenant.is_none() && is_told(one.kind)) {
            let prefix = Prefix::from_key(change.kind, &change.key);
            let Some(place) = prefix.and_then(Place::of_prefix) else { continue };
            if change.layer == Layer::Decision && self.divides_anew(&judge, place)? {
                return self.read_all(view);
            }
            touched.insert(place);
        }
        let ended = self.decided.ended(judge.now);
        if ended.iter().any(|place| !place.is_single()) {
            // What lay beneath a network that somebody decided about speaks for itself again.
            return self.read_all(view);
        }
        for place in ended {
            if self.divides_anew(&judge, place)? {
                return self.read_all(view);
            }
            touched.insert(place);
        }
        // Parts of a network are told in its place: what became of them shows when all is read.
        for place in &touched {
            if self.is_of_parts(&judge, *place)? {
                return self.read_all(view);
            }
        }
        let word = |place| Ok((place, judge.word(place)?));
        touched.into_iter().map(word).collect()
    }

    /// Whether a place, or a network around it, is told in parts.
    fn is_of_parts(&self, judge: &Judge<'_>, place: Place) -> Result<bool, LookupError> {
        let Some(prefix) = place.prefix().filter(|_| self.decided.allows_any()) else {
            return Ok(false);
        };
        let mut is_of_parts = self.decided.allows_beneath(place);
        judge.view.networks(None, prefix.address(), judge.now, |above, _| {
            let above = Place::of_prefix(above);
            is_of_parts |= above.is_some_and(|above| self.decided.allows_beneath(above));
        })?;
        Ok(is_of_parts)
    }

    /// Notes a decision about one address. Says whether networks around it have other parts now.
    fn divides_anew(&mut self, judge: &Judge<'_>, place: Place) -> Result<bool, LookupError> {
        let is_news = self.decided.note(judge.view, place, judge.policy, judge.now)?;
        let Some(prefix) = place.prefix().filter(|_| is_news) else { return Ok(false) };
        // A network that is told in parts may be listed no longer, so that the view does not show it.
        let mut is_within = self.service.divided.load(Ordering::Relaxed) > 0;
        judge.view.networks(None, prefix.address(), judge.now, |above, _| {
            is_within |= above.length() < prefix.length();
        })?;
        Ok(is_within)
    }

    fn read_all(&mut self, view: &View) -> Result<Words, LookupError> {
        let Everything { decided, words, divided } = self.judge(view).everything()?;
        self.decided = decided;
        self.service.divided.store(divided, Ordering::Relaxed);
        let mut news: Words = Vec::new();
        let mut old = self.told.rows().peekable();
        for (place, said) in words {
            while let Some((gone, _)) = old.next_if(|(before, _)| *before < place) {
                news.push((gone, None));
            }
            let before = old.next_if(|(before, _)| *before == place);
            if before.is_none_or(|(_, row)| row.said != said) {
                news.push((place, Some(said)));
            }
        }
        news.extend(old.map(|(gone, _)| (gone, None)));
        Ok(news)
    }

    /// Tells what is new.
    fn take(&mut self, words: Result<Words, LookupError>) {
        let words = match words {
            Ok(words) => words,
            Err(error) => {
                // What cannot be read is told no longer: it might lack what is dangerous.
                self.is_damaged = true;
                tracing::error!(%error, "CrowdSec: the database cannot be read");
                self.service.show(Served::Damaged);
                return;
            }
        };
        let now = now_unix();
        let steps = self.told.apply(words, now);
        self.told.trim(&self.service.keep, now);
        let is_first = !matches!(&**self.service.served.load(), Served::Ready(_));
        if steps.is_empty() && !is_first {
            return;
        }
        self.is_damaged = false;
        // First the file: nobody hears what it might not know.
        self.service.write_down(&steps, &self.told);
        self.service.show(Served::Ready(self.told.clone()));
    }
}

/// Whether what lies beneath is told otherwise, too: what is decided about a network goes for all in
/// it.
fn is_far_reaching(change: &PublishedChange) -> bool {
    let prefix = Prefix::from_key(change.kind, &change.key);
    let place = prefix.and_then(Place::of_prefix);
    change.tenant.is_none()
        && change.layer == Layer::Decision
        && place.is_some_and(|place| !place.is_single())
}
