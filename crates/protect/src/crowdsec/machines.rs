//! The agents that introduced themselves: their passwords, and whether the operator knows them.
//!
//! Passwords are kept as PBKDF2 digests, since people may have chosen them. That takes a while on
//! purpose, so no more than a few are checked at once.

use ring::pbkdf2;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;
use wardnet_model::{Timestamp, hex};

/// Rounds of PBKDF2-HMAC-SHA-256: about 50 ms.
const ROUNDS: NonZeroU32 = NonZeroU32::new(120_000).expect("not zero");
/// Passwords that are digested at once.
const AT_ONCE_MAX: usize = 2;
/// Agents that wait for the operator at most; and all together.
const WAITING_MAX: usize = 1_000;
const MACHINES_MAX: usize = 100_000;
/// A file larger than this holds something else.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// One agent, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    salt: String,
    digest: String,
    rounds: NonZeroU32,
    validated: bool,
    created_secs: u64,
}

/// One agent, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// Whether the operator knows it: others cannot log in.
    pub is_validated: bool,
    /// When it introduced itself.
    pub created: Timestamp,
    /// When it last did something in this run of the program.
    pub seen: Option<Timestamp>,
}

/// Why an agent is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// Another one has the name.
    #[error("there is a machine of that name already")]
    Taken,
    /// There is none of that name.
    #[error("there is no machine of that name")]
    Unknown,
    /// A name that would not do on a screen.
    #[error("a machine's name has 1 to 128 letters, digits or `._@:-`")]
    Name,
    /// Too many wait.
    #[error("as many machines wait for the operator as may; try again later")]
    Full,
    /// It cannot be written down.
    #[error("the machines cannot be written down: {0}")]
    Io(#[from] io::Error),
    /// The system gives no random numbers, or a thread broke off.
    #[error("the password cannot be digested now")]
    Digest,
}

#[derive(Debug, Default)]
struct Table {
    kept: BTreeMap<String, Kept>,
    seen: BTreeMap<String, Timestamp>,
}

/// All agents of a data folder.
#[derive(Debug)]
pub struct Machines {
    path: PathBuf,
    table: Mutex<Table>,
    digesting: Arc<Semaphore>,
}

impl Machines {
    /// Reads a folder's agents; none where there is no file yet.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join("machines.json");
        let kept = read(&path)?;
        let table = Mutex::new(Table { kept, seen: BTreeMap::new() });
        Ok(Self { path, table, digesting: Arc::new(Semaphore::new(AT_ONCE_MAX)) })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All agents, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Machine> {
        let table = self.lock();
        let one = |(name, kept): (&String, &Kept)| Machine {
            name: name.clone(),
            is_validated: kept.validated,
            created: Timestamp(kept.created_secs),
            seen: table.seen.get(name).copied(),
        };
        table.kept.iter().map(one).collect()
    }

    /// Lets an agent log in from now on.
    pub fn validate(&self, name: &str) -> Result<(), MachineError> {
        self.change(|kept| {
            kept.get_mut(name).ok_or(MachineError::Unknown)?.validated = true;
            Ok(())
        })
    }

    /// Forgets an agent: it is refused from its next request on.
    pub fn remove(&self, name: &str) -> Result<(), MachineError> {
        self.change(|kept| kept.remove(name).map(drop).ok_or(MachineError::Unknown))
    }

    /// Takes an agent that introduces itself; it waits for the operator.
    pub(super) async fn register(
        &self,
        name: &str,
        password: String,
        now: Timestamp,
    ) -> Result<(), MachineError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "._@:-".contains(c);
        if !(1..=128).contains(&name.len()) || !name.chars().all(fits) {
            return Err(MachineError::Name);
        }
        self.check_room(name)?;
        let mut salt = [0; 16];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut salt)
            .map_err(|_| MachineError::Digest)?;
        let digest = self.digesting(move || {
            let mut digest = [0; 32];
            pbkdf2::derive(ALGORITHM, ROUNDS, &salt, password.as_bytes(), &mut digest);
            digest
        });
        let digest = digest.await?;
        let (salt, digest) = (hex::Hex(&salt).to_string(), hex::Hex(&digest).to_string());
        let (validated, created_secs) = (false, now.0);
        let one = Kept { salt, digest, rounds: ROUNDS, validated, created_secs };
        self.check_room(name)?;
        self.change(|kept| {
            if kept.contains_key(name) {
                return Err(MachineError::Taken);
            }
            kept.insert(name.to_owned(), one);
            Ok(())
        })
    }

    fn check_room(&self, name: &str) -> Result<(), MachineError> {
        let kept = &self.lock().kept;
        let waiting = kept.values().filter(|one| !one.validated).count();
        match () {
            () if kept.contains_key(name) => Err(MachineError::Taken),
            () if waiting >= WAITING_MAX || kept.len() >= MACHINES_MAX => Err(MachineError::Full),
            () => Ok(()),
        }
    }

    /// Whether this is the password of an agent that may log in. Whoever does not exist takes as
    /// long as who does.
    pub(super) async fn verify(&self, name: &str, password: String) -> Result<bool, MachineError> {
        let kept = self.lock().kept.get(name).cloned();
        let is_validated = kept.as_ref().is_some_and(|kept| kept.validated);
        let salt = kept.as_ref().and_then(|kept| hex::decode::<16>(&kept.salt)).unwrap_or([0; 16]);
        let digest = kept.as_ref().and_then(|kept| hex::decode::<32>(&kept.digest));
        let rounds = kept.map_or(ROUNDS, |kept| kept.rounds);
        let check = self.digesting(move || {
            let known = digest.unwrap_or([0; 32]);
            let checked = pbkdf2::verify(ALGORITHM, rounds, &salt, password.as_bytes(), &known);
            checked.is_ok() && digest.is_some()
        });
        Ok(check.await? && is_validated)
    }

    /// Whether an agent may go on.
    pub(super) fn is_validated(&self, name: &str) -> bool {
        self.lock().kept.get(name).is_some_and(|kept| kept.validated)
    }

    /// Notes that an agent does something.
    pub(super) fn saw(&self, name: &str, now: Timestamp) {
        let table = &mut *self.lock();
        if table.kept.contains_key(name) {
            table.seen.insert(name.to_owned(), now);
        }
    }

    async fn digesting<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, MachineError> {
        let _turn = self.digesting.acquire().await.map_err(|_| MachineError::Digest)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| MachineError::Digest)
    }

    /// Changes what is kept; first on disk.
    fn change(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, Kept>) -> Result<(), MachineError>,
    ) -> Result<(), MachineError> {
        let mut table = self.lock();
        let mut next = table.kept.clone();
        change(&mut next)?;
        write(&self.path, &next)?;
        table.kept = next;
        Ok(())
    }
}

const ALGORITHM: pbkdf2::Algorithm = pbkdf2::PBKDF2_HMAC_SHA256;

fn read(path: &Path) -> io::Result<BTreeMap<String, Kept>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "no more than the limit is read")]
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let text = format!("{} holds no machines: {error}", path.display());
        io::Error::new(io::ErrorKind::InvalidData, text)
    })
}

fn write(path: &Path, kept: &BTreeMap<String, Kept>) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("new");
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    serde_json::to_writer(&mut file, kept)?;
    file.flush()?;
    file.sync_all()?;
    std::fs::rename(new, path)
}
