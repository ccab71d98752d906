//! What is new in a view: the changes that were published, or what a new base brought.

use crate::listing::{Entries, Group, Listed, group};
use crate::{Change, Entry, EntryData, Layer, LookupError, View};
use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::sync::Arc;
use wardnet_model::{Key, Kind, Scope, TenantId, Timestamp};

/// One thing that is new, without a number yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) tenant: Option<TenantId>,
    pub(crate) layer: Layer,
    pub(crate) kind: Kind,
    pub(crate) key: Key,
    pub(crate) key_bits: u16,
    pub(crate) scope: Scope,
    pub(crate) old: Option<Arc<EntryData>>,
    pub(crate) new: Option<Arc<EntryData>>,
}

/// Why it cannot be said what is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Untold {
    /// It is more than the limit.
    TooMuch,
    /// One of the two states cannot be read.
    Unreadable(LookupError),
}

impl From<LookupError> for Untold {
    fn from(error: LookupError) -> Self {
        Self::Unreadable(error)
    }
}

type Place = (Layer, Kind, Key, Scope);

/// What single changes did to what everybody is told.
pub(crate) fn published(old: &View, next: &View, changes: &[Change]) -> Result<Vec<News>, Untold> {
    let contained = next.base.as_ref().map(|base| base.sequence());
    let mut latest: BTreeMap<Place, Option<Arc<EntryData>>> = BTreeMap::new();
    let mut news = Vec::with_capacity(changes.len());
    for change in changes.iter().filter(|change| contained.is_none_or(|seq| change.seq > seq)) {
        let place = (change.layer, change.kind, change.key, change.scope);
        let new = change.new.clone().map(Arc::new);
        let before = match latest.insert(place, new.clone()) {
            Some(before) => before,
            None => entry_at(old, None, &place)?,
        };
        news.extend(step(None, place, before, new));
    }
    Ok(news)
}

/// What a new overlay changes for its tenant.
pub(crate) fn published_to(tenant: TenantId, old: &View, next: &View) -> Result<Vec<News>, Untold> {
    let own = |view: &View| view.tenants.get(&tenant).cloned().unwrap_or_default();
    let mut news = Vec::new();
    for place in own(old).places_unlike(&own(next)) {
        let before = entry_at(old, Some(tenant), &place)?;
        let after = entry_at(next, Some(tenant), &place)?;
        news.extend(step(Some(tenant), place, before, after));
    }
    Ok(news)
}

fn entry_at(
    view: &View,
    tenant: Option<TenantId>,
    (layer, kind, key, scope): &Place,
) -> Result<Option<Arc<EntryData>>, LookupError> {
    Ok(view.entry_at(tenant, (*layer, *kind, key, *scope))?.map(Arc::new))
}

fn step(
    tenant: Option<TenantId>,
    (layer, kind, key, scope): Place,
    old: Option<Arc<EntryData>>,
    new: Option<Arc<EntryData>>,
) -> Option<News> {
    let says = |data: &Option<Arc<EntryData>>| {
        data.as_ref().map(|data| (data.profile.clone(), data.terms))
    };
    let is_new = says(&old) != says(&new);
    is_new.then_some(News { tenant, layer, kind, key, key_bits: 256, scope, old, new })
}

/// What two views say differently to everybody; dates alone are no difference.
///
/// Reads both from end to end, unless there are more than `max` differences.
pub(crate) fn differences(
    old: &View,
    next: &View,
    max: usize,
    go_on: &dyn Fn() -> bool,
) -> Result<Vec<News>, Untold> {
    // At the first second of all time every decision stands.
    let groups = |view| Groups(View::entries(view, None, Timestamp(0)).peekable());
    let (mut olds, mut nexts) = (groups(old), groups(next));
    let mut news = Vec::new();
    while let Some(at) = [olds.next_place()?, nexts.next_place()?].into_iter().flatten().min() {
        compare(olds.take(at)?, nexts.take(at)?, &mut news);
        if news.len() > max || !go_on() {
            return Err(Untold::TooMuch);
        }
    }
    Ok(news)
}

/// The differences that a new base makes in `view`: none where a later change lies over it, which
/// was told by itself.
pub(crate) fn uncovered(mut news: Vec<News>, view: &View) -> Vec<News> {
    if !news.is_empty() && !view.overlay.is_empty() {
        let slots = view.overlay.slots();
        let over: BTreeSet<_> = slots
            .map(|(layer, kind, key, scope, _)| (group(layer, kind, key), scope, *key))
            .collect();
        news.retain(|one| {
            let (group, none) = (group(one.layer, one.kind, &one.key), Key([0; 32]));
            let range = over.range((group, one.scope, none)..);
            !range
                .take_while(|(place, scope, _)| (*place, *scope) == (group, one.scope))
                .any(|(_, _, key)| begin_alike(key, &one.key, one.key_bits))
        });
    }
    complete_keys(&mut news, view);
    news
}

/// Whether two keys agree in the bits that are known of one of them.
fn begin_alike(one: &Key, other: &Key, known: u16) -> bool {
    match known {
        0..128 => one.prefix64() == other.prefix64(),
        128..256 => one.prefix128() == other.prefix128(),
        _ => one == other,
    }
}

/// Completes keys that tenants have a word of their own on: theirs are compared in full.
fn complete_keys(news: &mut [News], view: &View) {
    let slots = view.tenants.iter().flat_map(|(_, own)| own.slots());
    let known: BTreeMap<(Group, Scope), Key> = slots
        .map(|(layer, kind, key, scope, _)| ((group(layer, kind, key), scope), *key))
        .collect();
    for one in news.iter_mut().filter(|one| one.key_bits < 256) {
        if let Some(key) = known.get(&(group(one.layer, one.kind, &one.key), one.scope)) {
            (one.key, one.key_bits) = (*key, 256);
        }
    }
}

/// Tells the differences within a group, of which there are at most a handful of entries.
fn compare(old: Vec<Listed<'_>>, mut next: Vec<Listed<'_>>, news: &mut Vec<News>) {
    for before in old {
        let same = next.iter().position(|after| is_same(&before, after));
        let after = same.map(|at| next.remove(at));
        if after.is_none_or(|after| says(&before.entry) != says(&after.entry)) {
            news.push(difference(Some(before), after));
        }
    }
    news.extend(next.into_iter().map(|after| difference(None, Some(after))));
}

fn says<'a>(entry: &Entry<'a>) -> (&'a crate::Profile, Option<crate::Terms>) {
    (entry.profile, entry.terms)
}

/// Whether two entries of a group are of the same key and scope. An entry that keeps fewer key bits
/// in one view than in the other is the same.
fn is_same(one: &Listed<'_>, other: &Listed<'_>) -> bool {
    let bits = one.key_bits.min(other.key_bits);
    let (a, b) = (&one.entry, &other.entry);
    a.kind == b.kind && a.scope == b.scope && begin_alike(&a.key, &b.key, bits)
}

fn difference(old: Option<Listed<'_>>, new: Option<Listed<'_>>) -> News {
    let known = |listed: &&Listed<'_>| listed.key_bits;
    // One of the two is there; the one that knows more of the key gives it.
    let (key, key_bits, kind, scope, layer) = [&old, &new]
        .into_iter()
        .flatten()
        .max_by_key(known)
        .map_or((Key([0; 32]), 0, Kind::Domain, Scope::Exact, Layer::Evidence), |listed| {
            let entry = &listed.entry;
            (entry.key, listed.key_bits, entry.kind, entry.scope, entry.layer())
        });
    let owned = |listed: Option<Listed<'_>>| listed.map(|listed| Arc::new(owned(&listed.entry)));
    News { tenant: None, layer, kind, key, key_bits, scope, old: owned(old), new: owned(new) }
}

fn owned(entry: &Entry<'_>) -> EntryData {
    EntryData {
        profile: entry.profile.clone(),
        name: entry.name.map(Into::into),
        facts: entry.facts,
        terms: entry.terms,
    }
}

/// Entries of a view, group by group.
struct Groups<'a>(Peekable<Entries<'a>>);

impl<'a> Groups<'a> {
    fn next_place(&mut self) -> Result<Option<Group>, LookupError> {
        match self.0.peek() {
            None => Ok(None),
            Some(Ok(listed)) => Ok(Some(place(listed))),
            Some(Err(error)) => Err(*error),
        }
    }

    fn take(&mut self, at: Group) -> Result<Vec<Listed<'a>>, LookupError> {
        let is_there =
            |next: &Result<Listed<'_>, LookupError>| next.as_ref().is_ok_and(|l| place(l) == at);
        std::iter::from_fn(|| self.0.next_if(is_there)).collect()
    }
}

fn place(listed: &Listed<'_>) -> Group {
    group(listed.entry.layer(), listed.entry.kind, &listed.entry.key)
}
