//! `/v1/sources`: who says something, how far each is believed, and changing that.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use wardnet_model::{Kind, Reliability, Source, SourceId};
use wardnet_score::{Epoch, ONE};
use wardnet_server::{Caller, Json, OPERATOR_TENANT, Path, Problem, Role, now_unix};

use super::evidence::{TOKEN_SOURCE, source_of};
use super::forms::{self, Complaint};
use super::{Api, answer};

/// Bytes of a source's name.
const NAME_BYTES_MAX: usize = 128;

pub(super) async fn list(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    let principal = caller.require(Role::Reader)?;
    let own = source_of(principal);
    let epoch = api.readers().epochs.load();
    // Whose tokens report here is nobody else's business.
    let may_see = |source: &&Source| {
        principal.tenant == OPERATOR_TENANT
            || !source.name.starts_with(TOKEN_SOURCE)
            || *source.name == *own
    };
    let sources: Vec<Value> =
        epoch.sources().filter(may_see).map(|source| show(source, &epoch)).collect();
    Ok(answer(StatusCode::OK, json!({ "epoch": epoch.number(), "sources": sources })))
}

fn show(source: &Source, epoch: &Epoch) -> Value {
    let per_kind: serde_json::Map<String, Value> = source
        .per_kind
        .iter()
        .map(|(kind, grade)| (kind.name().to_owned(), grade.name().into()))
        .collect();
    let learned = Kind::all().filter_map(|kind| {
        let (right, wrong) = epoch.learned(source.id, kind)?;
        let believed = epoch.believed(source.id, Some(kind)) as f64 / ONE as f64;
        Some(json!({
            "kind": kind.name(), "right": right, "wrong": wrong,
            "believed": (believed * 1e6).round() / 1e6,
        }))
    });
    json!({
        "name": source.name,
        "kind": source.kind.name(),
        "reliability": source.reliability.name(),
        "per_kind": per_kind,
        "group": source.group,
        "half_life_secs": source.half_life_secs,
        "category": source.category.name(),
        "shadow": source.shadow,
        "redistribute": source.redistribute,
        "licence": source.licence,
        "learned": learned.collect::<Vec<_>>(),
    })
}

/// What an administrator changes of a source; what is absent stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    kind: Option<String>,
    reliability: Option<String>,
    per_kind: Option<BTreeMap<String, String>>,
    group: Option<String>,
    /// A duration, or `default` for the category's own.
    half_life: Option<String>,
    category: Option<String>,
    shadow: Option<bool>,
    redistribute: Option<bool>,
    licence: Option<String>,
}

pub(super) async fn put(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
    Json(description): Json<Description>,
) -> Result<Response, Problem> {
    let principal = caller.require(Role::Admin)?;
    if principal.tenant != OPERATOR_TENANT {
        return Err(Problem::forbidden(
            "sources are shared by all: only the operator's tokens may",
        ));
    }
    check_name(&name).map_err(forms::unprocessable)?;
    let text_max = api.limits.text_bytes_max;
    let before = api.readers().epochs.load().source_named(&name).cloned();
    // Read it once here, for its complaints; the number is given by the writer.
    let fresh = || Source::undescribed(SourceId::default(), &name, Reliability::F);
    let wanted =
        description.apply(before.unwrap_or_else(fresh), text_max).map_err(forms::unprocessable)?;
    let now = now_unix();
    let body = api.run(move |engine| {
        let described = wanted.name.clone();
        engine.source(&described, |id| Source { id, ..wanted }, now)?;
        let epoch = engine.epoch();
        let source = epoch.source_named(&described).map(|source| show(source, &epoch));
        Ok(json!({ "epoch": epoch.number(), "source": source }))
    });
    Ok(answer(StatusCode::OK, body.await?))
}

fn check_name(name: &str) -> Result<(), Complaint> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-/@".contains(&byte);
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(format!("a source's name has 1 to {NAME_BYTES_MAX} letters, digits and ._:-/@"))
}

impl Description {
    fn apply(self, mut source: Source, text_max: usize) -> Result<Source, Complaint> {
        let set = |field, text: Option<String>, to: &mut Box<str>| -> Result<(), Complaint> {
            if let Some(text) = forms::bounded(field, text, text_max)? {
                *to = text;
            }
            Ok(())
        };
        set("group", self.group.filter(|group| !group.is_empty()), &mut source.group)?;
        set("licence", self.licence, &mut source.licence)?;
        if let Some(kind) = forms::optional_word("kind", self.kind.as_deref())? {
            source.kind = kind;
        }
        if let Some(grade) = forms::optional_word("reliability", self.reliability.as_deref())? {
            source.reliability = grade;
        }
        if let Some(category) = forms::optional_word("category", self.category.as_deref())? {
            source.category = category;
        }
        if let Some(grades) = self.per_kind {
            source.per_kind = read_grades(&grades)?;
        }
        source.half_life_secs = match self.half_life.as_deref() {
            None => source.half_life_secs,
            Some("default") => None,
            Some(text) => Some(forms::duration_secs("half_life", text)?),
        };
        source.shadow = self.shadow.unwrap_or(source.shadow);
        source.redistribute = self.redistribute.unwrap_or(source.redistribute);
        Ok(source)
    }
}

fn read_grades(grades: &BTreeMap<String, String>) -> Result<Vec<(Kind, Reliability)>, Complaint> {
    let read = |(kind, grade): (&String, &String)| {
        Ok((forms::word("per_kind", kind)?, forms::word("per_kind", grade)?))
    };
    let mut read: Vec<(Kind, Reliability)> =
        grades.iter().map(read).collect::<Result<_, Complaint>>()?;
    read.sort_unstable();
    Ok(read)
}
