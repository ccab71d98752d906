//! From a message to its answer.

use super::config::DnsConfig;
use super::cookie::Cookies;
use super::index::Index;
use super::judge::{Judge, Said, Silence};
use super::metrics::{ListenerMetrics, Tally};
use super::question::{self, Asked};
use super::zone::Zone;
use crate::opinion::Opinions;
use arc_swap::ArcSwapOption;
use smallvec::SmallVec;
use std::net::IpAddr;
use std::sync::Arc;
use wardnet_model::Timestamp;
use wardnet_server::{AddressMeters, monotonic_nanos};
use wardnet_verdictdb::{View, Views};
use wardnet_wire::dns::{CLASS_IN, Query, Rcode, Refused, Reply, extended, kind, read};

/// Every how many of those who ask too much one gets a short answer that says to come over TCP, so
/// that a client whose address is misused is not cut off (response-rate limiting's "slip").
const SLIP: u32 = 2;

/// Meters for clients, 8 bytes each.
const METERS: usize = 1 << 16;

/// What all threads of a listener share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: DnsConfig,
    zones: Vec<Zone>,
    views: Arc<Views>,
    opinions: Option<Arc<Opinions>>,
    index: ArcSwapOption<Index>,
    meters: AddressMeters,
    cookies: Cookies,
    pub(super) metrics: ListenerMetrics,
}

impl Shared {
    pub(super) fn new(
        config: DnsConfig,
        (views, opinions): (Arc<Views>, Option<Arc<Opinions>>),
        metrics: ListenerMetrics,
        secret: [u8; 16],
    ) -> Self {
        let zones = config.list.iter().cloned().map(Zone::new).collect();
        let (meters, cookies) = (AddressMeters::new(METERS), Cookies::new(secret));
        let index = ArcSwapOption::empty();
        Self { config, zones, views, opinions, index, meters, cookies, metrics }
    }

    /// The index of digests, once it is there.
    pub(super) fn index(&self) -> Option<Arc<Index>> {
        self.index.load_full()
    }

    /// Puts an index into force.
    pub(super) fn publish(&self, index: Index) {
        self.metrics.names(index.len(), index.left_out());
        self.index.store(Some(Arc::new(index)));
    }

    fn may_ask(&self, from: IpAddr) -> bool {
        self.config.allow.is_empty() || self.config.allow.iter().any(|net| net.contains(&from))
    }

    fn is_exempt(&self, from: IpAddr) -> bool {
        self.config.rate.per_second == 0
            || self.config.rate.exempt.iter().any(|net| net.contains(&from))
    }
}

/// Answers questions; each thread and each connection has its own.
#[derive(Debug)]
pub(super) struct Lists {
    pub(super) shared: Arc<Shared>,
    pub(super) desk: Desk,
}

/// What a thread has before it while it answers.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) view: Arc<View>,
    pub(super) now: Timestamp,
    nanos: u64,
    tally: Tally,
    slipped: u32,
    scratch: Vec<u8>,
}

/// Who asks, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct From {
    pub(super) address: IpAddr,
    pub(super) udp: bool,
}

/// What there is to explain, as an extended error.
type Reason = (u16, &'static str);

/// A question that has to be judged.
#[derive(Debug)]
pub(super) struct Taken<'m, 's> {
    from: From,
    query: Query<'m>,
    pub(super) zone: &'s Zone,
    /// What is asked about; nothing when the zone can hold no such thing.
    pub(super) asked: Option<Asked>,
}

impl Lists {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let view = shared.views.load();
        let now = view.as_of;
        let (tally, scratch) = (Tally::default(), Vec::new());
        let desk = Desk { view, now, nanos: 0, tally, slipped: 0, scratch };
        Self { shared, desk }
    }

    /// Looks at the clock and takes the newest state.
    pub(super) fn refresh(&mut self) {
        let desk = &mut self.desk;
        desk.view = self.shared.views.load();
        desk.now = wardnet_server::now_unix().max(desk.view.as_of);
        desk.nanos = monotonic_nanos();
    }

    /// Shows what was counted.
    pub(super) fn flush(&mut self) {
        self.shared.metrics.add(&mut self.desk.tally);
    }

    /// Writes the answer to a message; none to what deserves silence.
    pub(super) fn reply(&mut self, from: From, message: &[u8], out: &mut Vec<u8>) {
        let Self { shared, desk } = self;
        if let Some(taken) = desk.take(shared, from, message, out) {
            let said = desk.judge(shared, &taken);
            desk.give(shared, &taken, said, out);
        }
    }
}

impl Desk {
    /// Reads a message. Gives back what has to be judged; to all else it writes the answer.
    pub(super) fn take<'m, 's>(
        &mut self,
        shared: &'s Shared,
        from: From,
        message: &'m [u8],
        out: &mut Vec<u8>,
    ) -> Option<Taken<'m, 's>> {
        let query = match read(message) {
            Ok(query) => query,
            Err(refused) => {
                self.tally.malformed += 1;
                match refused {
                    Refused::Ignored => {}
                    Refused::Malformed => Reply::bare(message, Rcode::FormErr, out),
                    Refused::NotImplemented => Reply::bare(message, Rcode::NotImp, out),
                }
                return None;
            }
        };
        let seconds = self.now.0 as u32;
        let cookie = query.edns.and_then(|edns| edns.cookie);
        let proven =
            cookie.is_some_and(|cookie| shared.cookies.are_good(cookie, from.address, seconds));
        if from.udp && !proven && self.asks_too_much(shared, from.address) {
            self.slip(&query, out);
            return None;
        }
        match find(shared, from, &query) {
            Ok((zone, Some(asked))) => Some(Taken { from, query, zone, asked }),
            Ok((zone, None)) => {
                let mut reply = Reply::to(&query, from.udp, out);
                reply.authoritative();
                self.apex(zone, &query, &mut reply);
                self.finish(shared, from, &query, reply, None);
                None
            }
            Err((rcode, reason)) => {
                self.tally.refused += 1;
                let mut reply = Reply::to(&query, from.udp, out);
                reply.rcode(rcode);
                self.finish(shared, from, &query, reply, Some(reason));
                None
            }
        }
    }

    /// Writes the answer to what was taken.
    pub(super) fn give(
        &mut self,
        shared: &Shared,
        taken: &Taken<'_, '_>,
        said: Result<Option<Said>, Silence>,
        out: &mut Vec<u8>,
    ) {
        let Taken { from, query, zone, .. } = taken;
        let mut reply = Reply::to(query, from.udp, out);
        reply.authoritative();
        let mut reason = None;
        match said {
            Ok(Some(said)) => self.listed(zone, &said, query.kind, &mut reply),
            Ok(None) => {
                self.tally.unlisted += 1;
                reply.rcode(Rcode::NxDomain);
                self.negative(zone, &mut reply);
            }
            Err(silence) => {
                self.tally.failed += 1;
                reply.rcode(Rcode::ServFail);
                reason = Some(match silence {
                    Silence::Damaged => {
                        (extended::OTHER, "a part of the database is damaged: no answer")
                    }
                    Silence::NoIndex => {
                        (extended::NOT_READY, "the index of digests is not built yet: ask again")
                    }
                });
            }
        }
        self.finish(shared, *from, query, reply, reason);
    }

    fn finish(
        &self,
        shared: &Shared,
        from: From,
        query: &Query<'_>,
        reply: Reply<'_>,
        reason: Option<Reason>,
    ) {
        let cookie = query.edns.and_then(|edns| edns.cookie);
        let seconds = self.now.0 as u32;
        let own = cookie.and_then(|cookie| shared.cookies.make(cookie, from.address, seconds));
        reply.finish(reason, own.as_ref().map(<[u8; 24]>::as_slice));
    }

    fn asks_too_much(&self, shared: &Shared, from: IpAddr) -> bool {
        let rate = shared.config.rate.rate();
        !shared.is_exempt(from) && shared.meters.take(from, rate, 1, self.nanos).is_err()
    }

    fn slip(&mut self, query: &Query<'_>, out: &mut Vec<u8>) {
        self.tally.limited += 1;
        self.slipped = self.slipped.wrapping_add(1);
        if self.slipped.is_multiple_of(SLIP) {
            let mut reply = Reply::to(query, true, out);
            reply.truncate();
            reply.finish(None, None);
        }
    }

    fn apex(&mut self, zone: &Zone, query: &Query<'_>, reply: &mut Reply<'_>) {
        self.tally.unlisted += 1;
        match query.kind {
            kind::SOA => {
                zone.start_of_authority(self.serial(), &mut self.scratch);
                reply.start_of_authority(&self.scratch, zone.config.ttl);
            }
            kind::NS => reply.name_server(&zone.name_server, zone.config.ttl),
            _ => self.negative(zone, reply),
        }
    }

    pub(super) fn judge(
        &self,
        shared: &Shared,
        taken: &Taken<'_, '_>,
    ) -> Result<Option<Said>, Silence> {
        let index = taken.zone.needs_index().then(|| shared.index()).flatten();
        let judge = self.judge_of(shared, &self.view, taken);
        let judge = Judge { index: index.as_deref(), ..judge };
        match &taken.asked {
            Some(asked) => judge.say(taken.zone, asked),
            None => Ok(None),
        }
    }

    /// Who judges what was taken, without an index.
    pub(super) fn judge_of<'v>(
        &self,
        shared: &'v Shared,
        view: &'v View,
        taken: &Taken<'_, '_>,
    ) -> Judge<'v> {
        let (opinions, in_words) = (shared.opinions.as_deref(), taken.query.kind == kind::TXT);
        Judge { view, index: None, now: self.now, opinions, in_words }
    }

    fn listed(&mut self, zone: &Zone, said: &Said, kind: u16, reply: &mut Reply<'_>) {
        let ttl = zone.config.ttl;
        match (said, kind) {
            (Said::Listed(listing, _), kind::A) => {
                listing.codes().iter().for_each(|one| reply.address(*one, ttl));
            }
            (Said::Listed(_, words), kind::TXT) => reply.text(words.as_bytes(), ttl),
            (Said::Digests(digests), kind::TXT) if !digests.is_empty() => {
                digests.iter().for_each(|one| reply.text(one.as_bytes(), ttl));
            }
            _ => self.negative(zone, reply),
        }
        match said {
            Said::Digests(digests) if digests.is_empty() => self.tally.unlisted += 1,
            _ => self.tally.listed += 1,
        }
    }

    fn negative(&mut self, zone: &Zone, reply: &mut Reply<'_>) {
        zone.start_of_authority(self.serial(), &mut self.scratch);
        reply.negative(zone.octets.len(), &self.scratch, zone.config.negative_ttl);
    }

    /// Grows with every change (RFC 1982).
    fn serial(&self) -> u32 {
        self.view.seq as u32
    }
}

/// A zone, and what it is asked about: nothing at the zone's own name, and else perhaps nothing that
/// the zone could hold.
type Found<'s> = (&'s Zone, Option<Option<Asked>>);

/// Finds the zone that a question is for.
fn find<'s>(
    shared: &'s Shared,
    from: From,
    query: &Query<'_>,
) -> Result<Found<'s>, (Rcode, Reason)> {
    if query.edns.is_some_and(|edns| edns.version != 0) {
        return Err((Rcode::BadVers, (extended::OTHER, "only EDNS version 0 is spoken")));
    }
    let refuse = |code, reason| Err((Rcode::Refused, (code, reason)));
    if !shared.may_ask(from.address) {
        return refuse(extended::PROHIBITED, "your network may not ask here");
    }
    let found = shared.zones.iter().find_map(|zone| {
        let before = query.name.before(wardnet_wire::dns::Name::of(&zone.octets))?;
        Some((zone, before))
    });
    let Some((zone, before)) = found.filter(|_| query.class == CLASS_IN) else {
        return refuse(extended::NOT_AUTHORITATIVE, "no such zone here");
    };
    let labels: SmallVec<[&[u8]; 40]> = before.labels().collect();
    let Some(labels) = zone.without_key(&labels) else {
        return refuse(extended::PROHIBITED, "a key is needed right before the zone");
    };
    if query.kind == kind::ANY {
        return refuse(extended::NOT_SUPPORTED, "ask for A or TXT (RFC 8482)");
    }
    let asked = (!labels.is_empty()).then(|| question::read(zone.config.kind, labels));
    Ok((zone, asked))
}
