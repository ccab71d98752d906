//! The writer: one thread that owns the [`Engine`], and handles to ask it.
//!
//! Appends that wait at the same moment are written with one fsync. Anything longer than a few
//! milliseconds is cut into jobs by its caller, so that others get their turn in between.

use crate::{Engine, EngineError};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use wardnet_model::{Record, Timestamp};

/// Jobs that may wait before callers are turned away.
const QUEUE_MAX: usize = 1024;

/// Records that are written with one fsync.
const RECORDS_AT_ONCE: usize = 20_000;

/// How often time is looked at.
const TICK: Duration = Duration::from_secs(10);

/// Where the writer reads the time.
pub type Clock = fn() -> Timestamp;

type Run = Box<dyn FnOnce(&mut Engine) + Send>;
type Appended = Box<dyn FnOnce(Result<(), WriteError>) + Send>;

enum Job {
    Append(Vec<Record>, Appended),
    Run(Run),
    Stop,
}

/// Why the writer did not do a job.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// Too many jobs are waiting.
    #[error("too much is waiting to be written; try again in a moment")]
    Busy,
    /// The writer has stopped.
    #[error("the writer has stopped; see the log for the reason, then restart")]
    Stopped,
    /// The engine failed.
    #[error("{0}")]
    Engine(Arc<EngineError>),
}

/// A handle to the writer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Writer {
    jobs: SyncSender<Job>,
    readers: Readers,
}

/// What may be read without asking the writer.
#[derive(Debug, Clone)]
pub struct Readers {
    /// The view that everybody asks.
    pub views: Arc<wardnet_verdictdb::Views>,
    /// The store.
    pub store: Arc<wardnet_store::Store>,
    /// The calibration epoch in force.
    pub epochs: Arc<arc_swap::ArcSwap<wardnet_score::Epoch>>,
}

/// The thread behind the handles; joined on a clean stop.
#[derive(Debug)]
pub struct WriterThread {
    jobs: SyncSender<Job>,
    thread: JoinHandle<Result<(), EngineError>>,
}

impl WriterThread {
    /// Finishes what is waiting, closes the engine, and ends the thread.
    pub fn stop(self) -> Result<(), EngineError> {
        if self.jobs.send(Job::Stop).is_err() {
            tracing::debug!("the writer had ended before");
        }
        self.thread
            .join()
            .unwrap_or_else(|_| Err(EngineError::Refused("the writer panicked".into())))
    }
}

/// Gives the engine to a thread of its own.
pub fn spawn(engine: Engine, clock: Clock) -> std::io::Result<(Writer, WriterThread)> {
    let (jobs, queue) = sync_channel(QUEUE_MAX);
    let readers = Readers { views: engine.views(), store: engine.store(), epochs: engine.epochs() };
    let thread = std::thread::Builder::new()
        .name("writer".into())
        .spawn(move || work(engine, &queue, clock))?;
    let writer = Writer { jobs: jobs.clone(), readers };
    Ok((writer, WriterThread { jobs, thread }))
}

impl Writer {
    /// What may be read without asking the writer.
    pub const fn readers(&self) -> &Readers {
        &self.readers
    }

    /// Appends records; `done` is called once they are durable and the view shows them. Does not
    /// wait.
    pub fn append(
        &self,
        records: Vec<Record>,
        done: impl FnOnce(Result<(), WriteError>) + Send + 'static,
    ) -> Result<(), WriteError> {
        self.send(Job::Append(records, Box::new(done)))
    }

    /// Runs a job on the engine; `done` is called with its outcome. Does not wait.
    pub fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Engine) -> Result<T, EngineError> + Send + 'static,
        done: impl FnOnce(Result<T, WriteError>) + Send + 'static,
    ) -> Result<(), WriteError> {
        self.send(Job::Run(Box::new(move |engine| {
            done(job(engine).map_err(|error| WriteError::Engine(Arc::new(error))));
        })))
    }

    /// Runs a job on the engine and waits for its outcome. For threads that may block.
    pub fn run_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Engine) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, WriteError> {
        let (answer, outcome) = sync_channel(1);
        let run = Job::Run(Box::new(move |engine| {
            let result = job(engine).map_err(|error| WriteError::Engine(Arc::new(error)));
            if answer.send(result).is_err() {
                tracing::debug!("nobody waited for the outcome of a job");
            }
        }));
        self.jobs.send(run).map_err(|_| WriteError::Stopped)?;
        outcome.recv().map_err(|_| WriteError::Stopped)?
    }

    fn send(&self, job: Job) -> Result<(), WriteError> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => WriteError::Busy,
            TrySendError::Disconnected(_) => WriteError::Stopped,
        })
    }
}

fn work(mut engine: Engine, queue: &Receiver<Job>, clock: Clock) -> Result<(), EngineError> {
    let mut put_back = None;
    let mut ticked = clock();
    loop {
        let job = match put_back.take() {
            Some(job) => Ok(job),
            None => queue.recv_timeout(TICK),
        };
        match job {
            Ok(Job::Append(records, done)) => {
                put_back = append(&mut engine, (records, done), queue, clock());
            }
            Ok(Job::Run(run)) => run(&mut engine),
            Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => {
                return engine.close(clock());
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = clock();
        // A clock that jumps back is waited out: verdicts never move to an earlier time.
        if now.secs_since(ticked) >= TICK.as_secs() {
            ticked = now;
            let aged = engine.tick(now).and_then(|_| engine.learn(now));
            if let Err(error) = aged.and_then(|_| engine.publish(now)) {
                tracing::error!(%error, "verdicts could not be brought up to date");
            }
        }
    }
}

/// Writes one append and all that wait right behind it; gives back the first other job met.
fn append(
    engine: &mut Engine,
    first: (Vec<Record>, Appended),
    queue: &Receiver<Job>,
    now: Timestamp,
) -> Option<Job> {
    let (mut records, done) = first;
    let mut waiting = vec![done];
    let mut other = None;
    while records.len() < RECORDS_AT_ONCE {
        match queue.try_recv() {
            Ok(Job::Append(more, done)) => {
                records.extend(more);
                waiting.push(done);
            }
            Ok(job) => {
                other = Some(job);
                break;
            }
            Err(_) => break,
        }
    }
    let outcome = engine.append(records, now).map_err(|error| {
        tracing::error!(%error, "records could not be written");
        WriteError::Engine(Arc::new(error))
    });
    for done in waiting {
        done(outcome.clone());
    }
    other
}
