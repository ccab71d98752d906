//! One file as hashlookup tells of it.

use super::asked::Algorithm;
use super::family::{Family, member, text};
use super::{HashlookupState, unanswered};
use crate::witness::Known;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use wardnet_model::{Band, Indicator, Risk, Stance, SuffixList, TenantId, Timestamp};
use wardnet_server::Problem;
use wardnet_verdictdb::{Question, View};

/// Relatives that stand in an answer; the others are paged through.
const RELATIVES_MAX: usize = 15;

/// The trust of files about which nothing more is known than that they exist.
const NEUTRAL: u8 = 50;

/// The most that MD5, SHA-1 and filters can give.
const INFORMED_MAX: u8 = 75;

/// What one request is answered from.
pub(super) struct Room {
    pub(super) view: Arc<View>,
    pub(super) state: HashlookupState,
    pub(super) tenant: TenantId,
    pub(super) now: Timestamp,
}

impl Room {
    fn known(&self, file: &Indicator) -> Result<Known, Problem> {
        (self.state.witness)(file, self.tenant, self.now)
            .map_err(|error| Problem::unavailable(error).with_retry_after_secs(5))
    }

    /// A file's relatives.
    pub(super) fn family(&self, file: &Indicator) -> Result<Family, Problem> {
        Ok(Family::of(file, &self.known(file)?.relations))
    }

    /// What is told of a file; nothing where nobody knows it.
    pub(super) fn record(
        &self,
        algorithm: Algorithm,
        file: &Indicator,
    ) -> Result<Option<Value>, Problem> {
        let question = Question { indicator: file, tenant: Some(self.tenant), addresses: &[] };
        let answer = self.view.ask(&question, SuffixList::shipped(), self.now);
        let answer = answer.map_err(|error| unanswered(&error))?;
        let filters = self.state.known_files.holding(file);
        let is_unknown = match answer.band {
            // Where something is said that does not suffice, a filter is no better word.
            Band::Unrated => !answer.matches.is_empty() || filters.is_empty(),
            _ => false,
        };
        if is_unknown {
            return Ok(None);
        }
        let known = self.known(file)?;
        let is_bad = matches!(answer.band, Band::Suspicious | Band::Malicious);
        let side = if is_bad { Stance::Malicious } else { Stance::Benign };
        let voices = known.testimonies.iter().filter(|one| one.counts && one.stance == side);
        let mut sources: Vec<&str> = voices.map(|one| &*one.source).collect();
        let mut record = Map::new();
        record.insert(algorithm.title().to_owned(), text(file).into());
        if is_bad {
            if sources.is_empty() {
                sources.push("an operator's decision");
            }
            record.insert("KnownMalicious".to_owned(), sources.join(", ").into());
            let categories: Vec<_> = answer.categories.iter().map(|one| one.name()).collect();
            record.insert("wardnet:categories".to_owned(), json!(categories));
        } else {
            sources.extend(filters.iter().map(String::as_str));
            if !sources.is_empty() {
                record.insert("source".to_owned(), sources.join(", ").into());
            }
        }
        let family = Family::of(file, &known.relations);
        for alias in &family.aliases {
            record.entry(member(alias)).or_insert_with(|| text(alias).into());
        }
        relatives(&mut record, "parent", "parents", &family.parents);
        relatives(&mut record, "children", "children", &family.children);
        let trust = trust(answer.band, answer.risk, algorithm, filters.len());
        record.insert("hashlookup:trust".to_owned(), trust.into());
        Ok(Some(Value::Object(record)))
    }
}

fn relatives(record: &mut Map<String, Value>, one: &str, many: &str, files: &[Indicator]) {
    if files.is_empty() {
        return;
    }
    let shown = files.iter().take(RELATIVES_MAX).map(|file| json!({ member(file): text(file) }));
    record.insert(many.to_owned(), shown.collect());
    record.insert(format!("hashlookup:{one}-total"), files.len().into());
}

/// How far a file is to be trusted, from 0 to 100; 50 says nothing either way.
fn trust(band: Band, risk: Risk, algorithm: Algorithm, filters: usize) -> u8 {
    let most = if algorithm == Algorithm::Sha256 { 100 } else { INFORMED_MAX };
    match band {
        Band::Malicious | Band::Suspicious => (100 - risk.value()) / 2,
        Band::Trusted => most,
        // Risk is below 30 here.
        Band::Safe => (90 - risk.value().min(30)).min(most),
        Band::Unrated => {
            let for_filters = u8::try_from(filters).unwrap_or(u8::MAX).saturating_mul(5);
            NEUTRAL.saturating_add(for_filters).min(INFORMED_MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_is_below_50_for_all_that_is_bad_and_100_for_what_is_allowed_alone() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256] {
            for risk in 0..=100 {
                let of = |band| trust(band, Risk::new(risk), algorithm, 0);
                if risk >= 30 {
                    assert!(of(Band::Suspicious) < NEUTRAL && of(Band::Malicious) < NEUTRAL);
                } else {
                    assert!((NEUTRAL..100).contains(&of(Band::Safe)));
                }
            }
            let allowed = trust(Band::Trusted, Risk::ZERO, algorithm, 0);
            assert_eq!(allowed == 100, algorithm == Algorithm::Sha256);
        }
        let by_filters = |filters| trust(Band::Unrated, Risk::ZERO, Algorithm::Sha256, filters);
        assert_eq!((by_filters(1), by_filters(2), by_filters(1000)), (55, 60, 75));
    }
}
