//! Walks everything that a view says, in a fixed order, in memory that does not grow with the base.

use crate::prefix::{Family, section_tag};
use crate::{Bytes, Dump, Entry, EntryData, Layer, LookupError, Stored, View};
use std::collections::{BTreeMap, VecDeque, btree_map};
use std::iter::Peekable;
use std::sync::Arc;
use wardnet_model::{Indicator, Key, Kind, Scope, TenantId, Timestamp};

/// One entry of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed<'a> {
    /// The entry; key bits that are not known are zero.
    pub entry: Entry<'a>,
    /// How many bits of the key are known: a base keeps only the first ones.
    pub key_bits: u16,
    /// Whether the layer has nothing else at this place: no other scope, and of hashed kinds no
    /// other key that begins with the same 64 bits.
    pub is_alone: bool,
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
        let base = self.base.as_ref().map(|base| base.dump_where(wanted));
        let over = over.into_iter().peekable();
        Entries { base, ahead: None, over, now, ready: VecDeque::new() }
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
    base: Option<Dump<'a, Bytes>>,
    /// The base's next entry.
    ahead: Option<Result<Stored<'a>, LookupError>>,
    over: Peekable<btree_map::IntoIter<(Group, Scope, Key), Over<'a>>>,
    now: Timestamp,
    /// What is left of a group.
    ready: VecDeque<Listed<'a>>,
}

impl<'a> Entries<'a> {
    /// The next entry, or a group of several into `ready`; `None` at the end.
    fn refill(&mut self) -> Option<Result<Option<Listed<'a>>, LookupError>> {
        if self.ahead.is_none() {
            self.advance();
        }
        let over = self.over.peek().map(|((group, ..), _)| *group);
        let first = match self.ahead.take() {
            Some(Ok(stored)) => stored,
            Some(Err(error)) => return Some(Err(error)),
            None => {
                self.take(over?, None);
                return Some(Ok(None));
            }
        };
        if let Some(over) = over {
            let at = group_of(&first);
            if over <= at {
                self.ahead = Some(Ok(first));
                self.take(over, None);
                return Some(Ok(None));
            }
        }
        // Nearly every entry is alone at its place, with nothing over it.
        self.advance();
        match &self.ahead {
            Some(Ok(next)) if is_same_place(&first, next) => {
                self.take(group_of(&first), Some(first));
                Some(Ok(None))
            }
            _ => Some(Ok(self.listed(&first, true))),
        }
    }

    fn advance(&mut self) {
        self.ahead = self.base.as_mut().and_then(Iterator::next);
    }

    /// An entry of the base, if it is in force.
    fn listed(&self, stored: &Stored<'a>, is_alone: bool) -> Option<Listed<'a>> {
        let entry = stored.entry;
        let whole = Family::of(entry.kind).is_some();
        let key_bits = if whole { 256 } else { stored.key_bits.into() };
        let in_force = entry.terms.is_none_or(|terms| terms.in_force(self.now));
        in_force.then_some(Listed { entry, key_bits, is_alone })
    }

    /// Takes all entries of a group, of which the base's first may have been read already.
    fn take(&mut self, at: Group, mut first: Option<Stored<'a>>) {
        let mut over = Vec::new();
        while let Some(((_, scope, key), data)) = self.over.next_if(|((group, ..), _)| *group == at)
        {
            over.push((scope, key, data));
        }
        while let Some(stored) = first.take().or_else(|| self.next_at(at)) {
            let hidden = over.iter().any(|(scope, key, data)| hides(*scope, key, data, &stored));
            if !hidden {
                self.ready.extend(self.listed(&stored, false));
            }
        }
        for (scope, key, Over { kind, new }) in over {
            if let Some(data) = new.filter(|data| in_force(data, self.now)) {
                let entry = data.as_entry(kind, key, scope);
                self.ready.push_back(Listed { entry, key_bits: 256, is_alone: false });
            }
        }
        if let [only] = self.ready.make_contiguous() {
            only.is_alone = true;
        }
    }

    /// The base's next entry if it is of a group.
    fn next_at(&mut self, at: Group) -> Option<Stored<'a>> {
        let stored = match &self.ahead {
            Some(Ok(stored)) if group_of(stored) == at => *stored,
            _ => return None,
        };
        self.advance();
        Some(stored)
    }
}

fn group_of(stored: &Stored<'_>) -> Group {
    group(stored.entry.layer(), stored.entry.kind, &stored.entry.key)
}

/// Whether two entries are of one group.
fn is_same_place(one: &Stored<'_>, other: &Stored<'_>) -> bool {
    one.entry.key.prefix64() == other.entry.key.prefix64() && group_of(one) == group_of(other)
}

/// Whether a change takes the place of a base's entry in the same group.
fn hides(scope: Scope, key: &Key, over: &Over<'_>, stored: &Stored<'_>) -> bool {
    let entry = &stored.entry;
    scope == entry.scope && over.kind == entry.kind && is_key_of(key, stored)
}

/// Whether a key that begins like a stored entry's is its own, as far as one can know. Where the base
/// kept too little of it, the name of a SHA-256 tells: those are their own keys, and whoever may name
/// them can name one that begins like another.
fn is_key_of(key: &Key, stored: &Stored<'_>) -> bool {
    let Stored { entry, key_bits, .. } = stored;
    if *key_bits >= 128 {
        return entry.key.prefix128() == key.prefix128();
    }
    let is_chosen = matches!(entry.kind, Kind::Sha256 | Kind::CertificateSha256);
    let name = entry.name.filter(|_| is_chosen);
    let named = name.and_then(|name| Indicator::parse_as(entry.kind, name).ok());
    named.is_none_or(|indicator| indicator.key().prefix128() == key.prefix128())
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Listed<'a>, LookupError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(listed) = self.ready.pop_front() {
                return Some(Ok(listed));
            }
            match self.refill()? {
                Ok(Some(listed)) => return Some(Ok(listed)),
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
