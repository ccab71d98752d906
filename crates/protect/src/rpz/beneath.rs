//! Whether anything that is listed lies beneath a name, without asking the whole database.
//!
//! A wildcard that comes or goes changes the records of what lies beneath it. What that is cannot be
//! looked up by key; it is found by reading everything. That is seldom needed, as beneath most names
//! there is nothing: this filter knows, in two bytes for each name that something lies beneath.

use super::judge::ALWAYS;
use super::target::{Target, above};
use wardnet_model::{DomainName, Kind, domain_key};
use wardnet_verdictdb::{Layer, LookupError, View};

/// Bits for each name: one name of a thousand is then found although nothing lies beneath it.
const BITS_PER_NAME: usize = 16;

/// Bits that are set for each name.
const PROBES: u32 = 4;

/// Bits of an empty filter.
const BITS_MIN: usize = 1 << 16;

/// A set of names that something lies beneath; it may say yes where no would be right.
#[derive(Debug, Clone)]
pub(super) struct Beneath {
    words: Vec<u64>,
    /// Names that fit in yet before it says yes too often.
    room: usize,
}

impl Beneath {
    /// Room for `names`, and nothing in it.
    fn with_room(names: usize) -> Self {
        let bits = names.saturating_mul(BITS_PER_NAME).max(BITS_MIN).next_power_of_two();
        Self { words: vec![0; bits / 64], room: bits / BITS_PER_NAME }
    }

    /// What a view lists, twice as large as it has to be.
    pub(super) fn of(view: &View) -> Result<Self, LookupError> {
        let mut parents = 0;
        each_name(view, |name| parents += above(name).count())?;
        let mut own = Self::with_room(parents.saturating_mul(2));
        each_name(view, |name| own.insert_above(name))?;
        Ok(own)
    }

    /// Notes that a name is listed.
    pub(super) fn insert_above(&mut self, name: &DomainName) {
        for parent in above(name) {
            let hash = domain_key(parent.as_str()).prefix128();
            let mut is_new = false;
            for (word, bit) in self.places(hash) {
                if let Some(word) = self.words.get_mut(word) {
                    is_new |= *word & bit == 0;
                    *word |= bit;
                }
            }
            self.room = self.room.saturating_sub(usize::from(is_new));
        }
    }

    /// Whether it has to be made anew, larger.
    pub(super) const fn is_full(&self) -> bool {
        self.room == 0
    }

    /// Whether something that is listed may lie beneath a name.
    pub(super) fn may_hold(&self, name: &DomainName) -> bool {
        let hash = domain_key(name.as_str()).prefix128();
        self.places(hash).all(|(word, bit)| self.words.get(word).is_some_and(|w| w & bit != 0))
    }

    /// Words and bits of a key, which is a hash already.
    fn places(&self, hash: u128) -> impl Iterator<Item = (usize, u64)> + use<> {
        // The number of bits is a power of two.
        let mask = self.words.len() * 64 - 1;
        (0..PROBES).map(move |probe| {
            #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
            let at = (hash >> (32 * probe)) as u32 as usize & mask;
            (at / 64, 1 << (at % 64))
        })
    }
}

/// Calls `f` for every name that has an entry.
pub(super) fn each_name(view: &View, mut f: impl FnMut(&DomainName)) -> Result<(), LookupError> {
    let is_domain = |_: Layer, kind| kind == Kind::Domain;
    for listed in view.entries_where(None, ALWAYS, is_domain) {
        if let Some(Target::Name(name)) = Target::of_entry(&listed?) {
            f(&name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DomainName {
        DomainName::parse(text).unwrap()
    }

    #[test]
    fn it_knows_what_lies_above_a_name_down_to_the_registered_domain() {
        let mut beneath = Beneath::with_room(0);
        beneath.insert_above(&name("a.b.shop.co.uk"));
        assert!(beneath.may_hold(&name("b.shop.co.uk")) && beneath.may_hold(&name("shop.co.uk")));
        assert!(!beneath.may_hold(&name("a.b.shop.co.uk")));
        assert!(!beneath.may_hold(&name("co.uk")) && !beneath.may_hold(&name("other.co.uk")));
    }

    #[test]
    fn it_seldom_says_yes_without_reason_and_never_no() {
        let mut beneath = Beneath::with_room(0);
        let room = beneath.room;
        for number in 0..room {
            beneath.insert_above(&name(&format!("a.n{number}.top")));
        }
        assert!((0..room).all(|number| beneath.may_hold(&name(&format!("n{number}.top")))));
        let wrong = (0..10_000).filter(|n| beneath.may_hold(&name(&format!("m{n}.top")))).count();
        assert!(wrong < 100, "{wrong} of 10,000");
        assert!(!beneath.is_full() || wrong > 0);
    }
}
