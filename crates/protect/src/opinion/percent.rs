//! A share in whole percent, as the settings write scores.

use serde::{Deserialize, Deserializer, de::Error as _};

/// From 1 to 100 percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u8);

impl Percent {
    /// Of 1 to 100; nothing else is one.
    #[must_use]
    pub const fn new(percent: u8) -> Option<Self> {
        match percent {
            1..=100 => Some(Self(percent)),
            _ => None,
        }
    }

    /// As a score.
    #[must_use]
    pub fn score(self) -> f32 {
        f32::from(self.0) / 100.0
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let percent = u8::deserialize(deserializer)?;
        let complaint = || D::Error::custom(format!("{percent} is no share of 1 to 100 percent"));
        Self::new(percent).ok_or_else(complaint)
    }
}
