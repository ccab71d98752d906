//! The OpenAPI 3.1 description of the HTTP API, put together from what each part says of itself.
//!
//! A part describes its paths, what they take and what they answer when all goes well. What can go
//! wrong everywhere is added here, once, so that no operation forgets to say it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get_service;
use serde_json::{Map, Value, json};
use wardnet_server::{Access, Gate, RouteSpec};

/// Where the description is served.
pub const PATHS: [&str; 2] = ["/v1/openapi.json", "/openapi.json"];

/// The paths of this crate and the schemas they use.
#[must_use]
pub fn openapi() -> Value {
    // The file is compiled in, and a test reads it: an empty description is never served.
    serde_json::from_str(include_str!("openapi.json")).unwrap_or_default()
}

/// The whole description from its parts, for a program of version `version`.
#[must_use]
pub fn document(version: &str, parts: Vec<Value>) -> Value {
    let mut paths = Map::new();
    let (mut schemas, mut parameters) = (Map::new(), Map::new());
    for mut part in parts {
        take_members(&mut part["paths"], &mut paths);
        take_members(&mut part["components"]["schemas"], &mut schemas);
        take_members(&mut part["components"]["parameters"], &mut parameters);
    }
    for methods in paths.values_mut().filter_map(Value::as_object_mut) {
        for (_, operation) in methods.iter_mut() {
            complete(operation);
        }
    }
    schemas.insert("Problem".to_owned(), problem_schema());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Wardnet",
            "version": version,
            "description": "Ask what is known of addresses, domains, URLs and files; say what \
                was seen; decide. Errors are problems (RFC 9457): switch on `type`.",
            "license": { "name": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "bearer": [] }, { "key": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": parameters,
            "responses": problem_responses(),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "key": { "type": "apiKey", "in": "header", "name": "X-Api-Key" },
            },
        },
    })
}

/// The route that serves a description, to anybody.
pub fn routes(gate: &Gate, document: &Value) -> Router {
    let text: Arc<str> = document.to_string().into();
    let mut router = Router::new();
    for path in PATHS {
        let route = gate.route(RouteSpec::new("/v1/openapi.json", Access::Anonymous));
        router = router.route(path, get_service(route.wrap(serve, Arc::clone(&text))));
    }
    router
}

async fn serve(State(text): State<Arc<str>>) -> Response {
    ([(CONTENT_TYPE, "application/json")], text.to_string()).into_response()
}

fn take_members(from: &mut Value, to: &mut Map<String, Value>) {
    if let Value::Object(members) = from.take() {
        to.extend(members);
    }
}

/// Statuses of every operation, those of operations that need a token, that take parameters, and
/// that take a body.
const ALWAYS: [&str; 3] = ["429", "431", "500"];
const WITH_TOKEN: [&str; 2] = ["401", "403"];
const WITH_PARAMETERS: [&str; 1] = ["400"];
const WITH_BODY: [&str; 5] = ["400", "408", "413", "415", "422"];

fn complete(operation: &mut Value) {
    let is_open = operation["security"].as_array().is_some_and(Vec::is_empty);
    let mut statuses = ALWAYS.to_vec();
    if is_open {
        // A token that is sent is checked all the same.
        statuses.push("401");
    } else {
        statuses.extend(WITH_TOKEN);
    }
    if operation["parameters"].is_array() {
        statuses.extend(WITH_PARAMETERS);
    }
    if operation["requestBody"].is_object() {
        statuses.extend(WITH_BODY);
    }
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for status in statuses {
        let reference = format!("#/components/responses/{status}");
        responses.entry(status).or_insert_with(|| json!({ "$ref": reference }));
    }
}

const PROBLEMS: [(&str, &str); 16] = [
    ("400", "The request cannot be understood."),
    ("401", "No valid token."),
    ("403", "The token may not do this."),
    ("404", "Nothing is here."),
    ("405", "The path does not take this method."),
    ("408", "The body did not arrive in time."),
    ("409", "It contradicts the state of things."),
    ("410", "There is no way on from this cursor: take a snapshot."),
    ("413", "Too much at once: send it in parts."),
    ("415", "A body of another media type."),
    ("422", "Well-formed, but it makes no sense."),
    ("429", "Over budget; `Retry-After` says when to ask again."),
    ("431", "The path, the query or the headers are too long. Comes without a body."),
    ("500", "The server failed; its log has the cause."),
    ("503", "Not now: no data yet, damaged data, or too busy."),
    ("default", "A problem."),
];

fn problem_responses() -> Value {
    let content = json!({
        "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } }
    });
    PROBLEMS
        .iter()
        .map(|(status, meaning)| {
            let mut response = json!({ "description": meaning, "content": content });
            if *status == "429" {
                response["headers"] = json!({
                    "Retry-After": { "description": "Seconds.", "schema": { "type": "integer" } }
                });
            }
            // The protocol engine refuses such a head before any of our code sees it.
            if *status == "431" {
                response = json!({ "description": meaning });
            }
            ((*status).to_owned(), response)
        })
        .collect::<Map<_, _>>()
        .into()
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457 problem details.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference" },
            "title": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string" },
            "instance": { "type": "string" },
        },
        "examples": [{
            "type": "/problems/unauthorized", "title": "A valid token is needed", "status": 401,
            "detail": "send a token as Authorization: Bearer wn_…, or as X-Api-Key: wn_…",
        }],
    })
}

#[cfg(test)]
mod tests;
