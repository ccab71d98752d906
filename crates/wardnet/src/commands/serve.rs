//! `wardnet serve`.

use crate::app::{App, VERSION};
use crate::args::{Args, Serve};
use crate::backend::folder;
use crate::config::{Config, Http};
use crate::feeds::{Runner, Updated};
use crate::output::{line, thousands};
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use wardnet_server::listen::Endpoint;
use wardnet_server::tls::TlsFiles;
use wardnet_server::{Listener, ListenerConfig, Shutdown, Tls};

/// How often the feeds' due times are looked at.
const FEEDS_EVERY: Duration = Duration::from_secs(30);

/// Runs the command.
pub(crate) fn run(args: &Args, options: &Serve) -> anyhow::Result<ExitCode> {
    start_log();
    let (data_dir, mut config) = folder(args)?;
    if options.feeds.is_some() {
        config.feeds.clone_from(&options.feeds);
    }
    for listen in &options.listen {
        config.http.push(Http { listen: *listen, tls_certificate: None, tls_key: None });
    }
    if config.http.is_empty() {
        let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 8480));
        config.http.push(Http { listen, tls_certificate: None, tls_key: None });
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let app = App::open(&data_dir, &config)?;
    tell_opened(&app);
    if let Some(token) = app.tokens.bootstrap(crate::clock::now())? {
        line(format!("admin token: {}", token.reveal()));
        line("keep it: it is not shown again");
    }
    runtime.block_on(serve(&app, &data_dir, &config))?;
    tracing::info!("stopping");
    drop(runtime);
    let App { writer, thread, router, feeds, .. } = app;
    drop((writer, router, feeds));
    thread.stop()?;
    Ok(ExitCode::SUCCESS)
}

fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("WARDNET_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
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

/// Serves every listener until a signal asks to stop.
async fn serve(app: &App, data_dir: &Path, config: &Config) -> anyhow::Result<()> {
    let shutdown = Shutdown::new();
    let mut listeners = JoinSet::new();
    let mut tls = Vec::new();
    let socket = Endpoint::Unix(crate::paths::socket(data_dir));
    let mut endpoints = vec![("local".to_owned(), socket, None)];
    for http in &config.http {
        let files = http.tls_certificate.clone().zip(http.tls_key.clone());
        let secured = files
            .map(|(certificate, key)| Tls::load(TlsFiles { certificate, key }).map(Arc::new))
            .transpose()?;
        tls.extend(secured.clone());
        endpoints.push((http.listen.to_string(), Endpoint::Tcp(http.listen), secured));
    }
    for (name, endpoint, tls) in endpoints {
        let limits = config.limits.clone();
        let listener =
            Listener::bind(ListenerConfig { name, endpoint, tls, limits }, &app.metrics)?;
        if let Some(address) = listener.local_addr() {
            tracing::info!(%address, "answering HTTP");
            line(format!("listening on {address}"));
        }
        let (router, shutdown) = (app.router.clone(), shutdown.clone());
        listeners.spawn(async move { listener.serve(router, &shutdown).await });
    }
    let feeds = tokio::spawn(keep_fresh(Arc::clone(&app.feeds)));
    wait_for_signal(&tls).await?;
    shutdown.trigger();
    feeds.abort();
    while let Some(drained) = listeners.join_next().await {
        if let Ok(drained) = drained {
            tracing::debug!(cut = drained.cut, "listener drained");
        }
    }
    Ok(())
}

/// Returns at SIGTERM or SIGINT; reloads certificates at SIGHUP.
async fn wait_for_signal(tls: &[Arc<Tls>]) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hang_up.recv() => {
                for tls in tls {
                    match tls.reload() {
                        Ok(()) => tracing::info!("certificate reloaded"),
                        Err(error) => tracing::error!(%error, "the old certificate stays"),
                    }
                }
            }
        }
    }
}

/// Updates feeds as they fall due.
async fn keep_fresh(feeds: Arc<Runner>) {
    if feeds.catalogue().enabled().next().is_none() {
        return;
    }
    loop {
        let runner = Arc::clone(&feeds);
        let work = tokio::task::spawn_blocking(move || runner.update_due(false, &mut tell));
        match work.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(error = format!("{error:#}"), "feeds not updated"),
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
            tracing::warn!(
                feed = name,
                reason,
                "feed held back; `wardnet feeds release` accepts it"
            );
        }
        Err(error) => tracing::warn!(feed = name, error = format!("{error:#}"), "feed failed"),
    }
}
