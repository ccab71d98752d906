//! The way of a question: who asks, what standards say, the verdict, the cache, the upstreams,
//! and the verdict again on all that the answer leads to.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{DNSClass, RecordType};
use wardnet_model::{DomainName, SuffixList};
use wardnet_server::budget::{BudgetConfig, Budgets};
use wardnet_server::{monotonic_nanos, now_unix};
use wardnet_verdictdb::Views;

use super::asked::{Asked, Question, domain};
use super::cache::AnswerCache;
use super::config::{Action, PolicyConfig, ResolverConfig, WithoutVerdicts};
use super::judge::{Judge, Judgement, NoVerdict};
use super::metrics::Counters;
use super::own;
use super::stored::{Age, ExtendedError, Stored};
use super::upstream::{Failure, UpstreamError, Upstreams};

/// Failures in a row after which the upstreams count as lost.
const FAILURES_MAX: u32 = 5;

const NANOS_PER_SEC: u64 = 1_000_000_000;

/// Meters for client addresses, 8 bytes each.
const ADDRESS_SLOTS: usize = 65_536;

/// How a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// One datagram: the answer has to fit, and the sender's address is a mere claim.
    Udp,
    /// A connection.
    Stream,
}

/// Who asks, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    pub(super) way: Way,
}

/// Everything that a reload replaces at once.
#[derive(Debug)]
pub(super) struct Settings {
    config: ResolverConfig,
    upstreams: Upstreams,
    budgets: Budgets,
    anyone: PolicyConfig,
}

/// One resolver, whatever listeners lead to it.
#[derive(Debug)]
pub(super) struct Engine {
    settings: ArcSwap<Settings>,
    cache: AnswerCache,
    views: Arc<Views>,
    suffixes: &'static SuffixList,
    in_flight: AtomicUsize,
    /// Of upstreams, in a row.
    failures: AtomicU32,
    pub(super) counters: Counters,
}

/// What became of a question at once.
pub(super) enum Begun {
    /// The answer is written.
    Answered,
    /// No answer is due.
    Silence,
    /// Upstreams have to be asked.
    Ask(Box<Pending>),
}

/// A question for the upstreams.
pub(super) struct Pending {
    asked: Asked,
    client: Client,
    name: Option<DomainName>,
    key: Question,
    stale: Option<Arc<Stored>>,
    settings: Arc<Settings>,
    /// Held for its drop, and for the engine.
    place: Place,
}

/// A place among the questions in flight, given back on drop.
struct Place(Arc<Engine>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.0.counters.in_flight.dec();
    }
}

impl Settings {
    pub(super) fn new(config: ResolverConfig) -> Result<Self, UpstreamError> {
        let upstreams = Upstreams::new(&config)?;
        let budgets = BudgetConfig {
            anonymous: config.rate,
            address_slots: ADDRESS_SLOTS,
            ..BudgetConfig::default()
        };
        let budgets = Budgets::new(budgets);
        Ok(Self { config, upstreams, budgets, anyone: PolicyConfig::default() })
    }

    /// The first policy for a client; the default one where none is meant for it.
    fn policy(&self, client: IpAddr) -> &PolicyConfig {
        self.config.policy.iter().find(|policy| policy.is_for(client)).unwrap_or(&self.anyone)
    }

    /// The largest answer that fits.
    fn room(&self, asked: &Asked, way: Way) -> usize {
        let udp_bytes_max = self.config.limits.udp_bytes_max;
        match way {
            Way::Udp => usize::from(asked.edns.map_or(512, |edns| edns.payload.min(udp_bytes_max))),
            Way::Stream => usize::from(u16::MAX),
        }
    }
}

impl Engine {
    pub(super) fn new(
        config: ResolverConfig,
        views: Arc<Views>,
        counters: Counters,
    ) -> Result<Self, UpstreamError> {
        let cache = AnswerCache::new(config.limits.cache_bytes_max);
        let settings = ArcSwap::from_pointee(Settings::new(config)?);
        let suffixes = SuffixList::shipped();
        let (in_flight, failures) = (AtomicUsize::new(0), AtomicU32::new(0));
        Ok(Self { settings, cache, views, suffixes, in_flight, failures, counters })
    }

    /// Puts other settings into force, from the next question on.
    pub(super) fn replace(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
        // Other upstreams may know other answers.
        self.cache.clear();
    }

    /// Whether upstreams answer: not, when they have failed some times in a row.
    pub(super) fn upstreams_answer(&self) -> bool {
        self.failures.load(Ordering::Relaxed) < FAILURES_MAX
    }

    /// Answers at once what can be, into `out`.
    pub(super) fn begin(
        self: &Arc<Self>,
        bytes: &[u8],
        client: Client,
        out: &mut Vec<u8>,
    ) -> Begun {
        let asked = match Asked::read(bytes) {
            Ok(asked) => asked,
            Err(refusal) => {
                self.counters.malformed.inc();
                let Some(answer) = own::refusal(&refusal) else { return Begun::Silence };
                out.extend_from_slice(&answer);
                return Begun::Answered;
            }
        };
        let settings = self.settings.load();
        let now_nanos = monotonic_nanos();
        let client = Client { address: client.address.to_canonical(), ..client };
        if let Some(begun) = self.turn_away(&settings, &asked, client, now_nanos, out) {
            return begun;
        }
        let name = domain(&asked.query.name);
        if let Some(message) = own::local(&asked, name.as_ref(), &settings.config) {
            self.counters.own.inc();
            return self.say(&settings, &asked, client, (message, None), out);
        }
        let key = asked.key();
        let now_secs = now_nanos / NANOS_PER_SEC;
        let kept = self.cache.get(&key);
        let stale_secs_max = settings.config.limits.stale_secs_max;
        let age = kept.as_ref().map_or(Age::Gone, |kept| kept.age(now_secs, stale_secs_max));
        if let (Age::Fresh, Some(kept)) = (age, &kept) {
            self.counters.cached.inc();
            self.deliver(&settings, (&asked, name.as_ref()), client, kept, out);
            return Begun::Answered;
        }
        // A name that is blocked is not even told to the upstreams.
        let early = self.judge(&settings, client, |judge| {
            name.as_ref().map_or(Ok(Judgement::Pass), |name| judge.name(name, &[]))
        });
        if !self.may_pass(&settings, &asked, client, early, out) {
            return Begun::Answered;
        }
        let stale = kept.filter(|_| age == Age::Stale);
        self.ask(&settings, asked, client, (name, key, stale), out)
    }

    /// Takes a place in flight for a question, or tells that there is none.
    fn ask(
        self: &Arc<Self>,
        settings: &Arc<Settings>,
        asked: Asked,
        client: Client,
        (name, key, stale): (Option<DomainName>, Question, Option<Arc<Stored>>),
        out: &mut Vec<u8>,
    ) -> Begun {
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.counters.in_flight.inc();
        let place = Place(Arc::clone(self));
        if before >= settings.config.limits.in_flight_max {
            self.counters.overload.inc();
            let text = "too many questions are waiting for upstreams";
            let error = ExtendedError::new(ExtendedError::NOT_READY, text);
            let answer = (own::error(ResponseCode::ServFail), Some(error));
            return self.say(settings, &asked, client, answer, out);
        }
        let settings = Arc::clone(settings);
        Begun::Ask(Box::new(Pending { asked, client, name, key, stale, settings, place }))
    }

    /// Turns away who may not ask, who asks too much, and what nobody here answers.
    fn turn_away(
        self: &Arc<Self>,
        settings: &Settings,
        asked: &Asked,
        client: Client,
        now_nanos: u64,
        out: &mut Vec<u8>,
    ) -> Option<Begun> {
        let config = &settings.config;
        if !config.access.iter().any(|network| network.contains(&client.address)) {
            self.counters.refused.inc();
            let error = ExtendedError::new(ExtendedError::PROHIBITED, "not for this network");
            let answer = (own::error(ResponseCode::Refused), Some(error));
            return Some(self.say(settings, asked, client, answer, out));
        }
        if settings.budgets.take_anonymous(client.address, 1, now_nanos).is_err() {
            self.counters.over_budget.inc();
            return Some(match client.way {
                // Whoever really sent it asks again over TCP; who forged the sender cannot. Half
                // of them are dropped, so that the flood does not come back in full.
                Way::Udp if asked.id & 1 == 0 => Begun::Silence,
                Way::Udp => {
                    let mut message = own::error(ResponseCode::NoError);
                    message.metadata.truncation = true;
                    self.say(settings, asked, client, (message, None), out)
                }
                Way::Stream => {
                    let answer = (own::error(ResponseCode::Refused), None);
                    self.say(settings, asked, client, answer, out)
                }
            });
        }
        let code = match (asked.class(), asked.record_type()) {
            (DNSClass::IN, RecordType::AXFR | RecordType::IXFR) => ResponseCode::Refused,
            (DNSClass::IN, RecordType::OPT | RecordType::TSIG | RecordType::ZERO) => {
                ResponseCode::FormErr
            }
            (DNSClass::IN, _) => return None,
            _ => ResponseCode::Refused,
        };
        self.counters.refused.inc();
        Some(self.say(settings, asked, client, (own::error(code), None), out))
    }

    fn judge(
        &self,
        settings: &Settings,
        client: Client,
        judge: impl FnOnce(&Judge<'_>) -> Result<Judgement, NoVerdict>,
    ) -> Result<Judgement, NoVerdict> {
        let view = self.views.load();
        let policy = settings.policy(client.address);
        if policy.action == Action::Pass {
            return Ok(Judgement::Allow);
        }
        judge(&Judge {
            view: &view,
            suffixes: self.suffixes,
            policy,
            config: &settings.config,
            now: now_unix(),
        })
    }

    /// Whether a question passes its judgement; the answer is written where it does not.
    fn may_pass(
        self: &Arc<Self>,
        settings: &Settings,
        asked: &Asked,
        client: Client,
        judged: Result<Judgement, NoVerdict>,
        out: &mut Vec<u8>,
    ) -> bool {
        match judged {
            Ok(Judgement::Pass | Judgement::Allow) => true,
            Ok(Judgement::Block(error)) => {
                self.counters.blocked.inc();
                let action = settings.policy(client.address).action;
                let message = own::blocked(asked, action, &settings.config.block_page);
                self.say(settings, asked, client, (message, Some(error)), out);
                false
            }
            Err(NoVerdict) => {
                self.counters.no_verdict.inc();
                if settings.config.without_verdicts == WithoutVerdicts::Forward {
                    return true;
                }
                let text = "the verdict database cannot be asked";
                let error = ExtendedError::new(ExtendedError::NOT_READY, text);
                let answer = (own::error(ResponseCode::ServFail), Some(error));
                self.say(settings, asked, client, answer, out);
                false
            }
        }
    }

    /// Judges an answer as of now, and writes it or what stands in its place.
    fn deliver(
        self: &Arc<Self>,
        settings: &Settings,
        (asked, name): (&Asked, Option<&DomainName>),
        client: Client,
        stored: &Stored,
        out: &mut Vec<u8>,
    ) {
        let judged = self.judge(settings, client, |judge| judge.answer(name, stored));
        if self.may_pass(settings, asked, client, judged, out) {
            self.write(settings, asked, client, (stored, None), out);
        }
    }

    fn write(
        &self,
        settings: &Settings,
        asked: &Asked,
        client: Client,
        (stored, error): (&Stored, Option<&ExtendedError>),
        out: &mut Vec<u8>,
    ) {
        let now_secs = monotonic_nanos() / NANOS_PER_SEC;
        let room = settings.room(asked, client.way);
        let payload = settings.config.limits.udp_bytes_max;
        stored.write(asked, error, (now_secs, room, payload), out);
    }

    /// Writes an answer of our own.
    fn say(
        &self,
        settings: &Settings,
        asked: &Asked,
        client: Client,
        (message, error): (Message, Option<ExtendedError>),
        out: &mut Vec<u8>,
    ) -> Begun {
        let now_secs = monotonic_nanos() / NANOS_PER_SEC;
        let limits = &settings.config.limits;
        match Stored::of(message, &asked.query, limits, now_secs) {
            Ok(stored) => {
                self.write(settings, asked, client, (&stored, error.as_ref()), out);
                Begun::Answered
            }
            Err(error) => {
                tracing::error!(%error, "an answer of our own cannot be written");
                Begun::Silence
            }
        }
    }

    /// Answers in the cache are counted now and then, not at each question.
    pub(super) fn count_cache(&self) {
        self.counters.entries.set(i64::try_from(self.cache.len()).unwrap_or(i64::MAX));
    }
}

impl Pending {
    /// Asks the upstreams, judges what they say, and gives back the answer.
    pub(super) async fn finish(self) -> Vec<u8> {
        let engine = &self.place.0;
        let (dnssec, unchecked) = (self.asked.dnssec_ok(), self.asked.checking_disabled);
        let query = self.asked.query.clone();
        let answered = self.settings.upstreams.ask(query, dnssec, unchecked).await;
        let mut out = Vec::with_capacity(512);
        let stored = self.keep(answered);
        let asked = (&self.asked, self.name.as_ref());
        engine.deliver(&self.settings, asked, self.client, &stored, &mut out);
        out
    }

    /// Keeps what the upstreams said, or gives what is to be said without them.
    fn keep(&self, answered: Result<Message, Failure>) -> Arc<Stored> {
        let engine = &self.place.0;
        let limits = &self.settings.config.limits;
        let now_secs = monotonic_nanos() / NANOS_PER_SEC;
        let stored = match answered {
            Ok(message) => {
                engine.counters.forwarded.inc();
                engine.failures.store(0, Ordering::Relaxed);
                let message = message.maybe_strip_dnssec_records(self.asked.dnssec_ok());
                Stored::of(message, &self.asked.query, limits, now_secs)
            }
            Err(failure) => return self.without_upstreams(failure, now_secs),
        };
        match stored {
            Ok(stored) => {
                let stored = Arc::new(stored);
                if stored.may_be_kept() {
                    engine.cache.insert(&self.key, Arc::clone(&stored));
                }
                stored
            }
            Err(error) => {
                tracing::debug!(%error, "an upstream's answer cannot be passed on");
                self.without_upstreams(Failure::NoAnswer, now_secs)
            }
        }
    }

    /// An answer that has outlived its time, or that there is none (RFC 8767, RFC 9520).
    fn without_upstreams(&self, failure: Failure, now_secs: u64) -> Arc<Stored> {
        let engine = &self.place.0;
        if failure == Failure::NoAnswer {
            engine.failures.fetch_add(1, Ordering::Relaxed);
        }
        let error = match (failure, &self.stale) {
            (Failure::NoAnswer, Some(stale)) => {
                engine.counters.stale.inc();
                return Arc::clone(stale);
            }
            (Failure::NoAnswer, None) => {
                engine.counters.failed.inc();
                let text = "no upstream answered";
                ExtendedError::new(ExtendedError::NO_REACHABLE_AUTHORITY, text)
            }
            (Failure::Bogus, _) => {
                engine.counters.bogus.inc();
                ExtendedError::new(ExtendedError::BOGUS, "its signatures are not valid")
            }
        };
        let keep_secs = self.settings.config.limits.failure_ttl_secs;
        let stored = Stored::failure(&self.asked, now_secs, keep_secs);
        let stored = Arc::new(stored.with_error(error));
        if stored.may_be_kept() {
            engine.cache.insert(&self.key, Arc::clone(&stored));
        }
        stored
    }
}

#[cfg(test)]
mod tests;
