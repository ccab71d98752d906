//! Tests of the lookup routes: statuses, order, limits, tenants.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::*;
use crate::testing::{House, json, send, text, view};

fn serve(house: &House) -> Router {
    house.router(routes(&house.gate, LookupState::new(Arc::new(Views::new(view())))))
}

async fn expect(response: Response, status: u16, kind: &str) {
    assert_eq!(response.status(), status, "{kind}");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(json(response).await["type"], format!("/problems/{kind}"));
}

#[tokio::test]
async fn one_question_gets_its_answer() {
    let house = House::new();
    let router = serve(&house);
    let path = "/v1/lookup?indicator=https%3A%2F%2Fwww.evil.top%2Flogin&address=45.95.11.2";
    let response = house.get(&router, path, Some(&house.reader)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let answer = json(response).await;
    assert_eq!(answer["indicator"], "https://www.evil.top/login");
    assert_eq!(answer["matched"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn bad_questions_get_problems() {
    let house = House::new();
    let router = serve(&house);
    for (query, status, kind) in [
        ("", 400, "bad-request"),
        ("?indicator=a.top&indicator=b.top", 400, "bad-request"),
        ("?indicator=a.top&adress=1.2.3.4", 400, "bad-request"),
        ("?indicator=a.top&address=here", 400, "bad-request"),
        ("?indicator=", 422, "not-an-indicator"),
        ("?indicator=a%20b", 422, "not-an-indicator"),
    ] {
        let path = format!("/v1/lookup{query}");
        expect(house.get(&router, &path, Some(&house.reader)).await, status, kind).await;
    }
    let path = "/v1/lookup?indicator=evil.top";
    expect(house.get(&router, path, None).await, 401, "unauthorized").await;
    expect(house.get(&router, path, Some("wn_no_no")).await, 401, "unauthorized").await;
    let deleted = send(&router, "DELETE", path, Some(&house.reader), None).await;
    expect(deleted, 405, "method-not-allowed").await;
    expect(house.get(&router, "/v1/lookups", Some(&house.reader)).await, 404, "not-found").await;
}

#[tokio::test]
async fn without_a_database_nothing_is_answered() {
    let house = House::new();
    let router = house.router(routes(&house.gate, LookupState::new(Arc::default())));
    let path = "/v1/lookup?indicator=evil.top";
    expect(house.get(&router, path, Some(&house.reader)).await, 503, "no-answer").await;
    let body = ("application/json", r#"{"indicators":["evil.top"]}"#);
    expect(house.post(&router, "/v1/lookup", body).await, 503, "no-answer").await;
}

#[tokio::test]
async fn an_array_is_answered_in_its_order() {
    let house = House::new();
    let router = serve(&house);
    let body = r#"{"indicators":["weak.top","no no","evil.top"]}"#;
    let response = house.post(&router, "/v1/lookup", ("application/json", body)).await;
    assert_eq!(response.headers()["content-type"], "application/json");
    let answers = json(response).await;
    assert_eq!(answers["as_of"], "2026-08-22T18:10:19Z");
    let bands: Vec<&Value> =
        answers["answers"].as_array().unwrap().iter().map(|answer| &answer["band"]).collect();
    assert_eq!(bands, [&json!("unrated"), &Value::Null, &json!("malicious")]);
    assert_eq!(answers["answers"][1]["error"]["type"], "/problems/not-an-indicator");
    let empty = ("application/json", r#"{"indicators":[]}"#);
    assert_eq!(json(house.post(&router, "/v1/lookup", empty).await).await["answers"], json!([]));
}

#[tokio::test]
async fn ten_thousand_lines_come_back_in_order_over_many_frames() {
    let house = House::new();
    let router = serve(&house);
    let lines: Vec<String> = (0..10_000).map(|n| format!("host-{n}.evil.top")).collect();
    let body = lines.join("\n");
    let response = house.post(&router, "/v1/lookup", ("application/x-ndjson", &body)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let shown = text(response).await;
    assert_eq!(shown.lines().count(), lines.len());
    for (line, expected) in shown.lines().zip(&lines) {
        let answer: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&answer["input"], &answer["risk"]), (&json!(expected), &json!(90)));
    }
    let quoted: Vec<String> = lines.iter().map(|line| format!("\"{line}\"")).collect();
    let body = format!("{{\"indicators\":[{}]}}", quoted.join(","));
    let array = json(house.post(&router, "/v1/lookup", ("application/json", &body)).await).await;
    assert_eq!(array["answers"][9_999]["input"], "host-9999.evil.top");
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_refused_as_a_whole() {
    let house = House::new();
    let router = serve(&house);
    let lines = "evil.top\n".repeat(10_001);
    for media_type in ["application/x-ndjson", "text/plain; charset=utf-8"] {
        let response = house.post(&router, "/v1/lookup", (media_type, &lines)).await;
        expect(response, 413, "batch-too-large").await;
    }
    let array = format!("{{\"indicators\":[{}\"\"]}}", "\"evil.top\",".repeat(10_000));
    let response = house.post(&router, "/v1/lookup", ("application/json", &array)).await;
    expect(response, 413, "batch-too-large").await;
    let response = house.post(&router, "/v1/lookup", ("text/plain", &"x".repeat(9 << 20))).await;
    expect(response, 413, "body-too-large").await;
}

#[tokio::test]
async fn bodies_of_other_shapes_are_refused() {
    let house = House::new();
    let router = serve(&house);
    for (media_type, body, status, kind) in [
        ("application/json", "{", 400, "bad-request"),
        ("application/json", r#"{"indicators":"a"}"#, 422, "unprocessable"),
        ("application/json", r#"{"indicators":[],"more":1}"#, 422, "unprocessable"),
        ("text/csv", "a.top", 415, "unsupported-media-type"),
        ("", "a.top", 415, "unsupported-media-type"),
    ] {
        let response = house.post(&router, "/v1/lookup", (media_type, body)).await;
        expect(response, status, kind).await;
    }
}

#[tokio::test]
async fn a_batch_costs_as_many_questions_as_it_holds() {
    let house = House::new();
    let router = serve(&house);
    let token = house.poor(5);
    let ask = |count: usize| {
        let body = "evil.top\n".repeat(count);
        let (router, token) = (router.clone(), token.clone());
        async move {
            let body = Some(("text/plain", &*body));
            send(&router, "POST", "/v1/lookup", Some(&token), body).await
        }
    };
    assert_eq!(ask(3).await.status(), 200);
    expect(ask(3).await, 429, "over-budget").await;
    expect(ask(9).await, 413, "batch-too-large").await;
}

#[tokio::test]
async fn a_tenant_sees_its_own_and_others_do_not() {
    let house = House::new();
    let router = serve(&house);
    for (token, band) in [(&house.tenant, "malicious"), (&house.reader, "unrated")] {
        let path = "/v1/lookup?indicator=private.top";
        let one = json(house.get(&router, path, Some(token)).await).await;
        let body = Some(("text/plain", "private.top"));
        let many = send(&router, "POST", "/v1/lookup", Some(token), body).await;
        assert_eq!((&one["band"], &json(many).await["band"]), (&json!(band), &json!(band)));
    }
}
