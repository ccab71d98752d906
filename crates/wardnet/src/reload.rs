//! Reading the settings again: what a change of each section does, and `POST /v1/reload`.

use crate::config::Config;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post_service;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use wardnet_server::{Access, Gate, Problem, Role, RouteSpec};

/// What differs between the settings in force and those just read, apart from the listeners and
/// the feeds: those are compared one by one where they run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The operator's own names are others.
    pub(crate) never_listed: bool,
    /// Budgets or limits are others: requests pass another gate.
    pub(crate) gate: bool,
    /// What hashlookup's or VirusTotal's clients are served is another.
    pub(crate) foreign: bool,
    /// The log says more or less.
    pub(crate) log: bool,
    /// Settings that only the next start takes up.
    pub(crate) next_start: Vec<&'static str>,
}

/// Compares the settings, section by section.
pub(crate) fn compare(old: &Config, new: &Config) -> Difference {
    // Every section is named: a new one does not compile until it is said what its change does.
    let Config {
        data_dir,
        feeds: _,
        never_listed,
        metrics_anonymous,
        log,
        http: _,
        crowdsec: _,
        dns: _,
        rpz: _,
        resolver: _,
        budget,
        limits,
        safe_browsing: _,
        models,
        block_page: _,
        known_files: _,
        hashlookup,
        virustotal,
    } = new;
    let mut next_start = Vec::new();
    if *data_dir != old.data_dir {
        next_start.push("data_dir");
    }
    if *metrics_anonymous != old.metrics_anonymous {
        next_start.push("metrics_anonymous");
    }
    if models.cache_bytes_max != old.models.cache_bytes_max {
        next_start.push("models.cache_bytes_max");
    }
    Difference {
        never_listed: *never_listed != old.never_listed,
        foreign: *hashlookup != old.hashlookup || *virustotal != old.virustotal,
        gate: *budget != old.budget || *limits != old.limits,
        log: *log != old.log,
        next_start,
    }
}

/// What reading the settings again came to: what was done, or why nothing was.
pub(crate) type Outcome = Result<Done, String>;

/// What was done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Done {
    /// In sentences.
    pub(crate) changes: Vec<String>,
    /// Settings that wait for the next start.
    pub(crate) next_start: Vec<&'static str>,
    /// What the operator should know of the settings that are now in force.
    pub(crate) warnings: Vec<String>,
}

/// Somebody who wants the settings read again, and waits for the outcome.
pub(crate) type Order = oneshot::Sender<Outcome>;

/// Orders that may wait.
const ORDERS_MAX: usize = 8;

/// A way to order, and where orders arrive.
pub(crate) fn orders() -> (mpsc::Sender<Order>, mpsc::Receiver<Order>) {
    mpsc::channel(ORDERS_MAX)
}

/// `POST /v1/reload`.
pub(crate) fn routes(gate: &Gate, orders: mpsc::Sender<Order>) -> Router {
    let layer = gate.route(RouteSpec::new("/v1/reload", Access::Role(Role::Admin)));
    Router::new().route("/v1/reload", post_service(layer.wrap(reload, orders)))
}

async fn reload(State(orders): State<mpsc::Sender<Order>>) -> Result<Response, Problem> {
    let stopping = || Problem::unavailable("the server is stopping");
    let (order, outcome) = oneshot::channel();
    orders.send(order).await.map_err(|_| stopping())?;
    match outcome.await.map_err(|_| stopping())? {
        Ok(Done { changes, next_start, warnings }) => {
            let done =
                json!({ "changes": changes, "next_start": next_start, "warnings": warnings });
            Ok(axum::Json(done).into_response())
        }
        Err(complaint) => Err(Problem::unprocessable(complaint)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_does_what_its_section_says_and_nothing_else() {
        let old = Config::default();
        let difference = |text: &str| compare(&old, &Config::parse(text).unwrap());
        assert_eq!(difference(""), Difference::default());
        let unchanged = "feeds = \"f.toml\"\n[[http]]\nlisten = \"127.0.0.1:1\"\n";
        assert_eq!(difference(unchanged), Difference::default(), "compared elsewhere");
        for text in ["[budget]\ntoken = { per_second = 1, burst = 1 }", "[limits]\nheaders_max = 9"]
        {
            assert_eq!(difference(text), Difference { gate: true, ..Difference::default() });
        }
        for text in ["[hashlookup]", "[hashlookup]\nanonymous = true", "[virustotal]"] {
            assert_eq!(difference(text), Difference { foreign: true, ..Difference::default() });
        }
        let log = difference("log = \"debug\"");
        assert_eq!(log, Difference { log: true, ..Difference::default() });
        let names = difference("never_listed = [\"own.example\"]");
        assert_eq!(names, Difference { never_listed: true, ..Difference::default() });
        let fixed = "data_dir = \"/elsewhere\"\nmetrics_anonymous = true\n";
        let fixed = difference(&format!("{fixed}[models]\ncache_bytes_max = 1000000\n"));
        let next_start = vec!["data_dir", "metrics_anonymous", "models.cache_bytes_max"];
        assert_eq!(fixed, Difference { next_start, ..Difference::default() });
    }
}
