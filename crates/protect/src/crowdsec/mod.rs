//! CrowdSec's interfaces: what is dangerous goes to bouncers, and what agents see comes in.
//!
//! ```text
//!   bouncers ─ stream, list        machines ─ who they are, alerts       central ─ signals, list
//!        └──────┬──────┘
//!             told      every address and network that is blocked, in steps
//!          ┌────┴────┐
//!        judge      book      what a view says of them     what outlives the program
//!          └─ follow ─┘       the change feed, tick by tick
//! ```
//!
//! # Invariants
//!
//! - A bouncer that applies what it is told blocks exactly what is told, whenever it comes back and
//!   whatever happened meanwhile, here or there. Where it cannot be known what it blocks, it is told
//!   everything, and forgets the rest by itself.
//! - A bouncer has heard something when the last of the answer was handed to its connection, and not
//!   before.
//! - What cannot be read is an error, never an empty list.
//! - What agents report is evidence. Their decisions are never ours.

mod agents;
mod book;
mod bouncers;
mod central;
mod config;
mod follow;
mod judge;
mod list;
mod machines;
mod message;
mod metrics;
mod place;
mod routes;
mod session;
mod stream;
mod told;

pub use agents::{Agents, Report, Reported, Sighting};
pub use book::fuzz_crowdsec_book;
pub use config::CrowdSecConfig;
pub use machines::{Machine, MachineError, Machines};
pub use metrics::CrowdSecMetrics;
pub use session::{Agent, Sessions};

use crate::trouble::{Trouble, Troubles};
use arc_swap::ArcSwap;
use axum::Router;
use book::{Book, BouncerId, Bouncers, Known};
use follow::Follower;
use metrics::Counters;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stream::Wording;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use told::{Keep, Step, Told};
use wardnet_server::{Gate, Problem};
use wardnet_verdictdb::ChangeFeed;
use wardnet_wire::crowdsec::Limits;

/// Long answers that are written at once; each holds a thread.
const AT_ONCE_MAX: usize = 64;
/// Places that are found by the number of their step.
const RECENT_MAX: usize = 200_000;
/// What is told.
#[derive(Debug)]
enum Served {
    /// It is being read for the first time.
    NotYet,
    /// The database cannot be read.
    Damaged,
    /// This.
    Ready(Told),
}

/// What is written down, and what of it stands in memory.
#[derive(Debug)]
struct Kept {
    book: Book,
    bouncers: Bouncers,
}

/// The service, as long as its settings stay the same.
#[derive(Debug)]
struct Service {
    config: CrowdSecConfig,
    feed: Arc<ChangeFeed>,
    served: ArcSwap<Served>,
    kept: Mutex<Kept>,
    keep: Keep,
    wording: Wording,
    agents: Agents,
    /// Networks that are not told since something in them is allowed, when all was last read.
    divided: AtomicU64,
    places: Arc<Semaphore>,
    counters: Counters,
    trouble: Trouble,
    limits: Limits,
}

impl Service {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is told now, or why nothing is.
    fn ready<T>(&self, answer: impl FnOnce(&Told) -> T) -> Result<T, Problem> {
        match &*self.served.load_full() {
            Served::Ready(told) => Ok(answer(told)),
            Served::NotYet => {
                let problem = Problem::unavailable("the decisions are being read");
                Err(problem.with_retry_after_secs(5))
            }
            Served::Damaged => {
                let problem = Problem::unavailable("the database cannot be read");
                Err(problem.with_retry_after_secs(30))
            }
        }
    }

    fn show(&self, served: Served) {
        match (&served, self.kept().book.is_kept()) {
            (Served::Damaged, _) => {
                self.trouble.begin("CrowdSec: the database cannot be read".to_owned());
            }
            (_, false) => {
                self.trouble.begin("CrowdSec: what bouncers know cannot be written".to_owned());
            }
            _ => self.trouble.end(),
        }
        self.served.store(Arc::new(served));
    }

    fn write_down(&self, steps: &[Step], told: &Told) {
        let kept = &mut *self.kept();
        kept.book.steps(steps);
        kept.book.tidy_up(told, &kept.bouncers);
    }

    /// How far a bouncer has listened, if it is certain what it knows.
    fn known(&self, id: BouncerId, told: &Told) -> Option<Known> {
        let known = self.kept().bouncers.get(&id).copied();
        known.filter(|known| told.reaches(known.seq))
    }

    /// A bouncer has heard everything up to a step.
    fn heard(&self, id: BouncerId, known: Known) {
        let kept = &mut *self.kept();
        let is_new = kept.bouncers.insert(id, known).is_none();
        kept.book.known(id, known);
        if is_new && kept.bouncers.len() > self.config.bouncers_max {
            // Who was silent for longest begins anew.
            let oldest = kept.bouncers.iter().min_by_key(|(_, known)| known.at_secs);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                kept.bouncers.remove(&oldest);
            }
        }
    }
}

/// What all listeners share.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The changes that are followed.
    pub feed: Arc<ChangeFeed>,
    /// The folder in which is kept what bouncers know.
    pub folder: PathBuf,
    /// What is counted.
    pub metrics: CrowdSecMetrics,
    /// What is wrong.
    pub health: Troubles,
    /// Who reports, and to whom.
    pub agents: Agents,
}

/// A running service: what it tells follows the changes until it is dropped.
#[derive(Debug)]
pub struct CrowdSec {
    service: Arc<Service>,
    follower: AbortHandle,
}

impl Drop for CrowdSec {
    fn drop(&mut self) {
        self.follower.abort();
        self.service.counters.forget(&self.service);
        // The next one opens the file, while this one may still be at work.
        self.service.kept().book.close();
    }
}

impl CrowdSec {
    /// Starts to read and to follow, on the runtime that this is called on.
    #[must_use]
    pub fn start(config: CrowdSecConfig, around: &Surroundings) -> Self {
        let (service, told) = Service::open(config, around);
        service.counters.follow(&service);
        let following = Follower::follow(Arc::clone(&service), told);
        let follower = tokio::spawn(following).abort_handle();
        Self { service, follower }
    }

    /// The settings that it runs with.
    #[must_use]
    pub fn config(&self) -> &CrowdSecConfig {
        &self.service.config
    }

    /// The routes, on a listener of their own.
    pub fn routes(&self, gate: &Gate) -> Router {
        routes::routes(gate, &self.service)
    }
}

impl Service {
    fn open(config: CrowdSecConfig, around: &Surroundings) -> (Arc<Self>, Told) {
        let path = around.folder.join(&config.name).with_extension("told");
        let (book, told, bouncers) = Book::open(path);
        let duration_secs = config.duration_secs();
        let keep =
            Keep { recent_max: RECENT_MAX, gone_max: config.gone_max, gone_secs: duration_secs };
        let service = Self {
            wording: Wording::new(config.remediation.clone(), duration_secs),
            counters: around.metrics.of(&config.name),
            config,
            feed: Arc::clone(&around.feed),
            served: ArcSwap::from_pointee(Served::NotYet),
            kept: Mutex::new(Kept { book, bouncers }),
            keep,
            agents: around.agents.clone(),
            divided: AtomicU64::new(0),
            places: Arc::new(Semaphore::new(AT_ONCE_MAX)),
            trouble: around.health.trouble(),
            limits: Limits::default(),
        };
        (Arc::new(service), told)
    }
}

#[cfg(test)]
mod tests;
