//! Finds, for many entries together, what has a word in the answers about their names.
//!
//! To ask the view about every entry takes microseconds, and hardly ever is there anything to learn:
//! nearly always the entry alone decides. That is so of a name's evidence if the name has no other
//! evidence, no decision, and no name above it has an entry that reaches beneath. What the others
//! need is looked up together. Only what is no name, or one that a standard sets apart, is asked about
//! one by one. The names are those that the base has: an entry that alone decides is not looked up to
//! see whether its name is that of its key.

use super::format::Format;
use super::parents::Parents;
use super::walk::Walk;
use rustc_hash::FxHashSet;
use wardnet_model::reserved::is_special_name;
use wardnet_model::{DomainRef, Hashed, Key, Kind, QUESTION_HOSTS_MAX, digest_all};
use wardnet_verdictdb::{Entries, Hits, Layer, Listed, LookupError};

/// Entries that are looked at together. Few in tests, so that there is a next time.
const ENTRIES: usize = if cfg!(test) { 5 } else { 128 };

/// Decided names that are remembered; where there are more, every name is looked up.
const DECIDED_MAX: usize = if cfg!(test) { 4 } else { 1 << 17 };

/// Names with more dots are asked about: a question leaves out some of the names above them.
const DOTS_MAX: usize = 12;
const _: () = assert!(DOTS_MAX < QUESTION_HOSTS_MAX);

/// How it is found out what an entry puts into the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing<'v> {
    /// By the entry alone.
    Sole(DomainRef<'v>),
    /// By what was looked up.
    Found(DomainRef<'v>),
    /// By asking.
    Asked,
}

/// What decides about an entry.
#[derive(Debug)]
pub(super) enum Ground<'b, 'v> {
    /// It alone decides about its name.
    Sole(DomainRef<'v>),
    /// The hits of its name, and of names above it that reach beneath, the nearest first.
    Found(DomainRef<'v>, &'b Hits<'v>, &'b [Above<'v>]),
    /// What the view answers.
    Asked,
}

/// Something that is said of what lies beneath a name.
#[derive(Debug)]
pub(super) struct Above<'v> {
    /// The position of the entry that it is above.
    entry: usize,
    /// Bytes of its name.
    pub(super) length: usize,
    pub(super) hits: Hits<'v>,
}

/// Entries that go on a list unless something speaks against them.
pub(super) struct Batch<'v> {
    walk: &'v Walk,
    format: Format,
    /// The first bits of the keys of names that are decided about; nothing when they are too many.
    decided: Option<FxHashSet<u64>>,
    parents: Parents,
    entries: Vec<(Listed<'v>, Standing<'v>)>,
    /// Names to look up, with the positions of entries.
    sought: Vec<(usize, &'v str)>,
    keys: Vec<Key>,
    questions: Vec<(Kind, Key)>,
    above: Vec<Above<'v>>,
    itself: Vec<(usize, Hits<'v>)>,
}

impl<'v> Batch<'v> {
    pub(super) fn new(walk: &'v Walk, format: Format) -> Result<Self, LookupError> {
        let decided = match walk.asked.wants(format, Kind::Domain) {
            true => decided(walk)?,
            false => None,
        };
        let (entries, sought, keys, questions, above, itself) = Default::default();
        let parents = Parents::default();
        let batch = Self {
            walk,
            format,
            decided,
            parents,
            entries,
            sought,
            keys,
            questions,
            above,
            itself,
        };
        Ok(batch)
    }

    /// Takes the next entries that the list's policy blocks. Says whether there may be more.
    pub(super) fn fill(&mut self, entries: &mut Entries<'v>) -> Result<bool, LookupError> {
        self.entries.clear();
        self.sought.clear();
        let mut goes_on = Ok(true);
        while self.entries.len() < ENTRIES {
            match entries.next() {
                Some(Ok(listed)) => self.take(listed),
                Some(Err(error)) => goes_on = Err(error),
                None => goes_on = Ok(false),
            }
            if goes_on != Ok(true) {
                break;
            }
        }
        self.look_above();
        self.look_up();
        goes_on
    }

    /// What was taken, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&Listed<'v>, Ground<'_, 'v>)> {
        let (mut itself, mut above) = (&*self.itself, &*self.above);
        self.entries.iter().enumerate().map(move |(at, (listed, standing))| {
            let count = above.iter().take_while(|one| one.entry == at).count();
            let (own_above, rest) = above.split_at(count);
            above = rest;
            let found = itself.split_first().filter(|((entry, _), _)| *entry == at);
            let hits = found.map(|((_, hits), rest)| {
                itself = rest;
                hits
            });
            let ground = match (*standing, hits) {
                (Standing::Sole(name), _) => Ground::Sole(name),
                (Standing::Found(name), Some(hits)) => Ground::Found(name, hits, own_above),
                _ => Ground::Asked,
            };
            (listed, ground)
        })
    }

    fn take(&mut self, listed: Listed<'v>) {
        let entry = &listed.entry;
        if self.walk.asked.wants(self.format, entry.kind) && self.walk.blocks(entry.profile) {
            let standing = self.standing(&listed).unwrap_or(Standing::Asked);
            self.entries.push((listed, standing));
        }
    }

    /// How an entry stands if nothing is said above it; nothing where it must be asked about.
    fn standing(&mut self, listed: &Listed<'v>) -> Option<Standing<'v>> {
        let entry = &listed.entry;
        if entry.kind != Kind::Domain {
            return None;
        }
        let name = DomainRef::canonical(entry.name?)?;
        let text = name.as_str();
        let dots = || text.bytes().enumerate().filter(|(_, byte)| *byte == b'.');
        let count = dots().count();
        // What is set apart, and lies beneath no name that is: `test`, `example.com`.
        let is_top = count == 0 || text.starts_with("example.");
        if count > DOTS_MAX || is_top && is_special_name(text) {
            return None;
        }
        for (at, _) in dots() {
            let parent = text.get(at.saturating_add(1)..)?;
            if self.parents.is_quiet(parent) != Some(true) {
                self.sought.push((self.entries.len(), parent));
            }
        }
        let is_undecided =
            || self.decided.as_ref().is_some_and(|keys| !keys.contains(&entry.key.prefix64()));
        let is_sole = entry.layer() == Layer::Evidence && listed.is_alone && is_undecided();
        Some(if is_sole { Standing::Sole(name) } else { Standing::Found(name) })
    }

    /// Finds what is said of what lies beneath the names above those of entries.
    fn look_above(&mut self) {
        self.above.clear();
        self.hash();
        let Self { walk, format, parents, entries, sought, questions, above, .. } = self;
        walk.view.find_batch(walk.tenant, questions, walk.now, |position, hits| {
            let Some((entry, name)) = sought.get(position) else { return };
            let Some((_, standing)) = entries.get_mut(*entry) else { return };
            let is_special = is_special_name(name);
            // Who asks is told what is wrong.
            let Ok(hits) = hits else { return *standing = Standing::Asked };
            // Unbound's exception for a name frees what lies beneath it, too.
            let excepts = |layer| *format == Format::Unbound && layer == Layer::Decision;
            let reaches = !hits.is_empty()
                && hits.iter().any(|(layer, hit)| hit.scope.covers_beneath() || excepts(layer));
            parents.remember(name, !reaches && !is_special);
            if reaches {
                above.push(Above { entry: *entry, length: name.len(), hits: *hits });
            }
            *standing = match *standing {
                _ if is_special => Standing::Asked,
                Standing::Sole(name) if reaches => Standing::Found(name),
                same => same,
            };
        });
    }

    /// Looks up the names of entries that do not decide alone.
    fn look_up(&mut self) {
        self.itself.clear();
        self.sought.clear();
        for (at, (_, standing)) in self.entries.iter().enumerate() {
            if let Standing::Found(name) = standing {
                self.sought.push((at, name.as_str()));
            }
        }
        self.hash();
        let Self { walk, entries, sought, questions, itself, .. } = self;
        walk.view.find_batch(walk.tenant, questions, walk.now, |position, hits| {
            let Some((at, _)) = sought.get(position) else { return };
            match (hits, entries.get_mut(*at)) {
                (Ok(hits), _) => itself.push((*at, *hits)),
                (Err(_), Some((_, standing))) => *standing = Standing::Asked,
                (Err(_), None) => {}
            }
        });
    }

    /// Makes questions of the names that are sought.
    fn hash(&mut self) {
        self.keys.clear();
        let names = self.sought.iter().map(|(_, name)| Hashed::name(name));
        digest_all(names, &mut self.keys);
        self.questions.clear();
        self.questions.extend(self.keys.iter().map(|key| (Kind::Domain, *key)));
    }
}

/// The keys of all names that are decided about; nothing when they are too many.
fn decided(walk: &Walk) -> Result<Option<FxHashSet<u64>>, LookupError> {
    let wanted = |layer, kind| layer == Layer::Decision && kind == Kind::Domain;
    let mut keys = FxHashSet::default();
    for listed in walk.view.entries_where(walk.tenant, walk.now, wanted) {
        if keys.len() >= DECIDED_MAX {
            return Ok(None);
        }
        keys.insert(listed?.entry.key.prefix64());
    }
    Ok(Some(keys))
}

#[cfg(test)]
mod tests;
