//! A question on its way to the upstreams, and what becomes of it.

use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::proto::op::Message;
use wardnet_model::DomainName;

use super::asked::{Asked, Question};
use super::engine::{Client, Place};
use super::judge::is_private_name;
use super::moment::Settings;
use super::stored::{ExtendedError, Stored};
use super::upstream::{Failure, Manner};

/// How long somebody waits for a fresh answer where there is a stale one (RFC 8767 section 5, the
/// client response timer).
const PATIENCE: Duration = Duration::from_millis(1_800);

/// Seconds before it is tried again to refresh a stale answer (RFC 8767 section 5, the failure
/// recheck timer).
const RECHECK_SECS: u64 = 30;

/// A question for the upstreams.
pub(super) struct Pending {
    pub(super) asked: Asked,
    pub(super) client: Client,
    pub(super) name: Option<DomainName>,
    pub(super) key: Question,
    pub(super) stale: Option<Arc<Stored>>,
    pub(super) settings: Arc<Settings>,
    /// Held for its drop, and for the engine.
    pub(super) place: Place,
}

impl Pending {
    /// Asks the upstreams, judges what they say, and gives back the answer.
    pub(super) async fn finish(self) -> Vec<u8> {
        let own = Arc::new(self);
        let stored = match &own.stale {
            None => own.refresh().await,
            Some(stale) => {
                // It goes on when patience ends: the next one gets a fresh answer.
                let refresh = Arc::clone(&own);
                let refresh = tokio::spawn(async move { refresh.refresh().await });
                match tokio::time::timeout(PATIENCE, refresh).await {
                    Ok(Ok(stored)) => stored,
                    Ok(Err(_)) | Err(_) => {
                        own.place.engine.counters.stale.inc();
                        Arc::clone(stale)
                    }
                }
            }
        };
        let engine = &own.place.engine;
        let mut out = Vec::with_capacity(512);
        engine.deliver(&engine.moment(), &own.asked, own.client, &stored, &mut out);
        out
    }

    async fn refresh(&self) -> Arc<Stored> {
        let head = self.asked.head();
        // Nobody outside can sign for names that only exist inside.
        let names = &self.settings.config.private_names;
        let is_private = self.name.as_ref().is_some_and(|name| is_private_name(name, names));
        let manner = Manner {
            dnssec_ok: head.dnssec_ok(),
            checking_disabled: head.checking_disabled,
            is_private,
        };
        let query = self.asked.query.clone();
        self.keep(self.settings.upstreams.ask(query, manner).await)
    }

    /// Keeps what the upstreams said, or gives what is to be said without them.
    fn keep(&self, answered: Result<Message, Failure>) -> Arc<Stored> {
        let limits = &self.settings.config.limits;
        let now_secs = self.place.engine.moment().secs();
        let message = match answered {
            Ok(message) => message,
            Err(failure) => return self.without_upstreams(failure, now_secs),
        };
        let message = message.maybe_strip_dnssec_records(self.asked.head().dnssec_ok());
        match Stored::of(message, &self.asked.query, limits, now_secs) {
            Ok(stored) => {
                self.place.engine.counters.forwarded.inc();
                self.remember(stored)
            }
            Err(error) => {
                tracing::debug!(%error, "an upstream's answer cannot be passed on");
                self.without_upstreams(Failure::NoAnswer, now_secs)
            }
        }
    }

    fn remember(&self, stored: Stored) -> Arc<Stored> {
        let stored = Arc::new(stored);
        let engine = &self.place.engine;
        // What was asked of upstreams that are not asked any more is no answer for others.
        if stored.may_be_kept() && engine.settings().number == self.settings.number {
            engine.cache.insert(&self.key, Arc::clone(&stored));
        }
        stored
    }

    /// An answer that has outlived its time, or that there is none (RFC 8767, RFC 9520).
    fn without_upstreams(&self, failure: Failure, now_secs: u64) -> Arc<Stored> {
        let counters = &self.place.engine.counters;
        let error = match (failure, &self.stale) {
            (Failure::NoAnswer, Some(stale)) => {
                counters.stale.inc();
                stale.rest_until(now_secs.saturating_add(RECHECK_SECS));
                return Arc::clone(stale);
            }
            (Failure::NoAnswer, None) => {
                counters.failed.inc();
                let text = "no upstream answered";
                ExtendedError::new(ExtendedError::NO_REACHABLE_AUTHORITY, text)
            }
            (Failure::Bogus, _) => {
                counters.bogus.inc();
                ExtendedError::new(ExtendedError::BOGUS, "its signatures are not valid")
            }
        };
        let keep_secs = self.settings.config.limits.failure_ttl_secs;
        self.remember(Stored::failure(&self.asked, now_secs, keep_secs).with_error(error))
    }
}
