//! Agents: introduction, login, and what they report.
//!
//! What an agent has seen is evidence, handed to whoever keeps it; a decision that somebody made
//! there is evidence, too, for as long as it was to stand. The last alerts are remembered in memory,
//! for who looks at them with `cscli`.

use super::Service;
use super::bouncers::{malformed, respond};
use super::machines::{MachineError, Machines};
use super::session::{Agent, Sessions};
use axum::body::Body;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wardnet_model::{Band, Category, Indicator, SuffixList, Timestamp};
use wardnet_server::{BodyBytes, Caller, Path, Problem, Role, Tokens};
use wardnet_verdictdb::Question;
use wardnet_wire::crowdsec::{Alert, Seen, alerts, credentials};

/// Alerts that are remembered.
const REMEMBERED_MAX: usize = 1_000;
/// What a login costs of an address's budget: its password takes a while to check.
const LOGIN_PRICE: u32 = 10;

/// Something that an agent has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What.
    pub indicator: Indicator,
    /// What it did.
    pub category: Category,
    /// When it began, if it says so.
    pub first_seen: Option<Timestamp>,
    /// Until when it is to be believed, where somebody decided that.
    pub until: Option<Timestamp>,
    /// In the agent's words.
    pub reference: String,
}

/// What became of a report, once it is durable.
pub type Reported = Pin<Box<dyn Future<Output = Result<usize, Problem>> + Send>>;

/// Keeps what agents have seen, each as the source that it is.
pub type Report = Arc<dyn Fn(Agent, Vec<Sighting>) -> Reported + Send + Sync>;

/// What is known of agents; made once and shared by all listeners.
#[derive(Clone)]
pub struct Agents {
    /// Who they are.
    pub machines: Arc<Machines>,
    /// Their sessions.
    pub sessions: Arc<Sessions>,
    /// Access tokens, which are passwords, too.
    pub tokens: Arc<Tokens>,
    /// Where their reports go.
    pub report: Report,
    remembered: Arc<Mutex<Remembered>>,
}

impl fmt::Debug for Agents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agents").field("machines", &self.machines).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Remembered {
    last: u64,
    alerts: VecDeque<(u64, Value)>,
}

impl Agents {
    /// Nobody is logged in.
    #[must_use]
    pub fn new(
        machines: Arc<Machines>,
        sessions: Sessions,
        tokens: Arc<Tokens>,
        report: Report,
    ) -> Self {
        let remembered = Arc::default();
        Self { machines, sessions: Arc::new(sessions), tokens, report, remembered }
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose session a request belongs to, and its body: strangers send none.
    pub(super) async fn report_of(
        &self,
        caller: &Caller,
        request: Request,
    ) -> Result<(Agent, Bytes), Problem> {
        let agent = self.agent(caller, request.headers())?;
        let BodyBytes(body) = BodyBytes::from_request(request, &()).await?;
        Ok((agent, body))
    }

    /// Whose session a request belongs to.
    pub(super) fn agent(&self, caller: &Caller, headers: &HeaderMap) -> Result<Agent, Problem> {
        let now = caller.admitted().at();
        let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let known = (&*self.machines, &*self.tokens);
        let agent = sent.and_then(|sent| self.sessions.agent(sent, known, now));
        let agent = agent.ok_or_else(|| Problem::unauthorized("log in at watchers/login first"))?;
        if let Agent::Machine(name) = &agent {
            self.machines.saw(name, now);
        }
        Ok(agent)
    }
}

fn name_of(agent: &Agent) -> String {
    match agent {
        Agent::Machine(name) => name.clone(),
        Agent::Token(principal) => {
            principal.token.map_or_else(String::new, |id| id.as_str().to_owned())
        }
    }
}

fn refused(error: &MachineError) -> Problem {
    match error {
        MachineError::Taken => Problem::forbidden(error.to_string()),
        MachineError::Name => Problem::bad_request(error.to_string()),
        MachineError::Full => Problem::unavailable(error.to_string()).with_retry_after_secs(3_600),
        _ => {
            tracing::error!(%error, "CrowdSec: an agent was not taken");
            Problem::unavailable("this cannot be done now").with_retry_after_secs(30)
        }
    }
}

/// `POST /v1/watchers`.
pub(super) async fn register(
    State(service): State<Arc<Service>>,
    caller: Caller,
    BodyBytes(body): BodyBytes,
) -> Result<Response, Problem> {
    if !service.config.registration {
        return Err(Problem::forbidden("machines cannot introduce themselves here"));
    }
    caller.charge(LOGIN_PRICE)?;
    let read = credentials(&body, &service.limits).map_err(|error| malformed(&error))?;
    let (name, now) = (&*read.machine_id, caller.admitted().at());
    let machines = &service.agents.machines;
    machines.register(name, read.password, now).await.map_err(|error| refused(&error))?;
    tracing::info!(
        machine = name,
        "CrowdSec: a machine introduced itself; `wardnet crowdsec validate` lets it log in"
    );
    let mut response = respond(Body::empty());
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// `POST /v1/watchers/login`.
pub(super) async fn login(
    State(service): State<Arc<Service>>,
    caller: Caller,
    headers: HeaderMap,
    BodyBytes(body): BodyBytes,
) -> Result<Response, Problem> {
    caller.charge(LOGIN_PRICE)?;
    let program = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if program.split('/').count() != 2 {
        return Err(Problem::unauthorized("the User-Agent is to be `name/version`"));
    }
    let read = credentials(&body, &service.limits).map_err(|error| malformed(&error))?;
    let (name, now) = (read.machine_id, caller.admitted().at());
    let Agents { machines, sessions, tokens, .. } = &service.agents;
    let is_token = read.password.starts_with("wn_");
    let agent = if is_token {
        let entry = tokens.verify(read.password.as_bytes(), now);
        let entry = entry.map_err(|error| Problem::unauthorized(error.to_string()))?;
        let principal = entry.principal();
        if principal.role < Role::Reporter {
            return Err(Problem::forbidden("a machine needs a token of the role reporter"));
        }
        Agent::Token(principal)
    } else {
        let verified = machines.verify(&name, read.password).await;
        if !verified.map_err(|error| refused(&error))? {
            let wrong = "no such machine, a wrong password, or one that the operator has yet to \
                         validate: `wardnet crowdsec validate`";
            return Err(Problem::unauthorized(wrong));
        }
        Agent::Machine(name.clone())
    };
    let (token, end) = sessions.begin(&agent, &name, now);
    let answer = json!({ "code": 200, "expire": end.to_string(), "token": token });
    Ok(respond(answer.to_string().into()))
}

/// `GET /v1/heartbeat`.
pub(super) async fn heartbeat(
    State(service): State<Arc<Service>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    service.agents.agent(&caller, &headers)?;
    Ok(respond(Body::empty()))
}

/// `POST /v1/alerts`.
pub(super) async fn alert(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let (agent, body) = service.agents.report_of(&caller, request).await?;
    let read = take(&service, &caller, agent.clone(), &body).await?;
    let now = caller.admitted().at();
    let machine = name_of(&agent);
    let mut remembered = service.agents.remembered();
    let mut ids = Vec::with_capacity(read.len());
    for alert in &read {
        remembered.last = remembered.last.saturating_add(1);
        let id = remembered.last;
        ids.push(id.to_string());
        remembered.alerts.push_front((id, shown(id, &machine, alert, now)));
        remembered.alerts.truncate(REMEMBERED_MAX);
    }
    let mut response = respond(json!(ids).to_string().into());
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// Reads alerts or signals, and hands on what they name.
pub(super) async fn take(
    service: &Service,
    caller: &Caller,
    agent: Agent,
    body: &[u8],
) -> Result<Vec<Alert>, Problem> {
    let read = alerts(body, &service.limits).map_err(|error| malformed(&error))?;
    let now = caller.admitted().at();
    let serious = read.iter().filter(|alert| !alert.simulated);
    let sightings: Vec<_> = serious
        .flat_map(|alert| alert.seen.iter().filter_map(|s| sighting(alert, s, now)))
        .collect();
    if !sightings.is_empty() {
        let kept = (service.agents.report)(agent, sightings).await?;
        service.counters.reported(kept);
    }
    Ok(read)
}

fn sighting(alert: &Alert, seen: &Seen, now: Timestamp) -> Option<Sighting> {
    let is_address = matches!(&*seen.scope, "ip" | "range");
    let indicator = Indicator::parse(&seen.value).ok().filter(|_| is_address)?;
    if !matches!(indicator, Indicator::Address(_) | Indicator::Network(_)) {
        return None;
    }
    let stands = seen.stands.map(|stands| u64::try_from(stands.as_secs()).unwrap_or(0));
    // What was over before it came is no word on now.
    if stands == Some(0) {
        return None;
    }
    // A scenario's decision only says what its profile does; a person's says how long.
    let until = stands.filter(|_| alert.by_hand).map(|secs| Timestamp(now.0.saturating_add(secs)));
    let words = if alert.message.is_empty() { &seen.scenario } else { &alert.message };
    Some(Sighting {
        indicator,
        category: category(&seen.scenario),
        first_seen: Timestamp::parse(&alert.start_at).filter(|start| *start <= now),
        until,
        reference: words.clone(),
    })
}

/// What a scenario's name says of what was done. The names are those of CrowdSec's hub.
fn category(scenario: &str) -> Category {
    let name = scenario.to_ascii_lowercase();
    let has = |part: &&str| name.contains(*part);
    let all = [
        (Category::BruteForce, &["-bf", "bruteforce", "brute", "_bf", "login", "auth"][..]),
        (Category::Exploit, &["cve-", "exploit", "log4", "shellshock", "rce", "backdoor"][..]),
        (Category::DenialOfService, &["ddos", "dos-", "flood"][..]),
        (Category::Spam, &["spam"][..]),
        (Category::Scanner, &["scan", "probing", "crawl", "enum", "bad-user-agent"][..]),
        (
            Category::WebAttack,
            &["http", "sqli", "xss", "appsec", "vpatch", "wordpress", "path-traversal"][..],
        ),
    ];
    let found = all.iter().find(|(_, parts)| parts.iter().any(&has));
    found.map_or(Category::Attacker, |(category, _)| *category)
}

fn shown(id: u64, machine: &str, alert: &Alert, now: Timestamp) -> Value {
    let scope = |seen: &Seen| if seen.scope == "ip" { "Ip".to_owned() } else { seen.scope.clone() };
    let source = alert.seen.last();
    let decisions: Vec<Value> = alert
        .seen
        .iter()
        .filter_map(|seen| {
            let stands = seen.stands?;
            Some(json!({
                "id": id, "duration": stands.to_string(), "origin": machine, "scope": scope(seen),
                "scenario": seen.scenario, "type": "ban", "value": seen.value,
                "simulated": alert.simulated,
            }))
        })
        .collect();
    let start = if alert.start_at.is_empty() { now.to_string() } else { alert.start_at.clone() };
    json!({
        "id": id, "machine_id": machine, "created_at": now.to_string(), "scenario": alert.scenario,
        "scenario_hash": "", "scenario_version": "", "message": alert.message,
        "events_count": alert.events, "start_at": start, "stop_at": start, "capacity": 0,
        "leakspeed": "", "simulated": alert.simulated, "labels": null, "events": [], "meta": [],
        "decisions": decisions,
        "source": {
            "scope": source.map(scope).unwrap_or_default(),
            "value": source.map(|seen| seen.value.clone()).unwrap_or_default(),
        },
    })
}

/// `GET /v1/alerts`: the last ones, newest first.
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    service.agents.agent(&caller, request.headers())?;
    let (mut max, mut wanted) = (50, Vec::new());
    let query = request.uri().query().unwrap_or_default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let bad = || Problem::bad_request("`limit` is a whole number");
        match &*name {
            "limit" => max = value.parse::<usize>().map_err(|_| bad())?,
            "scope" | "value" | "scenario" | "ip" | "range" => {
                wanted.push((name.into_owned(), value.into_owned()));
            }
            _ => {}
        }
    }
    // CrowdSec reads no limit as no limit.
    let max = if max == 0 { REMEMBERED_MAX } else { max };
    let is_wanted = |alert: &Value| {
        wanted.iter().all(|(name, value)| match name.as_str() {
            "scenario" => alert["scenario"] == value.as_str(),
            "scope" => {
                alert["source"]["scope"].as_str().is_some_and(|s| s.eq_ignore_ascii_case(value))
            }
            _ => alert["source"]["value"] == value.as_str(),
        })
    };
    let remembered = service.agents.remembered();
    let all = remembered.alerts.iter().map(|(_, alert)| alert);
    let found: Vec<_> = all.filter(|alert| is_wanted(alert)).take(max).collect();
    let body =
        if request.method() == Method::HEAD { String::new() } else { json!(found).to_string() };
    Ok(respond(body.into()))
}

/// `GET /v1/alerts/{id}`.
pub(super) async fn show(
    State(service): State<Arc<Service>>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<u64>,
) -> Result<Response, Problem> {
    service.agents.agent(&caller, &headers)?;
    let remembered = service.agents.remembered();
    let found = remembered.alerts.iter().find(|(known, _)| *known == id);
    let (_, alert) = found.ok_or_else(|| Problem::not_found("object not found"))?;
    Ok(respond(alert.to_string().into()))
}

/// `DELETE` of alerts and decisions.
pub(super) async fn delete(
    State(service): State<Arc<Service>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    service.agents.agent(&caller, &headers)?;
    Err(Problem::forbidden(
        "what was reported is evidence, and what is blocked is the operator's to decide: `wardnet \
         allow`, `wardnet decisions withdraw`",
    ))
}

/// `GET /v1/allowlists/check/{address}`: whether somebody allows it. `HEAD` answers 200 or 204.
pub(super) async fn allowlisted(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(text): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    service.agents.agent(&caller, request.headers())?;
    let indicator = Indicator::parse(&text)
        .map_err(|error| Problem::bad_request(format!("`{text}`: {error}")))?;
    let (_, view) = service.feed.snapshot();
    let question = Question::about(&indicator);
    let answer = view.ask(&question, SuffixList::shipped(), caller.admitted().at());
    let answer = answer.map_err(|error| {
        tracing::error!(%error, "CrowdSec: the database cannot be read");
        Problem::unavailable("the database cannot be read").with_retry_after_secs(30)
    })?;
    let is_allowed = answer.band == Band::Trusted;
    if request.method() == Method::HEAD {
        let mut response = respond(Body::empty());
        *response.status_mut() = if is_allowed { StatusCode::OK } else { StatusCode::NO_CONTENT };
        return Ok(response);
    }
    let reason = if is_allowed { "allowed by the operator" } else { "" };
    Ok(respond(json!({ "allowlisted": is_allowed, "reason": reason }).to_string().into()))
}

/// `GET /v1/allowlists`: what is allowed is left out of the decisions already.
pub(super) async fn allowlists(
    State(service): State<Arc<Service>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    service.agents.agent(&caller, &headers)?;
    Ok(respond(Body::from("[]")))
}
