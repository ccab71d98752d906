//! How much a caller may ask: budgets in questions, per token and per client address.
//!
//! The meter is GCRA, the generic cell rate algorithm of ITU-T I.371: one number per caller, the
//! theoretical arrival time (TAT) at which it would be back at zero. Asking moves the TAT ahead;
//! a TAT too far ahead of the clock is over budget. One atomic word, no timer, no lock.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

const NANOS_PER_SEC: u64 = 1_000_000_000;

/// A steady rate and how far one may run ahead of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Questions per second in the long run; 0 means without limit.
    pub per_second: u32,
    /// Questions that may be asked at once after a pause.
    pub burst: u32,
}

impl Rate {
    /// No limit at all.
    pub const UNLIMITED: Self = Self { per_second: 0, burst: 0 };

    const fn nanos_per_question(self) -> u64 {
        // Rates beyond one question per nanosecond cannot be told apart from it.
        let nanos = NANOS_PER_SEC / self.per_second as u64;
        if nanos == 0 { 1 } else { nanos }
    }
}

/// Why a question was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OverBudget {
    /// Asking again later will do.
    #[error("over budget: ask again in {after_nanos} ns")]
    Wait {
        /// How much later.
        after_nanos: u64,
    },
    /// The request is larger than the whole burst, so that waiting never helps.
    #[error("a request may hold at most {burst} questions")]
    TooLarge {
        /// The largest request that can ever pass.
        burst: u32,
    },
}

/// The meter of one caller.
#[derive(Debug, Default)]
pub struct Meter {
    arrival_nanos: AtomicU64,
}

impl Meter {
    /// Takes `questions` out of the budget, or nothing.
    pub fn take(&self, rate: Rate, questions: u32, now_nanos: u64) -> Result<(), OverBudget> {
        if rate.per_second == 0 || questions == 0 {
            return Ok(());
        }
        if questions > rate.burst {
            return Err(OverBudget::TooLarge { burst: rate.burst });
        }
        let per_question = rate.nanos_per_question();
        let cost = per_question.saturating_mul(u64::from(questions));
        let ceiling = now_nanos.saturating_add(per_question.saturating_mul(u64::from(rate.burst)));
        let mut seen = self.arrival_nanos.load(Ordering::Relaxed);
        loop {
            let arrival = seen.max(now_nanos).saturating_add(cost);
            if arrival > ceiling {
                return Err(OverBudget::Wait { after_nanos: arrival - ceiling });
            }
            // Relaxed: the word stands for itself; nothing else is published through it.
            match self.arrival_nanos.compare_exchange_weak(
                seen,
                arrival,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(()),
                Err(current) => seen = current,
            }
        }
    }
}

/// The budgets of a server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetConfig {
    /// What a token may ask unless it has a rate of its own. Default 5,000 per second, burst
    /// 20,000.
    pub token: Rate,
    /// What an address may ask without a token, where a route allows that. Default 20 per
    /// second, burst 100.
    pub anonymous: Rate,
    /// Failed logins of an address that get an answer of their own. Default 1 per second, burst
    /// 20.
    pub failed_login: Rate,
    /// Meters for client addresses, 8 bytes each. Default 65,536.
    pub address_slots: usize,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self {
            token: Rate { per_second: 5_000, burst: 20_000 },
            anonymous: Rate { per_second: 20, burst: 100 },
            failed_login: Rate { per_second: 1, burst: 20 },
            address_slots: 65_536,
        }
    }
}

/// The meters that belong to no token.
#[derive(Debug)]
pub struct Budgets {
    config: BudgetConfig,
    anonymous: AddressMeters,
    failed_login: AddressMeters,
}

impl Budgets {
    /// Meters for `config`.
    #[must_use]
    pub fn new(config: BudgetConfig) -> Self {
        Self {
            anonymous: AddressMeters::new(config.address_slots),
            failed_login: AddressMeters::new(config.address_slots),
            config,
        }
    }

    /// What a token may ask that has no rate of its own.
    #[must_use]
    pub const fn token_rate(&self) -> Rate {
        self.config.token
    }

    /// Takes `questions` from the budget of a client without a token.
    pub fn take_anonymous(
        &self,
        address: IpAddr,
        questions: u32,
        now_nanos: u64,
    ) -> Result<(), OverBudget> {
        self.anonymous.take(address, self.config.anonymous, questions, now_nanos)
    }

    /// Counts a failed login; an error means that this address has failed too often.
    pub fn take_failed_login(&self, address: IpAddr, now_nanos: u64) -> Result<(), OverBudget> {
        self.failed_login.take(address, self.config.failed_login, 1, now_nanos)
    }
}

impl Default for Budgets {
    fn default() -> Self {
        Self::new(BudgetConfig::default())
    }
}

/// Meters for any number of addresses in fixed memory, in the manner of a count-min sketch.
///
/// An address is hashed, under a key drawn at start, to two meters, and is over budget when both
/// are. So no address is stored, nothing is evicted, and an innocent client shares the fate of
/// `n` abusers only with probability `(n / slots)^2`.
#[derive(Debug)]
pub struct AddressMeters {
    hashers: [RandomState; 2],
    meters: Box<[Meter]>,
}

impl AddressMeters {
    /// That many meters, 8 bytes each.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        let meters = (0..slots.max(1)).map(|_| Meter::default()).collect();
        Self { hashers: [RandomState::new(), RandomState::new()], meters }
    }

    /// Takes `cost` questions from the budget of an address.
    pub fn take(&self, address: IpAddr, rate: Rate, cost: u32, now: u64) -> Result<(), OverBudget> {
        let client = client_of(address);
        let [first, second] = [0, 1].map(|row| self.meter(row, client).take(rate, cost, now));
        match (first, second) {
            (Ok(()), _) | (_, Ok(())) => Ok(()),
            (Err(first), Err(second)) => Err(sooner(first, second)),
        }
    }

    fn meter(&self, row: usize, client: Ipv6Addr) -> &Meter {
        let hash = self.hashers[row].hash_one(client);
        // The remainder is below the slot count, which is a usize.
        &self.meters[(hash % self.meters.len() as u64) as usize]
    }
}

/// The unit that one subscriber is counted by: an IPv4 address, or an IPv6 /64, which is the
/// smallest network a site gets (RFC 6177).
pub(crate) fn client_of(address: IpAddr) -> Ipv6Addr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)),
    }
}

fn sooner(one: OverBudget, other: OverBudget) -> OverBudget {
    match (one, other) {
        (OverBudget::Wait { after_nanos: a }, OverBudget::Wait { after_nanos: b }) => {
            OverBudget::Wait { after_nanos: a.min(b) }
        }
        (large @ OverBudget::TooLarge { .. }, _) | (_, large) => large,
    }
}

#[cfg(test)]
mod tests;
