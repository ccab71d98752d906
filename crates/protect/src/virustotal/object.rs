//! One thing as an object of VirusTotal's.

use super::VirustotalState;
use super::asked::url_id;
use super::voices::Results;
use crate::witness::Known;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use wardnet_model::{
    Band, CategorySet, Indicator, RelationKind, Risk, Stance, SuffixList, TenantId, Testimony,
    Timestamp,
};
use wardnet_server::Problem;
use wardnet_verdictdb::{Question, View};

/// What one request is answered from.
pub(super) struct Room {
    pub(super) view: Arc<View>,
    pub(super) state: VirustotalState,
    pub(super) tenant: TenantId,
    pub(super) now: Timestamp,
}

/// The verdict on a thing, and what else is known of it.
struct Judged {
    band: Band,
    risk: Risk,
    categories: CategorySet,
    /// Whether anything at all is said.
    is_known: bool,
    known: Known,
    filters: Vec<String>,
}

impl Room {
    fn judge(&self, indicator: &Indicator) -> Result<Judged, Problem> {
        let question = Question { indicator, tenant: Some(self.tenant), addresses: &[] };
        let answer =
            self.view.ask(&question, SuffixList::shipped(), self.now).map_err(|error| {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Problem::new(status, "no-answer", "No answer", error.to_string())
                    .with_retry_after_secs(5)
            })?;
        let known = (self.state.witness)(indicator, self.tenant, self.now)
            .map_err(|error| Problem::unavailable(error).with_retry_after_secs(5))?;
        let filters = self.state.known_files.holding(indicator);
        let is_known = !answer.matches.is_empty()
            || answer.reserved.is_some()
            || !known.testimonies.is_empty()
            || !filters.is_empty();
        let (band, risk, categories) = (answer.band, answer.risk, answer.categories);
        Ok(Judged { band, risk, categories, is_known, known, filters })
    }

    /// The object of a kind, by the id that it was asked with.
    pub(super) fn object(
        &self,
        kind: &str,
        indicator: &Indicator,
        id: &str,
    ) -> Result<Value, Problem> {
        let judged = self.judge(indicator)?;
        if !judged.is_known {
            return Err(Problem::not_found(format!("nothing is known of {kind} \"{indicator}\"")));
        }
        let mut attributes = self.attributes(kind, &judged);
        let mut set = |name: &str, value: Value| attributes.insert(name.to_owned(), value);
        match indicator {
            Indicator::Url(url) => drop(set("url", url.as_str().into())),
            Indicator::Domain(_) => drop(set("categories", categories_of(&judged))),
            Indicator::Md5(_) | Indicator::Sha1(_) | Indicator::Sha256(_) => {
                for (name, value) in of_file(indicator, &judged) {
                    set(name, value);
                }
            }
            _ => {}
        }
        let collection = if kind == "ip_address" { "ip_addresses" } else { &format!("{kind}s") };
        let own = format!("/api/v3/{collection}/{id}");
        Ok(json!({ "data": {
            "type": kind, "id": id, "links": { "self": own }, "attributes": attributes,
        } }))
    }

    /// What all kinds have.
    fn attributes(&self, kind: &str, judged: &Judged) -> Map<String, Value> {
        let Results { results, stats } = results(kind, judged);
        let tags: Vec<_> = judged.categories.iter().map(|one| one.name()).collect();
        let mut attributes = Map::new();
        let mut set = |name: &str, value: Value| attributes.insert(name.to_owned(), value);
        set("last_analysis_stats", stats);
        set("last_analysis_results", results);
        set("last_analysis_date", self.view.as_of.0.into());
        set("reputation", reputation(judged.band, judged.risk).into());
        set("tags", json!(tags));
        attributes
    }

    /// The analysis of a URL, which is done as soon as it is asked for.
    pub(super) fn analysis(
        &self,
        id: &str,
        url: &Indicator,
        at: Timestamp,
    ) -> Result<Value, Problem> {
        let judged = self.judge(url)?;
        let Results { results, stats } = results("url", &judged);
        let (own, url_id) = (format!("/api/v3/analyses/{id}"), url_id(url));
        let item = format!("/api/v3/urls/{url_id}");
        Ok(json!({
            "data": {
                "type": "analysis", "id": id, "links": { "self": own, "item": item },
                "attributes": {
                    "date": at.0, "status": "completed", "stats": stats, "results": results,
                },
            },
            "meta": { "url_info": { "id": url_id, "url": url.to_string() } },
        }))
    }
}

fn results(kind: &str, judged: &Judged) -> Results {
    let names: Vec<_> = judged.categories.iter().map(|one| one.name()).collect();
    let word = if names.is_empty() { judged.band.name().to_owned() } else { names.join(",") };
    Results::of(kind, (judged.band, &word), &judged.known.testimonies)
}

/// Below zero for what is bad, above for what is good; nobody votes on it.
fn reputation(band: Band, risk: Risk) -> i16 {
    match band {
        Band::Malicious | Band::Suspicious => -i16::from(risk.value()),
        Band::Unrated => 0,
        Band::Safe => 50,
        Band::Trusted => 100,
    }
}

/// What each source lists a domain under.
fn categories_of(judged: &Judged) -> Value {
    let said = judged.known.testimonies.iter().filter(|one| one.counts);
    said.map(|one| (one.source.to_string(), Value::from(one.category.name())))
        .collect::<Map<_, _>>()
        .into()
}

/// Its hashes, its family, when it was seen, and who knows it.
fn of_file(file: &Indicator, judged: &Judged) -> Vec<(&'static str, Value)> {
    let mut all = vec![(hash_name(file), Value::from(file.to_string()))];
    for relation in judged.known.relations.iter().filter(|one| one.kind == RelationKind::AliasOf) {
        let other = if relation.from == *file { &relation.to } else { &relation.from };
        let is_hash =
            matches!(other, Indicator::Md5(_) | Indicator::Sha1(_) | Indicator::Sha256(_));
        let name = hash_name(other);
        if is_hash && all.iter().all(|(known, _)| *known != name) {
            all.push((name, other.to_string().into()));
        }
    }
    let counting = |stance| {
        judged.known.testimonies.iter().filter(move |one| one.counts && one.stance == stance)
    };
    let is_bad = matches!(judged.band, Band::Suspicious | Band::Malicious);
    if let Some(families) = threat(counting(Stance::Malicious)).filter(|_| is_bad) {
        all.push(("popular_threat_classification", families));
    }
    let sides = || judged.known.testimonies.iter().filter(|one| one.counts);
    if let Some(first) = sides().map(|one| one.first_seen).min() {
        all.push(("first_seen_itw_date", first.0.into()));
    }
    if let Some(last) = sides().map(|one| one.last_seen).max() {
        all.push(("last_seen_itw_date", last.0.into()));
    }
    let good = counting(Stance::Benign).map(|one| one.source.to_string());
    let known_to: Vec<String> = good.chain(judged.filters.iter().cloned()).collect();
    if !known_to.is_empty() {
        all.push(("known_distributors", json!({ "data_sources": known_to })));
    }
    all
}

const fn hash_name(file: &Indicator) -> &'static str {
    match file {
        Indicator::Md5(_) => "md5",
        Indicator::Sha1(_) => "sha1",
        _ => "sha256",
    }
}

/// Families and categories by how many sources name them, the most frequent first.
fn threat<'t>(voices: impl Iterator<Item = &'t Testimony>) -> Option<Value> {
    let (mut families, mut categories) = (BTreeMap::new(), BTreeMap::new());
    for one in voices {
        if let Some(family) = &one.family {
            *families.entry(family.to_lowercase()).or_insert(0u32) += 1;
        }
        *categories.entry(one.category.name().to_owned()).or_insert(0u32) += 1;
    }
    let by_count = |counted: BTreeMap<String, u32>| {
        let mut list: Vec<_> = counted.into_iter().collect();
        list.sort_by(|one, other| (other.1, &one.0).cmp(&(one.1, &other.0)));
        list
    };
    let (families, categories) = (by_count(families), by_count(categories));
    let label: Vec<&str> =
        [&categories, &families].iter().filter_map(|all| Some(all.first()?.0.as_str())).collect();
    if label.is_empty() {
        return None;
    }
    let values = |list: Vec<(String, u32)>| -> Value {
        list.into_iter().map(|(value, count)| json!({ "value": value, "count": count })).collect()
    };
    Some(json!({
        "suggested_threat_label": label.join("."),
        "popular_threat_name": values(families),
        "popular_threat_category": values(categories),
    }))
}
