//! The folder of one feed: its last good copy, the one before, one that is held back, its state.
//!
//! ```text
//! DATA/feeds/NAME/current       the last good copy, as it was served
//!                 previous      the one before
//!                 held          a copy that is held back
//!                 release       the digest of the held copy that an operator accepts
//!                 state.json    validators, counts, failures, when it is due
//!                 lock          held while a process works on the feed
//! ```
//!
//! Every change is a rename of a finished file, and the state is written last. After a crash in
//! between, the next fetch brings the same copy once more.

use crate::catalogue::{FeedConfig, FeedName, Location};
use crate::fetch::copy::Place;
use crate::fetch::state::{
    Applied, FeedState, Held, TEMPORARY_PREFIX, replace_file, sync_folder, temporary_file,
};
use crate::fetch::{
    Cadence, Counts, Digest, FetchError, Fresh, HoldReason, Unchanged, Validators, WhichCopy,
    jitter_seed, local, next_due,
};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use wardnet_model::Timestamp;

/// The folder of a feed cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// Reading or writing failed.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The state is not what this program writes.
    #[error("{path} is damaged ({reason}); delete it, and the feed is fetched anew")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another process works on the feed.
    #[error("the feed in {0} is being updated by another process; try again in a moment")]
    Busy(PathBuf),
    /// There is nothing to release.
    #[error("no copy of the feed `{0}` is held back")]
    NothingHeld(FeedName),
}

impl FolderError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }
}

/// The folder of one feed, locked against other processes.
#[derive(Debug)]
pub struct FeedFolder {
    folder: PathBuf,
    state: FeedState,
    cadence: Cadence,
    _lock: File,
}

/// The folder of a feed beneath the data directory.
fn folder_of(data_dir: &Path, name: &FeedName) -> PathBuf {
    data_dir.join("feeds").join(name.as_str())
}

impl FeedState {
    /// What is remembered of a feed; `None` when it was never fetched. Takes no lock.
    ///
    /// # Errors
    ///
    /// When the state cannot be read.
    pub fn read(data_dir: &Path, name: &FeedName) -> Result<Option<Self>, FolderError> {
        Self::load(&folder_of(data_dir, name))
    }

    /// The last good copy of a feed, if there is one. Takes no lock.
    ///
    /// # Errors
    ///
    /// When the state cannot be read.
    pub fn current_copy(data_dir: &Path, name: &FeedName) -> Result<Option<PathBuf>, FolderError> {
        let folder = folder_of(data_dir, name);
        let Some(applied) = Self::load(&folder)?.and_then(|state| state.applied) else {
            return Ok(None);
        };
        let path = applied.in_place.unwrap_or_else(|| folder.join("current"));
        Ok(Some(path).filter(|path| path.is_file()))
    }

    /// The copy of a feed that is held back, if there is one. Takes no lock.
    ///
    /// # Errors
    ///
    /// When the state cannot be read.
    pub fn held_copy(data_dir: &Path, name: &FeedName) -> Result<Option<PathBuf>, FolderError> {
        let folder = folder_of(data_dir, name);
        let Some(held) = Self::load(&folder)?.and_then(|state| state.held) else {
            return Ok(None);
        };
        let path = held.in_place.unwrap_or_else(|| folder.join("held"));
        Ok(Some(path).filter(|path| path.is_file()))
    }
}

/// Accepts the held copy of a feed: the next update imports it. Takes no lock, so that an operator
/// need not wait for a running update.
///
/// The digest of the copy is noted. Should another copy be held back meanwhile, that one stays
/// held: nobody has looked at it.
///
/// # Errors
///
/// When nothing is held back, or the folder cannot be written.
pub fn request_release(data_dir: &Path, name: &FeedName) -> Result<Held, FolderError> {
    let folder = folder_of(data_dir, name);
    let held = FeedState::load(&folder)?
        .and_then(|state| state.held)
        .ok_or_else(|| FolderError::NothingHeld(name.clone()))?;
    let path = folder.join("release");
    replace_file(&folder, &path, held.sha256.to_string().as_bytes())
        .map_err(|error| FolderError::io(&path, error))?;
    Ok(held)
}

impl FeedFolder {
    /// Opens the folder of `feed` beneath `data_dir`, creating it if need be, and locks it.
    /// `install_seed` is a random number that this installation keeps; it spreads fetches.
    ///
    /// # Errors
    ///
    /// When the folder cannot be used, or another process works on the feed.
    pub fn open(
        data_dir: &Path,
        feed: &FeedConfig,
        install_seed: u64,
    ) -> Result<Self, FolderError> {
        let folder = folder_of(data_dir, &feed.name);
        let at_folder = |error| FolderError::io(&folder, error);
        fs::create_dir_all(&folder).map_err(at_folder)?;
        let lock = File::create(folder.join("lock")).map_err(at_folder)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => FolderError::Busy(folder.clone()),
            TryLockError::Error(error) => at_folder(error),
        })?;
        remove_unfinished(&folder).map_err(at_folder)?;
        let cadence = Cadence {
            interval_secs: feed.interval_secs,
            jitter_seed: jitter_seed(install_seed, feed.name.as_str()),
        };
        let state = load_or_set_aside(&folder)?;
        let mut opened = Self { folder, state, cadence, _lock: lock };
        opened.forget_what_is_elsewhere(&feed.location);
        Ok(opened)
    }

    /// What is remembered of the feed.
    pub const fn state(&self) -> &FeedState {
        &self.state
    }

    /// The last good copy, if there is one.
    pub fn current(&self) -> Option<PathBuf> {
        let applied = self.state.applied.as_ref()?;
        Some(applied.in_place.clone().unwrap_or_else(|| self.path("current")))
            .filter(|path| path.is_file())
    }

    /// The copy that is held back, if there is one.
    pub fn held(&self) -> Option<PathBuf> {
        let held = self.state.held.as_ref()?;
        Some(held.in_place.clone().unwrap_or_else(|| self.path("held")))
            .filter(|path| path.is_file())
    }

    /// The held copy, when an operator has accepted exactly this one. Import it without judging,
    /// then call [`apply_held`](Self::apply_held).
    pub fn released(&self) -> Option<PathBuf> {
        let held = self.state.held.as_ref()?;
        let accepted = fs::read(self.path("release")).ok()?;
        let path = self.held().filter(|_| accepted == held.sha256.to_string().as_bytes())?;
        // A file of the operator's own may have changed since it was held back.
        let (digest, _) = local::digest(&path, held.bytes).ok()?;
        (digest == held.sha256).then_some(path)
    }

    /// Makes a fresh copy, which has been imported, the last good one.
    ///
    /// # Errors
    ///
    /// When the disk fails; the last good copy then is the old one or the new one, whole.
    pub fn apply(
        &mut self,
        fresh: Fresh,
        counts: Counts,
        now: Timestamp,
    ) -> Result<(), FolderError> {
        let Fresh { place, sha256, bytes, validators, server_wait_secs, .. } = fresh;
        let in_place = self.take_in(place, "current")?;
        self.state.applied = Some(Applied { sha256, bytes, counts, at: now, in_place });
        self.state.validators = validators;
        self.drop_held()?;
        self.answered(now, server_wait_secs)
    }

    /// Keeps a fresh copy apart. The last good one stays in force.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn hold_back(
        &mut self,
        fresh: Fresh,
        reason: &HoldReason,
        now: Timestamp,
    ) -> Result<(), FolderError> {
        let Fresh { place, sha256, bytes, validators, server_wait_secs, .. } = fresh;
        let in_place = self.take_in(place, "held")?;
        let reason = reason.to_string();
        self.state.held = Some(Held { sha256, bytes, reason, since: now, in_place });
        self.state.validators = validators;
        self.answered(now, server_wait_secs)
    }

    /// Makes the released copy, which has been imported, the last good one. Does nothing when no
    /// copy is held.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn apply_held(&mut self, counts: Counts, now: Timestamp) -> Result<(), FolderError> {
        let Some(held) = self.state.held.clone() else { return Ok(()) };
        if held.in_place.is_none() {
            self.keep_previous()?;
            let (from, to) = (self.path("held"), self.path("current"));
            fs::rename(&from, &to).map_err(|error| FolderError::io(&to, error))?;
        }
        let Held { sha256, bytes, in_place, .. } = held;
        self.state.applied = Some(Applied { sha256, bytes, counts, at: now, in_place });
        self.drop_held()?;
        self.save()
    }

    /// Notes that the feed has not changed.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn unchanged(&mut self, news: Unchanged, now: Timestamp) -> Result<(), FolderError> {
        if let Some(validators) = news.validators {
            self.state.validators = validators;
        }
        if news.which == WhichCopy::Applied {
            // The publisher has gone back to the good copy.
            self.drop_held()?;
        }
        self.answered(now, news.server_wait_secs)
    }

    /// Notes that the feed could not be fetched, or that its copy could not be imported.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn failed(&mut self, error: &FetchError, now: Timestamp) -> Result<(), FolderError> {
        self.state.failures = self.state.failures.saturating_add(1);
        self.state.last_error = Some(error.to_string());
        self.state.checked_at = Some(now);
        let wait = error.retry_after_secs();
        self.state.next_due = Some(next_due(now, self.cadence, self.state.failures, wait));
        self.save()
    }

    /// Where a download of this feed is written.
    pub(crate) fn temporary_file(&self) -> io::Result<tempfile::NamedTempFile> {
        temporary_file(&self.folder)
    }

    /// The copy on disk that the validators belong to.
    pub(crate) fn newest_copy(&self) -> Option<WhichCopy> {
        let held = self.held().map(|_| WhichCopy::Held);
        held.or_else(|| self.current().map(|_| WhichCopy::Applied))
    }

    /// The copy on disk that has this digest.
    pub(crate) fn copy_with(&self, sha256: Digest) -> Option<WhichCopy> {
        let applied = self.state.applied.as_ref().is_some_and(|copy| copy.sha256 == sha256);
        let held = self.state.held.as_ref().is_some_and(|copy| copy.sha256 == sha256);
        if applied && self.current().is_some() {
            Some(WhichCopy::Applied)
        } else {
            (held && self.held().is_some()).then_some(WhichCopy::Held)
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Moves a finished download to `name`. A file elsewhere stays there: its path is returned.
    fn take_in(&self, place: Place, name: &str) -> Result<Option<PathBuf>, FolderError> {
        let downloaded = match place {
            Place::InPlace(path) => return Ok(Some(path)),
            Place::Downloaded(path) => path,
        };
        if name == "current" {
            self.keep_previous()?;
        }
        let to = self.path(name);
        downloaded
            .persist(&to)
            .map_err(|error| error.error)
            .and_then(|()| sync_folder(&self.folder))
            .map_err(|error| FolderError::io(&to, error))?;
        Ok(None)
    }

    /// Gives the last good copy a second name, so that there is one at every moment.
    fn keep_previous(&self) -> Result<(), FolderError> {
        let (current, previous) = (self.path("current"), self.path("previous"));
        if !current.is_file() {
            return Ok(());
        }
        remove_if_there(&previous)
            .and_then(|()| fs::hard_link(&current, &previous))
            // Some file systems know no second names.
            .or_else(|_| fs::copy(&current, &previous).map(|_| ()))
            .map_err(|error| FolderError::io(&previous, error))
    }

    fn drop_held(&mut self) -> Result<(), FolderError> {
        self.state.held = None;
        for path in [self.path("held"), self.path("release")] {
            remove_if_there(&path).map_err(|error| FolderError::io(&path, error))?;
        }
        Ok(())
    }

    fn answered(&mut self, now: Timestamp, wait: Option<u64>) -> Result<(), FolderError> {
        self.state.failures = 0;
        self.state.last_error = None;
        self.state.checked_at = Some(now);
        self.state.answered_at = Some(now);
        self.state.next_due = Some(next_due(now, self.cadence, 0, wait));
        self.save()
    }

    fn save(&self) -> Result<(), FolderError> {
        self.state.save(&self.folder)
    }

    /// Validators, the held copy and the schedule belong to a place; the applied copy stays as
    /// the measure for the first copy of the new place. Without a copy, validators are worth
    /// nothing.
    fn forget_what_is_elsewhere(&mut self, location: &Location) {
        let location = match location {
            Location::Http(url) => Sha256::digest(url.as_str()),
            Location::File(path) => Sha256::digest(path.as_os_str().as_encoded_bytes()),
        };
        let location = Some(Digest(location.into()));
        if self.state.location != location {
            self.state.location = location;
            self.state.validators = Validators::default();
            self.state.held = None;
            self.state.failures = 0;
            self.state.next_due = None;
        }
        if self.current().is_none() && self.held().is_none() {
            self.state.validators = Validators::default();
            self.state.held = None;
        }
    }
}

fn load_or_set_aside(folder: &Path) -> Result<FeedState, FolderError> {
    match FeedState::load(folder) {
        Ok(state) => Ok(state.unwrap_or_default()),
        Err(error @ FolderError::Damaged { .. }) => {
            tracing::warn!(%error, "the feed's state is set aside and begun anew");
            FeedState::set_aside(folder)?;
            Ok(FeedState::default())
        }
        Err(error) => Err(error),
    }
}

/// Removes what a process left behind that was killed while it fetched.
fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX) {
            remove_if_there(&entry.path())?;
        }
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
