//! The routes that show the models and end or begin their trials; those of before, too.

use super::former::Former;
use super::{Models, expires, source_name};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get_service, put_service};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use wardnet_analyze::{Model, Subject};
use wardnet_identify::Writer;
use wardnet_identify::http::model_source;
use wardnet_model::Source;
use wardnet_protect::opinion::{Counts, Standing, Trial};
use wardnet_server::{Access, Caller, Gate, Json, OPERATOR_TENANT, Path, Problem, Role, RouteSpec};

/// What the routes work on.
#[derive(Debug, Clone)]
struct Desk {
    models: Models,
    writer: Writer,
}

/// `GET /v1/models` and `PUT /v1/models/{subject}`.
pub(crate) fn routes(gate: &Gate, models: Models, writer: Writer) -> Router {
    let desk = Arc::new(Desk { models, writer });
    let list = gate.route(RouteSpec::new("/v1/models", Access::Role(Role::Reader)));
    let set = gate.route(RouteSpec::new("/v1/models/{subject}", Access::Role(Role::Admin)));
    Router::new()
        .route("/v1/models", get_service(list.wrap(all, Arc::clone(&desk))))
        .route("/v1/models/{subject}", put_service(set.wrap(put, desk)))
}

async fn all(State(desk): State<Arc<Desk>>) -> Response {
    let models = desk.models.opinions.models();
    let trials = desk.models.opinions.standing();
    let shown = trials.iter().map(|trial| desk.show(models.of(trial.subject), trial));
    let former = desk.former();
    let shown = shown.chain(former.iter().map(show_former));
    axum::Json(json!({ "models": shown.collect::<Vec<_>>() })).into_response()
}

/// What an administrator changes of a model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    state: String,
    /// Promotes a model of which nothing is shown yet.
    #[serde(default)]
    force: bool,
}

async fn put(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Path(subject): Path<String>,
    Json(wanted): Json<Wanted>,
) -> Result<Response, Problem> {
    if caller.require(Role::Admin)?.tenant != OPERATOR_TENANT {
        return Err(Problem::forbidden("models judge for all: only the operator's tokens may"));
    }
    let (subject, digest) = addressed(&subject)?;
    let shadow = match wanted.state.as_str() {
        "shadow" => true,
        "promoted" => false,
        _ => return Err(Problem::unprocessable("`state` is `shadow` or `promoted`")),
    };
    let models = desk.models.opinions.models();
    let model = models.of(subject);
    if let Some(digest) = digest {
        let name = format!("model:{}@{digest}", subject.name());
        if name != source_name(model) {
            return desk.put_former(&name, shadow).await;
        }
    }
    let trials = desk.models.opinions.standing();
    let trial = trials.iter().find(|trial| trial.subject == subject);
    let trial = trial.ok_or_else(Problem::internal)?;
    if !shadow {
        is_the_wanted_one(&desk.models, subject)?;
    }
    if !shadow && !wanted.force {
        may_be_promoted(trial)?;
    }
    desk.set(source_name(model), shadow).await?;
    Ok(axum::Json(desk.show(model, trial)).into_response())
}

/// What a path names: `url`, `domain`, or one model of them as the list shows it, such as
/// `url@0123456789abcdef`.
fn addressed(path: &str) -> Result<(Subject, Option<&str>), Problem> {
    let path = path.strip_prefix("model:").unwrap_or(path);
    let (name, digest) =
        path.split_once('@').map_or((path, None), |(name, digest)| (name, Some(digest)));
    let mut known = [Subject::Url, Subject::Domain].into_iter();
    let subject = known.find(|known| known.name() == name);
    let unknown =
        || Problem::not_found("models judge `url` and `domain`; one of before is `url@DIGEST`");
    Ok((subject.ok_or_else(unknown)?, digest))
}

/// Whoever promotes a model means the one of the settings, not one that stands in for it.
fn is_the_wanted_one(models: &Models, subject: Subject) -> Result<(), Problem> {
    models.standing_in(subject).map_or(Ok(()), |why| {
        Err(Problem::conflict(format!("{why}; mend the settings before you promote it")))
    })
}

/// A model must have shown on what is asked here that it spares what is good.
fn may_be_promoted(trial: &Trial) -> Result<(), Problem> {
    let why = match trial.standing() {
        Standing::Shown(_) => return Ok(()),
        Standing::TooMany(low) => {
            format!("it calls at least {:.2} % of what is known to be good malicious", low * 100.0)
        }
        Standing::Unknown(high) => format!(
            "it may call up to {:.2} % of what is known to be good malicious: too little of that \
             was asked so far",
            high * 100.0
        ),
    };
    Err(Problem::new(
        StatusCode::CONFLICT,
        "not-shown",
        "Not shown",
        format!("{why}; 0.1 % is the most; `force` promotes it nevertheless"),
    ))
}

impl Desk {
    /// The models that were in force before.
    fn former(&self) -> Vec<Former> {
        self.models.former(self.writer.readers().epochs.load().sources())
    }

    /// Ends that the findings of a former model count. They cannot be made to count again while
    /// another one is in force.
    async fn put_former(&self, name: &str, shadow: bool) -> Result<Response, Problem> {
        let mut former = self.former().into_iter();
        let unknown = || Problem::not_found("no model of this name; `GET /v1/models` lists them");
        let one = former.find(|one| one.source == name).ok_or_else(unknown)?;
        if !shadow {
            let why = "it is no longer in force: name it in [models] and reload, then promote it";
            return Err(Problem::conflict(why));
        }
        self.set(one.source.clone(), true).await?;
        let one = Former { is_promoted: false, ..one };
        Ok(axum::Json(show_former(&one)).into_response())
    }

    /// Describes the model's source in a new epoch.
    async fn set(&self, name: String, shadow: bool) -> Result<(), Problem> {
        let writer = self.writer.clone();
        let now = crate::clock::now();
        let job = move || {
            writer.run_blocking(move |engine| {
                let known = engine.epoch().source_named(&name).cloned();
                let describe = |id| {
                    let source = known.unwrap_or_else(|| model_source(id, &name));
                    Source { id, shadow, ..source }
                };
                engine.source(&name, describe, now)
            })
        };
        let done = tokio::task::spawn_blocking(job).await;
        done.map_err(|_| Problem::internal())?.map(drop).map_err(|error| {
            tracing::error!(%error, "a model could not be described");
            Problem::unavailable("nothing can be written down now; see /ready")
        })
    }

    fn show(&self, model: &Model, trial: &Trial) -> Value {
        let source = source_name(model);
        let epoch = self.writer.readers().epochs.load();
        let is_promoted = epoch.source_named(&source).is_some_and(|known| !known.shadow);
        let mut shown = show_trial(trial);
        shown["subject"] = model.subject().name().into();
        shown["source"] = source.into();
        shown["state"] = state(is_promoted).into();
        shown["in_force"] = true.into();
        shown["asked"] = self.models.opinions.are_on().into();
        shown["expires"] = expires(model).map(|day| day.to_string()).into();
        shown
    }
}

fn show_former(one: &Former) -> Value {
    let mut shown = one.trial.as_ref().map_or_else(|| json!({}), show_trial);
    shown["subject"] = one.subject.name().into();
    shown["source"] = one.source.as_str().into();
    shown["state"] = state(one.is_promoted).into();
    shown["in_force"] = false.into();
    shown["asked"] = false.into();
    shown
}

const fn state(is_promoted: bool) -> &'static str {
    if is_promoted { "promoted" } else { "shadow" }
}

fn show_trial(trial: &Trial) -> Value {
    let (word, bound) = match trial.standing() {
        Standing::Unknown(high) => ("unknown", high),
        Standing::TooMany(low) => ("too-many", low),
        Standing::Shown(high) => ("shown", high),
    };
    json!({
        "unrated": counts(&trial.unrated),
        "good": counts(&trial.good),
        "bad": counts(&trial.bad),
        "false_positives": { "standing": word, "share": bound },
        "drift": trial.drift(),
        "drifted": trial.has_drifted(),
    })
}

fn counts(counts: &Counts) -> Value {
    json!({ "judged": counts.total(), "malicious": counts.malicious() })
}
