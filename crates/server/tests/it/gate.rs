//! Tokens, roles and budgets at the door.

use wardnet_server::budget::BudgetConfig;
use wardnet_server::{Rate, Role};

use crate::server::Setup;

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

#[tokio::test]
async fn tokens_open_what_their_role_may() {
    let server = Setup::default().start();
    let (reader, _) = server.token(Role::Reader, None);
    let (admin, _) = server.token(Role::Admin, None);
    assert_eq!(server.get("/open", "").await.body, "\"nobody\"");
    server.get("/read", "").await.is_problem(401, "unauthorized");
    let reply = server.get("/read", &bearer(&reader)).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "\"reader of tenant 3, token true\""));
    let reply = server.get("/read", &format!("x-api-key: {reader}\r\n")).await;
    assert_eq!(reply.status, 200);
    let reply = server.get("/read", &format!("authorization: bEARER {reader}\r\n")).await;
    assert_eq!(reply.status, 200);
    server.get("/admin", &bearer(&reader)).await.is_problem(403, "forbidden");
    assert_eq!(server.get("/admin", &bearer(&admin)).await.status, 200);
}

#[tokio::test]
async fn a_bad_token_is_refused_even_where_none_is_needed() {
    let server = Setup::default().start();
    let (token, _) = server.token(Role::Reader, None);
    let reply = server.get("/open", &bearer("wn_nonsense")).await;
    reply.is_problem(401, "unauthorized");
    assert!(reply.head.contains("www-authenticate: bearer"));
    server
        .get("/open", "authorization: Basic dXNlcjpwYXNz\r\n")
        .await
        .is_problem(401, "unauthorized");
    let (kept, last) = token.split_at(token.len() - 1);
    let wrong = format!("{kept}{}", if last == "a" { "b" } else { "a" });
    let reply = server.get("/read", &bearer(&wrong)).await;
    reply.is_problem(401, "unauthorized");
    assert!(!reply.body.contains(&wrong), "a secret is not echoed");
}

#[tokio::test]
async fn revocation_holds_from_the_next_request_on() {
    let server = Setup::default().start();
    let (token, id) = server.token(Role::Reader, None);
    assert_eq!(server.get("/read", &bearer(&token)).await.status, 200);
    server.tokens.remove(id).expect("known");
    server.get("/read", &bearer(&token)).await.is_problem(401, "unauthorized");
}

#[tokio::test]
async fn budgets_bind_tokens_one_by_one() {
    let server = Setup::default().start();
    let slow = Some(Rate { per_second: 1, burst: 3 });
    let (one, _) = server.token(Role::Reader, slow);
    let (other, _) = server.token(Role::Reader, slow);
    for _ in 0..3 {
        assert_eq!(server.get("/read", &bearer(&one)).await.status, 200);
    }
    let reply = server.get("/read", &bearer(&one)).await;
    reply.is_problem(429, "over-budget");
    assert!(reply.head.contains("retry-after: 1"), "{}", reply.head);
    assert_eq!(server.get("/read", &bearer(&other)).await.status, 200);
}

#[tokio::test]
async fn a_batch_costs_its_questions() {
    let server = Setup::default().start();
    let (token, _) = server.token(Role::Reader, Some(Rate { per_second: 1, burst: 10 }));
    assert_eq!(server.get("/batch/8", &bearer(&token)).await.status, 200);
    server.get("/batch/4", &bearer(&token)).await.is_problem(429, "over-budget");
    let (fresh, _) = server.token(Role::Reader, Some(Rate { per_second: 1, burst: 10 }));
    server.get("/batch/50", &bearer(&fresh)).await.is_problem(413, "batch-too-large");
}

#[tokio::test]
async fn failures_are_budgeted_and_lock_nobody_out() {
    let failed_login = Rate { per_second: 1, burst: 2 };
    let budget = BudgetConfig { failed_login, ..BudgetConfig::default() };
    let server = Setup { budget, ..Setup::default() }.start();
    let (token, _) = server.token(Role::Reader, None);
    for _ in 0..2 {
        server.get("/read", &bearer("wn_guess")).await.is_problem(401, "unauthorized");
    }
    server.get("/read", &bearer("wn_guess")).await.is_problem(429, "over-budget");
    server.get("/read", "").await.is_problem(429, "over-budget");
    assert_eq!(server.get("/read", &bearer(&token)).await.status, 200);
}

#[tokio::test]
async fn anonymous_clients_have_the_budget_of_their_address() {
    let anonymous = Rate { per_second: 1, burst: 2 };
    let budget = BudgetConfig { anonymous, ..BudgetConfig::default() };
    let server = Setup { budget, ..Setup::default() }.start();
    assert_eq!(server.get("/open", "").await.status, 200);
    server.get("/nowhere", "").await.is_problem(404, "not-found");
    server.get("/open", "").await.is_problem(429, "over-budget");
    let (token, _) = server.token(Role::Reader, None);
    assert_eq!(server.get("/open", &bearer(&token)).await.status, 200);
}
