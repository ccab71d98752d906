//! One list: what is in it, how it came to be so, and what a client lacks of it.
//!
//! A client has, at some version, every prefix of the list up to a bound: all of them, unless it
//! takes only so many at once or in all. So a version is a number and a bound, and what a client
//! lacks follows from the differences since, cut at its bound, and from the stretch beyond it.

use super::prefix::{Hash, Prefix};
use ring::digest::{Context, SHA256};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

#[cfg(test)]
mod tests;

/// What a client has of a list, as it sends it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    /// The number of the state.
    pub(super) version: u64,
    /// It has what is not above this.
    pub(super) bound: Hash,
}

/// What a client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// Entries of one update.
    pub(super) update_max: usize,
    /// Entries of the list.
    pub(super) list_max: usize,
}

impl Room {
    /// A client says 0 for any number.
    pub(super) fn of(update_max: i32, list_max: i32) -> Self {
        let entries = |max: i32| usize::try_from(max).ok().filter(|max| *max > 0);
        Self {
            update_max: entries(update_max).unwrap_or(usize::MAX),
            list_max: entries(list_max).unwrap_or(usize::MAX),
        }
    }
}

/// What a client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Update<P> {
    /// Whether it changes what the client has, instead of taking its place.
    pub(super) is_partial: bool,
    /// Places in the client's list.
    pub(super) removals: Vec<u32>,
    /// In their order.
    pub(super) additions: Vec<P>,
    /// What the client has then.
    pub(super) held: Held,
    /// SHA-256 of all that; none where nothing changes.
    pub(super) checksum: Option<Hash>,
    /// Whether there is no more to fetch.
    pub(super) is_complete: bool,
}

/// What became of a list with one version.
#[derive(Debug)]
struct Delta<P> {
    removed: Vec<P>,
    added: Vec<P>,
}

impl<P> Delta<P> {
    fn len(&self) -> usize {
        self.removed.len().saturating_add(self.added.len())
    }
}

/// A state of a list.
#[derive(Debug)]
pub(super) struct List<P> {
    prefixes: Arc<Vec<P>>,
    version: u64,
    /// What led here, the oldest first; the last one led to `version`.
    deltas: VecDeque<Arc<Delta<P>>>,
    checksum: OnceLock<Hash>,
    /// Whether a client was told the checksum.
    is_asked_for: AtomicBool,
}

impl<P: Prefix> List<P> {
    /// A list without a past.
    pub(super) fn new(mut prefixes: Vec<P>, version: u64) -> Self {
        prefixes.sort_unstable();
        prefixes.dedup();
        let (prefixes, deltas) = (Arc::new(prefixes), VecDeque::new());
        let (checksum, is_asked_for) = (OnceLock::new(), AtomicBool::new(false));
        Self { prefixes, version, deltas, checksum, is_asked_for }
    }

    pub(super) fn len(&self) -> usize {
        self.prefixes.len()
    }

    /// The same list one version later. What is removed is in it, and what is added is not.
    ///
    /// Where clients ask for this version, they will for the next: its checksum is made here, so that
    /// none of them waits for it.
    pub(super) fn next(&self, removed: Vec<P>, added: Vec<P>, kept_max: usize) -> Self {
        let version = self.version.wrapping_add(1);
        let is_same = removed.is_empty() && added.is_empty();
        let (prefixes, checksum) = if is_same {
            (Arc::clone(&self.prefixes), self.checksum.clone())
        } else {
            let prefixes = merge(&self.prefixes, &removed, &added);
            let is_wanted = self.is_asked_for.load(Ordering::Relaxed);
            let sum = if is_wanted { checksum(&prefixes).into() } else { OnceLock::new() };
            (Arc::new(prefixes), sum)
        };
        let is_asked_for = is_same && self.is_asked_for.load(Ordering::Relaxed);
        let mut deltas = self.deltas.clone();
        deltas.push_back(Arc::new(Delta { removed, added }));
        let deltas = shed(deltas, kept_max);
        Self { prefixes, version, deltas, checksum, is_asked_for: is_asked_for.into() }
    }

    /// The list with other content, one version later.
    pub(super) fn turned_into(&self, mut prefixes: Vec<P>, kept_max: usize) -> Self {
        prefixes.sort_unstable();
        prefixes.dedup();
        let (removed, added) =
            (missing(&self.prefixes, &prefixes), missing(&prefixes, &self.prefixes));
        self.next(removed, added, kept_max)
    }

    /// All, in their order.
    pub(super) fn prefixes(&self) -> &[P] {
        &self.prefixes
    }

    pub(super) fn has(&self, prefix: &P) -> bool {
        self.prefixes.binary_search(prefix).is_ok()
    }

    /// SHA-256 of what a client has that has this of the present state.
    pub(super) fn checksum_at(&self, held: &Held) -> Hash {
        self.checksum_of(self.count_to(P::of(&held.bound)))
    }

    /// What a client lacks.
    pub(super) fn update(&self, held: Option<Held>, room: Room) -> Update<P> {
        let change = held.and_then(|held| Some((held, self.change_since(held)?)));
        let Some((held, change)) = change else { return self.whole(room) };
        let bound = P::of(&held.bound);
        let kept = self.count_to(bound);
        let changes = change.len();
        if changes > room.update_max || kept > room.list_max {
            return self.whole(room);
        }
        let more = room.update_max.saturating_sub(changes).min(room.list_max.saturating_sub(kept));
        let stretch = self.prefixes.get(kept..).unwrap_or_default();
        let stretch = stretch.get(..more.min(stretch.len())).unwrap_or_default();
        let removals = self.places(&change);
        let mut additions: Vec<P> =
            change.iter().filter(|(_, is_added)| **is_added).map(|(prefix, _)| *prefix).collect();
        additions.extend_from_slice(stretch);
        let have = kept.saturating_add(stretch.len());
        let is_changed = !additions.is_empty() || !removals.is_empty();
        Update {
            is_partial: true,
            removals,
            additions,
            held: self.held(have),
            checksum: is_changed.then(|| self.checksum_of(have)),
            is_complete: self.is_complete(have, room),
        }
    }

    /// The list, for a client that has nothing of use.
    fn whole(&self, room: Room) -> Update<P> {
        let have = self.prefixes.len().min(room.update_max).min(room.list_max);
        Update {
            is_partial: false,
            removals: Vec::new(),
            additions: self.prefixes.get(..have).unwrap_or_default().to_vec(),
            held: self.held(have),
            checksum: Some(self.checksum_of(have)),
            is_complete: self.is_complete(have, room),
        }
    }

    fn is_complete(&self, have: usize, room: Room) -> bool {
        have >= self.prefixes.len().min(room.list_max)
    }

    /// What a client has that has so many.
    fn held(&self, have: usize) -> Held {
        let last = if have >= self.prefixes.len() {
            Some(P::LAST)
        } else {
            have.checked_sub(1).and_then(|at| self.prefixes.get(at)).copied()
        };
        // A client of nothing has what is not above the least: nothing, or that one by chance.
        let bound = last.map_or([0; 32], |last| fill(last));
        Held { version: self.version, bound }
    }

    fn count_to(&self, bound: P) -> usize {
        self.prefixes.partition_point(|prefix| *prefix <= bound)
    }

    /// What changed since a version, up to its bound: true for what was added. `None` where it is
    /// not known.
    fn change_since(&self, held: Held) -> Option<BTreeMap<P, bool>> {
        let missed = usize::try_from(self.version.checked_sub(held.version)?).ok()?;
        let first = self.deltas.len().checked_sub(missed)?;
        let bound = P::of(&held.bound);
        let mut change = BTreeMap::new();
        for delta in self.deltas.iter().skip(first) {
            let removed = delta.removed.iter().map(|prefix| (*prefix, false));
            let added = delta.added.iter().map(|prefix| (*prefix, true));
            for (prefix, is_added) in removed.chain(added).filter(|(prefix, _)| *prefix <= bound) {
                // What comes and goes again is no change.
                if change.remove(&prefix).is_none() {
                    change.insert(prefix, is_added);
                }
            }
        }
        Some(change)
    }

    /// Where in the client's list that stands which is removed from it.
    fn places(&self, change: &BTreeMap<P, bool>) -> Vec<u32> {
        let (mut added, mut removed) = (0usize, 0usize);
        let mut places = Vec::new();
        for (prefix, is_added) in change {
            if *is_added {
                added = added.saturating_add(1);
                continue;
            }
            let now = self.prefixes.partition_point(|other| other < prefix);
            let then = now.saturating_add(removed).saturating_sub(added);
            places.push(u32::try_from(then).unwrap_or(u32::MAX));
            removed = removed.saturating_add(1);
        }
        places
    }

    /// SHA-256 of the first ones.
    fn checksum_of(&self, have: usize) -> Hash {
        if have >= self.prefixes.len() {
            self.is_asked_for.store(true, Ordering::Relaxed);
            return *self.checksum.get_or_init(|| checksum(&self.prefixes));
        }
        checksum(self.prefixes.get(..have).unwrap_or_default())
    }
}

/// The greatest hash that begins so: a bound of one list, read for another of longer prefixes,
/// must not lose what the client has.
fn fill<P: Prefix>(prefix: P) -> Hash {
    let mut bytes = Vec::with_capacity(32);
    prefix.put(&mut bytes);
    let mut hash = [u8::MAX; 32];
    hash.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    hash
}

/// The whole list has to be hashed for each of its versions, which is most of what a small
/// difference costs.
fn checksum<P: Prefix>(sorted: &[P]) -> Hash {
    let mut digest = Context::new(&SHA256);
    let mut bytes = Vec::with_capacity(64 << 10);
    for some in sorted.chunks(2_048) {
        bytes.clear();
        some.iter().for_each(|prefix| prefix.put(&mut bytes));
        digest.update(&bytes);
    }
    // SHA-256 has 32 bytes.
    digest.finish().as_ref().try_into().unwrap_or_default()
}

/// What is in one sorted list and not in another.
fn missing<P: Prefix>(of: &[P], elsewhere: &[P]) -> Vec<P> {
    let mut elsewhere = elsewhere.iter().peekable();
    let mut missing = Vec::new();
    for prefix in of {
        while elsewhere.next_if(|other| *other < prefix).is_some() {}
        if elsewhere.next_if_eq(&prefix).is_none() {
            missing.push(*prefix);
        }
    }
    missing
}

/// A sorted list without some of its elements and with others.
fn merge<P: Prefix>(old: &[P], removed: &[P], added: &[P]) -> Vec<P> {
    let size = old.len().saturating_add(added.len()).saturating_sub(removed.len());
    let mut new = Vec::with_capacity(size);
    let mut added = added.iter().copied().peekable();
    let mut removed = removed.iter().copied().peekable();
    for prefix in old {
        while let Some(added) = added.next_if(|added| added < prefix) {
            new.push(added);
        }
        if removed.next_if_eq(prefix).is_none() {
            new.push(*prefix);
        }
    }
    new.extend(added);
    new
}

/// Forgets the oldest differences until no more than `kept_max` entries are kept.
fn shed<P>(mut deltas: VecDeque<Arc<Delta<P>>>, kept_max: usize) -> VecDeque<Arc<Delta<P>>> {
    const DELTAS_MAX: usize = 8_192;
    let mut kept: usize = deltas.iter().map(|delta| delta.len()).sum();
    while kept > kept_max || deltas.len() > DELTAS_MAX {
        let Some(oldest) = deltas.pop_front() else { break };
        kept = kept.saturating_sub(oldest.len());
    }
    deltas
}
