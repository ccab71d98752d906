//! What changed since the base was built.

use crate::prefix::{Family, Prefix};
use crate::view::{Hit, Hits, Origin};
use crate::{Change, EntryData, Layer};
use std::collections::BTreeSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use wardnet_model::{Key, Kind, Scope, Timestamp};

/// What an overlay says of one layer and scope of a key.
#[derive(Debug, Clone)]
struct Slot {
    seq: u64,
    /// `None` hides what lies beneath.
    new: Option<Arc<EntryData>>,
}

/// What an overlay says of a key: by layer and scope.
#[derive(Debug, Clone, Default)]
struct Slots([[Option<Slot>; 3]; 2]);

impl Slots {
    fn slot(&self, layer: Layer, scope: Scope) -> Option<&Slot> {
        let scopes = self.0.get(usize::from(layer.tag()))?;
        scopes.get(usize::from(scope.tag()))?.as_ref()
    }

    fn slot_mut(&mut self, layer: Layer, scope: Scope) -> Option<&mut Option<Slot>> {
        let scopes = self.0.get_mut(usize::from(layer.tag()))?;
        scopes.get_mut(usize::from(scope.tag()))
    }

    fn iter(&self) -> impl Iterator<Item = (Layer, Scope, &Slot)> {
        PLACES
            .iter()
            .filter_map(|(layer, scope)| Some((*layer, *scope, self.slot(*layer, *scope)?)))
    }
}

/// Every layer and scope.
const PLACES: [(Layer, Scope); 6] = [
    (Layer::Evidence, Scope::Exact),
    (Layer::Evidence, Scope::Below),
    (Layer::Evidence, Scope::Subtree),
    (Layer::Decision, Scope::Exact),
    (Layer::Decision, Scope::Below),
    (Layer::Decision, Scope::Subtree),
];

/// Mixes what is written into it with one multiplication: keys are hashes already, and those that
/// are not (addresses) are spread by it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (chunks, rest) = bytes.as_chunks::<8>();
        chunks.iter().for_each(|chunk| self.write_u64(u64::from_le_bytes(*chunk)));
        rest.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_u64(&mut self, value: u64) {
        let product =
            u128::from(self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        self.0 = (product as u64) ^ product.wrapping_shr(64) as u64;
    }
}

/// A key with its kind, as the overlay's map wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct KindKey {
    kind: Kind,
    key: Key,
}

impl std::hash::Hash for KindKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The first sixteen bytes and the prefix length tell keys apart well enough.
        let length = self.key.0.get(16).copied().unwrap_or(0);
        let wide = self.key.prefix128();
        state.write_u64(wide.wrapping_shr(64) as u64 ^ u64::from(length).wrapping_shl(8));
        state.write_u64(wide as u64 ^ u64::from(self.kind.tag()));
    }
}

type Map = imbl::GenericHashMap<
    KindKey,
    Arc<Slots>,
    BuildHasherDefault<KeyHasher>,
    imbl::shared_ptr::DefaultSharedPtr,
>;

/// Which prefix lengths the networks of an overlay have, so that a lookup tries only those.
#[derive(Debug, Clone, Copy, Default)]
struct Lengths {
    /// Bit `n` is set when there are networks of length `n`; of length 128 it is told apart.
    present: u128,
    whole: bool,
}

impl Lengths {
    fn add(&mut self, length: u8) {
        match 1u128.checked_shl(length.into()) {
            Some(bit) => self.present |= bit,
            None => self.whole = true,
        }
    }

    /// The longest length not above `length` that occurs.
    fn next(&self, length: u8) -> Option<u8> {
        if length >= 128 && self.whole {
            return Some(128);
        }
        let unused = 127u32.saturating_sub(length.into());
        let below = self.present & u128::MAX.wrapping_shr(unused);
        below.checked_ilog2().and_then(|length| u8::try_from(length).ok())
    }
}

/// Changes since a base was built, as a map that is cheap to copy and to add to.
///
/// Copies share their content: taking one is O(1), adding a change O(log n). Keys are compared in
/// full, so a change never touches another indicator whose key begins alike.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    map: Map,
    lengths_v4: Lengths,
    lengths_v6: Lengths,
}

impl Overlay {
    /// The number of keys that the overlay speaks of.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Whether anything is said at a place.
    pub(crate) fn speaks_at(&self, layer: Layer, kind: Kind, key: &Key, scope: Scope) -> bool {
        let slots = self.map.get(&KindKey { kind, key: *key });
        slots.is_some_and(|slots| slots.slot(layer, scope).is_some())
    }

    /// Everything that is said, in no particular order; `None` hides what lies beneath.
    pub(crate) fn slots(
        &self,
    ) -> impl Iterator<Item = (Layer, Kind, &Key, Scope, Option<&Arc<EntryData>>)> {
        self.map.iter().flat_map(|(at, slots)| {
            let of_key = slots.iter();
            of_key.map(|(layer, scope, slot)| (layer, at.kind, &at.key, scope, slot.new.as_ref()))
        })
    }

    /// Everything that is said, as changes, in order of their numbers.
    pub fn changes(&self) -> Vec<Change> {
        let mut all = Vec::with_capacity(self.map.len());
        for (at, slots) in &self.map {
            let of_key = slots.iter();
            all.extend(of_key.map(|(layer, scope, slot)| {
                let (seq, new) = (slot.seq, slot.new.as_deref().cloned());
                Change { seq, layer, kind: at.kind, key: at.key, scope, new }
            }));
        }
        all.sort_by_key(|change| change.seq);
        all
    }

    /// The places at which this overlay and another may say different things, in order. Copies of
    /// one overlay share their content, so that what is the same in both is passed over quickly.
    pub(crate) fn places_unlike(&self, other: &Self) -> BTreeSet<(Layer, Kind, Key, Scope)> {
        let mut places = BTreeSet::new();
        if self.map.ptr_eq(&other.map) {
            return places;
        }
        for (one, another) in [(&self.map, &other.map), (&other.map, &self.map)] {
            for (at, slots) in one {
                if another.get(at).is_none_or(|same| !Arc::ptr_eq(slots, same)) {
                    let of_key = slots.iter();
                    places.extend(of_key.map(|(layer, scope, _)| (layer, at.kind, at.key, scope)));
                }
            }
        }
        places
    }

    /// Adds a change. A change that is older than what is known is ignored.
    pub fn apply(&mut self, change: &Change) {
        let at = KindKey { kind: change.kind, key: change.key };
        let known = self.map.get(&at);
        let mut slots = known.map(|slots| Slots::clone(slots)).unwrap_or_default();
        if known.is_none() {
            self.count(change.kind, &change.key);
        }
        if let Some(slot) = slots.slot_mut(change.layer, change.scope)
            && slot.as_ref().is_none_or(|slot| slot.seq <= change.seq)
        {
            *slot = Some(Slot { seq: change.seq, new: change.new.clone().map(Arc::new) });
        }
        self.map.insert(at, Arc::new(slots));
    }

    /// Drops all that is said of a key and scope: what lies beneath shows again.
    pub fn forget(&mut self, kind: Kind, key: &Key, scope: Scope) {
        let at = KindKey { kind, key: *key };
        let Some(known) = self.map.get(&at) else { return };
        let mut slots = Slots::clone(known);
        for layer in [Layer::Evidence, Layer::Decision] {
            if let Some(slot) = slots.slot_mut(layer, scope) {
                *slot = None;
            }
        }
        // Prefix lengths stay counted: one that nothing has is asked in vain, and costs a lookup.
        if slots.iter().next().is_some() {
            self.map.insert(at, Arc::new(slots));
        } else {
            self.map.remove(&at);
        }
    }

    /// Drops changes up to number `seq`, which a new base contains.
    pub fn forget_until(&mut self, seq: u64) {
        let mut kept = Self::default();
        for (at, slots) in &self.map {
            let mut newer = Slots::clone(slots);
            for slot in newer.0.iter_mut().flatten() {
                if slot.as_ref().is_some_and(|slot| slot.seq <= seq) {
                    *slot = None;
                }
            }
            if newer.iter().next().is_some() {
                kept.count(at.kind, &at.key);
                kept.map.insert(*at, Arc::new(newer));
            }
        }
        *self = kept;
    }

    /// Remembers the length of a prefix.
    fn count(&mut self, kind: Kind, key: &Key) {
        let Some(prefix) = Prefix::from_key(kind, key) else { return };
        let lengths = match prefix.family {
            Family::V4 => &mut self.lengths_v4,
            Family::V6 => &mut self.lengths_v6,
        };
        lengths.add(prefix.length);
    }

    /// The longest prefix length not above `length` that occurs here.
    pub(crate) fn next_length(&self, family: Family, length: u8) -> Option<u8> {
        let lengths = match family {
            Family::V4 => &self.lengths_v4,
            Family::V6 => &self.lengths_v6,
        };
        lengths.next(length)
    }

    /// Puts what this overlay says of a key over `hits`.
    ///
    /// A decision of the shared overlay that has run out hides the older one beneath it; a
    /// tenant's leaves the shared one standing.
    #[inline]
    pub(crate) fn cover<'a>(
        &'a self,
        kind: Kind,
        key: &Key,
        now: Timestamp,
        is_tenant: bool,
        hits: &mut Hits<'a>,
    ) {
        if self.map.is_empty() {
            return;
        }
        let Some(slots) = self.map.get(&KindKey { kind, key: *key }) else { return };
        for (layer, scope, slot) in slots.iter() {
            let in_force = |data: &&Arc<EntryData>| data.terms.is_none_or(|t| t.in_force(now));
            let shown = slot.new.as_ref().filter(in_force);
            if is_tenant && slot.new.is_some() && shown.is_none() {
                continue;
            }
            let hit = shown.map(|data| Hit {
                scope,
                profile: &data.profile,
                origin: Origin::Overlay(data),
            });
            hits.put(layer, scope, hit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_found_from_the_longest_down() {
        let mut lengths = Lengths::default();
        assert_eq!((lengths.next(0), lengths.next(128)), (None, None));
        [0, 24, 32, 127, 128].into_iter().for_each(|length| lengths.add(length));
        let down =
            std::iter::successors(lengths.next(128), |last| lengths.next(last.checked_sub(1)?));
        assert_eq!(down.collect::<Vec<_>>(), [128, 127, 32, 24, 0]);
        assert_eq!((lengths.next(31), lengths.next(23)), (Some(24), Some(0)));
    }
}
