//! What differs between two databases.

use crate::{Db, Dump, LookupError, Stored};
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::iter::Peekable;

/// One difference between two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference<'a> {
    /// Only the second has it.
    Added(Stored<'a>),
    /// Only the first has it.
    Removed(Stored<'a>),
    /// Both have it, and say different things: first and second.
    Changed(Stored<'a>, Stored<'a>),
}

/// Every difference between `old` and `new`, in order of layer, kind and key.
///
/// An entry that keeps 64 key bits in one and 128 in the other is the same entry.
pub fn diff<'a, A: AsRef<[u8]>, B: AsRef<[u8]>>(
    old: &'a Db<A>,
    new: &'a Db<B>,
) -> impl Iterator<Item = Result<Difference<'a>, LookupError>> {
    let (old, new) = (old.dump().peekable(), new.dump().peekable());
    Differences { old, new, ready: VecDeque::new() }
}

struct Differences<'a, A: AsRef<[u8]>, B: AsRef<[u8]>> {
    old: Peekable<Dump<'a, A>>,
    new: Peekable<Dump<'a, B>>,
    ready: VecDeque<Difference<'a>>,
}

/// Takes the entries that share layer, kind and 64 key bits with the next one.
fn next_group<'a, D: AsRef<[u8]>>(
    dump: &mut Peekable<Dump<'a, D>>,
) -> Result<Vec<Stored<'a>>, LookupError> {
    let mut group: Vec<Stored<'a>> = Vec::new();
    while let Some(next) = dump.next_if(|next| match (next, group.first()) {
        (Ok(next), Some(first)) => next.group() == first.group(),
        (Err(_), Some(_)) => false,
        (_, None) => true,
    }) {
        group.push(next?);
    }
    Ok(group)
}

fn is_same(a: &Stored<'_>, b: &Stored<'_>) -> bool {
    let either_short = a.key_bits < 128 || b.key_bits < 128;
    let (a, b) = (&a.entry, &b.entry);
    a.scope == b.scope && a.kind == b.kind && (either_short || a.key == b.key)
}

impl<'a, A: AsRef<[u8]>, B: AsRef<[u8]>> Differences<'a, A, B> {
    fn refill(&mut self) -> Option<Result<(), LookupError>> {
        let rank = |next: &Result<Stored<'_>, LookupError>| next.as_ref().ok().map(Stored::group);
        let order = match (self.old.peek(), self.new.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => rank(old).cmp(&rank(new)),
        };
        Some(self.compare(order))
    }

    fn compare(&mut self, order: Ordering) -> Result<(), LookupError> {
        let old = if order.is_le() { next_group(&mut self.old)? } else { Vec::new() };
        let mut new = if order.is_ge() { next_group(&mut self.new)? } else { Vec::new() };
        for before in old {
            let Some(at) = new.iter().position(|after| is_same(&before, after)) else {
                self.ready.push_back(Difference::Removed(before));
                continue;
            };
            let after = new.remove(at);
            let (a, b) = (&before.entry, &after.entry);
            if (a.profile, a.name, a.facts, a.terms) != (b.profile, b.name, b.facts, b.terms) {
                self.ready.push_back(Difference::Changed(before, after));
            }
        }
        self.ready.extend(new.into_iter().map(Difference::Added));
        Ok(())
    }
}

impl<'a, A: AsRef<[u8]>, B: AsRef<[u8]>> Iterator for Differences<'a, A, B> {
    type Item = Result<Difference<'a>, LookupError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(difference) = self.ready.pop_front() {
                return Some(Ok(difference));
            }
            if let Err(error) = self.refill()? {
                return Some(Err(error));
            }
        }
    }
}
