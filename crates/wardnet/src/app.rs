//! The running whole: the engine's writer, the tokens, the feeds, and every route.

use crate::config::Config;
use crate::crowdsec::{CrowdSecs, Shared};
use crate::dns::DnsLists;
use crate::primaries::Primaries;
use crate::reload::{self, Order};
use crate::resolvers::Resolvers;
use crate::routes::{Parts, Routes};
use crate::watch::Watch;
use crate::{feeds, intake, known, models, safe_browsing};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;
use wardnet_identify::{Engine, Opened, Options, Writer, WriterThread, spawn};
use wardnet_model::SourceId;
use wardnet_protect::exports::{ExportState, Rights};
use wardnet_protect::known_files::KnownFiles;
use wardnet_protect::opinion::Opinions;
use wardnet_protect::{changes, health, lookup, openapi, status};
use wardnet_server::tokens::FileTokens;
use wardnet_server::{Health, Metrics, Tokens};
use wardnet_verdictdb::{ChangeFeed, Views};

/// This program's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Everything that serves a data folder.
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
    pub(crate) routes: Routes,
    /// Who follows what changes.
    pub(crate) changes: changes::ChangesState,
    /// The feeds.
    pub(crate) feeds: Arc<feeds::Runner>,
    /// Looks whether everything can be written down.
    pub(crate) watch: Watch,
    /// The primaries of response policy zones.
    pub(crate) primaries: Primaries,
    /// The DNS lists.
    pub(crate) dns: DnsLists,
    /// Safe Browsing.
    pub(crate) safe_browsing: safe_browsing::Current,
    /// The models that judge what nobody has listed.
    pub(crate) models: models::Models,
    /// The listeners for CrowdSec's clients.
    pub(crate) crowdsec: CrowdSecs,
    /// Filters of known files.
    pub(crate) known_files: KnownFiles,
    /// The protective resolvers.
    pub(crate) resolvers: Resolvers,
    /// Where orders arrive to read the settings again.
    pub(crate) orders: mpsc::Receiver<Order>,
}

impl App {
    /// Opens the data folder and assembles the routes.
    pub(crate) fn open(data_dir: &Path, config: &Config) -> anyhow::Result<Self> {
        let (mut engine, opened) = Engine::open(data_dir, Options::default(), crate::clock::now())?;
        engine.never_list(&config.own_names(), crate::clock::now())?;
        let views = engine.views();
        let change_feed = engine.changes();
        let (writer, thread) = spawn(engine, crate::clock::now)?;
        let tokens =
            Arc::new(Tokens::open(Arc::new(FileTokens::new(crate::paths::tokens(data_dir))))?);
        let metrics = Metrics::new(VERSION);
        let feeds = Arc::new(feeds::Runner::new(data_dir, config, writer.clone())?);
        let (order, orders) = reload::orders();
        let exports = exports(Arc::clone(&change_feed), &writer);
        let known_files = known::files(config)?;
        known_files.register(&metrics);
        let health = Health::new();
        let models = models::Models::open(data_dir, &config.models, &metrics, &health)?;
        let opinions = || Arc::clone(&models.opinions);
        let questions = questions(Arc::clone(&views), (opinions(), &known_files), &writer);
        let watch = Watch::new(data_dir, writer.clone(), &health);
        let primaries = Primaries::new(data_dir, Arc::clone(&change_feed), &metrics, &health);
        let known = (Arc::clone(&change_feed), Arc::clone(&writer.readers().epochs));
        let safe_browsing = safe_browsing::Current::new(data_dir, known, opinions(), &metrics);
        let dns = DnsLists::new(Arc::clone(&views), opinions(), &metrics, &health)?;
        let resolvers = Resolvers::new(Arc::clone(&views), opinions(), &metrics, &health);
        let changes = changes(&views, &change_feed, &tokens, &metrics);
        let mut identify = wardnet_identify::http::Api::new(writer.clone(), Arc::clone(&tokens));
        identify.finder = models.finder();
        let shared = Shared::new(&tokens, &metrics, &changes);
        let crowdsec = CrowdSecs::new(data_dir, change_feed, shared, identify.clone(), &health)?;
        let open_to_all = config.metrics_anonymous;
        let health = health::HealthState::new(&health, &metrics, Arc::clone(&views), open_to_all);
        let parts = Parts {
            foreign: known::Foreign::new(&views, writer.readers(), &known_files),
            tokens: Arc::clone(&tokens),
            metrics: metrics.clone(),
            questions,
            health,
            status: status::StatusState::new(VERSION, views),
            identify,
            models: models.clone(),
            machines: crowdsec.machines(),
            intake: intake::Intake::new(data_dir, writer.clone()),
            changes: changes.clone(),
            exports,
            safe_browsing: safe_browsing.clone(),
            feeds: Arc::clone(&feeds),
            orders: order,
            document: Arc::new(document()),
        };
        let routes = Routes::new(parts, config);
        Ok(Self {
            data_dir: data_dir.to_path_buf(),
            writer,
            thread,
            opened,
            tokens,
            metrics,
            routes,
            changes,
            feeds,
            watch,
            primaries,
            dns,
            safe_browsing,
            models,
            crowdsec,
            known_files,
            resolvers,
            orders,
        })
    }

    /// Writes everything down and lets go of the folder.
    pub(crate) fn close(self) -> anyhow::Result<()> {
        let Self { writer, thread, routes, feeds, watch, models, safe_browsing, .. } = self;
        models.save();
        safe_browsing.close();
        drop((writer, routes, feeds, watch));
        Ok(thread.stop()?)
    }
}

/// The description of every route.
fn document() -> serde_json::Value {
    let parts = vec![
        openapi::openapi(),
        wardnet_identify::http::openapi(),
        crate::http_document::openapi(),
    ];
    openapi::document(VERSION, parts)
}

/// Who follows what changes.
fn changes(
    views: &Arc<Views>,
    feed: &Arc<ChangeFeed>,
    tokens: &Arc<Tokens>,
    metrics: &Metrics,
) -> changes::ChangesState {
    let (views, feed) = (Arc::clone(views), Arc::clone(feed));
    let limits = changes::Limits::default();
    changes::ChangesState::new(views, feed, (Arc::clone(tokens), metrics), limits)
}

/// Lookups in `views`. The base names the sources of its own time; newer ones are named by the
/// epoch.
fn questions(
    views: Arc<Views>,
    (opinions, known_files): (Arc<Opinions>, &KnownFiles),
    writer: &Writer,
) -> lookup::LookupState {
    let epochs = Arc::clone(&writer.readers().epochs);
    let mut questions = lookup::LookupState::new(views);
    questions.opinions = Some(opinions);
    questions.known_files = known_files.clone();
    questions.names = Some(Arc::new(move |id| {
        epochs.load().source(SourceId(id)).map(|source| source.name.clone())
    }));
    questions
}

/// Lists of what `feed` says; what may be handed on is what a source of it allows.
fn exports(feed: Arc<ChangeFeed>, writer: &Writer) -> ExportState {
    let epochs = Arc::clone(&writer.readers().epochs);
    let rights = move || {
        let epoch = Arc::clone(&epochs.load());
        let number = epoch.number();
        let may_share =
            move |id| epoch.source(SourceId(id)).is_some_and(|source| source.redistribute);
        Rights { number, may_share: Arc::new(may_share) }
    };
    ExportState::new(feed, Arc::new(rights))
}
