//! The Safe Browsing service that runs, and how it becomes the one that the settings ask for.

use arc_swap::ArcSwapOption;
use std::sync::Arc;
use wardnet_protect::opinion::Opinions;
use wardnet_protect::safebrowsing::{SafeBrowsing, SafeBrowsingConfig};
use wardnet_server::Metrics;
use wardnet_verdictdb::ChangeFeed;

/// The service, if there is one.
#[derive(Clone)]
pub(crate) struct Current {
    running: Arc<ArcSwapOption<SafeBrowsing>>,
    feed: Arc<ChangeFeed>,
    opinions: Arc<Opinions>,
}

impl Current {
    /// None yet; it will follow `feed`.
    pub(crate) fn new(feed: Arc<ChangeFeed>, opinions: Arc<Opinions>, metrics: &Metrics) -> Self {
        let running = Arc::new(ArcSwapOption::empty());
        let known = Arc::clone(&running);
        SafeBrowsing::register(metrics, move || known.load_full());
        Self { running, feed, opinions }
    }

    /// The one that runs.
    pub(crate) fn load(&self) -> Option<Arc<SafeBrowsing>> {
        self.running.load_full()
    }

    /// Starts, replaces or stops the service; says what it did. One that is asked for as it runs
    /// goes on untouched. Another one has other versions of its lists: clients take them whole.
    pub(crate) fn apply(
        &self,
        wanted: Option<&SafeBrowsingConfig>,
    ) -> anyhow::Result<Option<&str>> {
        let running = self.running.load();
        if running.as_ref().map(|one| one.config()) == wanted {
            return Ok(None);
        }
        let Some(config) = wanted else {
            self.running.store(None);
            return Ok(Some("no more Safe Browsing"));
        };
        let history = getrandom::u64()?;
        let (feed, opinions) = (Arc::clone(&self.feed), Arc::clone(&self.opinions));
        let next = SafeBrowsing::start(config.clone(), feed, Some(opinions), history);
        self.running.store(Some(Arc::new(next)));
        Ok(Some("Safe Browsing reads its lists"))
    }
}
