//! A gate with tokens and a small database, for the tests of this crate.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use tower::ServiceExt as _;
use wardnet_model::{
    Band, Basis, Category, CategorySet, Indicator, Risk, Scope, TenantId, Timestamp,
};
use wardnet_server::tokens::{MemoryTokens, NewToken};
use wardnet_server::{Gate, Limits, Metrics, Rate, Role, Tokens, now_unix, with_problem_fallbacks};
use wardnet_verdictdb::{
    Builder, Change, Db, Entry, EntryData, Layer, OpenOptions, Options, Overlay, Profile, Terms,
    View,
};

/// Where the test database's hash leads.
pub(crate) const FILE: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

/// When the test database was made.
pub(crate) const CREATED: Timestamp = Timestamp(1_787_422_219);

/// Tokens and a gate.
pub(crate) struct House {
    pub(crate) gate: Gate,
    pub(crate) metrics: Metrics,
    pub(crate) tokens: Arc<Tokens>,
    /// A reader of the operator's.
    pub(crate) reader: String,
    /// A reader of tenant 7.
    pub(crate) tenant: String,
}

impl House {
    pub(crate) fn new() -> Self {
        let tokens = Arc::new(Tokens::open(Arc::new(MemoryTokens::default())).unwrap());
        let metrics = Metrics::new("test");
        let gate =
            Gate::new(Arc::clone(&tokens), Arc::default(), metrics.clone(), &Limits::default());
        let reader = issue(&tokens, 0, None);
        let tenant = issue(&tokens, 7, None);
        Self { gate, metrics, tokens, reader, tenant }
    }

    /// A token that may ask `burst` questions, and then none for a long time.
    pub(crate) fn poor(&self, burst: u32) -> String {
        issue(&self.tokens, 0, Some(Rate { per_second: 1, burst }))
    }

    pub(crate) fn router(&self, routes: Router) -> Router {
        with_problem_fallbacks(routes, &self.gate)
    }

    pub(crate) async fn get(
        &self,
        router: &Router,
        path: &str,
        token: Option<&str>,
    ) -> Response<Body> {
        send(router, "GET", path, token, None).await
    }

    pub(crate) async fn post(
        &self,
        router: &Router,
        path: &str,
        (media_type, body): (&str, &str),
    ) -> Response<Body> {
        send(router, "POST", path, Some(&self.reader), Some((media_type, body))).await
    }
}

fn issue(tokens: &Tokens, tenant: u32, rate: Option<Rate>) -> String {
    let name = "test".to_owned();
    let new = NewToken { tenant, role: Role::Reader, name, expires: None, rate };
    tokens.issue(new, now_unix()).unwrap().0.reveal().to_owned()
}

pub(crate) async fn send(
    router: &Router,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<(&str, &str)>,
) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let (media_type, body) = body.unwrap_or_default();
    if !media_type.is_empty() {
        request = request.header("content-type", media_type);
    }
    router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap()
}

pub(crate) async fn text(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 64 << 20).await.unwrap();
    String::from_utf8(bytes.into()).unwrap()
}

pub(crate) async fn json(response: Response<Body>) -> serde_json::Value {
    let status = response.status();
    let text = text(response).await;
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{status} {error}: {text}"))
}

fn profile(risk: u8, band: Band, category: Option<Category>, sources: &[u32]) -> Profile {
    Profile {
        risk: Risk::new(risk),
        band,
        basis: Basis::Evidence,
        categories: category.into_iter().collect(),
        sources: sources.iter().copied().collect(),
    }
}

/// A database of seven entries, and a tenant with a view of its own.
pub(crate) fn view() -> View {
    let bad = profile(90, Band::Malicious, Some(Category::Phishing), &[1, 2]);
    let page = profile(50, Band::Suspicious, Some(Category::Malware), &[9]);
    let good = profile(0, Band::Safe, Some(Category::KnownGood), &[3]);
    let weak = profile(10, Band::Unrated, Some(Category::Spam), &[1]);
    let net = profile(100, Band::Malicious, Some(Category::Hijacked), &[2]);
    let mut allowed = profile(0, Band::Trusted, None, &[]);
    allowed.basis = Basis::Decision;
    let sources = [(1, "openphish"), (2, "urlhaus"), (3, "toplist")];
    let mut builder = Builder::new(Options {
        created: CREATED,
        sequence: 9,
        sources: sources.into_iter().map(|(id, name)| (id, name.into())).collect(),
        ..Options::default()
    });
    for (text, scope, profile) in [
        ("evil.top", Scope::Subtree, &bad),
        ("good.shop", Scope::Subtree, &good),
        ("weak.top", Scope::Exact, &weak),
        ("http://good.shop/bad/", Scope::Subtree, &page),
        ("45.95.11.0/24", Scope::Exact, &net),
        (FILE, Scope::Exact, &bad),
    ] {
        let indicator = Indicator::parse(text).unwrap();
        let kind = indicator.kind().unwrap();
        builder.push(&Entry::evidence(kind, indicator.key(), scope, profile)).unwrap();
    }
    let indicator = Indicator::parse("allowed.top").unwrap();
    let terms = Terms { decided_at: CREATED, until: None };
    let (kind, key) = (indicator.kind().unwrap(), indicator.key());
    builder.push(&Entry::decision(kind, key, Scope::Subtree, &allowed, terms)).unwrap();
    let mut file = Vec::new();
    builder.finish(&mut file).unwrap();
    let view = View::of(Db::open(file.into(), &OpenOptions::default()).unwrap());
    view.with_tenant(TenantId(7), own(&bad))
}

/// What only tenant 7 knows.
fn own(bad: &Profile) -> Overlay {
    let indicator = Indicator::parse("private.top").unwrap();
    let new = EntryData { profile: bad.clone(), name: None, facts: None, terms: None };
    let mut overlay = Overlay::default();
    overlay.apply(&Change {
        seq: 10,
        layer: Layer::Evidence,
        kind: indicator.kind().unwrap(),
        key: indicator.key(),
        scope: Scope::Exact,
        new: Some(new),
    });
    overlay
}

/// Categories of an answer, as a set.
pub(crate) fn categories(value: &serde_json::Value) -> CategorySet {
    let names = value["categories"].as_array().unwrap().iter();
    names.map(|name| name.as_str().unwrap().parse::<Category>().unwrap()).collect()
}
