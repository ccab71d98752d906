//! Several upstreams as one: asked in the order of the settings, the next one when one fails, is
//! late, or has failed of late.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::{self, FuturesUnordered, Stream, StreamExt as _};
use hickory_resolver::NameServerPool;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsHandle, FirstAnswer as _};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{DnsRequest, DnsResponse};
use wardnet_server::monotonic_nanos;

/// Failures in a row after which an upstream is asked last.
const FAILURES_MAX: u32 = 3;

/// How long it is asked last, before it gets another chance.
const REST_NANOS: u64 = 5_000_000_000;

/// Hickory's pool, of one server: its connections, and one question for all who ask the same.
type Pool = NameServerPool<TokioRuntimeProvider>;

type Answered = Result<DnsResponse, NetError>;

/// All upstreams of a resolver.
#[derive(Clone)]
pub(super) struct Crew {
    servers: Arc<[Server]>,
    /// How long one may take until the next one is asked, too.
    patience: Duration,
    /// How long all may take.
    timeout: Duration,
}

struct Server {
    name: String,
    pool: Pool,
    health: Health,
}

impl Crew {
    pub(super) fn new(
        servers: impl Iterator<Item = (String, Pool)>,
        patience: Duration,
        timeout: Duration,
    ) -> Self {
        let server = |(name, pool)| Server { name, pool, health: Health::default() };
        Self { servers: servers.map(server).collect(), patience, timeout }
    }

    /// Each upstream, and whether it answers.
    pub(super) fn pulses(&self) -> Vec<(String, bool)> {
        let servers = self.servers.iter();
        servers.map(|server| (server.name.clone(), server.health.is_good())).collect()
    }

    /// Those who have answered of late come first, each group in the order of the settings.
    fn order(&self, now_nanos: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.servers.len()).collect();
        order.sort_by_key(|at| {
            let server = self.servers.get(*at);
            !server.is_some_and(|server| server.health.may_come_first(now_nanos))
        });
        order
    }

    async fn ask(self, request: DnsRequest) -> Answered {
        let mut asked = Vec::with_capacity(self.servers.len());
        let race = self.race(request, &mut asked);
        let answered = tokio::time::timeout(self.timeout, race).await;
        let now_nanos = monotonic_nanos();
        // Who was asked and is still silent, although another one or all time has gone by, is late.
        asked.iter().filter_map(|at| self.servers.get(*at)).for_each(|server| {
            server.health.failed(now_nanos);
        });
        answered.unwrap_or(Err(NetError::Timeout))
    }

    /// Asks one after the other; the first answer counts. `asked` holds who has not said anything.
    async fn race(&self, request: DnsRequest, asked: &mut Vec<usize>) -> Answered {
        let mut next = self.order(monotonic_nanos()).into_iter();
        let mut answers = FuturesUnordered::new();
        let mut answered = Err(NetError::NoConnections);
        loop {
            if let Some((at, server)) = next.next().and_then(|at| Some((at, self.servers.get(at)?)))
            {
                let answer = server.pool.send(request.clone());
                answers.push(async move { (at, answer.first_answer().await) });
                asked.push(at);
            } else if answers.is_empty() {
                return answered;
            }
            let is_last = next.len() == 0;
            tokio::select! {
                Some((at, answer)) = answers.next() => {
                    asked.retain(|one| *one != at);
                    let health = self.servers.get(at).map(|server| &server.health);
                    match Worth::of(&answer) {
                        Worth::Answer => {
                            health.into_iter().for_each(Health::succeeded);
                            return answer;
                        }
                        // It lives; another one may know more.
                        Worth::Refusal => health.into_iter().for_each(Health::succeeded),
                        Worth::Nothing => {
                            health.into_iter().for_each(|one| one.failed(monotonic_nanos()));
                        }
                    }
                    answered = answer;
                }
                () = tokio::time::sleep(self.patience), if !is_last => {}
            }
        }
    }
}

impl DnsHandle for Crew {
    type Response = Pin<Box<dyn Stream<Item = Answered> + Send>>;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, request: DnsRequest) -> Self::Response {
        Box::pin(stream::once(self.clone().ask(request)))
    }
}

/// What an answer is good for.
enum Worth {
    /// To be passed on.
    Answer,
    /// The server does not want to answer, or cannot.
    Refusal,
    /// There is no answer.
    Nothing,
}

impl Worth {
    fn of(answered: &Answered) -> Self {
        match answered {
            // Hickory gives negative answers as errors.
            Ok(_) | Err(NetError::Dns(DnsError::NoRecordsFound(_))) => Self::Answer,
            Err(NetError::Dns(_)) => Self::Refusal,
            Err(_) => Self::Nothing,
        }
    }
}

/// How an upstream has done of late.
#[derive(Debug, Default)]
struct Health {
    /// In a row.
    failures: AtomicU32,
    rests_until_nanos: AtomicU64,
}

impl Health {
    fn succeeded(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    fn failed(&self, now_nanos: u64) {
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        if before.saturating_add(1) >= FAILURES_MAX {
            let until = now_nanos.saturating_add(REST_NANOS);
            self.rests_until_nanos.store(until, Ordering::Relaxed);
        }
    }

    fn is_good(&self) -> bool {
        self.failures.load(Ordering::Relaxed) < FAILURES_MAX
    }

    /// One that has failed gets a chance now and then.
    fn may_come_first(&self, now_nanos: u64) -> bool {
        self.is_good() || now_nanos >= self.rests_until_nanos.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fails_is_asked_last_and_gets_another_chance() {
        let health = Health::default();
        for _ in 1..FAILURES_MAX {
            health.failed(7);
            assert!(health.may_come_first(7));
        }
        health.failed(7);
        assert!(!health.is_good() && !health.may_come_first(7));
        assert!(health.may_come_first(7 + REST_NANOS) && !health.is_good());
        health.succeeded();
        assert!(health.is_good() && health.may_come_first(8));
    }
}
