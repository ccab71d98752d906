//! Compiles a base from a moment of the store, in memory that does not grow with what is in it.
//!
//! A database is written from front to back: first all evidence, section by section, then all
//! decisions. The store's dossiers lie in the same order, but for networks, which a database sorts
//! together with the addresses of their family. So the store is walked twice: once to count, as the
//! size of a section decides how it is cut, and once to write. Decisions are few and are kept from
//! the first walk; where they are not, there is a third.

use crate::EngineError;
use crate::base::Cancel;
use crate::settle::{self, facts, is_listed, is_told, name, ruling_entry};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::io::Write;
use std::iter::Peekable;
use wardnet_model::{Band, Basis, Category, CategorySet, Kind, TenantId, Timestamp};
use wardnet_score::Epoch;
use wardnet_store::{DossierKey, Filed, Filing, Front, Published, Snapshot, StoreError};
use wardnet_verdictdb::{
    Entry, EntryData, Options, Plan, Profile, StreamBuilder, Terms, Written, kinds_by_section,
};

/// Decisions that are kept between two walks: some 20 MB.
pub(crate) const DECISIONS_MAX: usize = 50_000;

/// Dossiers that a database cannot tell apart and that are kept until all of them are known. Whoever
/// may name hashes can name as many as he likes that begin alike.
const ALIKE_MAX: usize = 64;

/// What a base is compiled from.
pub(crate) struct Compiler<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) epoch: &'a Epoch,
    pub(crate) now: Timestamp,
    pub(crate) cancel: &'a Cancel,
    /// Decisions that are kept between two walks.
    pub(crate) decisions_max: usize,
}

/// A dossier without its evidence.
type Place<'a> = (DossierKey, Front<'a>);

/// A decision, and where it stands.
type Decided = (DossierKey, EntryData);

/// What the first walk found.
struct Found {
    plan: Plan,
    /// Dossiers in which tenants have something of their own.
    private: Vec<DossierKey>,
    /// The decisions; `None` when they are too many to be kept.
    decisions: Option<Vec<Decided>>,
}

impl Compiler<'_> {
    /// Writes the base. Gives the dossiers, too, in which tenants have something of their own.
    pub(crate) fn compile(
        &self,
        options: Options,
        out: impl Write,
    ) -> Result<(Written, Vec<DossierKey>), EngineError> {
        let hard = never_listed(self.epoch);
        let Found { plan, private, decisions } = self.survey(&options, &hard)?;
        let mut builder = StreamBuilder::new(out, options, plan)?;
        self.write_evidence(&mut builder)?;
        let mut last = Decisions { builder, hard: hard.iter().peekable() };
        match decisions {
            Some(kept) => kept.iter().try_for_each(|ruling| last.push(ruling))?,
            None => drop(self.walk(|places| {
                self.ruling(places, &hard).map_or(Ok(()), |ruling| last.push(&ruling))
            })?),
        }
        Ok((last.finish()?, private))
    }

    /// Counts what will be written.
    fn survey(&self, options: &Options, hard: &[Decided]) -> Result<Found, EngineError> {
        let mut plan = Plan::new(options.limits);
        hard.iter().filter_map(entry).try_for_each(|entry| plan.note(&entry))?;
        let (mut private, mut decisions) = (Vec::new(), Some(Vec::new()));
        let mut profiles = Profiles::default();
        let left_out = self.walk(|places| {
            private.extend(places.iter().filter(|(_, front)| front.published.private).map(key_of));
            if let Some((key, front)) = shown(places)
                && let Some(kind) = key.kind()
            {
                let profile = profiles.of(&front.published);
                plan.note(&Entry::evidence(kind, key.key(), key.scope(), profile))?;
            }
            if let Some(ruling) = self.ruling(places, hard) {
                entry(&ruling).map_or(Ok(()), |entry| plan.note(&entry))?;
                decisions = decisions.take().filter(|kept| kept.len() < self.decisions_max);
                if let Some(kept) = &mut decisions {
                    kept.push(ruling);
                }
            }
            Ok(())
        })?;
        private.extend(left_out);
        Ok(Found { plan, private, decisions })
    }

    fn write_evidence(&self, builder: &mut StreamBuilder<impl Write>) -> Result<(), EngineError> {
        let mut profiles = Profiles::default();
        let written = self.walk(|places| {
            let Some((key, front)) = shown(places) else { return Ok(()) };
            let Some(kind) = key.kind() else { return Ok(()) };
            let told = is_told(key, front.published.band);
            let text = told.then(|| settle::text(key, front.payload)).flatten();
            let profile = profiles.of(&front.published);
            let entry = Entry::evidence(kind, key.key(), key.scope(), profile);
            let facts = Some(facts(&front.published));
            Ok(builder.push(&Entry { name: text.as_deref(), facts, ..entry })?)
        });
        written.map(drop)
    }

    /// The decision that rules at one place of the database, unless the `hard` tier has it.
    fn ruling(&self, places: &[Place<'_>], hard: &[Decided]) -> Option<Decided> {
        let ruling = self.strongest(places)?;
        hard.binary_search_by(|one| order(one, &ruling)).is_err().then_some(ruling)
    }

    /// The decision that rules among those of one place.
    fn strongest(&self, places: &[Place<'_>]) -> Option<Decided> {
        let decided = places.iter().filter(|(_, front)| !front.decisions.is_empty());
        let rulings = decided.filter_map(|(key, front)| {
            let name = name(key, front.payload);
            Some((*key, ruling_entry(name, &front.decisions, TenantId::SHARED, self.now)?))
        });
        rulings.max_by_key(|(_, data)| data.profile.risk)
    }

    /// Visits all dossiers of kinds that a database has, in its order: those of one place together,
    /// which is one almost always. Where they are many, some are left out that have no say in the
    /// outcome; gives those of them in which tenants have something of their own.
    fn walk(
        &self,
        mut visit: impl FnMut(&[Place<'_>]) -> Result<(), EngineError>,
    ) -> Result<Vec<DossierKey>, EngineError> {
        let mut left_out = Vec::new();
        for kinds in kinds_by_section() {
            let mut alike: Vec<Filed> = Vec::new();
            for filed in Section::of(self.snapshot, &kinds) {
                self.cancel.check()?;
                let filed = filed?;
                if alike.first().is_some_and(|first| !is_alike(&first.key, &filed.key)) {
                    visit_alike(&mut alike, &mut visit)?;
                }
                alike.push(filed);
                if alike.len() > ALIKE_MAX {
                    self.thin_out(&mut alike, &mut left_out)?;
                }
            }
            visit_alike(&mut alike, &mut visit)?;
        }
        Ok(left_out)
    }

    /// Of dossiers alike keeps those that decide: in each scope the one that is shown, and the one
    /// whose decision rules.
    fn thin_out(
        &self,
        alike: &mut Vec<Filed>,
        left_out: &mut Vec<DossierKey>,
    ) -> Result<(), EngineError> {
        let mut kept = BTreeSet::new();
        let mut note = |places: &[Place<'_>]| {
            kept.extend(shown(places).map(key_of));
            kept.extend(self.strongest(places).map(|(key, _)| key));
            Ok(())
        };
        let mut all = alike.clone();
        visit_alike(&mut all, &mut note)?;
        for filed in alike.iter().filter(|filed| !kept.contains(&filed.key)) {
            left_out.extend(filed.front()?.published.private.then_some(filed.key));
        }
        alike.retain(|filed| kept.contains(&filed.key));
        Ok(())
    }
}

/// Visits dossiers whose keys a database cannot tell apart, scope by scope.
fn visit_alike(
    alike: &mut Vec<Filed>,
    visit: &mut impl FnMut(&[Place<'_>]) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    alike.sort_by_key(|filed| filed.key.scope());
    for of_scope in alike.chunk_by(|one, other| one.key.scope() == other.key.scope()) {
        match of_scope {
            [one] => visit(&[(one.key, one.front()?)])?,
            many => {
                let places = many.iter().map(|filed| Ok((filed.key, filed.front()?)));
                visit(&places.collect::<Result<Vec<_>, StoreError>>()?)?;
            }
        }
    }
    alike.clear();
    Ok(())
}

/// Whether a database cannot tell two keys apart, but for their scopes. Of a hash it keeps 128 bits:
/// whoever may name hashes can name two that begin alike.
fn is_alike(one: &DossierKey, other: &DossierKey) -> bool {
    // Kind and 128 bits; the length of a network's prefix stands behind its address.
    let length = match one.kind() {
        Some(Kind::Ipv4 | Kind::Ipv6 | Kind::Ipv4Network | Kind::Ipv6Network) => 18,
        _ => 17,
    };
    one.0.get(..length) == other.0.get(..length)
}

/// The dossier whose evidence is shown at a place: of several the most dangerous, as there must be
/// no getting rid of a block by something good that begins like it.
fn shown<'p, 'a>(places: &'p [Place<'a>]) -> Option<&'p Place<'a>> {
    let listed = places.iter().filter(|(_, front)| is_listed(&front.published));
    listed.max_by_key(|(_, front)| front.published.risk)
}

fn key_of((key, _): &Place<'_>) -> DossierKey {
    *key
}

/// The dossiers of a section of the database, in its order.
struct Section(Vec<Peekable<Filing>>);

impl Section {
    fn of(snapshot: &Snapshot, kinds: &[Kind]) -> Self {
        Self(kinds.iter().map(|kind| snapshot.of_kind(kind.tag()).peekable()).collect())
    }
}

impl Iterator for Section {
    type Item = Result<Filed, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let [only] = &mut *self.0 else {
            // Addresses and networks: by address, then by the length of the prefix. An error first.
            let next = |filing: &mut Peekable<Filing>| {
                let key = filing.peek()?.as_ref().ok().map(|filed| filed.key.0);
                Some(key.map(|[_, rest @ ..]| rest))
            };
            let heads = self.0.iter_mut().filter_map(|filing| Some((next(filing)?, filing)));
            return heads.min_by_key(|(key, _)| *key)?.1.next();
        };
        only.next()
    }
}

/// Makes profiles of published verdicts. Neighbours have mostly the same.
#[derive(Default)]
struct Profiles {
    of: Published,
    profile: Option<Profile>,
}

impl Profiles {
    fn of(&mut self, published: &Published) -> &Profile {
        let says = |one: &Published| (one.risk, one.band, one.categories);
        let is_same = says(&self.of) == says(published) && self.of.sources == published.sources;
        if !is_same {
            self.of = published.clone();
            self.profile = None;
        }
        self.profile.get_or_insert_with(|| settle::profile(published))
    }
}

/// Writes decisions, with what is never listed among them.
struct Decisions<'h, W> {
    builder: StreamBuilder<W>,
    hard: Peekable<std::slice::Iter<'h, Decided>>,
}

impl<W: Write> Decisions<'_, W> {
    fn push(&mut self, decided: &Decided) -> Result<(), EngineError> {
        while let Some(hard) = self.hard.next_if(|hard| order(hard, decided) == Ordering::Less) {
            self.write(hard)?;
        }
        self.write(decided)
    }

    fn write(&mut self, decided: &Decided) -> Result<(), EngineError> {
        Ok(entry(decided).map_or(Ok(()), |entry| self.builder.push(&entry))?)
    }

    fn finish(mut self) -> Result<Written, EngineError> {
        while let Some(hard) = self.hard.next() {
            self.write(hard)?;
        }
        Ok(self.builder.finish()?)
    }
}

/// What is never listed, in the order of a database.
fn never_listed(epoch: &Epoch) -> Vec<Decided> {
    let profile = Profile {
        band: Band::Trusted,
        basis: Basis::Hard,
        categories: CategorySet::EMPTY.with(Category::Infrastructure),
        ..Profile::default()
    };
    let entry = |text: &str| EntryData {
        profile: profile.clone(),
        name: Some(text.into()),
        facts: None,
        terms: Some(Terms::default()),
    };
    let known = settle::never_listed(epoch).filter(|(_, indicator, _)| indicator.kind().is_some());
    let mut all: Vec<Decided> = known
        .map(|(text, indicator, scope)| (DossierKey::of(&indicator, scope), entry(text)))
        .collect();
    all.sort_by(order);
    all.dedup_by(|one, before| order(one, before).is_eq());
    all
}

/// The order of a database.
fn order(one: &Decided, other: &Decided) -> Ordering {
    match (entry(one), entry(other)) {
        (Some(one), Some(other)) => one.order(&other),
        (one, other) => one.is_some().cmp(&other.is_some()),
    }
}

fn entry((key, data): &Decided) -> Option<Entry<'_>> {
    Some(data.as_entry(key.kind()?, key.key(), key.scope()))
}

#[cfg(test)]
mod tests;
