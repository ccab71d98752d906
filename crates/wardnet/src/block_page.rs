//! The block page that is served, and how it becomes the one that the settings ask for.

use crate::listeners::{Listeners, Prepared, Wanted};
use axum::Router;
use std::net::SocketAddr;
use std::sync::Arc;
use wardnet_identify::Writer;
use wardnet_model::SourceId;
use wardnet_protect::blockpage::{BlockPage, BlockPageConfig, Dispute, File};
use wardnet_protect::changes::ChangesState;
use wardnet_protect::opinion::Opinions;
use wardnet_server::listen::Endpoint;
use wardnet_server::{Limits, LiveRouter, Metrics};

/// The block page, if there is one.
pub(crate) struct BlockPages {
    listeners: Listeners,
    router: LiveRouter,
    writer: Writer,
    opinions: Arc<Opinions>,
    running: Option<BlockPageConfig>,
}

impl BlockPages {
    /// None yet; reports will go to `writer`.
    pub(crate) fn new(
        writer: Writer,
        opinions: Arc<Opinions>,
        metrics: Metrics,
        streams: ChangesState,
    ) -> Self {
        let router = LiveRouter::new(Router::new());
        let listeners = Listeners::new(router.clone(), metrics, streams);
        Self { listeners, router, writer, opinions, running: None }
    }

    /// Binds every address that is free, and touches nothing that runs.
    pub(crate) fn prepare(
        &self,
        wanted: Option<&BlockPageConfig>,
        limits: &Limits,
    ) -> anyhow::Result<Prepared> {
        let listener = |listen: &SocketAddr, tls| Wanted {
            name: format!("block page {listen}"),
            endpoint: Endpoint::Tcp(*listen),
            tls,
            limits: limits.clone(),
        };
        let all = wanted.into_iter().flat_map(|config| {
            let plain = config.listen.iter().map(|listen| listener(listen, None));
            let tls = config.tls_listen.iter().map(|listen| listener(listen, config.tls()));
            plain.chain(tls).collect::<Vec<_>>()
        });
        self.listeners.prepare(all.collect())
    }

    /// Serves the page that is wanted. Says what it did.
    pub(crate) async fn apply(
        &mut self,
        prepared: Prepared,
        wanted: Option<&BlockPageConfig>,
    ) -> Vec<String> {
        let mut told = Vec::new();
        if self.running.as_ref() != wanted {
            let router = wanted.map_or_else(Router::new, |config| self.page(config).routes());
            self.router.replace(router);
            self.running = wanted.cloned();
            told.push("the block page changed".to_owned());
        }
        let listening = self.listeners.apply(prepared).await;
        told.extend(listening.into_iter().map(|one| format!("block page: {one}")));
        told
    }

    fn page(&self, config: &BlockPageConfig) -> BlockPage {
        let views = Arc::clone(&self.writer.readers().views);
        let epochs = Arc::clone(&self.writer.readers().epochs);
        let names = Arc::new(move |id| {
            epochs.load().source(SourceId(id)).map(|source| source.name.clone())
        });
        let writer = self.writer.clone();
        let file = File::new(move |dispute| file(writer.clone(), dispute));
        let known = (views, Some(Arc::clone(&self.opinions)));
        BlockPage::new(config.clone(), known, Some(names), file)
    }

    /// The addresses that are listened on.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.listeners.addresses()
    }

    /// Stops, and waits until requests in flight have ended.
    pub(crate) async fn stop(self) {
        self.listeners.stop().await;
    }
}

/// Writes a report down; true once it is on disk.
async fn file(writer: Writer, dispute: Dispute) -> bool {
    let now = crate::clock::now();
    let job = move || {
        writer.run_blocking(move |engine| {
            engine.dispute(dispute.indicator, &dispute.note, dispute.client, now)
        })
    };
    match tokio::task::spawn_blocking(job).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::error!(%error, "a report of the block page could not be written down");
            false
        }
        Err(_) => false,
    }
}
