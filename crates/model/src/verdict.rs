//! What Wardnet says about an indicator: risk, band, and on what ground.

use crate::{CategorySet, SourceId, Timestamp, UnknownName};
use std::fmt;
use std::str::FromStr;

/// The risk values that are published; an exact risk is rounded down to one of them.
pub const RISK_STEPS: [u8; 13] = [0, 1, 10, 20, 30, 40, 50, 60, 70, 80, 85, 90, 100];

/// The lowest risk of [`Band::Suspicious`].
pub const SUSPICIOUS_FROM: u8 = 30;

/// The lowest risk of [`Band::Malicious`].
pub const MALICIOUS_FROM: u8 = 70;

/// How dangerous something is, from 0 to 100; higher is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Risk(u8);

impl Risk {
    /// No risk known.
    pub const ZERO: Self = Self(0);
    /// The highest risk.
    pub const MAX: Self = Self(100);

    /// A risk; values over 100 count as 100.
    pub const fn new(value: u8) -> Self {
        Self(if value > 100 { 100 } else { value })
    }

    /// The number from 0 to 100.
    pub const fn value(self) -> u8 {
        self.0
    }

    /// The largest published step that is not above this risk.
    #[must_use]
    pub fn published(self) -> Self {
        Self(RISK_STEPS.into_iter().rev().find(|step| *step <= self.0).unwrap_or(0))
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The class a verdict falls into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Band {
    /// No evidence in force. Never the same as safe.
    #[default]
    Unrated = 0,
    /// Good evidence is in force and the risk is below 30.
    Safe = 1,
    /// Allowed by a Decision, or by a rule that comes before all evidence.
    Trusted = 2,
    /// Risk from 30 to 69.
    Suspicious = 3,
    /// Risk from 70 to 100.
    Malicious = 4,
}

const BANDS: [(Band, &str); 5] = [
    (Band::Unrated, "unrated"),
    (Band::Safe, "safe"),
    (Band::Trusted, "trusted"),
    (Band::Suspicious, "suspicious"),
    (Band::Malicious, "malicious"),
];

impl Band {
    /// The band of evidence alone: `good` says whether good evidence is in force.
    pub const fn of_risk(risk: Risk, good: bool) -> Self {
        match risk.value() {
            MALICIOUS_FROM.. => Self::Malicious,
            SUSPICIOUS_FROM.. => Self::Suspicious,
            _ if good => Self::Safe,
            _ => Self::Unrated,
        }
    }

    /// The number that stands for this band on disk.
    pub const fn tag(self) -> u8 {
        self as u8
    }

    /// The band of a number read from disk.
    pub fn from_tag(tag: u8) -> Option<Self> {
        BANDS.iter().find(|(band, _)| band.tag() == tag).map(|(band, _)| *band)
    }

    /// The name used in JSON and on the terminal.
    pub fn name(self) -> &'static str {
        BANDS.iter().find(|(band, _)| *band == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Band {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        BANDS
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(band, _)| *band)
            .ok_or_else(|| UnknownName::new("band", name, BANDS.iter().map(|row| row.1)))
    }
}

/// What a verdict rests on. The order is the order of precedence, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Basis {
    /// Scored evidence.
    #[default]
    Evidence = 0,
    /// An operator's or analyst's word.
    Decision = 1,
    /// The hard tier: reserved ranges, own infrastructure, what is never listed.
    Hard = 2,
}

impl Basis {
    /// The number that stands for this basis on disk.
    pub const fn tag(self) -> u8 {
        self as u8
    }

    /// The basis of a number read from disk.
    pub const fn from_tag(tag: u8) -> Option<Self> {
        match tag {
            0 => Some(Self::Evidence),
            1 => Some(Self::Decision),
            2 => Some(Self::Hard),
            _ => None,
        }
    }

    /// The name used in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Decision => "decision",
            Self::Hard => "hard",
        }
    }
}

/// What Wardnet says about one indicator at one scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdict {
    /// The published risk: one of [`RISK_STEPS`].
    pub risk: Risk,
    /// The class.
    pub band: Band,
    /// What it rests on.
    pub basis: Basis,
    /// Why.
    pub categories: CategorySet,
    /// When the first evidence in force was first seen.
    pub first_seen: Timestamp,
    /// When the newest evidence in force was last seen.
    pub last_seen: Timestamp,
}

/// Who says it, of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Voice {
    /// The source.
    pub source: SourceId,
    /// Whether something that it says against the indicator is marked TLP:GREEN or clearer, so that
    /// it may be handed on where the source's licence lets it.
    pub shareable: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_risk_never_rises_above_the_exact_one() {
        for value in 0..=100 {
            let published = Risk::new(value).published();
            assert!(published.value() <= value);
            assert!(RISK_STEPS.contains(&published.value()));
        }
        assert_eq!(Risk::new(255), Risk::MAX);
    }

    #[test]
    fn bands_split_where_the_design_says() {
        assert_eq!(Band::of_risk(Risk::new(70), true), Band::Malicious);
        assert_eq!(Band::of_risk(Risk::new(69), true), Band::Suspicious);
        assert_eq!(Band::of_risk(Risk::new(29), true), Band::Safe);
        assert_eq!(Band::of_risk(Risk::new(29), false), Band::Unrated);
    }
}
