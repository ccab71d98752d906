//! From a message to its answer.

use super::config::DnsConfig;
use super::cookie::Cookies;
use super::index::Index;
use super::judge::{Judge, Said, Silence};
use super::metrics::{ListenerMetrics, Tally};
use super::question::{self, Asked};
use super::zone::Zone;
use arc_swap::ArcSwapOption;
use smallvec::SmallVec;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use wardnet_model::Timestamp;
use wardnet_server::udp::Answerer;
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
    index: ArcSwapOption<Index>,
    meters: AddressMeters,
    cookies: Cookies,
    pub(super) metrics: ListenerMetrics,
}

impl Shared {
    pub(super) fn new(
        config: DnsConfig,
        views: Arc<Views>,
        metrics: ListenerMetrics,
        secret: [u8; 16],
    ) -> Self {
        let zones = config.list.iter().cloned().map(Zone::new).collect();
        let (meters, cookies) = (AddressMeters::new(METERS), Cookies::new(secret));
        let index = ArcSwapOption::empty();
        Self { config, zones, views, index, meters, cookies, metrics }
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
    shared: Arc<Shared>,
    desk: Desk,
}

/// What a thread has before it while it answers.
#[derive(Debug)]
struct Desk {
    view: Arc<View>,
    now: Timestamp,
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
        self.desk.reply(&self.shared, from, message, out);
    }
}

impl Desk {
    fn reply(&mut self, shared: &Shared, from: From, message: &[u8], out: &mut Vec<u8>) {
        let query = match read(message) {
            Ok(query) => query,
            Err(refused) => {
                self.tally.malformed += 1;
                match refused {
                    Refused::Ignored => {}
                    Refused::Malformed => Reply::bare(message, Rcode::FormErr, out),
                    Refused::NotImplemented => Reply::bare(message, Rcode::NotImp, out),
                }
                return;
            }
        };
        let seconds = self.now.0 as u32;
        let cookie = query.edns.and_then(|edns| edns.cookie);
        let proven =
            cookie.is_some_and(|cookie| shared.cookies.are_good(cookie, from.address, seconds));
        if from.udp && !proven && self.asks_too_much(shared, from.address) {
            self.slip(&query, out);
            return;
        }
        let mut reply = Reply::to(&query, from.udp, out);
        let reason = self.answer(shared, from, &query, &mut reply);
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

    /// Writes the records; gives the reason where there is something to explain.
    fn answer(
        &mut self,
        shared: &Shared,
        from: From,
        query: &Query<'_>,
        reply: &mut Reply<'_>,
    ) -> Option<(u16, &'static str)> {
        let mut refuse = |rcode, reason| {
            self.tally.refused += 1;
            reply.rcode(rcode);
            Some(reason)
        };
        if query.edns.is_some_and(|edns| edns.version != 0) {
            return refuse(Rcode::BadVers, (extended::OTHER, "only EDNS version 0 is spoken"));
        }
        if !shared.may_ask(from.address) {
            let reason = "your network may not ask here";
            return refuse(Rcode::Refused, (extended::PROHIBITED, reason));
        }
        let found = shared.zones.iter().find_map(|zone| {
            let before = query.name.before(wardnet_wire::dns::Name::of(&zone.octets))?;
            Some((zone, before))
        });
        let Some((zone, before)) = found.filter(|_| query.class == CLASS_IN) else {
            return refuse(Rcode::Refused, (extended::NOT_AUTHORITATIVE, "no such zone here"));
        };
        let labels: SmallVec<[&[u8]; 40]> = before.labels().collect();
        let Some(labels) = zone.without_key(&labels) else {
            let reason = "a key is needed right before the zone";
            return refuse(Rcode::Refused, (extended::PROHIBITED, reason));
        };
        if query.kind == kind::ANY {
            let reason = "ask for A or TXT (RFC 8482)";
            return refuse(Rcode::Refused, (extended::NOT_SUPPORTED, reason));
        }
        reply.authoritative();
        if labels.is_empty() {
            self.apex(zone, query, reply);
            return None;
        }
        self.entry(shared, zone, labels, query, reply)
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

    /// What a zone says of one name.
    fn entry(
        &mut self,
        shared: &Shared,
        zone: &Zone,
        labels: &[&[u8]],
        query: &Query<'_>,
        reply: &mut Reply<'_>,
    ) -> Option<(u16, &'static str)> {
        let said = match question::read(zone.config.kind, labels) {
            Some(asked) => self.judge(shared, zone, &asked, query.kind == kind::TXT),
            None => Ok(None),
        };
        match said {
            Ok(Some(said)) => self.listed(zone, &said, query.kind, reply),
            Ok(None) => {
                self.tally.unlisted += 1;
                reply.rcode(Rcode::NxDomain);
                self.negative(zone, reply);
            }
            Err(silence) => {
                self.tally.failed += 1;
                reply.rcode(Rcode::ServFail);
                return Some(match silence {
                    Silence::Damaged => {
                        (extended::OTHER, "a part of the database is damaged: no answer")
                    }
                    Silence::NoIndex => {
                        (extended::NOT_READY, "the index of digests is not built yet: ask again")
                    }
                });
            }
        }
        None
    }

    fn judge(
        &self,
        shared: &Shared,
        zone: &Zone,
        asked: &Asked,
        in_words: bool,
    ) -> Result<Option<Said>, Silence> {
        let index = zone.needs_index().then(|| shared.index()).flatten();
        let (view, index) = (self.view.as_ref(), index.as_deref());
        Judge { view, index, now: self.now, in_words }.say(zone, asked)
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

impl Answerer for Lists {
    fn begin(&mut self) {
        self.refresh();
    }

    fn answer(&mut self, from: SocketAddr, datagram: &[u8], out: &mut Vec<u8>) {
        self.reply(From { address: from.ip().to_canonical(), udp: true }, datagram, out);
    }

    fn end(&mut self) {
        self.flush();
    }
}
