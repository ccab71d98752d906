//! All dossiers of one moment, to be walked in order.

use crate::tables::Tables;
use crate::{DossierKey, Front, StoreError, codec};
use fjall::{Readable as _, Slice};
use std::sync::Arc;

/// All dossiers of one moment; see [`Store::snapshot`](crate::Store::snapshot). It can be walked
/// as often as one likes, and is the same each time.
pub struct Snapshot {
    dossiers: fjall::Snapshot,
    tables: Arc<Tables>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}

impl Snapshot {
    pub(crate) fn of(tables: Arc<Tables>) -> Self {
        Self { dossiers: tables.database.snapshot(), tables }
    }

    /// Every dossier without its evidence, in order.
    pub fn for_each_front<E: From<StoreError>>(
        &self,
        mut visit: impl FnMut(DossierKey, Front<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for guard in self.dossiers.iter(&self.tables.dossiers) {
            let filed = Filed::read(guard)?;
            visit(filed.key, filed.front()?)?;
        }
        Ok(())
    }

    /// The dossiers of one kind, by its number, in order.
    pub fn of_kind(&self, tag: u8) -> Filing {
        self.beginning([tag])
    }

    /// The dossiers of the same kind whose keys begin with the same 64 bits, in order.
    pub fn alike(&self, key: &DossierKey) -> Filing {
        let [begin @ .., _, _, _, _, _, _, _, _, _, _, _, _, _] = key.0;
        self.beginning(begin)
    }

    fn beginning<const N: usize>(&self, begin: [u8; N]) -> Filing {
        let dossiers = self.dossiers.prefix(&self.tables.dossiers, begin);
        Filing { dossiers, _open: Arc::clone(&self.tables) }
    }
}

/// Dossiers in order; see [`Snapshot::of_kind`].
pub struct Filing {
    dossiers: fjall::Iter,
    /// The engine may not be opened again while these are read.
    _open: Arc<Tables>,
}

impl std::fmt::Debug for Filing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filing").finish_non_exhaustive()
    }
}

impl Iterator for Filing {
    type Item = Result<Filed, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.dossiers.next().map(Filed::read)
    }
}

/// A dossier as it lies in the store.
#[derive(Debug, Clone)]
pub struct Filed {
    /// Its place.
    pub key: DossierKey,
    contents: Slice,
}

impl Filed {
    fn read(guard: fjall::Guard) -> Result<Self, StoreError> {
        let (key, contents) = guard.into_inner()?;
        let key = key[..].try_into().map_err(|_| StoreError::Damaged { what: "dossier's key" })?;
        Ok(Self { key: DossierKey(key), contents })
    }

    /// All but the evidence.
    pub fn front(&self) -> Result<Front<'_>, StoreError> {
        codec::decode_front(&self.contents)
    }
}
