//! What is done about a verdict: chosen when a question is answered, never part of the verdict.

use std::str::FromStr;
use wardnet_model::{Band, CategorySet, Risk};

/// How careful a listener, a client or a tenant wants to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Level {
    /// Blocks from risk 85 on: what is beyond doubt.
    Low,
    /// Blocks from risk 70 on: what is malicious.
    #[default]
    Medium,
    /// Blocks from risk 30 on: what is suspicious, too.
    High,
}

impl Level {
    /// The lowest risk that is blocked.
    pub const fn threshold(self) -> Risk {
        match self {
            Self::Low => Risk::new(85),
            Self::Medium => Risk::new(70),
            Self::High => Risk::new(30),
        }
    }

    /// Its name in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// A level that nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no security level; use low, medium or high")]
pub struct UnknownLevel(String);

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        let all = [Self::Low, Self::Medium, Self::High];
        all.into_iter()
            .find(|level| level.name() == text)
            .ok_or_else(|| UnknownLevel(text.chars().take(32).collect()))
    }
}

/// What to block: from which risk on, and for which categories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Policy {
    /// How careful to be.
    pub level: Level,
    /// The categories that are blocked; every category when empty.
    pub categories: CategorySet,
}

impl Policy {
    /// Whether a verdict with this risk, band and categories is blocked.
    ///
    /// What is trusted is never blocked. What an operator blocked without naming a category is
    /// blocked by every policy.
    pub fn blocks(&self, risk: Risk, band: Band, categories: CategorySet) -> bool {
        let dangerous = matches!(band, Band::Suspicious | Band::Malicious);
        let concerns = self.categories.is_empty()
            || categories.is_empty()
            || self.categories.intersects(categories);
        dangerous && concerns && risk >= self.level.threshold()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardnet_model::Category;

    fn only(category: Category) -> CategorySet {
        CategorySet::EMPTY.with(category)
    }

    #[test]
    fn levels_block_from_their_threshold_on() {
        let blocks = |level: &str, risk: u8| {
            let policy = Policy { level: level.parse().unwrap(), ..Policy::default() };
            let band = Band::of_risk(Risk::new(risk), false);
            policy.blocks(Risk::new(risk), band, only(Category::Phishing))
        };
        for (level, from) in [("low", 85), ("medium", 70), ("high", 30)] {
            assert!(blocks(level, from), "{level} {from}");
            assert!(!blocks(level, from - 10), "{level} {from}");
        }
        assert!("paranoid".parse::<Level>().is_err());
    }

    #[test]
    fn categories_narrow_what_is_blocked() {
        let policy = Policy { categories: only(Category::Phishing), ..Policy::default() };
        let blocks = |categories| policy.blocks(Risk::new(100), Band::Malicious, categories);
        assert!(blocks(only(Category::Phishing).with(Category::Malware)));
        assert!(!blocks(only(Category::Malware)));
        assert!(blocks(CategorySet::EMPTY), "an operator's block without a category");
    }

    #[test]
    fn what_is_trusted_is_never_blocked() {
        let policy = Policy { level: Level::High, ..Policy::default() };
        for band in [Band::Trusted, Band::Safe, Band::Unrated] {
            assert!(!policy.blocks(Risk::new(100), band, CategorySet::EMPTY), "{band:?}");
        }
    }
}
