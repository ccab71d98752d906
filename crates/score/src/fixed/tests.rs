//! The integer functions against their floating-point namesakes.

use super::*;
use proptest::prelude::*;

fn as_float(probability: Probability) -> f64 {
    probability as f64 / ONE as f64
}

#[test]
fn the_tables_are_what_their_comments_say() {
    for (at, factor) in HALVINGS.iter().enumerate() {
        let exact = (-(0.5f64.powi(at as i32 + 1))).exp2() * ONE as f64;
        assert!((*factor as f64 - exact).abs() <= 0.5, "entry {at}: {factor} is not {exact}");
    }
    for (at, from) in RISK_FROM.iter().enumerate() {
        let share = (at as f64 + 0.5) / 100.0;
        let exact = 1000.0 * (share / (1.0 - share)).ln();
        assert!((*from as f64 - exact).abs() <= 0.5, "entry {at}: {from} is not {exact}");
    }
}

#[test]
fn halving_halves() {
    assert_eq!(decay(0, 100), ONE);
    assert_eq!(decay(100, 100), ONE / 2);
    assert_eq!(decay(300, 100), ONE / 8);
    assert_eq!(decay(u64::MAX, 1), 0);
    assert_eq!(decay(5, 0), 0, "a half-life of nothing keeps nothing");
}

#[test]
fn risk_is_the_rounded_percentage() {
    for percent_value in 1..100u8 {
        assert_eq!(risk_of(logit(percent(percent_value))).value(), percent_value);
    }
    assert_eq!(risk_of(i64::MAX).value(), 100);
    assert_eq!(risk_of(i64::MIN).value(), 0);
}

proptest! {
    #[test]
    fn decay_is_close_to_the_real_one(age in 0u64..100_000_000, half_life in 3600u64..100_000_000) {
        let exact = (-(age as f64) / half_life as f64).exp2();
        prop_assert!((as_float(decay(age, half_life)) - exact).abs() < 2e-5);
    }

    #[test]
    fn decay_never_rises(age in 0u64..100_000_000, later in 0u64..1_000_000, half_life in 1u64..100_000_000) {
        prop_assert!(decay(age + later, half_life) <= decay(age, half_life));
    }

    #[test]
    fn logit_is_close_to_the_real_one(probability in 2000..(ONE - 2000)) {
        let share = as_float(probability);
        let exact = 1000.0 * (share / (1.0 - share)).ln();
        prop_assert!((logit(probability) as f64 - exact).abs() < 1.1, "{} {exact}", logit(probability));
    }

    #[test]
    fn logit_never_falls(a in 0..=ONE, b in 0..=ONE) {
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        prop_assert!(logit(low) <= logit(high));
    }
}
