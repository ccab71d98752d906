//! Integer arithmetic for probabilities, logarithms and decay.
//!
//! Floating-point logarithms differ between machines; these do not.

use wardnet_model::Risk;

/// A probability in 30-bit fixed point: [`ONE`] stands for certainty.
pub type Probability = u64;

/// The probability 1.
pub const ONE: Probability = 1 << 30;

/// Log-odds beyond these are not told apart: thousandths of a nat, about 1 in 10⁶.
const LOGIT_MAX: i64 = 13_800;

/// 2^(−2^−k) for k = 1 to 16, in 30-bit fixed point: the bits of a fractional exponent.
const HALVINGS: [u64; 16] = [
    759_250_125,
    902_905_651,
    984_625_594,
    1_028_218_693,
    1_050_733_751,
    1_062_175_491,
    1_067_942_999,
    1_070_838_486,
    1_072_289_173,
    1_073_015_252,
    1_073_378_477,
    1_073_560_135,
    1_073_650_976,
    1_073_696_399,
    1_073_719_111,
    1_073_730_468,
];

/// `value` percent as a probability.
pub const fn percent(value: u8) -> Probability {
    let value = if value > 100 { 100 } else { value };
    (value as u64).saturating_mul(ONE) / 100
}

/// The product of two probabilities.
pub(crate) const fn product(a: Probability, b: Probability) -> Probability {
    a.saturating_mul(b) >> 30
}

/// The share of its weight that evidence keeps at an age: ½ per half-life.
pub fn decay(age_secs: u64, half_life_secs: u64) -> Probability {
    let exponent = u128::from(age_secs)
        .saturating_mul(1 << 16)
        .checked_div(u128::from(half_life_secs))
        .unwrap_or(u128::MAX);
    let whole = exponent >> 16;
    if whole >= 30 {
        return 0;
    }
    let mut share = ONE;
    for (bit, factor) in (0..16u32).rev().zip(HALVINGS) {
        if exponent >> bit & 1 == 1 {
            share = product(share, factor);
        }
    }
    share.checked_shr(u32::try_from(whole).unwrap_or(u32::MAX)).unwrap_or(0)
}

/// ln(p / (1 − p)) in thousandths of a nat, clipped to ±13,800.
pub fn logit(probability: Probability) -> i64 {
    let probability = probability.min(ONE);
    let complement = ONE.saturating_sub(probability);
    if probability == 0 {
        return LOGIT_MAX.saturating_neg();
    }
    if complement == 0 {
        return LOGIT_MAX;
    }
    // Sixteen fractional bits of log2, then ln 2 · 1000 = 693.147181 in the same fixed point.
    let log2 = log2_q16(probability).saturating_sub(log2_q16(complement));
    let milli_nats = log2.saturating_mul(45_426_093).saturating_add(1 << 31) >> 32;
    milli_nats.clamp(LOGIT_MAX.saturating_neg(), LOGIT_MAX)
}

/// log2 of a positive integer, with sixteen fractional bits: repeated squaring of the mantissa.
fn log2_q16(value: u64) -> i64 {
    let whole = value.max(1).ilog2();
    // The mantissa in [1, 2), with 31 fractional bits.
    let mut mantissa = if whole > 31 {
        value.checked_shr(whole.saturating_sub(31)).unwrap_or(0)
    } else {
        value.checked_shl(31u32.saturating_sub(whole)).unwrap_or(0)
    };
    let mut log = i64::from(whole);
    for _ in 0..16 {
        mantissa = mantissa.saturating_mul(mantissa) >> 31;
        let carry = mantissa >> 32 & 1;
        mantissa = mantissa.checked_shr(u32::try_from(carry).unwrap_or(0)).unwrap_or(0);
        log = log.saturating_mul(2).saturating_add(i64::try_from(carry).unwrap_or(0));
    }
    log
}

/// Entry `r − 1` holds logit((r − ½) %): the log-odds from which risk `r` is reached.
const RISK_FROM: [i64; 100] = [
    -5293, -4185, -3664, -3317, -3055, -2844, -2666, -2512, -2376, -2254, -2143, -2041, -1946,
    -1857, -1774, -1696, -1621, -1551, -1483, -1418, -1355, -1295, -1237, -1180, -1125, -1072,
    -1020, -969, -920, -871, -824, -777, -731, -686, -641, -597, -554, -511, -468, -426, -385,
    -343, -302, -261, -221, -180, -140, -100, -60, -20, 20, 60, 100, 140, 180, 221, 261, 302, 343,
    385, 426, 468, 511, 554, 597, 641, 686, 731, 777, 824, 871, 920, 969, 1020, 1072, 1125, 1180,
    1237, 1295, 1355, 1418, 1483, 1551, 1621, 1696, 1774, 1857, 1946, 2041, 2143, 2254, 2376, 2512,
    2666, 2844, 3055, 3317, 3664, 4185, 5293,
];

/// The risk of log-odds: 100 · σ(L), rounded to the nearest whole number.
pub fn risk_of(log_odds: i64) -> Risk {
    let reached = RISK_FROM.partition_point(|from| *from <= log_odds);
    Risk::new(u8::try_from(reached).unwrap_or(100))
}

#[cfg(test)]
mod tests;
