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
    /// A new base is ready.
    Base,
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
    jobs: Arc<SyncSender<Job>>,
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
    jobs: Arc<SyncSender<Job>>,
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
pub fn spawn(mut engine: Engine, clock: Clock) -> std::io::Result<(Writer, WriterThread)> {
    let (jobs, queue) = sync_channel(QUEUE_MAX);
    let jobs = Arc::new(jobs);
    // The writer ends when nobody has a handle: what wakes it is none.
    let wake = Arc::downgrade(&jobs);
    engine.build_in_background(Arc::new(move || {
        // Where the queue is full, the base is seen after the next job.
        let sent = wake.upgrade().map(|jobs| jobs.try_send(Job::Base));
        if !matches!(sent, Some(Ok(()) | Err(TrySendError::Full(_)))) {
            tracing::debug!("a base was made for a writer that has ended");
        }
    }));
    let readers = Readers { views: engine.views(), store: engine.store(), epochs: engine.epochs() };
    let thread = std::thread::Builder::new()
        .name("writer".into())
        .spawn(move || work(engine, &queue, clock))?;
    let writer = Writer { jobs: Arc::clone(&jobs), readers };
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

    /// Runs a job on the engine; `done` is called with its outcome, once the view shows what the job
    /// published. Does not wait.
    pub fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Engine) -> Result<T, EngineError> + Send + 'static,
        done: impl FnOnce(Result<T, WriteError>) + Send + 'static,
    ) -> Result<(), WriteError> {
        self.send(Job::Run(Box::new(move |engine| run_job(engine, job, done))))
    }

    /// Runs a job on the engine and waits for its outcome, and for the view to show what the job
    /// published. For threads that may block.
    pub fn run_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Engine) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, WriteError> {
        let (answer, outcome) = sync_channel(1);
        let done = move |result| {
            if answer.send(result).is_err() {
                tracing::debug!("nobody waited for the outcome of a job");
            }
        };
        let run = Job::Run(Box::new(move |engine| run_job(engine, job, done)));
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

/// Runs a job. What it changed may be more than an overlay takes: it is done when a new base shows
/// that.
fn run_job<T: Send + 'static>(
    engine: &mut Engine,
    job: impl FnOnce(&mut Engine) -> Result<T, EngineError>,
    done: impl FnOnce(Result<T, WriteError>) + Send + 'static,
) {
    let asked = engine.rebuild.asked();
    match job(engine) {
        Err(error) => done(Err(WriteError::Engine(Arc::new(error)))),
        Ok(outcome) => when_shown(engine, asked, move |shown| done(shown.map(|()| outcome))),
    }
}

/// Calls `done` once the view shows what was done since `asked` was the number of what was asked
/// for. While more imports follow, nobody waits.
fn when_shown(
    engine: &mut Engine,
    asked: u64,
    done: impl FnOnce(Result<(), WriteError>) + Send + 'static,
) {
    if engine.rebuild.asked() == asked || engine.is_holding() {
        return done(Ok(()));
    }
    engine.rebuild.when_shown(Box::new(move |told| done(told.map_err(WriteError::Engine))));
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
            Ok(Job::Base) => {}
            Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => {
                return engine.close(clock());
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = clock();
        engine.poll_base(now);
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
    let asked = engine.rebuild.asked();
    let outcome = engine.append(records, now).map_err(|error| {
        tracing::error!(%error, "records could not be written");
        WriteError::Engine(Arc::new(error))
    });
    match outcome {
        Ok(()) => when_shown(engine, asked, move |shown| tell_all(waiting, &shown)),
        error => tell_all(waiting, &error),
    }
    other
}

fn tell_all(waiting: Vec<Appended>, outcome: &Result<(), WriteError>) {
    for done in waiting {
        done(outcome.clone());
    }
}
