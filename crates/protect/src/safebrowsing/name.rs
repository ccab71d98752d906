//! Names of lists, and the versions that clients send back.

use super::list::Held;
use super::prefix::Prefix;
use super::state::State;
use wardnet_wire::safebrowsing::v5::{HashLength, ThreatType};

/// A list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// Prefixes of 4 bytes.
    Four(ThreatType),
    /// Prefixes of 8 bytes.
    Eight(ThreatType),
    /// Hosts that are likely safe.
    GlobalCache,
    /// A list of Google's that is not kept here: nothing is in it.
    Empty,
}

/// All lists: their names, what they are, and a sentence.
pub(super) const ALL: [(&str, Name, &str); 9] = [
    ("se-4b", Name::Four(ThreatType::SocialEngineering), "Phishing and scams."),
    ("mw-4b", Name::Four(ThreatType::Malware), "Malware, and what steers it."),
    ("uws-4b", Name::Four(ThreatType::UnwantedSoftware), "Adware and misleading software."),
    (
        "pha-4b",
        Name::Four(ThreatType::PotentiallyHarmfulApplication),
        "Stalkerware and other harmful apps.",
    ),
    ("gc-32b", Name::GlobalCache, "Hosts that are likely safe."),
    ("se-8b", Name::Eight(ThreatType::SocialEngineering), "As se-4b, with fewer chance matches."),
    ("mw-8b", Name::Eight(ThreatType::Malware), "As mw-4b, with fewer chance matches."),
    ("uws-8b", Name::Eight(ThreatType::UnwantedSoftware), "As uws-4b, with fewer chance matches."),
    (
        "pha-8b",
        Name::Eight(ThreatType::PotentiallyHarmfulApplication),
        "As pha-4b, with fewer chance matches.",
    ),
];

impl Name {
    /// A list by its name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        ALL.iter().find(|(name, ..)| *name == text).map(|(_, list, _)| *list)
    }

    /// A list among several. Browsers ask for all of Google's at once, of which there are more than
    /// are kept here, and would have none if one were refused.
    pub(super) fn among_others(text: &str) -> Option<Self> {
        let is_name = |stem: &str| {
            (1..=16).contains(&stem.len()) && stem.bytes().all(|byte| byte.is_ascii_lowercase())
        };
        let lengths = ["-4b", "-8b", "-16b", "-32b"];
        let stem = lengths.iter().find_map(|length| text.strip_suffix(length));
        Self::parse(text).or_else(|| stem.filter(|stem| is_name(stem)).map(|_| Self::Empty))
    }

    pub(super) const fn length(self) -> HashLength {
        match self {
            Self::Four(_) | Self::Empty => <u32 as Prefix>::LENGTH,
            Self::Eight(_) => <u64 as Prefix>::LENGTH,
            Self::GlobalCache => HashLength::ThirtyTwoBytes,
        }
    }

    /// A number that versions bear, so that none is taken for that of another list.
    fn tag(self) -> u8 {
        let at = ALL.iter().position(|(_, name, _)| *name == self);
        at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
    }

    /// How many entries it has.
    pub(super) fn len(self, state: &State) -> usize {
        let lists = |threat| state.threats.iter().find(|lists| lists.threat == threat);
        match self {
            Self::Four(threat) => lists(threat).map_or(0, |lists| lists.four.len()),
            Self::Eight(threat) => lists(threat).map_or(0, |lists| lists.eight.len()),
            Self::GlobalCache => state.global_cache.len(),
            Self::Empty => 0,
        }
    }
}

/// Bytes of a version: of the run 8, of the list 1, of the state 8, of the bound 32.
const BYTES: usize = 49;

/// What a client has, as bytes that it sends back.
pub(super) fn written(history: u64, name: Name, held: Held) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(BYTES);
    bytes.extend_from_slice(&history.to_le_bytes());
    bytes.push(name.tag());
    bytes.extend_from_slice(&held.version.to_le_bytes());
    bytes.extend_from_slice(&held.bound);
    bytes
}

/// What a client has, if these are bytes of this run and list. Whoever makes them up gets a list
/// that does not fit its checksum.
pub(super) fn read(history: u64, name: Name, bytes: &[u8]) -> Option<Held> {
    let (run, rest) = bytes.split_first_chunk()?;
    let (tag, rest) = rest.split_first()?;
    let (version, bound) = rest.split_first_chunk()?;
    let is_ours = u64::from_le_bytes(*run) == history && *tag == name.tag();
    let version = u64::from_le_bytes(*version);
    is_ours.then_some(Held { version, bound: bound.try_into().ok()? })
}
