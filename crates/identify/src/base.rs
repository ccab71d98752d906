//! Making a new base: from a moment of the store, or from the last base and the changes since.
//!
//! Nothing here touches the engine, so it runs on any thread while the engine goes on: what a base
//! is made from does not change, and what it was made for is only swapped in when it is whole.

use crate::EngineError;
use crate::compile::{Compiler, DECISIONS_MAX};
use crate::files::open_base;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wardnet_model::{Kind, Timestamp};
use wardnet_score::Epoch;
use wardnet_store::{DossierKey, Snapshot};
use wardnet_verdictdb::{
    Change, Db, Limits, NextBase, Options, SigningKey, SourceNames, Verify, View, Views, apply,
};

/// Bytes that are written between two looks at whether the base is still wanted.
const BUFFER_BYTES: usize = 1 << 20;

/// Says that a base is no longer wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn check(&self) -> Result<(), EngineError> {
        if self.is_set() { Err(EngineError::Cancelled) } else { Ok(()) }
    }
}

/// Where the content of a base comes from.
#[derive(Debug)]
pub(crate) enum Content {
    /// Everything that is published, as the store has it.
    All(Snapshot),
    /// The last base and the changes over it: only what changed is compiled again. All of it is
    /// where a change might be taken for one of something else.
    Changes(Arc<Db>, Snapshot),
}

impl Content {
    /// The base that changes are laid over; nothing where everything is compiled from the store.
    ///
    /// A base keeps 64 bits of most keys, so that it cannot tell whether a change is of the entry that
    /// begins like it. Whoever may name SHA-256, which are their own keys, can name one that does.
    fn base(&self, changes: &[Change]) -> Result<Option<&Db>, EngineError> {
        let Self::Changes(base, snapshot) = self else { return Ok(None) };
        let chosen =
            |change: &&Change| matches!(change.kind, Kind::Sha256 | Kind::CertificateSha256);
        for Change { kind, key, scope, .. } in changes.iter().filter(chosen) {
            let own = DossierKey::new(kind.tag(), key, *scope);
            for alike in snapshot.alike(&own) {
                if alike?.key != own {
                    return Ok(None);
                }
            }
        }
        Ok(Some(base))
    }

    const fn snapshot(&self) -> &Snapshot {
        match self {
            Self::All(snapshot) | Self::Changes(_, snapshot) => snapshot,
        }
    }
}

/// What a new base is made from: a state, and nothing that comes later.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) dir: PathBuf,
    pub(crate) content: Content,
    pub(crate) epoch: Arc<Epoch>,
    /// The number of the last change that the base contains.
    pub(crate) sequence: u64,
    pub(crate) now: Timestamp,
    /// The view of the same moment.
    pub(crate) state: Arc<View>,
    pub(crate) views: Arc<Views>,
    pub(crate) key: Arc<SigningKey>,
    pub(crate) cancel: Cancel,
}

/// A base that is whole, on disk under its name, and ready to be swapped in.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) next: NextBase,
    pub(crate) path: PathBuf,
    pub(crate) sequence: u64,
    pub(crate) root: [u8; 32],
    /// Dossiers in which tenants have something of their own.
    pub(crate) private: Vec<DossierKey>,
    /// Whether it was made from the store.
    pub(crate) is_full: bool,
}

impl Plan {
    /// Builds it.
    pub(crate) fn build(self) -> Result<Built, EngineError> {
        let path = self.dir.join(format!("base-{}.wvdb", self.sequence));
        let temporary = path.with_extension("tmp");
        let written = self.write(&temporary);
        if written.is_err()
            && let Err(error) = std::fs::remove_file(&temporary)
        {
            tracing::debug!(%error, "half a base is left for later");
        }
        // Whatever error it was that ended the writing: it was wanted.
        self.cancel.check()?;
        let (private, is_full) = written?;
        // The old file goes on serving until every shard of the new one has proved whole.
        let db = Arc::new(open_base(&temporary, Verify::Full, self.key.public())?);
        let root = db.root();
        let next = self.views.prepare(&self.state, db, || !self.cancel.is_set());
        self.cancel.check()?;
        let next = next.map_err(|stale| EngineError::Refused(stale.to_string()))?;
        std::fs::rename(&temporary, &path).map_err(EngineError::io("rename", &temporary))?;
        File::open(&self.dir)
            .and_then(|dir| dir.sync_all())
            .map_err(EngineError::io("sync", &self.dir))?;
        Ok(Built { next, path, sequence: self.sequence, root, private, is_full })
    }

    /// Gives the dossiers in which tenants have something of their own, and whether the base was made
    /// from the store.
    fn write(&self, path: &Path) -> Result<(Vec<DossierKey>, bool), EngineError> {
        let file = File::create(path).map_err(EngineError::io("create", path))?;
        let out = WhileWanted { file, cancel: &self.cancel };
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
        let changes = self.state.overlay.changes();
        let base = self.content.base(&changes)?;
        let (written, private) = match base {
            None => {
                let from = Compiler {
                    snapshot: self.content.snapshot(),
                    epoch: &self.epoch,
                    now: self.now,
                    cancel: &self.cancel,
                    decisions_max: DECISIONS_MAX,
                };
                from.compile(self.options(), &mut out)?
            }
            Some(base) => (apply(base, &changes, &self.options(), &mut out)?, Vec::new()),
        };
        out.write_all(&self.key.sign_base(&written.root))
            .map_err(EngineError::io("write", path))?;
        let out =
            out.into_inner().map_err(|error| EngineError::io("write", path)(error.into_error()))?;
        out.file.sync_all().map_err(EngineError::io("sync", path))?;
        Ok((private, base.is_none()))
    }

    fn options(&self) -> Options {
        let sources: SourceNames =
            self.epoch.sources().map(|source| (source.id.0, source.name.clone())).collect();
        Options {
            created: self.now,
            sequence: self.sequence,
            names: true,
            facts: true,
            sources,
            limits: Limits::default(),
        }
    }
}

/// A file that takes nothing more once it is no longer wanted.
struct WhileWanted<'c> {
    file: File,
    cancel: &'c Cancel,
}

impl Write for WhileWanted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.cancel.is_set() {
            return Err(io::Error::other("no longer wanted"));
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
