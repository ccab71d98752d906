//! Tests of the description: it is whole, and says what the router does.

use super::*;
use crate::testing::{House, json as body_of, send, view};
use crate::{changes, exports, health, lookup, status};
use wardnet_server::Health;
use wardnet_verdictdb::{FeedLimits, Views};

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(target) if name == "$ref" => found.push(target.clone()),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document("1.2.3", vec![openapi()]);
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn every_operation_says_what_can_go_wrong() {
    let document = document("1.2.3", vec![openapi()]);
    for (path, method, statuses) in [
        ("/v1/lookup", "get", "200 400 401 403 422 429 431 500 503"),
        ("/v1/lookup", "post", "200 400 401 403 408 413 415 422 429 431 500 503"),
        ("/v1/changes", "get", "200 400 401 403 410 429 431 500 503"),
        ("/health", "get", "200 401 429 431 500"),
    ] {
        let responses = document["paths"][path][method]["responses"].as_object().unwrap();
        let mut shown: Vec<&str> = responses.keys().map(String::as_str).collect();
        shown.sort_unstable();
        assert_eq!(shown.join(" "), statuses, "{path} {method}");
    }
}

#[test]
fn the_kinds_categories_and_bands_are_those_of_the_model() {
    let schemas = openapi()["components"]["schemas"].take();
    let kinds: Vec<&str> = wardnet_model::Kind::all().map(|kind| kind.name()).collect();
    assert_eq!(schemas["Kind"]["enum"], json!(kinds));
    let categories: Vec<_> = wardnet_model::Category::all().map(|one| one.name()).collect();
    assert_eq!(schemas["Category"]["enum"], json!(categories));
    let formats: Vec<_> = exports::Format::ALL.iter().map(|one| one.name()).collect();
    assert_eq!(schemas["ExportFormat"]["enum"], json!(formats));
    for band in schemas["Band"]["enum"].as_array().unwrap() {
        band.as_str().unwrap().parse::<wardnet_model::Band>().unwrap();
    }
}

#[tokio::test]
async fn every_path_is_served_and_the_description_too() {
    let house = House::new();
    let views = Arc::new(Views::new(view()));
    let document = document("1.2.3", vec![openapi()]);
    let state = health::HealthState::new(&Health::new(), &house.metrics, views.clone(), false);
    let feed = views.keep_changes(1, FeedLimits::default());
    let parts = (Arc::clone(&house.tokens), &house.metrics);
    let limits = changes::Limits::default();
    let all = exports::Rights { number: 1, may_share: Arc::new(|_| true) };
    let exports = exports::ExportState::new(Arc::clone(&feed), Arc::new(move || all.clone()));
    let changes = changes::ChangesState::new(views.clone(), feed, parts, limits);
    let router = health::routes(&house.gate, state)
        .merge(changes::routes(&house.gate, changes))
        .merge(exports::routes(&house.gate, exports))
        .merge(lookup::routes(&house.gate, lookup::LookupState::new(views.clone())))
        .merge(status::routes(&house.gate, status::StatusState::new("1", views)))
        .merge(routes(&house.gate, &document));
    let router = house.router(router);
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let (method, path) = (method.to_uppercase(), path.replace("{format}", "plain"));
            let path = path.replace("{file}", "manifest.json");
            let response = send(&router, &method, &path, Some(&house.reader), None).await;
            assert!(!matches!(response.status().as_u16(), 404 | 405), "{method} {path}");
        }
    }
    let served = body_of(house.get(&router, "/v1/openapi.json", None).await).await;
    assert_eq!(served, document);
}
