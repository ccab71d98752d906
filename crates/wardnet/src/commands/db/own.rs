//! Which files a `wardnet db` command looks into, and the changes that wait beside a base.

use crate::args::Args;
use crate::backend::folder;
use anyhow::{Context as _, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wardnet_model::{Key, Kind, Scope};
use wardnet_verdictdb::{Change, Entry, EntryData, Layer, Limits, Prefix, PublicKey, Stored, log};

/// A base file, and the log of the changes since when it is a data folder's own.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) base: PathBuf,
    pub(super) log: Option<PathBuf>,
}

impl Target {
    /// The file named, or the data folder's own.
    pub(super) fn find(args: &Args, file: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(file) = file {
            return Ok(Self { base: file.to_path_buf(), log: None });
        }
        let view = folder(args)?.0.join("view");
        let none = || format!("there is no verdict database in {}", view.display());
        let listing = std::fs::read_dir(&view).with_context(none)?;
        let is_base = |path: &PathBuf| path.extension().is_some_and(|end| end == "wvdb");
        let bases = listing.flatten().map(|entry| entry.path()).filter(is_base);
        // While a new base takes the place of the old one, there are two for a moment.
        let Some(base) = bases.max_by_key(|path| number(path)) else { bail!(none()) };
        let log = view.join(format!("changes-{}.wvcl", number(&base)));
        let log = log.exists().then_some(log);
        Ok(Self { base, log })
    }

    /// The changes since a base that ends at `sequence`.
    pub(super) fn changes(&self, sequence: u64) -> anyhow::Result<Changes> {
        self.log.as_deref().map_or(Ok(Changes::default()), |log| Changes::read(log, sequence))
    }
}

/// The number in `base-12.wvdb`.
fn number(base: &Path) -> u64 {
    let stem = base.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let digits = stem.as_deref().and_then(|stem| stem.strip_prefix("base-"));
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Where an entry stands.
type Place = (Layer, Kind, Scope, Key);

/// What changed since a base: the last word on each entry.
#[derive(Debug, Default)]
pub(super) struct Changes {
    last: BTreeMap<Place, Option<EntryData>>,
    seal: Option<log::Seal>,
}

impl Changes {
    /// Reads a log. A server may be writing its last frame just now: it ends before that one.
    pub(super) fn read(path: &Path, sequence: u64) -> anyhow::Result<Self> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let contents = log::decode(&bytes, &Limits::default())
            .with_context(|| format!("cannot use {}", path.display()))?;
        Ok(Self { seal: contents.seal, ..Self::fold(contents.changes, sequence) })
    }

    /// Who signed them.
    pub(super) fn signed_by(&self) -> Option<PublicKey> {
        self.seal.map(|seal| seal.key)
    }

    /// Checks that they follow the base of this root, and that they bear the signature that is
    /// required.
    pub(super) fn check(&self, root: [u8; 32], key: Option<PublicKey>) -> anyhow::Result<()> {
        if self.seal.is_some_and(|seal| seal.base != root) {
            bail!("the changes are those of another base");
        }
        match (key, self.signed_by()) {
            (Some(key), None) => bail!("not signed, and only what {key} signed is taken"),
            (Some(key), Some(found)) if key != found => {
                bail!("signed by {found}, and only what {key} signed is taken")
            }
            _ => Ok(()),
        }
    }

    fn fold(changes: Vec<Change>, sequence: u64) -> Self {
        let mut last = BTreeMap::new();
        for change in changes.into_iter().filter(|change| change.seq > sequence) {
            last.insert((change.layer, change.kind, change.scope, change.key), change.new);
        }
        Self { last, seal: None }
    }

    /// How many entries are spoken of.
    pub(super) fn count(&self) -> usize {
        self.last.len()
    }

    /// How many entries were set and removed, by layer and kind.
    pub(super) fn by_kind(&self) -> BTreeMap<(Layer, Kind), (u64, u64)> {
        let mut counts = BTreeMap::new();
        for ((layer, kind, ..), new) in &self.last {
            let (set, removed) = counts.entry((*layer, *kind)).or_insert((0, 0));
            *if new.is_some() { set } else { removed } += 1;
        }
        counts
    }

    /// Whether a change has the word on an entry of the base, of whose key only some bits are
    /// kept.
    pub(super) fn cover(&self, stored: &Stored<'_>) -> bool {
        let entry = &stored.entry;
        let from = (entry.layer(), entry.kind, entry.scope, entry.key);
        if Prefix::from_key(entry.kind, &entry.key).is_some() {
            // Keys of addresses and networks are kept whole.
            return self.last.contains_key(&from);
        }
        let next = self.last.range(from..).next();
        next.is_some_and(|((layer, kind, scope, key), _)| {
            (*layer, *kind, *scope) == (entry.layer(), entry.kind, entry.scope)
                && begins_alike(key, &entry.key, stored.key_bits)
        })
    }

    /// The entries that were set.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.last.iter().filter_map(|((_, kind, scope, key), new)| {
            new.as_ref().map(|data| data.as_entry(*kind, *key, *scope))
        })
    }
}

fn begins_alike(one: &Key, other: &Key, bits: u8) -> bool {
    let whole = usize::from(bits) / 8;
    let mask = !(u8::MAX >> (bits % 8));
    let pairs = || one.0.iter().zip(&other.0);
    pairs().take(whole).all(|(one, other)| one == other)
        && pairs().nth(whole).is_none_or(|(one, other)| (one ^ other) & mask == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardnet_verdictdb::Profile;

    fn change(seq: u64, key: Key, set: bool) -> Change {
        let data = EntryData { profile: Profile::default(), name: None, facts: None, terms: None };
        let new = set.then_some(data);
        let (layer, kind, scope) = (Layer::Evidence, Kind::Domain, Scope::Exact);
        Change { seq, layer, kind, key, scope, new }
    }

    #[test]
    fn the_last_word_on_an_entry_counts() {
        let [one, two] = [b"one", b"two"].map(|text| Key::digest(text));
        let log = vec![
            change(5, one, true),
            change(6, one, true),
            change(7, two, true),
            change(8, one, false),
        ];
        let changes = Changes::fold(log.clone(), 4);
        assert_eq!((changes.count(), changes.entries().count()), (2, 1));
        let counts = changes.by_kind();
        assert_eq!(counts.get(&(Layer::Evidence, Kind::Domain)), Some(&(1, 1)));
        assert_eq!(Changes::fold(log, 7).count(), 1, "what the base has is no change");
    }

    #[test]
    fn an_entry_of_the_base_is_covered_by_the_bits_it_keeps() {
        let key = Key::digest(b"one");
        let changes = Changes::fold(vec![change(1, key, true)], 0);
        let profile = Profile::default();
        let stored = |key: Key, key_bits| {
            let entry = Entry::evidence(Kind::Domain, key, Scope::Exact, &profile);
            Stored { entry, key_bits }
        };
        let mut kept = Key([0; 32]);
        kept.0[..8].copy_from_slice(&key.0[..8]);
        assert!(changes.cover(&stored(kept, 64)));
        assert!(!changes.cover(&stored(Key::digest(b"two"), 64)));
        let mut other = kept;
        other.0[7] ^= 1;
        assert!(!changes.cover(&stored(other, 64)));
    }

    #[test]
    fn the_newest_base_is_found_by_its_number() {
        assert_eq!(number(Path::new("/x/base-12.wvdb")), 12);
        assert!(number(Path::new("base-9.wvdb")) < number(Path::new("base-10.wvdb")));
        assert_eq!(number(Path::new("copy.wvdb")), 0);
    }
}
