//! `GET /v1/explain`: the whole sum behind an answer, with every term.

use std::cmp::Reverse;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use wardnet_model::{Indicator, SourceId, SuffixList, TenantId, Timestamp};
use wardnet_score::{Contribution, Epoch, Explanation, GroupTerm, GroupVoice, ONE, Probability};
use wardnet_server::{Caller, Problem, Query, now_unix};
use wardnet_verdictdb::{Question, View};

use super::{Api, answer, blocking, failed, forms, tenant};
use crate::chain::{Link, chain};
use crate::{EvidenceLine, Explained, PatternLine};

/// The name shown for a source whose evidence may not be shown.
const WITHHELD: &str = "withheld (TLP:RED)";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    indicator: String,
    as_of: Option<String>,
}

pub(super) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let tenant = tenant(&caller);
    let now = now_unix();
    let body = blocking(move || explain_all(&api, &asked, tenant, now)).await?;
    Ok(answer(StatusCode::OK, body))
}

/// What an explanation is made from.
struct Room<'a> {
    api: &'a Api,
    epoch: &'a Epoch,
    tenant: TenantId,
    as_of: Timestamp,
    now: Timestamp,
}

fn explain_all(
    api: &Api,
    asked: &Asked,
    tenant: TenantId,
    now: Timestamp,
) -> Result<Value, Problem> {
    let indicator = forms::indicator(&asked.indicator).map_err(forms::unprocessable)?;
    let wanted = forms::time("as_of", asked.as_of.as_deref()).map_err(forms::unprocessable)?;
    let (view, epoch) = (api.readers().views.load(), api.readers().epochs.load_full());
    let suffixes = SuffixList::shipped();
    // A verdict stands until its next crossing: the view's time is a time of all its verdicts.
    let as_of = wanted.unwrap_or(view.as_of);
    let room = Room { api, epoch: &epoch, tenant, as_of, now };
    let mut explained = Vec::new();
    for link in chain(&indicator, suffixes) {
        room.explain_link(&link, &mut explained)?;
    }
    let patterns = crate::patterns_of(&api.readers().store, &epoch, &indicator, tenant, as_of);
    let patterns: Vec<Value> = patterns.iter().map(|line| pattern_line(&epoch, line)).collect();
    let relations = crate::relations(&api.readers().store, &indicator, tenant)
        .map_err(|error| failed(&error))?;
    let relations: Vec<Value> =
        relations.iter().map(|relation| forms::relation(relation, &epoch)).collect();
    Ok(json!({
        "input": asked.indicator,
        "indicator": indicator.to_string(),
        "kind": forms::kind_name(&indicator),
        "as_of": as_of.to_string(),
        "epoch": epoch.number(),
        "verdict": verdict(&view, &indicator, tenant, now)?,
        "explained": explained,
        "patterns": patterns,
        "relations": relations,
    }))
}

/// What the view answers.
fn verdict(
    view: &View,
    indicator: &Indicator,
    tenant: TenantId,
    now: Timestamp,
) -> Result<Value, Problem> {
    let tenant = Some(tenant);
    let question = Question { indicator, tenant, addresses: &[] };
    let answer = view
        .ask(&question, SuffixList::shipped(), now)
        .map_err(|error| Problem::unavailable(error.to_string()))?;
    Ok(json!({
        "band": answer.band.name(),
        "risk": answer.risk.value(),
        "basis": answer.basis.name(),
        "as_of": answer.as_of.to_string(),
        "categories": answer.categories.iter().map(|one| one.name()).collect::<Vec<_>>(),
        "reserved": answer.reserved,
    }))
}

impl Room<'_> {
    fn explain_link(&self, link: &Link, out: &mut Vec<Value>) -> Result<(), Problem> {
        let explain = |at| {
            let store = &self.api.readers().store;
            crate::explain(store, self.epoch, &link.indicator, self.tenant, at)
                .map_err(|error| failed(&error))
        };
        let then = explain(self.as_of)?;
        if then.is_empty() {
            return Ok(());
        }
        let today = explain(self.now)?;
        for one in &then {
            let today = today.iter().find(|other| other.scope == one.scope);
            out.push(self.explained(link, one, today));
        }
        Ok(())
    }

    fn explained(&self, link: &Link, one: &Explained, today: Option<&Explained>) -> Value {
        let published = &one.published;
        let categories = published.categories.iter().map(|category| category.name());
        let decisions = one.decisions.iter().enumerate().map(|(at, decision)| {
            forms::decision(decision, super::decisions::stands(&one.decisions, at, self.now))
        });
        json!({
            "indicator": one.indicator.to_string(),
            "kind": forms::kind_name(&one.indicator),
            "scope": one.scope.name(),
            "applies": link.applies(one.scope),
            "published": {
                "risk": published.risk.value(),
                "band": published.band.name(),
                "categories": categories.collect::<Vec<_>>(),
                "first_seen": forms::when(published.first_seen),
                "last_seen": forms::when(published.last_seen),
                "next_change": forms::when(published.next_crossing),
            },
            "sum": self.sum(&one.explanation, one),
            "today": today.map(|today| json!({
                "as_of": today.explanation.as_of.to_string(),
                "exact": today.explanation.exact.value(),
                "published": today.explanation.published.value(),
            })),
            "evidence": one.evidence.iter().map(|line| self.line(one, line)).collect::<Vec<_>>(),
            "patterns": one.patterns.iter().map(|line| pattern_line(self.epoch, line)).collect::<Vec<_>>(),
            "decisions": decisions.collect::<Vec<_>>(),
        })
    }

    fn sum(&self, sum: &Explanation, shown: &Explained) -> Value {
        let terms = sum.contributions.iter().map(|term| self.contribution(term, shown));
        let groups = sum.groups.iter().map(|group| self.group(group, sum, shown));
        json!({
            "as_of": sum.as_of.to_string(),
            "epoch": sum.epoch,
            "hosting": sum.subject.hosting,
            "prior": term(sum.prior),
            "contributions": terms.collect::<Vec<_>>(),
            "groups": groups.collect::<Vec<_>>(),
            "log_odds": term(sum.log_odds),
            "exact": sum.exact.value(),
            "published": sum.published.value(),
            "ceiling": sum.ceiling,
            "recomputed": sum.recompute().value(),
        })
    }

    fn contribution(&self, one: &Contribution, shown: &Explained) -> Value {
        let (source, group) = if is_shown(one, shown) {
            let name = forms::source_name(self.epoch, one.source);
            (name, one.group.map(|_| self.group_name(one.source)))
        } else {
            (WITHHELD.to_owned(), one.group.map(|group| format!("group {group}")))
        };
        json!({
            "source": source,
            "stance": one.item.stance.name(),
            "category": one.item.category.name(),
            "last_seen": forms::when(one.item.last_seen),
            "group": group,
            "r": probability(one.believed),
            "q": probability(one.sure),
            "d": probability(one.fresh),
            "weight": probability(one.weight),
            "half_life_secs": one.half_life_secs,
            "left_out": one.left_out,
            "pattern": pattern_of(one, shown).map(|line| &*line.pattern.text),
        })
    }

    fn group(&self, group: &GroupTerm, sum: &Explanation, shown: &Explained) -> Value {
        let member = sum
            .contributions
            .iter()
            .filter(|one| one.group == Some(group.group))
            .min_by_key(|one| Reverse(is_shown(one, shown)));
        let name = match member {
            _ if group.voice == GroupVoice::Inferred => "models and correlation".to_owned(),
            Some(one) if is_shown(one, shown) => self.group_name(one.source),
            _ => format!("group {}", group.group),
        };
        json!({
            "group": name,
            "stance": group.stance.name(),
            "p": probability(group.probability),
            "s": term(group.term),
            "inferred": group.voice == GroupVoice::Inferred,
        })
    }

    fn group_name(&self, source: SourceId) -> String {
        match self.epoch.source(source) {
            Some(known) if known.kind.is_inferred() => "models and correlation".to_owned(),
            Some(known) => known.group.to_string(),
            None => "undescribed".to_owned(),
        }
    }

    fn line(&self, one: &Explained, line: &EvidenceLine) -> Value {
        let held = &line.held;
        let source = self.epoch.source(held.source);
        let kind = one.indicator.kind();
        let reliability = source.map(|source| {
            kind.map_or(source.reliability, |kind| source.reliability_for(kind)).name()
        });
        let details = held.details.as_deref();
        json!({
            "source": forms::source_name(self.epoch, held.source),
            "source_kind": source.map(|source| source.kind.name()),
            "reliability": reliability,
            "half_life_secs": self.epoch.half_life_secs(held.source, kind, held.category),
            "stance": held.stance.name(),
            "category": held.category.name(),
            "confidence": held.confidence,
            "first_seen": forms::when(held.first_seen),
            "last_seen": forms::when(line.last_seen),
            "until": held.until.map(|until| until.to_string()),
            "family": details.and_then(|details| details.family.as_deref()),
            "actor": details.and_then(|details| details.actor.as_deref()),
            "reference": details.and_then(|details| details.reference.as_deref()),
            "tlp": held.tlp.name(),
            "sharing": held.sharing.name(),
            "own": held.tenant == self.tenant,
            "elsewhere": line.elsewhere.as_ref().map(|(domain, scope)| {
                json!({"indicator": &**domain, "scope": scope.name()})
            }),
        })
    }
}

/// Whether the evidence or the pattern behind a contribution is among what the tenant may see.
fn is_shown(one: &Contribution, shown: &Explained) -> bool {
    let item = (one.item.source, one.item.stance, one.item.category, one.item.confidence);
    pattern_of(one, shown).is_some()
        || shown.evidence.iter().any(|line| {
            let held = &line.held;
            (held.source, held.stance, held.category, held.confidence) == item
                && held.first_seen == one.item.first_seen
        })
}

/// The pattern behind a contribution, if it is one that the tenant may see. What a source says by
/// a pattern counts only where it says nothing else, so the statement tells which it is.
fn pattern_of<'e>(one: &Contribution, shown: &'e Explained) -> Option<&'e PatternLine> {
    shown.patterns.iter().find(|line| line.left_out.is_none() && line.item == one.item)
}

/// A pattern that matches what was asked about.
fn pattern_line(epoch: &Epoch, line: &PatternLine) -> Value {
    json!({
        "source": forms::source_name(epoch, line.item.source),
        "list": line.list,
        "match": line.pattern.kind.name(),
        "pattern": line.pattern.text,
        "stance": line.item.stance.name(),
        "category": line.item.category.name(),
        "confidence": line.item.confidence,
        "first_seen": forms::when(line.item.first_seen),
        "last_seen": forms::when(line.item.last_seen),
        "tlp": line.tlp.name(),
        "left_out": line.left_out,
    })
}

/// A probability as a decimal, and as the integer in 30-bit fixed point that is computed with.
fn probability(raw: Probability) -> Value {
    let decimal = (raw as f64 / ONE as f64 * 1e6).round() / 1e6;
    json!({ "value": decimal, "raw": raw })
}

/// A term of the log-odds in nats, and in the thousandths of a nat that are computed with.
fn term(raw: i64) -> Value {
    json!({ "value": raw as f64 / 1e3, "raw": raw })
}
