//! The running whole: the engine's writer, the tokens, and the router with every route.

use crate::config::Config;
use crate::{feeds, intake, tokens};
use axum::Router;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wardnet_identify::{Engine, Opened, Options, Writer, WriterThread, spawn};
use wardnet_model::SourceId;
use wardnet_protect::{health, lookup, openapi, status};
use wardnet_server::tokens::FileTokens;
use wardnet_server::{Budgets, Gate, Health, Metrics, Tokens, with_problem_fallbacks};

/// This program's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Everything that serves a data folder.
#[derive(Debug)]
pub(crate) struct App {
    /// The data folder.
    pub(crate) data_dir: PathBuf,
    /// The engine's writer.
    pub(crate) writer: Writer,
    /// The writer's thread.
    pub(crate) thread: WriterThread,
    /// What opening the folder found.
    pub(crate) opened: Opened,
    /// Access tokens.
    pub(crate) tokens: Arc<Tokens>,
    /// Metrics of all parts.
    pub(crate) metrics: Metrics,
    /// Every route.
    pub(crate) router: Router,
    /// The feeds.
    pub(crate) feeds: Arc<feeds::Runner>,
}

impl App {
    /// Opens the data folder and assembles the router.
    pub(crate) fn open(data_dir: &Path, config: &Config) -> anyhow::Result<Self> {
        let (mut engine, opened) = Engine::open(data_dir, Options::default(), crate::clock::now())?;
        engine.never_list(&config.never_listed, crate::clock::now())?;
        let views = engine.views();
        let (writer, thread) = spawn(engine, crate::clock::now)?;
        let tokens =
            Arc::new(Tokens::open(Arc::new(FileTokens::new(crate::paths::tokens(data_dir))))?);
        let metrics = Metrics::new(VERSION);
        let budgets = Arc::new(Budgets::new(config.budget.clone()));
        let gate = Gate::new(Arc::clone(&tokens), budgets, metrics.clone(), &config.limits);
        let feeds = Arc::new(feeds::Runner::new(data_dir, config, writer.clone())?);
        let identify = wardnet_identify::http::Api::new(writer.clone(), Arc::clone(&tokens));
        let document = openapi::document(
            VERSION,
            vec![
                openapi::openapi(),
                wardnet_identify::http::openapi(),
                crate::http_document::openapi(),
            ],
        );
        let epochs = Arc::clone(&writer.readers().epochs);
        let mut questions = lookup::LookupState::new(Arc::clone(&views));
        // The base names the sources of its own time; newer ones are named by the epoch.
        questions.names = Some(Arc::new(move |id| {
            epochs.load().source(SourceId(id)).map(|source| source.name.clone())
        }));
        let health_state = health::HealthState::new(
            &Health::new(),
            &metrics,
            Arc::clone(&views),
            config.metrics_anonymous,
        );
        let router = Router::new()
            .merge(lookup::routes(&gate, questions))
            .merge(status::routes(&gate, status::StatusState::new(VERSION, views)))
            .merge(health::routes(&gate, health_state))
            .merge(openapi::routes(&gate, &document))
            .merge(wardnet_identify::http::routes(&gate, identify))
            .merge(intake::routes(&gate, intake::Intake::new(data_dir, writer.clone())))
            .merge(feeds::routes(&gate, Arc::clone(&feeds)))
            .merge(tokens::routes(&gate, Arc::clone(&tokens)));
        let router = with_problem_fallbacks(router, &gate);
        let data_dir = data_dir.to_path_buf();
        Ok(Self { data_dir, writer, thread, opened, tokens, metrics, router, feeds })
    }
}
