//! The way of a question: who asks, what standards say, the verdict, the cache, the upstreams,
//! and the verdict again on all that the answer leads to.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{DNSClass, RecordType};
use wardnet_model::DomainName;
use wardnet_server::{Crowd, Place as Seat};
use wardnet_verdictdb::Views;

use crate::opinion::Opinions;

use super::asked::{Asked, Head, Question, domain};
use super::cache::AnswerCache;
use super::config::{ResolverConfig, WithoutVerdicts};
use super::judge::{Judgement, NoVerdict};
use super::metrics::Counters;
use super::moment::{Moment, Settings};
use super::own;
use super::pending::Pending;
use super::stored::{Age, ExtendedError, Stored};
use super::upstream::UpstreamError;

/// How a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// One datagram: the answer has to fit, and the sender's address is a mere claim.
    Udp,
    /// A connection.
    Plain,
    /// A connection that nobody can read; what can still be seen of an answer is its size.
    Encrypted,
}

/// Who asks, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    pub(super) way: Way,
}

/// One resolver, whatever listeners lead to it.
#[derive(Debug)]
pub(super) struct Engine {
    settings: ArcSwap<Settings>,
    pub(super) cache: AnswerCache,
    views: Arc<Views>,
    opinions: Option<Arc<Opinions>>,
    in_flight: AtomicUsize,
    /// Clients that wait for upstreams.
    waiting: Crowd,
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

/// A place among the questions in flight, given back on drop.
pub(super) struct Place {
    pub(super) engine: Arc<Engine>,
    _seat: Option<Seat>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.engine.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.engine.counters.in_flight.dec();
    }
}

impl Engine {
    pub(super) fn new(
        config: ResolverConfig,
        (views, opinions): (Arc<Views>, Option<Arc<Opinions>>),
        counters: Counters,
    ) -> Result<Self, UpstreamError> {
        let cache = AnswerCache::new(config.limits.cache_bytes_max);
        let settings = ArcSwap::from_pointee(Settings::new(config)?);
        let (in_flight, waiting) = (AtomicUsize::new(0), Crowd::default());
        Ok(Self { settings, cache, views, opinions, in_flight, waiting, counters })
    }

    /// Puts other settings into force, from the next question on.
    pub(super) fn replace(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
        // Other upstreams may know other answers.
        self.cache.clear();
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// The state of now.
    pub(super) fn moment(&self) -> Moment {
        Moment::new(self.settings(), self.views.load(), self.opinions.clone())
    }

    /// Answers at once what can be, into `out`.
    pub(super) fn begin(
        self: &Arc<Self>,
        moment: &Moment,
        bytes: &[u8],
        client: Client,
        out: &mut Vec<u8>,
    ) -> Begun {
        let client = Client { address: client.address.to_canonical(), ..client };
        if self.recall(moment, bytes, client, out) {
            return Begun::Answered;
        }
        let asked = match Asked::read(bytes) {
            Ok(asked) => asked,
            Err(refusal) => {
                self.counters.malformed.inc();
                let Some(answer) = own::refusal(&refusal) else { return Begun::Silence };
                out.extend_from_slice(&answer);
                return Begun::Answered;
            }
        };
        if let Some(begun) = self.turn_away(moment, &asked, client, out) {
            return begun;
        }
        let name = domain(&asked.query.name);
        if let Some(message) = own::local(&asked, name.as_ref(), &moment.settings.config) {
            self.counters.own.inc();
            return self.say(moment, &asked, client, (message, None), out);
        }
        let key = asked.head().key();
        let kept = self.cache.get(&key);
        let stale_secs_max = moment.settings.config.limits.stale_secs_max;
        let age = kept.as_ref().map_or(Age::Gone, |kept| kept.age(moment.secs(), stale_secs_max));
        if let (Age::Fresh | Age::Unrefreshed, Some(kept)) = (age, &kept) {
            let is_stale = age == Age::Unrefreshed;
            if is_stale { &self.counters.stale } else { &self.counters.cached }.inc();
            self.deliver(moment, &asked, client, kept, out);
            return Begun::Answered;
        }
        // A name that is blocked is not even told to the upstreams.
        let early = moment.judge(client, |judge| {
            name.as_ref().map_or(Ok(Judgement::Pass), |name| judge.name(name, &[]))
        });
        if !self.may_pass(moment, &asked, client, early, out) {
            return Begun::Answered;
        }
        let stale = kept.filter(|_| age == Age::Stale);
        self.ask(moment, asked, client, (name, key, stale), out)
    }

    /// Answers from the cache without taking the question to pieces, if it is there, may go out,
    /// and who asks may do so; false leaves everything to a closer look.
    fn recall(&self, moment: &Moment, bytes: &[u8], client: Client, out: &mut Vec<u8>) -> bool {
        let Some(head) = Head::read(bytes) else { return false };
        let Some(stored) = self.cache.get(&head.key()) else { return false };
        if stored.age(moment.secs(), 0) != Age::Fresh
            || !matches!(
                moment.judge_answer(client, &stored),
                Ok(Judgement::Pass | Judgement::Allow)
            )
            || !moment.settings.may_ask(client.address)
            || !moment.affords(client)
        {
            return false;
        }
        self.counters.cached.inc();
        stored.write(&head, None, moment.fit(&head, client.way), out);
        true
    }

    /// Takes a place in flight for a question, or tells that there is none.
    fn ask(
        self: &Arc<Self>,
        moment: &Moment,
        asked: Asked,
        client: Client,
        (name, key, stale): (Option<DomainName>, Question, Option<Arc<Stored>>),
        out: &mut Vec<u8>,
    ) -> Begun {
        let limits = &moment.settings.config.limits;
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.counters.in_flight.inc();
        let seat = self.waiting.enter(client.address, limits.in_flight_per_address_max);
        let is_full = seat.is_none() || before >= limits.in_flight_max;
        let place = Place { engine: Arc::clone(self), _seat: seat };
        if is_full {
            self.counters.overload.inc();
            let text = "too many questions are waiting for upstreams";
            let error = ExtendedError::new(ExtendedError::NOT_READY, text);
            let answer = (own::error(ResponseCode::ServFail), Some(error));
            return self.say(moment, &asked, client, answer, out);
        }
        let settings = Arc::clone(&moment.settings);
        Begun::Ask(Box::new(Pending { asked, client, name, key, stale, settings, place }))
    }

    /// Turns away who may not ask, who asks too much, and what nobody here answers.
    fn turn_away(
        &self,
        moment: &Moment,
        asked: &Asked,
        client: Client,
        out: &mut Vec<u8>,
    ) -> Option<Begun> {
        if !moment.settings.may_ask(client.address) {
            self.counters.refused.inc();
            let error = ExtendedError::new(ExtendedError::PROHIBITED, "not for this network");
            let answer = (own::error(ResponseCode::Refused), Some(error));
            return Some(self.say(moment, asked, client, answer, out));
        }
        if !moment.affords(client) {
            self.counters.over_budget.inc();
            return Some(match client.way {
                // Whoever really sent it asks again over TCP; who forged the sender cannot. Half
                // of them are dropped, so that the flood does not come back in full.
                Way::Udp if asked.id & 1 == 0 => Begun::Silence,
                Way::Udp => {
                    let mut message = own::error(ResponseCode::NoError);
                    message.metadata.truncation = true;
                    self.say(moment, asked, client, (message, None), out)
                }
                Way::Plain | Way::Encrypted => {
                    let answer = (own::error(ResponseCode::Refused), None);
                    self.say(moment, asked, client, answer, out)
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
        Some(self.say(moment, asked, client, (own::error(code), None), out))
    }

    /// Whether a question passes its judgement; the answer is written where it does not.
    fn may_pass(
        &self,
        moment: &Moment,
        asked: &Asked,
        client: Client,
        judged: Result<Judgement, NoVerdict>,
        out: &mut Vec<u8>,
    ) -> bool {
        let config = &moment.settings.config;
        match judged {
            Ok(Judgement::Pass | Judgement::Allow) => true,
            Ok(Judgement::Block(error)) => {
                self.counters.blocked.inc();
                let action = moment.settings.policy(client.address).action;
                let message = own::blocked(asked, action, &config.block_page);
                self.say(moment, asked, client, (message, Some(error)), out);
                false
            }
            Err(NoVerdict) => {
                self.counters.no_verdict.inc();
                if config.without_verdicts == WithoutVerdicts::Forward {
                    return true;
                }
                let text = "the verdict database cannot be asked";
                let error = ExtendedError::new(ExtendedError::NOT_READY, text);
                let answer = (own::error(ResponseCode::ServFail), Some(error));
                self.say(moment, asked, client, answer, out);
                false
            }
        }
    }

    /// Judges an answer as of now, and writes it or what stands in its place.
    pub(super) fn deliver(
        &self,
        moment: &Moment,
        asked: &Asked,
        client: Client,
        stored: &Stored,
        out: &mut Vec<u8>,
    ) {
        let judged = moment.judge_answer(client, stored);
        if self.may_pass(moment, asked, client, judged, out) {
            let head = asked.head();
            stored.write(&head, None, moment.fit(&head, client.way), out);
        }
    }

    /// Writes an answer of our own.
    fn say(
        &self,
        moment: &Moment,
        asked: &Asked,
        client: Client,
        (message, error): (Message, Option<ExtendedError>),
        out: &mut Vec<u8>,
    ) -> Begun {
        let limits = &moment.settings.config.limits;
        match Stored::of(message, &asked.query, limits, moment.secs()) {
            Ok(stored) => {
                let head = asked.head();
                stored.write(&head, error.as_ref(), moment.fit(&head, client.way), out);
                Begun::Answered
            }
            Err(error) => {
                tracing::error!(%error, "an answer of our own cannot be written");
                Begun::Silence
            }
        }
    }

    /// What changes slowly is counted now and then, not at each question.
    pub(super) fn count(&self) {
        self.counters.entries.set(i64::try_from(self.cache.len()).unwrap_or(i64::MAX));
        for (upstream, answers) in self.settings().upstreams.pulses() {
            self.counters.upstream(&upstream, answers);
        }
    }

    /// Whether any upstream answers.
    pub(super) fn upstreams_answer(&self) -> bool {
        let mut pulses = self.settings().upstreams.pulses().into_iter();
        pulses.any(|(_, answers)| answers)
    }
}

#[cfg(test)]
mod tests;
