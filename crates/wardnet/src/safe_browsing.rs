//! The Safe Browsing service that runs, and how it becomes the one that the settings ask for.

use arc_swap::ArcSwapOption;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wardnet_protect::opinion::Opinions;
use wardnet_protect::safebrowsing::{Epochs, Kept, SafeBrowsing, SafeBrowsingConfig};
use wardnet_server::Metrics;
use wardnet_verdictdb::ChangeFeed;

/// The largest file of lists that is read.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// The service, if there is one.
#[derive(Clone)]
pub(crate) struct Current {
    running: Arc<ArcSwapOption<SafeBrowsing>>,
    feed: Arc<ChangeFeed>,
    epochs: Epochs,
    opinions: Arc<Opinions>,
    /// Where lists wait for the next run.
    path: PathBuf,
}

impl Current {
    /// None yet; it will follow `feed`.
    pub(crate) fn new(
        data_dir: &Path,
        (feed, epochs): (Arc<ChangeFeed>, Epochs),
        opinions: Arc<Opinions>,
        metrics: &Metrics,
    ) -> Self {
        let running = Arc::new(ArcSwapOption::empty());
        let known = Arc::clone(&running);
        SafeBrowsing::register(metrics, move || known.load_full());
        Self { running, feed, epochs, opinions, path: crate::paths::safe_browsing_lists(data_dir) }
    }

    /// The one that runs.
    pub(crate) fn load(&self) -> Option<Arc<SafeBrowsing>> {
        self.running.load_full()
    }

    /// Starts, replaces or stops the service; says what it did. One that is asked for as it runs
    /// goes on untouched. Clients of another, or of an earlier run, are told the difference.
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
        let earlier = match &*running {
            Some(running) => running.keep(),
            None => self.take_file(),
        };
        let kept = match earlier.as_deref().map(Kept::decode) {
            Some(Ok(kept)) => kept,
            Some(Err(error)) => {
                tracing::warn!(%error, path = %self.path.display(), "lists of an earlier run");
                Kept::nothing(getrandom::u64()?)
            }
            None => Kept::nothing(getrandom::u64()?),
        };
        // Before another counts on from where it is.
        self.running.store(None);
        let known = (Arc::clone(&self.feed), Arc::clone(&self.epochs));
        let opinions = Some(Arc::clone(&self.opinions));
        let next = SafeBrowsing::start(config.clone(), known, opinions, kept);
        self.running.store(Some(Arc::new(next)));
        Ok(Some("Safe Browsing reads its lists"))
    }

    /// Takes the lists of an earlier run, which are good for one start.
    fn take_file(&self) -> Option<Vec<u8>> {
        let file = File::open(&self.path).ok()?;
        let mut bytes = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "limited by `take`")]
        let read = file.take(FILE_BYTES_MAX).read_to_end(&mut bytes);
        // A file that cannot be removed would be taken for that of the run before by a later one.
        let removed = std::fs::remove_file(&self.path);
        (read.is_ok() && removed.is_ok()).then_some(bytes)
    }

    /// Stops the service, and leaves its lists for the next run.
    pub(crate) fn close(&self) {
        let Some(kept) = self.running.swap(None).and_then(|running| running.keep()) else { return };
        if let Err(error) = self.write(&kept) {
            tracing::warn!(
                error = crate::output::in_words(&error),
                "clients will take their lists whole"
            );
        }
    }

    fn write(&self, kept: &[u8]) -> anyhow::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(kept)?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        Ok(())
    }
}
