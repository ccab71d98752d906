//! Whether what is learned can be written down: looked at every few seconds, told by `/ready`, and
//! mended where that is possible.
//!
//! A full disk is no end: the journal goes on by itself when there is room again. The store's
//! engine does not, after a write that failed half way; it is opened again, takes in from the
//! journal what it lacks, and the verdict database is compiled anew from it. Until then questions
//! are answered from what is known.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use wardnet_identify::{WriteError, Writer};
use wardnet_server::{Component, Health, Status};

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(5);

/// Free bytes of a disk below which it counts as full: less than a new base of a small
/// installation.
const FREE_BYTES_MIN: u64 = 16 << 20;

/// Looks after the data folder. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    data_dir: PathBuf,
    writer: Writer,
    component: Component,
}

impl Watch {
    /// Watches a folder as the component `writes` of `health`.
    pub(crate) fn new(data_dir: &Path, writer: Writer, health: &Health) -> Self {
        let component = health.register("writes");
        // The engine has just been opened, which takes writing.
        component.set(Status::Ok);
        Self { data_dir: data_dir.to_path_buf(), writer, component }
    }

    /// Looks again and again, and tells the log of every change.
    pub(crate) async fn keep_looking(self) {
        let mut last = Status::Ok;
        loop {
            let watch = self.clone();
            let Ok(status) = tokio::task::spawn_blocking(move || watch.look()).await else {
                return;
            };
            if status != last {
                match &status {
                    Status::Down(reason) | Status::Degraded(reason) => {
                        let folder = self.data_dir.display();
                        tracing::error!(%folder, "nothing can be written down: {reason}");
                    }
                    Status::Ok => tracing::info!("everything can be written down again"),
                }
                self.component.set(status.clone());
                last = status;
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// How it is now; mends what can be mended.
    fn look(&self) -> Status {
        let has_room = free_bytes(&self.data_dir).is_none_or(|free| free >= FREE_BYTES_MIN);
        if !has_room {
            return Status::Down("the disk is full; make room on it".to_owned());
        }
        let checked = self.writer.run_blocking(|engine| {
            engine.journal().sync()?;
            Ok(engine.store().check()?)
        });
        match checked {
            Ok(()) => Status::Ok,
            Err(WriteError::Engine(error)) if error.needs_reopening() => self.mend(),
            Err(error) => {
                tracing::error!(%error, "a write has failed");
                Status::Down("a write has failed; the log has the cause: restart".to_owned())
            }
        }
    }

    fn mend(&self) -> Status {
        let now = crate::clock::now();
        let mended = self.writer.run_blocking(move |engine| engine.reopen(now));
        match mended {
            Ok(()) => {
                tracing::info!("the store was opened again, and the verdict database built anew");
                Status::Ok
            }
            Err(error) => {
                tracing::error!(%error, "the store cannot be opened again yet");
                Status::Down("the store is closed after a write that failed".to_owned())
            }
        }
    }
}

/// Bytes that may still be written to the disk of a folder; nothing where the system does not say.
fn free_bytes(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Whether something failed because the disk is full.
pub(crate) fn is_full(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(is_full_disk)
            || cause
                .downcast_ref::<WriteError>()
                .is_some_and(|error| matches!(error, WriteError::Engine(error) if error.is_full()))
    })
}

/// Whether the system says that the disk is full.
pub(crate) fn is_full_disk(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context as _, anyhow};
    use std::sync::Arc;
    use wardnet_identify::{Engine, EngineError, Options, spawn};
    use wardnet_model::{Action, Category, Decision, Indicator, Record, Scope, TenantId};

    #[test]
    fn a_full_disk_is_told_apart_however_deep_it_lies() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let wrapped: anyhow::Error = Err::<(), _>(full()).context("writing").unwrap_err();
        assert!(is_full(&wrapped));
        let path = PathBuf::from("/x");
        let engine = EngineError::Io { action: "write", path, source: full() };
        assert!(is_full(&WriteError::Engine(Arc::new(engine)).into()));
        assert!(!is_full(&WriteError::Busy.into()));
        assert!(!is_full(&anyhow!("another")));
    }

    #[test]
    fn a_store_that_is_opened_again_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let now = crate::clock::now();
        let (engine, _) = Engine::open(folder.path(), Options::default(), now).unwrap();
        let (writer, thread) = spawn(engine, crate::clock::now).unwrap();
        let watch = Watch::new(folder.path(), writer.clone(), &Health::new());
        assert_eq!(watch.look(), Status::Ok);
        let block = |text: &str| {
            let record = decision(text);
            writer.run_blocking(move |engine| engine.append(vec![record], now)).unwrap();
        };
        let position = || writer.readers().store.position().unwrap();
        let entries = || writer.readers().views.load().base.as_ref().unwrap().stat().entries();
        block("one.top");
        let before = (position(), entries());
        assert_eq!(watch.mend(), Status::Ok);
        assert_eq!((position(), entries()), (before.0, before.1 + 1), "and is compiled anew");
        block("two.top");
        assert_eq!(position(), before.0 + 1);
        assert_eq!(watch.look(), Status::Ok);
        drop((watch, writer));
        thread.stop().unwrap();
    }

    fn decision(text: &str) -> Record {
        Record::Decision(Decision {
            tenant: TenantId::SHARED,
            indicator: Indicator::parse(text).unwrap(),
            scope: Scope::Exact,
            action: Action::Block,
            category: Category::Phishing,
            author: "a".into(),
            reason: "r".into(),
            at: crate::clock::now(),
            until: None,
        })
    }

    #[test]
    fn the_system_says_how_much_is_free() {
        assert!(free_bytes(Path::new("/")).is_some_and(|free| free > 0));
        assert_eq!(free_bytes(Path::new("/nowhere/at/all")), None);
    }
}
