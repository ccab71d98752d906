//! What a bouncer is told: everything, or what is new to it.
//!
//! A bouncer blocks what it is told for a time, and no longer, so that it forgets by itself what
//! nobody can tell it any more. What goes on is told again within half that time: a 256th of all
//! after a 256th of half the time, so that no pull is a flood.

use super::book::Known;
use super::place::{Place, SLICES};
use super::told::{Gone, Row, Said, Step, Told, secs};
use crate::frames::{Out, Stop};
use wardnet_model::{Category, Timestamp};
use wardnet_wire::crowdsec::{Decision, Filter, GoDuration};

/// The origin of what evidence says.
const ORIGIN: &str = "wardnet";
/// The origin of what people decided, as bouncers know it.
const ORIGIN_DECIDED: &str = "cscli";

/// The one origin that agents take from the central interface besides subscribed lists.
const ORIGIN_CENTRAL: &str = "CAPI";

/// How decisions are worded.
#[derive(Debug, Clone)]
pub(super) struct Wording {
    pub(super) remediation: String,
    /// The origin of what evidence says.
    origin: &'static str,
    /// That of what people decided.
    origin_decided: &'static str,
    pub(super) duration_secs: u32,
    scenarios: Vec<String>,
}

impl Wording {
    pub(super) fn new(remediation: String, duration_secs: u32) -> Self {
        let last = Category::all().map(Category::tag).max().unwrap_or(0);
        let name = |tag| Category::from_tag(tag).map_or("", Category::name);
        let scenarios = (0..=last).map(|tag| format!("wardnet/{}", name(tag))).collect();
        let (origin, origin_decided) = (ORIGIN, ORIGIN_DECIDED);
        Self { remediation, origin, origin_decided, duration_secs, scenarios }
    }

    /// As agents understand it that take it for the word of the central interface.
    pub(super) fn as_central(&self) -> Self {
        Self { origin: ORIGIN_CENTRAL, origin_decided: ORIGIN_CENTRAL, ..self.clone() }
    }

    const fn origin(&self, said: Said) -> &'static str {
        if said.is_decided { self.origin_decided } else { self.origin }
    }

    /// Seconds for which a decision stands from now on.
    pub(super) fn left(&self, said: Said, now: Timestamp) -> i64 {
        i64::from(match said.until_secs {
            0 => self.duration_secs,
            until => until.saturating_sub(secs(now)).min(self.duration_secs),
        })
    }

    pub(super) fn scenario(&self, said: Said) -> &str {
        self.scenarios.get(usize::from(said.category.tag())).map_or("", String::as_str)
    }

    pub(super) fn wants(&self, filter: &Filter, place: Place, said: Said) -> bool {
        filter.wants(place.scope(), self.origin(said), self.scenario(said))
    }

    /// Writes a decision that stands.
    pub(super) fn write(&self, place: Place, said: Said, now: Timestamp, out: &mut Vec<u8>) {
        self.decision(place, said, self.left(said, now), out);
    }

    /// Writes one that stands no longer.
    fn write_gone(&self, place: Place, gone: &Gone, now: Timestamp, out: &mut Vec<u8>) {
        let since = secs(now).saturating_sub(gone.at_secs).max(1);
        self.decision(place, gone.said, i64::from(since).saturating_neg(), out);
    }

    fn decision(&self, place: Place, said: Said, secs: i64, out: &mut Vec<u8>) {
        let decision = Decision {
            id: place.id(),
            origin: self.origin(said),
            scope: place.scope(),
            value: &place.text(),
            remediation: &self.remediation,
            scenario: self.scenario(said),
            duration: GoDuration::from_secs(secs),
        };
        decision.write(out);
    }
}

/// One pull.
#[derive(Debug)]
pub(super) struct Pull<'a> {
    pub(super) told: &'a Told,
    /// How far the bouncer has listened; nothing where it is to hear everything.
    pub(super) known: Option<Known>,
    pub(super) filter: &'a Filter,
    pub(super) wording: &'a Wording,
    pub(super) now: Timestamp,
}

impl Pull<'_> {
    /// Whether it takes no more than a look at what is new; how much that is at most.
    pub(super) fn is_short(&self, steps_max: usize) -> bool {
        let Some(known) = self.known else { return false };
        let since = self.told.since(known.seq);
        since.is_some_and(|steps| steps.take(steps_max + 1).count() <= steps_max)
            && !(0..SLICES).any(|slice| self.is_due(slice, known))
    }

    /// Writes the whole answer.
    pub(super) fn write(&self, out: &mut impl Sink) -> Result<(), Stop> {
        out.frame().extend_from_slice(b"{\"deleted\":[");
        let mut list = List { is_begun: false };
        self.gone(out, &mut list)?;
        out.frame().extend_from_slice(b"],\"new\":[");
        let mut list = List { is_begun: false };
        self.told_anew(out, &mut list)?;
        out.frame().extend_from_slice(b"]}");
        Ok(())
    }

    fn gone(&self, out: &mut impl Sink, list: &mut List) -> Result<(), Stop> {
        let Some(known) = self.known else {
            // Nothing is known of what it blocks.
            return self
                .told
                .gone()
                .try_for_each(|(place, gone)| self.one_gone(place, gone, out, list));
        };
        let mut step = |step| match step {
            Step::Gone(place, gone) if gone.seq > known.seq && gone.since <= known.seq => {
                self.one_gone(place, &gone, out, list)
            }
            Step::Said(place, row) if self.is_filtered_out(place, &row, known) => {
                let Row { said, seq, since } = row;
                let gone = Gone { said, seq, since, at_secs: secs(self.now) };
                list.next(out.frame());
                self.wording.write_gone(place, &gone, self.now, out.frame());
                out.flush_full()
            }
            _ => Ok(()),
        };
        match self.told.since(known.seq) {
            Some(mut steps) => steps.try_for_each(step),
            None => {
                let mut gone = self.told.gone().map(|(place, gone)| Step::Gone(place, *gone));
                gone.try_for_each(&mut step)?;
                // Rows matter here only where what they say may have left the filter.
                if !self.filter.is_of_content() {
                    return Ok(());
                }
                self.told.rows().map(|(place, row)| Step::Said(place, *row)).try_for_each(step)
            }
        }
    }

    /// Whether what is said of a place has changed so that the filter no longer lets it through:
    /// the bouncer may block it for what was said before.
    fn is_filtered_out(&self, place: Place, row: &Row, known: Known) -> bool {
        self.filter.is_of_content()
            && row.seq > known.seq
            && row.since <= known.seq
            && self.filter.scopes.iter().any(|scope| scope.eq_ignore_ascii_case(place.scope()))
            && !self.wording.wants(self.filter, place, row.said)
    }

    fn one_gone(
        &self,
        place: Place,
        gone: &Gone,
        out: &mut impl Sink,
        list: &mut List,
    ) -> Result<(), Stop> {
        // A filter of content may have let something else through that was said before.
        let is_in_scope =
            self.filter.scopes.iter().any(|scope| scope.eq_ignore_ascii_case(place.scope()));
        if !is_in_scope {
            return Ok(());
        }
        list.next(out.frame());
        self.wording.write_gone(place, gone, self.now, out.frame());
        out.flush_full()
    }

    fn told_anew(&self, out: &mut impl Sink, list: &mut List) -> Result<(), Stop> {
        let Some(known) = self.known else {
            let mut rows = self.told.rows();
            return rows.try_for_each(|(place, row)| self.one_new(place, row, out, list));
        };
        let mut due = [false; SLICES as usize];
        for (slice, is_due) in (0..SLICES).zip(&mut due) {
            *is_due = self.is_due(slice, known);
        }
        if let (Some(steps), false) = (self.told.since(known.seq), due.contains(&true)) {
            for step in steps {
                if let Step::Said(place, row) = step {
                    self.one_new(place, &row, out, list)?;
                }
            }
            return Ok(());
        }
        let is_wanted = |place: Place, row: &Row| {
            row.seq > known.seq || due.get(usize::from(place.slice())).copied().unwrap_or(false)
        };
        let mut rows = self.told.rows().filter(|(place, row)| is_wanted(*place, row));
        rows.try_for_each(|(place, row)| self.one_new(place, row, out, list))
    }

    fn one_new(
        &self,
        place: Place,
        row: &Row,
        out: &mut impl Sink,
        list: &mut List,
    ) -> Result<(), Stop> {
        if !self.wording.wants(self.filter, place, row.said) {
            return Ok(());
        }
        list.next(out.frame());
        self.wording.write(place, row.said, self.now, out.frame());
        out.flush_full()
    }

    /// Whether a part of everything is to be told again: its turn came since the bouncer last
    /// listened.
    fn is_due(&self, slice: u16, known: Known) -> bool {
        let period = u64::from(self.wording.duration_secs / 2).max(1);
        let offset = period.saturating_mul(slice.into()) / u64::from(SLICES);
        let turn = |at: u32| u64::from(at).saturating_add(offset) / period;
        turn(secs(self.now)) > turn(known.at_secs)
    }
}

/// Where an answer is written.
pub(super) trait Sink {
    fn frame(&mut self) -> &mut Vec<u8>;
    fn flush_full(&mut self) -> Result<(), Stop>;
}

impl Sink for Out {
    fn frame(&mut self) -> &mut Vec<u8> {
        Self::frame(self)
    }

    fn flush_full(&mut self) -> Result<(), Stop> {
        Self::flush_full(self)
    }
}

/// A short answer is kept whole.
impl Sink for Vec<u8> {
    fn frame(&mut self) -> &mut Vec<u8> {
        self
    }

    fn flush_full(&mut self) -> Result<(), Stop> {
        Ok(())
    }
}

/// The commas of an array.
pub(super) struct List {
    pub(super) is_begun: bool,
}

impl List {
    pub(super) fn next(&mut self, out: &mut Vec<u8>) {
        if self.is_begun {
            out.push(b',');
        }
        self.is_begun = true;
    }
}
