//! Threats as Safe Browsing names them.

use wardnet_model::{Category, CategorySet};
use wardnet_wire::safebrowsing::v5::ThreatType;

/// Every threat that has a list.
pub(super) const ALL: [ThreatType; 4] = [
    ThreatType::Malware,
    ThreatType::SocialEngineering,
    ThreatType::UnwantedSoftware,
    ThreatType::PotentiallyHarmfulApplication,
];

/// A set of threats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Threats(u8);

impl Threats {
    pub(super) const NONE: Self = Self(0);

    pub(super) const fn of(threat: ThreatType) -> Self {
        Self(1 << threat as u8)
    }

    pub(super) const fn has(self, threat: ThreatType) -> bool {
        self.0 & Self::of(threat).0 != 0
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn iter(self) -> impl Iterator<Item = ThreatType> {
        ALL.into_iter().filter(move |threat| self.has(*threat))
    }

    /// The threats of categories. What endangers no browser, such as scanners, is none; what is bad
    /// without a reason given, as an operator's block may be, counts as malware.
    pub(super) fn of_categories(categories: CategorySet) -> Self {
        if categories.is_empty() {
            return Self::of(ThreatType::Malware);
        }
        let threats = categories.iter().filter_map(threat_of).map(Self::of);
        threats.fold(Self::NONE, Self::and)
    }
}

const fn threat_of(category: Category) -> Option<ThreatType> {
    match category {
        Category::Phishing | Category::Scam => Some(ThreatType::SocialEngineering),
        Category::Uncategorised
        | Category::Malware
        | Category::CommandAndControl
        | Category::Ransomware
        | Category::Exploit
        | Category::Cryptomining
        | Category::Hijacked
        | Category::GeneratedDomain => Some(ThreatType::Malware),
        Category::Adware | Category::UnwantedSoftware => Some(ThreatType::UnwantedSoftware),
        Category::Stalkerware => Some(ThreatType::PotentiallyHarmfulApplication),
        _ => None,
    }
}
