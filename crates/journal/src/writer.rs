//! Appending: frames, group commit, rolling over to the next segment, and failing safely.
//!
//! Frames are written under the lock, in the order of their sequence numbers, with one write call
//! each. Whoever finds no fsync under way leads one for all that is written by then, without the
//! lock; the others wait for its outcome. Only one fsync of a file is ever under way, because the
//! system reports a lost write to a single one of them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Result};
use crate::format::{
    FRAME_HEADER_BYTES, FrameHeader, HEADER_BYTES, Kind, RECORD_OVERHEAD_MAX, SegmentHeader,
};
use crate::segment::path_of;
use crate::{Options, Positions, SegmentInfo};

/// How many frame buffers are kept for the next appends, and how large they may be.
const SPARE_BUFFERS: usize = 4;
const SPARE_BUFFER_BYTES: usize = 1 << 20;

/// What all clones of a journal, its replays and its compaction share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: Options,
    /// Held by the one compaction under way.
    pub(crate) compacting: Mutex<()>,
    state: Mutex<State>,
    /// Signalled whenever an fsync has ended or the journal is poisoned.
    settled: Condvar,
    spare: Mutex<Vec<Vec<u8>>>,
}

/// The journal's moving parts.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) sealed: Vec<Sealed>,
    pub(crate) active: Option<Active>,
    /// The sequence number the next record gets.
    pub(crate) next: u64,
    /// Every record below this number is durable.
    pub(crate) durable: u64,
    /// Tells files apart that bear the same name one after the other.
    pub(crate) generation: u64,
    syncing: bool,
    poison: Option<Arc<str>>,
}

/// A segment that takes no more frames.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealed {
    pub(crate) generation: u64,
    pub(crate) first: u64,
    pub(crate) end: u64,
    pub(crate) bytes: u64,
}

/// The segment that is appended to.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) generation: u64,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) path: PathBuf,
    pub(crate) header: SegmentHeader,
    /// Where the next frame goes.
    pub(crate) bytes: u64,
    /// The bytes known to be durable, up to the border of a frame.
    pub(crate) durable_bytes: u64,
}

impl State {
    pub(crate) fn new(sealed: Vec<Sealed>, active: Option<Active>, next: u64) -> Self {
        let generation = sealed.len() as u64 + 1;
        Self { sealed, active, next, durable: next, generation, syncing: false, poison: None }
    }

    pub(crate) fn check(&self) -> Result<()> {
        match &self.poison {
            Some(cause) => Err(Error::Poisoned { cause: Arc::clone(cause) }),
            None => Ok(()),
        }
    }

    /// Refuses everything from now on, since nobody can tell what the disk holds.
    pub(crate) fn poison(&mut self, cause: &Error) -> Error {
        let cause = self.poison.get_or_insert_with(|| cause.to_string().into());
        Error::Poisoned { cause: Arc::clone(cause) }
    }

    pub(crate) fn new_generation(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }
}

impl Shared {
    pub(crate) fn new(dir: PathBuf, disk: Arc<dyn Disk>, options: Options, state: State) -> Self {
        Self {
            dir,
            disk,
            options,
            compacting: Mutex::new(()),
            state: Mutex::new(state),
            settled: Condvar::new(),
            spare: Mutex::new(Vec::new()),
        }
    }

    /// No code panics while it holds the lock halfway through a change, so a panic elsewhere in a
    /// thread that holds it leaves the state whole.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes one frame; it is not durable yet.
    pub(crate) fn write(&self, records: &[&[u8]]) -> Result<Positions> {
        let len = self.check_limits(records)?;
        if records.is_empty() {
            let state = self.lock();
            state.check()?;
            return Ok(Positions { first: state.next, end: state.next });
        }
        let mut frame = self.take_buffer();
        let header = encode_body(records, len, &mut frame);
        let written = self.write_frame(header, &mut frame);
        self.return_buffer(frame);
        written
    }

    /// Returns once every record below `end` is durable.
    pub(crate) fn make_durable(&self, end: u64) -> Result<()> {
        let mut state = self.lock();
        while state.durable < end {
            state.check()?;
            state = if state.syncing { self.wait(state) } else { self.lead_sync(state)? };
        }
        Ok(())
    }

    pub(crate) fn sync(&self) -> Result<()> {
        let state = self.lock();
        state.check()?;
        let end = state.next;
        drop(state);
        self.make_durable(end)
    }

    pub(crate) fn checkpoint(&self) -> Result<()> {
        self.sync()?;
        let mut state = self.lock();
        while state.syncing {
            state = self.wait(state);
        }
        state.check()?;
        // Whoever appended since then has a later checkpoint to come.
        if state.durable < state.next || state.active.is_none() {
            return Ok(());
        }
        let (next, durable) = (state.next, state.durable);
        self.write_note(&mut state, FrameHeader::note(Kind::Checkpoint, next, durable))?;
        self.lead_sync(state).map(drop)
    }

    pub(crate) fn segments(&self) -> Vec<SegmentInfo> {
        let state = self.lock();
        let sealed = state.sealed.iter().map(|segment| SegmentInfo {
            path: path_of(&self.dir, segment.first),
            first: segment.first,
            end: segment.end,
            bytes: segment.bytes,
            sealed: true,
        });
        let active = state.active.iter().map(|active| SegmentInfo {
            path: active.path.clone(),
            first: active.header.first,
            end: state.next,
            bytes: active.bytes,
            sealed: false,
        });
        sealed.chain(active).collect()
    }

    /// Checks an append against the limits; returns the length of the frame's body.
    fn check_limits(&self, records: &[&[u8]]) -> Result<usize> {
        let limits = &self.options.limits;
        if records.len() > limits.frame_records {
            let (count, limit) = (records.len(), limits.frame_records);
            return Err(Error::TooManyRecords { count, limit });
        }
        let (mut bytes, mut longest) = (0, 0);
        for record in records {
            bytes += record.len();
            longest = longest.max(record.len());
        }
        if longest > limits.record_bytes {
            return Err(Error::RecordTooLarge { len: longest, limit: limits.record_bytes });
        }
        // Counted as if sparse, so that compaction never makes a frame too large.
        let len = bytes.saturating_add(records.len() * RECORD_OVERHEAD_MAX);
        if len > limits.frame_bytes {
            return Err(Error::FrameTooLarge { len, limit: limits.frame_bytes });
        }
        Ok(bytes + records.len() * 4)
    }

    /// Gives the frame its numbers and writes it.
    fn write_frame(&self, mut header: FrameHeader, frame: &mut [u8]) -> Result<Positions> {
        let mut state = self.make_room(frame.len() as u64)?;
        header.first = state.next;
        header.durable = state.durable;
        let state = &mut *state;
        let Some(active) = &mut state.active else {
            unreachable!("`make_room` returns with an active segment");
        };
        frame[..FRAME_HEADER_BYTES].copy_from_slice(&header.encode(active.header.mark));
        if let Err(source) = active.file.write_all_at(active.bytes, frame) {
            let error = Error::io("appending to", &active.path)(source);
            return Err(self.undo_write(state, error));
        }
        active.bytes += frame.len() as u64;
        state.next += u64::from(header.count);
        Ok(Positions { first: header.first, end: state.next })
    }

    /// Waits until there is an active segment that a frame of `bytes` may go into.
    fn make_room(&self, bytes: u64) -> Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        loop {
            state.check()?;
            let Some(active) = &state.active else {
                self.begin_segment(&mut state)?;
                continue;
            };
            let needed = active.bytes + bytes + FRAME_HEADER_BYTES as u64;
            if needed <= self.options.segment_bytes || active.header.first == state.next {
                return Ok(state);
            }
            if state.syncing {
                state = self.wait(state);
            } else {
                self.seal(&mut state)?;
            }
        }
    }

    /// Begins the segment for the next record. Its name is durable before anything is put in.
    fn begin_segment(&self, state: &mut State) -> Result<()> {
        let path = path_of(&self.dir, state.next);
        let mark = random_mark(&path)?;
        let header = SegmentHeader { first: state.next, mark, compacted: false };
        let file = match self.create_segment(&path, &header) {
            Ok(file) => file,
            Err(error @ Error::NoSpace { .. }) => {
                // What is left of it is emptied by the next attempt, or removed when opening.
                self.disk.remove(&path).ok();
                return Err(error);
            }
            Err(error) => return Err(self.poison(state, &error)),
        };
        let bytes = HEADER_BYTES as u64;
        let generation = state.new_generation();
        state.active = Some(Active { generation, file, path, header, bytes, durable_bytes: bytes });
        Ok(())
    }

    fn create_segment(&self, path: &Path, header: &SegmentHeader) -> Result<Arc<dyn DiskFile>> {
        let file = self.disk.create(path).map_err(Error::io("creating", path))?;
        file.write_all_at(0, &header.encode()).map_err(Error::io("beginning", path))?;
        // A failed fsync is never a mere lack of space: see `lead_sync`.
        let synced = file.sync_data().and_then(|()| self.disk.sync_dir(&self.dir));
        synced.map_err(|source| Error::Io { action: "syncing", path: path.to_owned(), source })?;
        Ok(file)
    }

    /// Ends the active segment; all of it is durable then. No fsync may be under way.
    fn seal(&self, state: &mut State) -> Result<()> {
        let (next, durable) = (state.next, state.durable);
        self.write_note(state, FrameHeader::note(Kind::Seal, next, durable))?;
        let Some(active) = &state.active else { return Ok(()) };
        let (generation, first, bytes) = (active.generation, active.header.first, active.bytes);
        if let Err(source) = active.file.sync_data() {
            let error = Error::Io { action: "syncing", path: active.path.clone(), source };
            return Err(self.poison(state, &error));
        }
        state.durable = next;
        state.active = None;
        state.sealed.push(Sealed { generation, first, end: next, bytes });
        self.settled.notify_all();
        Ok(())
    }

    /// Appends a frame without records to the active segment, if there is one.
    fn write_note(&self, state: &mut State, note: FrameHeader) -> Result<()> {
        let Some(active) = &mut state.active else { return Ok(()) };
        if let Err(source) =
            active.file.write_all_at(active.bytes, &note.encode(active.header.mark))
        {
            let error = Error::io("appending to", &active.path)(source);
            return Err(self.undo_write(state, error));
        }
        active.bytes += note.frame_bytes();
        Ok(())
    }

    /// After a failed write: if the disk is full and the beginning of the frame can be cut off
    /// again, the journal goes on; otherwise it is poisoned.
    ///
    /// The fsync here says nothing about earlier frames: one of them may be the subject of the
    /// fsync that a leader has under way, which alone hears of its loss.
    fn undo_write(&self, state: &mut State, error: Error) -> Error {
        let undone = match (&error, &state.active) {
            (Error::NoSpace { .. }, Some(active)) => {
                active.file.truncate(active.bytes).and_then(|()| active.file.sync_data()).is_ok()
            }
            _ => false,
        };
        if undone { error } else { self.poison(state, &error) }
    }

    /// Syncs what is written so far, without the lock.
    fn lead_sync<'a>(&'a self, mut state: MutexGuard<'a, State>) -> Result<MutexGuard<'a, State>> {
        let Some(active) = &state.active else { return Ok(state) };
        let (file, path) = (Arc::clone(&active.file), active.path.clone());
        let (next, bytes) = (state.next, active.bytes);
        state.syncing = true;
        drop(state);
        let synced = file.sync_data();
        let mut state = self.lock();
        state.syncing = false;
        if let Err(source) = synced {
            // The kernel may have dropped the pages and marked them clean: a second fsync would
            // succeed without their ever having been written.
            let error = Error::Io { action: "syncing", path, source };
            return Err(self.poison(&mut state, &error));
        }
        state.durable = next;
        if let Some(active) = &mut state.active {
            active.durable_bytes = bytes;
        }
        self.settled.notify_all();
        Ok(state)
    }

    pub(crate) fn poison(&self, state: &mut State, error: &Error) -> Error {
        let poisoned = state.poison(error);
        self.settled.notify_all();
        poisoned
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.settled.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn take_buffer(&self) -> Vec<u8> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.pop().unwrap_or_default()
    }

    fn return_buffer(&self, buffer: Vec<u8>) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_BUFFERS && buffer.capacity() <= SPARE_BUFFER_BYTES {
            spare.push(buffer);
        }
    }
}

/// A segment's mark must not be foreseeable by those whose records it keeps apart from frames.
pub(crate) fn random_mark(path: &Path) -> Result<u64> {
    let no_randomness = |source: getrandom::Error| Error::Io {
        action: "drawing random bytes for",
        path: path.to_owned(),
        source: std::io::Error::other(source.to_string()),
    };
    getrandom::u64().map_err(no_randomness)
}

/// Puts the records behind the place for the header, which is returned without its numbers.
/// The limits have been checked, so all lengths fit.
fn encode_body(records: &[&[u8]], body_bytes: usize, frame: &mut Vec<u8>) -> FrameHeader {
    frame.clear();
    frame.reserve(FRAME_HEADER_BYTES + body_bytes);
    frame.resize(FRAME_HEADER_BYTES, 0);
    for record in records {
        frame.extend_from_slice(&(record.len() as u32).to_le_bytes());
        frame.extend_from_slice(record);
    }
    FrameHeader {
        kind: Kind::Dense,
        first: 0,
        durable: 0,
        body_bytes: body_bytes as u32,
        count: records.len() as u32,
        body_checksum: crc32fast::hash(&frame[FRAME_HEADER_BYTES..]),
    }
}
