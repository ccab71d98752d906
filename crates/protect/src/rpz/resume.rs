//! Making a zone: as it was before a restart, where the history of changes goes on, or anew.

use super::beneath::Beneath;
use super::config::ZoneConfig;
use super::follow::{beneath_of, note};
use super::marks::Mark;
use super::serial::{Serials, since_1970};
use super::zone::{News, Zone};
use crate::missed::changes_between;
use std::sync::Arc;
use wardnet_model::Key;
use wardnet_verdictdb::{Change, ChangeFeed, Cursor, EntryData, PublishedChange, View};

type Changes = Vec<Arc<PublishedChange>>;

/// A zone at the feed's state `view`. Where it is known which serial it had before, and what has
/// changed since, it goes on from there: secondaries take the differences.
pub(super) fn resume(wanted: &Wanted<'_>) -> Zone {
    let Wanted { config, serials, cursor, view, .. } = *wanted;
    let id = wanted.id();
    let legs = legs(wanted.feed, &serials.marks.of(id), cursor);
    if let Some(zone) = legs.and_then(|legs| go_on(wanted, id, &legs)) {
        return zone;
    }
    let zone = Zone::at(config, Arc::clone(view), serials.begin(since_1970()), id);
    zone.begin(serials, cursor);
    zone
}

/// A zone that is wanted, and what it is made from.
pub(super) struct Wanted<'a> {
    pub(super) config: &'a ZoneConfig,
    /// What tells its primary from others that have a zone of the same settings.
    pub(super) primary: String,
    pub(super) feed: &'a Arc<ChangeFeed>,
    pub(super) serials: &'a Serials,
    pub(super) cursor: Cursor,
    /// The feed's state at the cursor.
    pub(super) view: &'a Arc<View>,
    pub(super) records_max: usize,
}

impl Wanted<'_> {
    fn id(&self) -> u64 {
        // Of another program it may have other content, too.
        let text = format!("{} {} {:?}", env!("CARGO_PKG_VERSION"), self.primary, self.config);
        Key::digest(text.as_bytes()).prefix64()
    }
}

/// A mark, and the changes from there to the next one or to the feed's state.
type Leg = (Mark, Changes);

/// The way from the oldest mark from which every change is known in full.
fn legs(feed: &Arc<ChangeFeed>, marks: &[Mark], cursor: Cursor) -> Option<Vec<Leg>> {
    let is_past =
        |mark: &&Mark| mark.cursor.history == cursor.history && mark.cursor.seq <= cursor.seq;
    let mut legs = Vec::new();
    let mut next = cursor;
    for mark in marks.iter().filter(is_past).rev() {
        let Some(changes) = changes_between(feed, mark.cursor, next) else { break };
        // What a new base brought is known by a part of its key, and cannot be taken back.
        if changes.iter().any(|change| change.tenant.is_none() && change.key_bits < 256) {
            break;
        }
        next = mark.cursor;
        legs.push((*mark, changes));
    }
    legs.reverse();
    (!legs.is_empty()).then_some(legs)
}

fn go_on(wanted: &Wanted<'_>, id: u64, legs: &[Leg]) -> Option<Zone> {
    let Wanted { config, serials, cursor, view, records_max, .. } = *wanted;
    let (first, _) = legs.first()?;
    let backwards = legs.iter().rev().flat_map(|(_, changes)| changes.iter().rev());
    let mut state = Arc::new(changed(view, backwards.map(|change| (change, &change.old))));
    let mut beneath = beneath_of(&state)?;
    let zone = Zone::at(config, Arc::clone(&state), first.serial, id);
    let nexts = legs.iter().skip(1).map(|(mark, _)| Some(*mark)).chain([None]);
    for ((_, changes), next) in legs.iter().zip(nexts) {
        note_all(&mut beneath, changes, view);
        // The last leg leads to the state that is served.
        state = match next {
            Some(_) => {
                let forwards = changes.iter().map(|change| (change, &change.new));
                Arc::new(changed(&state, forwards))
            }
            None => Arc::clone(view),
        };
        zone.advance(&News {
            view: &state,
            changes,
            beneath: &beneath,
            serials,
            cursor,
            serial: next.map(|mark| mark.serial),
            records_max,
        });
    }
    Some(zone)
}

fn note_all(beneath: &mut Beneath, changes: &[Arc<PublishedChange>], view: &View) {
    note(beneath, changes);
    if beneath.is_full()
        && let Some(mut larger) = beneath_of(view)
    {
        note(&mut larger, changes);
        *beneath = larger;
    }
}

/// A view with other words in the places of changes.
fn changed<'a>(
    view: &View,
    words: impl Iterator<Item = (&'a Arc<PublishedChange>, &'a Option<Arc<EntryData>>)>,
) -> View {
    let shared = words.filter(|(change, _)| change.tenant.is_none());
    let changes: Vec<Change> = shared
        .map(|(change, word)| Change {
            // Later than everything that the view has.
            seq: u64::MAX,
            layer: change.layer,
            kind: change.kind,
            key: change.key,
            scope: change.scope,
            new: word.as_deref().cloned(),
        })
        .collect();
    view.after(&changes, view.as_of)
}
