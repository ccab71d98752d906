//! `wardnet serve`.

use crate::app::{App, VERSION};
use crate::args::{Args, Serve};
use crate::backend::folder;
use crate::block_page::BlockPages;
use crate::config::{Config, Http, LogLevel};
use crate::feeds::{Loaded, Runner, Updated};
use crate::listeners::Listeners;
use crate::models;
use crate::output::{in_words, line, thousands};
use crate::reload::{self, Done};
use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// How often the feeds' due times are looked at.
const FEEDS_EVERY: Duration = Duration::from_secs(30);

/// Names the variable that says how much is logged, whatever the configuration says.
const LOG_VARIABLE: &str = "WARDNET_LOG";

/// Runs the command.
pub(crate) fn run(args: &Args, options: &Serve) -> anyhow::Result<ExitCode> {
    let (data_dir, config) = settings(args, options)?;
    let set_log = start_log(&config.log);
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let app = App::open(&data_dir, &config)?;
    tell_opened(&app);
    if let Some(token) = app.tokens.bootstrap(crate::clock::now())? {
        line(format!("admin token: {}", token.reveal()));
        line("keep it: it is not shown again");
    }
    let streams = app.changes.clone();
    let listeners = Listeners::new(app.routes.router(), app.metrics.clone(), streams);
    let opinions = Arc::clone(&app.models.opinions);
    let (writer, metrics) = (app.writer.clone(), app.metrics.clone());
    let pages = BlockPages::new(writer, opinions, metrics, app.changes.clone());
    let server = Server { args, options, app, config, listeners, pages, set_log };
    let app = runtime.block_on(server.serve())?;
    tracing::info!("stopping");
    drop(runtime);
    app.close()?;
    Ok(ExitCode::SUCCESS)
}

/// The data folder and the settings: the configuration file, and the options above it.
fn settings(args: &Args, options: &Serve) -> anyhow::Result<(PathBuf, Config)> {
    let (data_dir, mut config) = folder(args)?;
    if options.feeds.is_some() {
        config.feeds.clone_from(&options.feeds);
    }
    for listen in &options.listen {
        config.http.push(Http { listen: *listen, tls: None });
    }
    if config.http.is_empty() {
        let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 8480));
        config.http.push(Http { listen, tls: None });
    }
    Ok((data_dir, config))
}

/// Takes as many open files as the system grants: every connection is one, and the usual soft
/// limit of 1,024 is meant for programs that use `select`.
fn raise_open_files() {
    let granted = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: granted.maximum, ..granted };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

/// Changes how much is logged.
type SetLog = Box<dyn Fn(&LogLevel) -> anyhow::Result<()>>;

fn start_log(level: &LogLevel) -> SetLog {
    let chosen = EnvFilter::try_from_env(LOG_VARIABLE).ok();
    let by_variable = chosen.is_some();
    let log = tracing_subscriber::fmt()
        .with_env_filter(chosen.unwrap_or_else(|| level.filter()))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .with_filter_reloading();
    let handle = log.reload_handle();
    log.init();
    Box::new(move |level| {
        if by_variable {
            return Ok(());
        }
        handle.reload(level.filter()).context("the log's level cannot be changed")
    })
}

fn tell_opened(app: &App) {
    let opened = &app.opened;
    let view = app.writer.readers().views.load();
    let entries = view.base.as_ref().map_or(0, |base| base.stat().entries());
    tracing::info!(
        version = VERSION,
        folder = %app.data_dir.display(),
        entries,
        replayed = opened.replayed,
        torn_bytes = opened.torn_bytes,
        rebuilt = opened.rebuilt,
        "data folder open"
    );
}

/// The server: what it is made from, and what runs.
struct Server<'a> {
    args: &'a Args,
    options: &'a Serve,
    app: App,
    /// The settings in force.
    config: Config,
    listeners: Listeners,
    pages: BlockPages,
    set_log: SetLog,
}

impl Server<'_> {
    /// Serves every listener until a signal asks to stop; gives back what is to be closed.
    async fn serve(mut self) -> anyhow::Result<App> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let watch = tokio::spawn(self.app.watch.clone().keep_looking());
        let resolver_watch = tokio::spawn(self.app.resolvers.watch().keep_looking());
        let models_watch = tokio::spawn(self.app.models.clone().keep_looking());
        let dns_watch = tokio::spawn(self.app.dns.watch().keep_looking());
        let prepared = self.listeners.prepare(self.config.listeners(&self.app.data_dir))?;
        let page = self.config.block_page.clone();
        let pages = self.pages.prepare(page.as_ref(), &self.config.limits)?;
        let primaries = self.app.primaries.prepare(&self.config.rpz)?;
        let dns = self.app.dns.prepare(&self.config.dns)?;
        let resolvers = self.app.resolvers.prepare(&self.config.resolver)?;
        let crowdsec = self.app.crowdsec.prepare(&self.config)?;
        if let Some(told) = self.app.safe_browsing.apply(self.config.safe_browsing.as_ref())? {
            tracing::info!("{told}");
            self.app.routes.renew(&self.config, &self.config);
        }
        for told in self.listeners.apply(prepared).await {
            tracing::info!("{told}");
        }
        for told in self.pages.apply(pages, page.as_ref()).await {
            tracing::info!("{told}");
        }
        for told in self.app.primaries.apply(primaries).await {
            tracing::info!("{told}");
        }
        for told in self.app.dns.apply(dns).await {
            tracing::info!("{told}");
        }
        for told in self.app.resolvers.apply(resolvers).await {
            tracing::info!("{told}");
        }
        for told in self.app.crowdsec.apply(crowdsec, &self.config).await {
            tracing::info!("{told}");
        }
        self.tell_addresses();
        self.warnings().iter().for_each(|warning| tracing::warn!("settings: {warning}"));
        let feeds = tokio::spawn(keep_fresh(Arc::clone(&self.app.feeds)));
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hang_up.recv() => drop(self.reload().await),
                Some(order) = self.app.orders.recv() => {
                    if order.send(self.reload().await).is_err() {
                        tracing::debug!("nobody waited for the outcome of a reload");
                    }
                }
            }
        }
        feeds.abort();
        watch.abort();
        resolver_watch.abort();
        dns_watch.abort();
        models_watch.abort();
        self.app.primaries.stop().await;
        self.app.dns.stop().await;
        self.app.resolvers.stop().await;
        self.pages.stop().await;
        self.app.crowdsec.stop().await;
        self.listeners.stop().await;
        Ok(self.app)
    }

    fn tell_addresses(&self) {
        for address in self.listeners.addresses() {
            line(format!("listening on {address}"));
        }
        for address in self.pages.addresses() {
            line(format!("block page on {address}"));
        }
        for address in self.app.primaries.addresses() {
            line(format!("zones on {address}"));
        }
        for address in self.app.dns.addresses() {
            line(format!("DNS lists on {address}"));
        }
        for address in self.app.resolvers.addresses() {
            line(format!("resolving on {address}"));
        }
        for address in self.app.crowdsec.addresses() {
            line(format!("CrowdSec on {address}"));
        }
    }

    /// Reads the settings again. A mistake in them changes nothing.
    async fn reload(&mut self) -> reload::Outcome {
        let outcome = self.try_reload().await.map_err(|error| in_words(&error));
        match &outcome {
            Ok(Done { changes, next_start, warnings }) => {
                changes.iter().for_each(|change| tracing::info!("settings: {change}"));
                warnings.iter().for_each(|warning| tracing::warn!("settings: {warning}"));
                for name in next_start {
                    tracing::warn!("settings: {name} takes effect at the next start");
                }
                tracing::info!(changes = changes.len(), "settings read again");
            }
            Err(error) => tracing::error!("the settings stay as they were: {error}"),
        }
        outcome
    }

    async fn try_reload(&mut self) -> anyhow::Result<Done> {
        let (_, mut new) = settings(self.args, self.options)?;
        let feeds = Loaded::read(new.feeds.as_deref())?;
        let models = models::load_all(&new.models)?;
        let prepared = self.listeners.prepare(new.listeners(&self.app.data_dir))?;
        let pages = self.pages.prepare(new.block_page.as_ref(), &new.limits)?;
        let primaries = self.app.primaries.prepare(&new.rpz)?;
        let dns = self.app.dns.prepare(&new.dns)?;
        let resolvers = self.app.resolvers.prepare(&new.resolver)?;
        let crowdsec = self.app.crowdsec.prepare(&new)?;
        let known_files = crate::known::prepare(&new)?;
        let difference = reload::compare(&self.config, &new);
        self.app.tokens.reload()?;
        let mut changes = Vec::new();
        if difference.never_listed {
            self.never_list(new.own_names()).await?;
            changes.push("never_listed changed".to_owned());
        }
        // Nothing below is refused.
        if difference.log {
            (self.set_log)(&new.log)?;
            changes.push("log level changed".to_owned());
        }
        let service = self.app.safe_browsing.apply(new.safe_browsing.as_ref())?;
        changes.extend(service.map(str::to_owned));
        changes.extend(self.app.models.apply(models, &new.models));
        if difference.gate {
            changes.push("budgets and limits changed".to_owned());
        }
        changes.extend(self.app.known_files.apply(known_files));
        if difference.foreign {
            changes.push("hashlookup and virustotal changed".to_owned());
        }
        if difference.gate || difference.foreign || service.is_some() {
            self.app.routes.renew(&self.config, &new);
        }
        changes.extend(self.app.feeds.replace(feeds));
        changes.extend(self.listeners.apply(prepared).await);
        changes.extend(self.pages.apply(pages, new.block_page.as_ref()).await);
        changes.extend(self.app.primaries.apply(primaries).await);
        changes.extend(self.app.dns.apply(dns).await);
        changes.extend(self.app.resolvers.apply(resolvers).await);
        changes.extend(self.app.crowdsec.apply(crowdsec, &new).await);
        // They go on as they are, and are told again by every reload until the next start.
        new.data_dir.clone_from(&self.config.data_dir);
        new.metrics_anonymous = self.config.metrics_anonymous;
        new.models.cache_bytes_max = self.config.models.cache_bytes_max;
        self.config = new;
        let (next_start, warnings) = (difference.next_start, self.warnings());
        Ok(Done { changes, next_start, warnings })
    }

    /// What the operator should know of the settings in force, though nothing is wrong with them.
    fn warnings(&self) -> Vec<String> {
        let epoch = self.app.writer.readers().epochs.load();
        let mut all = self.config.warnings();
        all.extend(self.app.models.warnings(epoch.sources(), crate::clock::now()));
        all
    }

    /// Settles what is never listed. It may take a new base, so it runs where it may block.
    async fn never_list(&self, names: Vec<String>) -> anyhow::Result<()> {
        let writer = self.app.writer.clone();
        let job = move || {
            writer.run_blocking(move |engine| engine.never_list(&names, crate::clock::now()))
        };
        Ok(tokio::task::spawn_blocking(job).await??)
    }
}

/// Updates feeds as they fall due.
async fn keep_fresh(feeds: Arc<Runner>) {
    loop {
        let runner = Arc::clone(&feeds);
        let work = tokio::task::spawn_blocking(move || runner.update_due(false, &mut tell));
        match work.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(error = in_words(&error), "feeds not updated"),
            Err(error) => tracing::error!(%error, "updating feeds broke off"),
        }
        tokio::time::sleep(FEEDS_EVERY).await;
    }
}

fn tell(name: &str, outcome: &anyhow::Result<Updated>) {
    match outcome {
        Ok(Updated::Applied(told)) => {
            let count = |field: &str| {
                let number = told.to_json().get(field).and_then(serde_json::Value::as_u64);
                thousands(number.unwrap_or(0))
            };
            tracing::info!(
                feed = name,
                read = count("read"),
                accepted = count("accepted"),
                rejected = count("rejected"),
                expired = count("expired"),
                "feed applied"
            );
        }
        Ok(Updated::Renewed(entries)) => {
            tracing::info!(feed = name, renewed = thousands(*entries), "feed unchanged");
        }
        Ok(Updated::HeldBack(reason)) => {
            let what = if reason.can_be_released() {
                "feed held back; `wardnet feeds release` accepts it"
            } else {
                "feed held back; the next copy that can be read is applied by itself"
            };
            tracing::warn!(feed = name, reason = reason.to_string(), "{what}");
        }
        Err(error) => tracing::warn!(feed = name, error = in_words(error), "feed failed"),
    }
}
