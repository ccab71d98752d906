//! What is known of things besides their verdicts, for the protocols that tell it.

use crate::config::Config;
use anyhow::Context as _;
use std::sync::Arc;
use wardnet_identify::Readers;
use wardnet_protect::hashlookup::HashlookupState;
use wardnet_protect::known_files::{KnownFiles, Prepared};
use wardnet_protect::virustotal::VirustotalState;
use wardnet_protect::witness::{Known, Witness};
use wardnet_verdictdb::Views;

/// Opens the filters of known files that the settings name.
pub(crate) fn prepare(config: &Config) -> anyhow::Result<Prepared> {
    let opened = KnownFiles::prepare(&config.known_files);
    opened
        .map_err(|(path, error)| anyhow::Error::new(error).context(path.display().to_string()))
        .context("known_files")
}

/// The filters, in use.
pub(crate) fn files(config: &Config) -> anyhow::Result<KnownFiles> {
    let known_files = KnownFiles::default();
    for told in known_files.apply(prepare(config)?) {
        tracing::info!("{told}");
    }
    Ok(known_files)
}

/// What the interfaces of others answer from.
#[derive(Clone)]
pub(crate) struct Foreign {
    /// Files as hashlookup's clients ask for them.
    pub(crate) hashlookup: HashlookupState,
    /// Things as VirusTotal's clients ask for them.
    pub(crate) virustotal: VirustotalState,
}

impl Foreign {
    /// They answer from `views`, and from what the store has.
    pub(crate) fn new(views: &Arc<Views>, readers: &Readers, known_files: &KnownFiles) -> Self {
        let (views, witness) = (Arc::clone(views), witness(readers));
        let known_files = known_files.clone();
        let hashlookup = HashlookupState {
            views: Arc::clone(&views),
            witness: Arc::clone(&witness),
            known_files: known_files.clone(),
        };
        Self { hashlookup, virustotal: VirustotalState { views, witness, known_files } }
    }
}

/// Tells what the store has.
fn witness(readers: &Readers) -> Witness {
    let readers = readers.clone();
    Arc::new(move |indicator, tenant, now| {
        let tell = || {
            let testimonies = wardnet_identify::testimonies(&readers, indicator, tenant, now)?;
            let relations = wardnet_identify::relations(&readers.store, indicator, tenant)?;
            Ok(Known { testimonies, relations })
        };
        tell().map_err(|error: wardnet_identify::EngineError| {
            tracing::error!(%error, "what is known of a thing cannot be read");
            "what is known cannot be read".to_owned()
        })
    })
}
