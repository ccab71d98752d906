//! Walks everything that a view says, in a fixed order, in memory that does not grow with the base.

use crate::prefix::{Family, section_tag};
use crate::{Bytes, Dump, Entry, EntryData, Layer, LookupError, Stored, View};
use std::collections::{BTreeMap, VecDeque, btree_map};
use std::iter::Peekable;
use std::sync::Arc;
use wardnet_model::{Key, Kind, Scope, TenantId, Timestamp};

/// One entry of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed<'a> {
    /// The entry; key bits that are not known are zero.
    pub entry: Entry<'a>,
    /// How many bits of the key are known: a base keeps only the first ones.
    pub key_bits: u16,
}

/// Entries that lie at one place. Of hashed kinds it is the first 64 bits of the key, which are all
/// that a base keeps of most.
pub(crate) type Group = (Layer, u8, Key);

/// The group of an entry. Groups are ordered as a base orders its entries.
pub(crate) fn group(layer: Layer, kind: Kind, key: &Key) -> Group {
    let mut place = *key;
    if Family::of(kind).is_none() {
        place.0.iter_mut().skip(8).for_each(|byte| *byte = 0);
    }
    (layer, section_tag(kind), place)
}

impl View {
    /// Everything that is said to a tenant at `now`, in order of layer, kind and key.
    ///
    /// Reads one shard of the base at a time; what lies over the base is sorted beforehand.
    pub fn entries(&self, tenant: Option<TenantId>, now: Timestamp) -> Entries<'_> {
        self.entries_where(tenant, now, |_, _| true)
    }

    /// As [`Self::entries`], but only of the layers and kinds that are wanted; others are not read.
    /// Networks go with the addresses of their family.
    pub fn entries_where(
        &self,
        tenant: Option<TenantId>,
        now: Timestamp,
        wanted: impl Fn(Layer, Kind) -> bool,
    ) -> Entries<'_> {
        let is_wanted = |layer, kind| {
            Kind::from_tag(section_tag(kind)).is_some_and(|section| wanted(layer, section))
        };
        let mut over = BTreeMap::new();
        for (layer, kind, key, scope, new) in self.overlay.slots() {
            if !is_wanted(layer, kind) {
                continue;
            }
            over.insert((group(layer, kind, key), scope, *key), Over { kind, new });
        }
        if let Some(own) = tenant.and_then(|tenant| self.tenants.get(&tenant)) {
            for (layer, kind, key, scope, new) in own.slots() {
                // A tenant's decision that has run out leaves the shared one standing.
                if is_wanted(layer, kind) && new.is_none_or(|data| in_force(data, now)) {
                    over.insert((group(layer, kind, key), scope, *key), Over { kind, new });
                }
            }
        }
        let base = self.base.as_ref().map(|base| base.dump_where(wanted).peekable());
        Entries { base, over: over.into_iter().peekable(), now, ready: VecDeque::new() }
    }
}

fn in_force(data: &EntryData, now: Timestamp) -> bool {
    data.terms.is_none_or(|terms| terms.in_force(now))
}

/// What lies over the base at one place.
struct Over<'a> {
    kind: Kind,
    new: Option<&'a Arc<EntryData>>,
}

/// The iterator of [`View::entries`].
pub struct Entries<'a> {
    base: Option<Peekable<Dump<'a, Bytes>>>,
    over: Peekable<btree_map::IntoIter<(Group, Scope, Key), Over<'a>>>,
    now: Timestamp,
    ready: VecDeque<Listed<'a>>,
}

impl<'a> Entries<'a> {
    /// Takes all entries of the next group; `None` at the end.
    fn refill(&mut self) -> Option<Result<(), LookupError>> {
        let over = self.over.peek().map(|((group, ..), _)| *group);
        let base = match self.base.as_mut().and_then(Peekable::peek) {
            Some(Ok(stored)) => Some(group_of(stored)),
            Some(Err(_)) => {
                let error = self.base.as_mut()?.next()?.err()?;
                return Some(Err(error));
            }
            None => None,
        };
        let next = [over, base].into_iter().flatten().min()?;
        self.take(next);
        Some(Ok(()))
    }

    fn take(&mut self, at: Group) {
        let mut over = Vec::new();
        while let Some(((_, scope, key), data)) = self.over.next_if(|((group, ..), _)| *group == at)
        {
            over.push((scope, key, data));
        }
        let is_next = |next: &Result<Stored<'_>, LookupError>| {
            next.as_ref().is_ok_and(|stored| group_of(stored) == at)
        };
        while let Some(Ok(stored)) = self.base.as_mut().and_then(|base| base.next_if(is_next)) {
            let hidden = over.iter().any(|(scope, key, data)| hides(*scope, key, data, &stored));
            let terms = stored.entry.terms;
            if !hidden && terms.is_none_or(|terms| terms.in_force(self.now)) {
                let whole = Family::of(stored.entry.kind).is_some();
                let key_bits = if whole { 256 } else { stored.key_bits.into() };
                self.ready.push_back(Listed { entry: stored.entry, key_bits });
            }
        }
        for (scope, key, Over { kind, new }) in over {
            if let Some(data) = new.filter(|data| in_force(data, self.now)) {
                let entry = data.as_entry(kind, key, scope);
                self.ready.push_back(Listed { entry, key_bits: 256 });
            }
        }
    }
}

fn group_of(stored: &Stored<'_>) -> Group {
    group(stored.entry.layer(), stored.entry.kind, &stored.entry.key)
}

/// Whether a change takes the place of a base's entry in the same group.
fn hides(scope: Scope, key: &Key, over: &Over<'_>, stored: &Stored<'_>) -> bool {
    let entry = &stored.entry;
    let is_key = stored.key_bits < 128 || entry.key.prefix128() == key.prefix128();
    scope == entry.scope && over.kind == entry.kind && is_key
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Listed<'a>, LookupError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(listed) = self.ready.pop_front() {
                return Some(Ok(listed));
            }
            if let Err(error) = self.refill()? {
                return Some(Err(error));
            }
        }
    }
}
