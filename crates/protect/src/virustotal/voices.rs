//! Verdict and evidence as the results of engines.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use wardnet_model::{Band, Category, Stance, Testimony};

/// The engine that says what Wardnet makes of all others.
pub(super) const OWN: &str = "Wardnet";

/// What an engine can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    Harmless,
    Malicious,
    Suspicious,
    Undetected,
}

impl Voice {
    const fn name(self) -> &'static str {
        match self {
            Self::Harmless => "harmless",
            Self::Malicious => "malicious",
            Self::Suspicious => "suspicious",
            Self::Undetected => "undetected",
        }
    }

    /// The verdict's.
    pub(super) const fn of_band(band: Band) -> Self {
        match band {
            Band::Malicious => Self::Malicious,
            Band::Suspicious => Self::Suspicious,
            Band::Safe | Band::Trusted => Self::Harmless,
            Band::Unrated => Self::Undetected,
        }
    }

    /// A source's. Where all bad words together do not suffice for a verdict, none is a detection.
    fn of_testimony(one: &Testimony, band: Band) -> Self {
        match one.stance {
            Stance::Malicious if !one.counts || band == Band::Unrated => Self::Undetected,
            Stance::Malicious if one.category == Category::Suspicious => Self::Suspicious,
            Stance::Malicious => Self::Malicious,
            Stance::Benign if one.counts => Self::Harmless,
            _ => Self::Undetected,
        }
    }

    /// What it is found for, in a word.
    fn result(self, word: &str) -> Value {
        match self {
            Self::Undetected => Value::Null,
            Self::Harmless => "clean".into(),
            Self::Suspicious | Self::Malicious => word.into(),
        }
    }
}

/// `last_analysis_results` and `last_analysis_stats`.
pub(super) struct Results {
    pub(super) results: Value,
    pub(super) stats: Value,
}

impl Results {
    /// Of a verdict, called `word`, and the evidence behind it.
    pub(super) fn of(kind: &str, (band, word): (Band, &str), testimonies: &[Testimony]) -> Self {
        let mut voices: BTreeMap<&str, (Voice, Value)> = BTreeMap::new();
        for one in testimonies {
            let voice = Voice::of_testimony(one, band);
            let word = one.family.as_deref().unwrap_or_else(|| one.category.name());
            voices.insert(&one.source, (voice, voice.result(word)));
        }
        let own = Voice::of_band(band);
        voices.insert(OWN, (own, own.result(word)));
        let count = |of: Voice| voices.values().filter(|(voice, _)| *voice == of).count();
        let mut stats = json!({
            "malicious": count(Voice::Malicious),
            "suspicious": count(Voice::Suspicious),
            "undetected": count(Voice::Undetected),
            "harmless": count(Voice::Harmless),
            "timeout": 0,
        });
        if let (Some(stats), "file") = (stats.as_object_mut(), kind) {
            for name in ["confirmed-timeout", "failure", "type-unsupported"] {
                stats.insert(name.to_owned(), 0.into());
            }
        }
        let results: Map<String, Value> = voices
            .into_iter()
            .map(|(engine, (voice, result))| {
                let said = json!({
                    "method": "blacklist",
                    "engine_name": engine,
                    "category": voice.name(),
                    "result": result,
                });
                (engine.to_owned(), said)
            })
            .collect();
        Self { results: results.into(), stats }
    }
}
