//! The routes that create, list and revoke access tokens.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete_service, get_service};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wardnet_server::tokens::{NewToken, TokenRecord, TokenStoreError};
use wardnet_server::{Access, Gate, Json, Path, Problem, Role, RouteSpec, Tokens};

/// What a new token shall be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    role: String,
    #[serde(default)]
    tenant: u32,
}

/// A token as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    id: String,
    name: String,
    role: &'static str,
    tenant: u32,
    created: String,
    disabled: bool,
    /// Only in the answer to its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// `GET` and `POST /v1/tokens`, `DELETE /v1/tokens/{id}`.
pub(crate) fn routes(gate: &Gate, tokens: Arc<Tokens>) -> Router {
    let admin = |name| gate.route(RouteSpec::new(name, Access::Role(Role::Admin)));
    Router::new()
        .route(
            "/v1/tokens",
            get_service(admin("/v1/tokens").wrap(list, Arc::clone(&tokens)))
                .post_service(admin("/v1/tokens").wrap(create, Arc::clone(&tokens))),
        )
        .route("/v1/tokens/{id}", delete_service(admin("/v1/tokens/{id}").wrap(revoke, tokens)))
}

async fn list(State(tokens): State<Arc<Tokens>>) -> Response {
    let all: Vec<Listed> = tokens.list().into_iter().map(|record| listed(&record, None)).collect();
    axum::Json(serde_json::json!({ "tokens": all })).into_response()
}

async fn create(
    State(tokens): State<Arc<Tokens>>,
    Json(wanted): Json<Wanted>,
) -> Result<Response, Problem> {
    let role = Role::from_name(&wanted.role).ok_or_else(|| {
        Problem::unprocessable("`role` is one of reader, reporter, analyst, admin")
    })?;
    if wanted.name.is_empty() || wanted.name.len() > 100 {
        return Err(Problem::unprocessable("`name` has 1 to 100 bytes"));
    }
    let new =
        NewToken { tenant: wanted.tenant, role, name: wanted.name, expires: None, rate: None };
    let (text, record) = tokens.issue(new, crate::clock::now()).map_err(|e| failed(&e))?;
    let body = listed(&record, Some(text.reveal().to_owned()));
    Ok((StatusCode::CREATED, axum::Json(body)).into_response())
}

async fn revoke(
    State(tokens): State<Arc<Tokens>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let known = tokens.list().into_iter().find(|record| record.id.as_str() == id);
    let record = known.ok_or_else(|| Problem::not_found("there is no token of that id"))?;
    tokens.remove(record.id).map_err(|error| failed(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

fn failed(error: &TokenStoreError) -> Problem {
    tracing::error!(%error, "the tokens could not be written");
    if let TokenStoreError::Io { source, .. } = error
        && crate::watch::is_full_disk(source)
    {
        return wardnet_identify::http::storage_full();
    }
    Problem::internal()
}

fn listed(record: &TokenRecord, token: Option<String>) -> Listed {
    Listed {
        id: record.id.as_str().to_owned(),
        name: record.name.clone(),
        role: record.role.name(),
        tenant: record.tenant,
        created: wardnet_model::Timestamp(record.created_secs).to_string(),
        disabled: record.disabled,
        token,
    }
}
