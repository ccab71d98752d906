//! The routes that show the models and end or begin their trials.

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
    let subject = [Subject::Url, Subject::Domain]
        .into_iter()
        .find(|known| known.name() == subject)
        .ok_or_else(|| Problem::not_found("models judge `url` and `domain`"))?;
    let shadow = match wanted.state.as_str() {
        "shadow" => true,
        "promoted" => false,
        _ => return Err(Problem::unprocessable("`state` is `shadow` or `promoted`")),
    };
    let models = desk.models.opinions.models();
    let model = models.of(subject);
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
        let (word, bound) = match trial.standing() {
            Standing::Unknown(high) => ("unknown", high),
            Standing::TooMany(low) => ("too-many", low),
            Standing::Shown(high) => ("shown", high),
        };
        json!({
            "subject": model.subject().name(),
            "source": source,
            "state": if is_promoted { "promoted" } else { "shadow" },
            "expires": expires(model).map(|day| day.to_string()),
            "unrated": counts(&trial.unrated),
            "good": counts(&trial.good),
            "bad": counts(&trial.bad),
            "false_positives": { "standing": word, "share": bound },
            "drift": trial.drift(),
            "drifted": trial.has_drifted(),
        })
    }
}

fn counts(counts: &Counts) -> Value {
    json!({ "judged": counts.total(), "malicious": counts.malicious() })
}
