//! Budgets against a bucket that is filled drop by drop.

use std::net::IpAddr;

use proptest::prelude::*;

use super::{BudgetConfig, Budgets, Meter, NANOS_PER_SEC, OverBudget, Rate, client_of};

/// The obvious bucket: `level` nano-questions, refilled by the elapsed time.
struct Bucket {
    level: u128,
    full: u128,
    at: u64,
}

impl Bucket {
    fn take(&mut self, rate: Rate, questions: u32, now: u64) -> bool {
        let refill = u128::from(now - self.at) * u128::from(rate.per_second);
        self.level = (self.level + refill).min(self.full);
        self.at = now;
        let cost = u128::from(questions) * u128::from(NANOS_PER_SEC);
        let fits = cost <= self.level;
        self.level -= if fits { cost } else { 0 };
        fits
    }
}

proptest! {
    #[test]
    fn agrees_with_a_bucket(
        // Rates that divide a second, so that both are exact.
        per_second in prop::sample::select(vec![1u32, 10, 100, 1_000, 50_000]),
        burst in 1u32..200,
        steps in prop::collection::vec((0u64..2_000_000_000, 1u32..250), 1..80),
    ) {
        let rate = Rate { per_second, burst };
        let meter = Meter::default();
        let full = u128::from(burst) * u128::from(NANOS_PER_SEC);
        let mut bucket = Bucket { level: full, full, at: 0 };
        let mut now = 0;
        for (pause, questions) in steps {
            now += pause;
            let taken = meter.take(rate, questions, now);
            prop_assert_eq!(taken.is_ok(), bucket.take(rate, questions, now));
            if let Err(OverBudget::Wait { after_nanos }) = taken {
                // The advice is exact: a nanosecond earlier is refused, then it passes.
                prop_assert!(meter.take(rate, questions, now + after_nanos - 1).is_err());
            }
        }
    }
}

#[test]
fn the_advised_wait_suffices() {
    let rate = Rate { per_second: 10, burst: 5 };
    let meter = Meter::default();
    assert_eq!(meter.take(rate, 5, 0), Ok(()));
    let Err(OverBudget::Wait { after_nanos }) = meter.take(rate, 2, 0) else {
        panic!("an empty budget must say wait");
    };
    assert_eq!(after_nanos, 200_000_000);
    assert_eq!(meter.take(rate, 2, after_nanos), Ok(()));
}

#[test]
fn a_batch_beyond_the_burst_is_told_so_and_costs_nothing() {
    let rate = Rate { per_second: 1, burst: 3 };
    let meter = Meter::default();
    assert_eq!(meter.take(rate, 4, 0), Err(OverBudget::TooLarge { burst: 3 }));
    assert_eq!(meter.take(rate, 3, 0), Ok(()));
    assert_eq!(meter.take(Rate::UNLIMITED, u32::MAX, 0), Ok(()));
}

#[test]
fn addresses_are_counted_apart_and_ipv6_by_its_network() {
    let budgets = Budgets::new(BudgetConfig {
        anonymous: Rate { per_second: 1, burst: 2 },
        ..BudgetConfig::default()
    });
    let take = |address: &str| {
        budgets.take_anonymous(address.parse::<IpAddr>().expect("an address"), 1, 1)
    };
    assert!(take("2001:db8::1").is_ok());
    assert!(take("2001:db8::2").is_ok());
    assert!(take("2001:db8::3").is_err(), "the same /64");
    assert!(take("2001:db8:0:1::1").is_ok(), "another /64");
    assert!(take("192.0.2.1").is_ok());
    assert!(take("::ffff:192.0.2.1").is_ok());
    assert!(take("192.0.2.1").is_err(), "mapped and plain IPv4 are one client");
    assert!(take("192.0.2.2").is_ok());
}

#[test]
fn a_crowd_of_abusers_leaves_others_their_budget() {
    let budgets = Budgets::new(BudgetConfig {
        anonymous: Rate { per_second: 1, burst: 1 },
        address_slots: 4_096,
        ..BudgetConfig::default()
    });
    let address = |n: u32| IpAddr::from(n.to_be_bytes());
    for abuser in 0..200 {
        while budgets.take_anonymous(address(abuser), 1, 1).is_ok() {}
    }
    let refused =
        (1_000_000..1_000_200).filter(|n| budgets.take_anonymous(address(*n), 1, 1).is_err());
    // Expected: 200 * (400 / 4096)^2, about 2, growing a little as they ask themselves.
    assert!(refused.count() < 20);
}

#[test]
fn threads_never_take_more_than_the_burst() {
    let meter = Meter::default();
    let rate = Rate { per_second: 1, burst: 1_000 };
    let taken: usize = std::thread::scope(|scope| {
        let worker = || (0..1_000).filter(|_| meter.take(rate, 1, 5).is_ok()).count();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    assert_eq!(taken, 1_000);
}

#[test]
fn clients_are_networks() {
    let client = |text: &str| client_of(text.parse().expect("an address")).to_string();
    assert_eq!(client("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    assert_eq!(client("192.0.2.7"), "::ffff:192.0.2.7");
}
