//! What came into a list and what left it since a cursor.
//!
//! Whoever takes out what is removed, and puts in or replaces what is added, has the list of now.

use super::format::Format;
use super::item::{Item, Thing};
use super::name::put;
use super::record;
use super::walk::{Walk, read};
use crate::frames::{Out, Stop};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use wardnet_model::{Band, Indicator, Kind, Scope, TenantId};
use wardnet_verdictdb::{
    ChangeFeed, Cursor, Layer, LookupError, PublishedChange, Question, Resync, View,
};

/// Changes that are taken from the feed at once.
const BATCH: usize = 4_096;

/// Formats that can say what was removed.
pub(super) const fn can(format: Format) -> bool {
    matches!(format, Format::Plain | Format::Csv | Format::Ndjson | Format::Stix)
}

/// Every change after `since` that `view`, the state at `until`, contains, as a tenant sees them.
pub(super) fn changes(
    feed: &ChangeFeed,
    tenant: Option<TenantId>,
    since: Cursor,
    (until, view): (Cursor, &View),
) -> Result<Vec<Arc<PublishedChange>>, Resync> {
    let mut all = Vec::new();
    let mut cursor = since;
    loop {
        let batch = feed.since_for(tenant, cursor, BATCH)?;
        let seen = batch.changes.iter().filter(|change| change.seq <= until.seq);
        all.extend(seen.filter(|change| change.concerns(tenant, view)).cloned());
        if !batch.more || batch.cursor.seq >= until.seq {
            return Ok(all);
        }
        cursor = batch.cursor;
    }
}

impl Walk {
    /// Whether one of the changes decides about more than its own entry, so that only the whole
    /// list tells what became of the others.
    pub(super) fn reaches_further(
        &self,
        format: Format,
        changes: &[Arc<PublishedChange>],
    ) -> Result<bool, LookupError> {
        for change in changes {
            if let Some(Indicator::Network(network)) = read(change.kind, &change.key, None)
                && !self.holes()?.within(&network).is_empty()
            {
                return Ok(true);
            }
        }
        for change in changes.iter().filter(|change| change.layer == Layer::Decision) {
            let has_beneath = match change.kind {
                // An address is a hole in what it lies in.
                Kind::Ipv4Network | Kind::Ipv6Network | Kind::Ipv4 | Kind::Ipv6 => true,
                // A URL lies on its host.
                Kind::Domain => {
                    change.scope.covers_beneath() || self.asked.wants(format, Kind::Url)
                }
                Kind::Url => change.scope != Scope::Exact,
                _ => false,
            };
            if has_beneath && self.lets_through(change)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a decision allows, or blocks within what another allows. One that blocks takes
    /// nothing else out of a list, and puts nothing else in.
    fn lets_through(&self, change: &PublishedChange) -> Result<bool, LookupError> {
        let blocks = |band| matches!(band, Band::Malicious | Band::Suspicious);
        let said = [&change.old, &change.new];
        if said.into_iter().flatten().any(|data| !blocks(data.profile.band)) {
            return Ok(true);
        }
        let Some(indicator) = read(change.kind, &change.key, change.name()) else {
            return Ok(true);
        };
        let question = Question { indicator: &indicator, tenant: self.tenant, addresses: &[] };
        let answer = self.view.ask(&question, self.suffixes, self.now)?;
        let allows = |layer, band| layer == Layer::Decision && !blocks(band);
        Ok(answer.matches.iter().any(|found| allows(found.layer, found.hit.profile.band)))
    }

    /// Writes what changed.
    pub(super) fn write_delta(
        &self,
        format: Format,
        changes: &[Arc<PublishedChange>],
        out: &mut Out,
    ) -> Result<(), Stop> {
        let mut things: BTreeMap<(u8, [u8; 32]), Vec<&PublishedChange>> = BTreeMap::new();
        for change in changes.iter().filter(|change| self.asked.wants(format, change.kind)) {
            things.entry((change.kind.tag(), change.key.0)).or_default().push(change);
        }
        if format == Format::Csv {
            out.frame().extend_from_slice(b"change,");
        }
        record::head(format, self.view.as_of, out.frame());
        let mut count = 0usize;
        for changes in things.values() {
            let name = changes.iter().find_map(|change| change.name());
            let Some(first) = changes.first() else { continue };
            let Some(indicator) = read(first.kind, &first.key, name) else { continue };
            let changed = self.changed(format, &indicator, changes)?;
            let Some((item, is_added)) = changed else { continue };
            self.write_changed(format, &item, (is_added, count), out.frame());
            count = count.saturating_add(1);
            out.flush_full()?;
        }
        record::foot(format, out.frame());
        Ok(())
    }

    /// What became of one thing: it is in the list, or was and is no more.
    fn changed<'a>(
        &self,
        format: Format,
        indicator: &'a Indicator,
        changes: &[&PublishedChange],
    ) -> Result<Option<(Item<'a>, bool)>, LookupError> {
        let (Some(kind), Some(thing)) = (indicator.kind(), Thing::of(indicator)) else {
            return Ok(None);
        };
        let hits = self.view.find(self.tenant, kind, &indicator.key(), self.now)?;
        let blocking = hits.iter().map(|(_, hit)| hit).find(|hit| self.blocks(hit.profile));
        let facts = blocking.map(|hit| self.view.facts(hit)).transpose()?.flatten();
        if let Some(item) = self.item_of(format, indicator, facts, None)? {
            return Ok(Some((item, true)));
        }
        let told = changes.iter().find_map(|change| {
            let old = change.old.as_ref().filter(|old| self.blocks(&old.profile))?;
            Some((change.scope, old))
        });
        // A decision that blocked may have run out before it was told so.
        let told = told.or_else(|| {
            changes.iter().find_map(|change| Some((change.scope, change.new.as_ref()?)))
        });
        Ok(told.map(|(scope, old)| {
            let thing = match thing {
                Thing::Name { name, .. } => Thing::Name {
                    name,
                    itself: scope.covers_self(),
                    beneath: scope.covers_beneath(),
                },
                other => other,
            };
            let item = Item {
                thing,
                kind,
                risk: old.profile.risk,
                categories: old.profile.categories,
                first_seen: old.facts.map(|facts| facts.first_seen),
                last_seen: old.facts.map(|facts| facts.last_seen),
            };
            (item, false)
        }))
    }

    fn write_changed(
        &self,
        format: Format,
        item: &Item<'_>,
        (is_added, number): (bool, usize),
        out: &mut Vec<u8>,
    ) {
        // A name that is no more listed for itself has left what has no word for the rest.
        let is_added = is_added
            && !matches!(
                (format, &item.thing),
                (Format::Plain | Format::Stix, Thing::Name { itself: false, .. })
            );
        let word = if is_added { "added" } else { "removed" };
        match format {
            Format::Csv => {
                out.extend_from_slice(word.as_bytes());
                out.push(b',');
                record::csv(item, out);
            }
            Format::Ndjson => record::ndjson(item, Some(word), out),
            Format::Stix => {
                let revoked = (!is_added).then_some(self.view.as_of);
                record::stix(item, number, revoked, out);
            }
            _ => {
                let sign = if is_added { '+' } else { '-' };
                put!(out, "{sign}{}", item.text());
            }
        }
    }
}
