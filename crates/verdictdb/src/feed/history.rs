//! The history of changes as bytes, so that it outlives the program: what was told, under which
//! numbers, and which state of the view that led to.
//!
//! The file is a head and frames as those of the [change log](crate::log). Each frame is written
//! before anybody is told of it; who reads the file again has to know that it lost no end.

use super::{FeedLimits, PublishedChange, State};
use crate::details::{push_varint, read_varint};
use crate::log::{LogError, Taken, decode_data, encode_data, flags_of, push_frame, take_frame};
use crate::reader::Reader;
use crate::{Layer, Limits, View};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, OnceLock};
use wardnet_model::{Key, Kind, Scope, TenantId, Timestamp};

const MAGIC: [u8; 8] = *b"WVDBhist";
const VERSION: u32 = 1;

/// Changes of one frame: more are cut into several.
const CHANGES_AT_ONCE: usize = 1_024;

/// Who comes from before this frame has to resynchronise.
const BROKEN_OFF: u8 = 1;
/// The next frame belongs to this one: what both tell became true at once.
const MORE: u8 = 2;

/// Whether a file is to be written anew, since it holds much that is no longer kept.
const GROWTH_MAX: usize = 2;

/// Keeps the history of changes on disk.
pub trait Recorder: Send {
    /// Appends bytes to the file. When it fails, what was told so far is no longer continued.
    fn append(&mut self, bytes: &[u8]) -> bool;

    /// Replaces the file by another, of which these are the frames.
    fn replace(&mut self, bytes: &[u8]) -> bool;

    /// Bytes in the file.
    fn bytes(&self) -> usize;
}

/// A history as it was kept.
pub struct History {
    pub(super) history: u64,
    pub(super) head: u64,
    pub(super) rebuilt_at: u64,
    pub(super) is_read: bool,
    pub(super) kept: VecDeque<Arc<PublishedChange>>,
    run: [u8; 16],
    reached: (u64, u64),
    /// Whether the last frame was to be followed by another.
    is_cut: bool,
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { history, head, reached, .. } = self;
        let mut debug = f.debug_struct("History");
        debug.field("history", history).field("head", head).field("reached", reached);
        debug.finish_non_exhaustive()
    }
}

/// How far a view has come: the numbers of the last change in its base, and in all of it.
pub(super) fn reached(view: &View) -> (u64, u64) {
    (view.base.as_ref().map_or(0, |base| base.sequence()), view.seq)
}

impl History {
    /// One that begins, under a number that no other has.
    pub const fn new(history: u64) -> Self {
        Self {
            history,
            head: 0,
            rebuilt_at: 0,
            is_read: false,
            kept: VecDeque::new(),
            run: [0; 16],
            reached: (0, 0),
            is_cut: false,
        }
    }

    /// The head of its file. `run` is whatever tells the writer later whether the file may have lost
    /// its end.
    pub fn file_head(&self, run: [u8; 16]) -> Vec<u8> {
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(&[0; 4]);
        head.extend_from_slice(&self.history.to_le_bytes());
        head.extend_from_slice(&run);
        head
    }

    /// Its frames.
    pub fn file_frames(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.is_read {
            let all = Told { reached: self.reached, head: self.head, flags: 0 };
            frames(all, self.rebuilt_at, self.kept.iter(), &mut out);
        }
        out
    }

    /// What the writer of the file gave as its run.
    pub const fn run(&self) -> [u8; 16] {
        self.run
    }

    /// Whether anybody has ever followed it. Where nobody has, there is nothing to go on with.
    pub const fn is_read(&self) -> bool {
        self.is_read
    }

    /// The number of the last change in the base of the state that it has led to.
    pub const fn base(&self) -> u64 {
        self.reached.0
    }

    /// The number of the last change in the state that it has led to.
    pub const fn sequence(&self) -> u64 {
        self.reached.1
    }

    /// Reads a file. Frames that a crash tore off are left out.
    pub fn decode(bytes: &[u8], feed: &FeedLimits, limits: &Limits) -> Result<Self, LogError> {
        let mut rest = Reader(bytes);
        let mut head = || {
            let known = rest.array() == Some(MAGIC) && rest.u32() == Some(VERSION);
            let (zero, history, run) = (rest.u32()?, rest.u64()?, rest.array()?);
            (known && zero == 0).then(|| Self { run, ..Self::new(history) })
        };
        let mut history = head().ok_or(LogError::NotALog)?;
        let mut weight = 0usize;
        loop {
            let at = u64::try_from(bytes.len().saturating_sub(rest.0.len())).unwrap_or(u64::MAX);
            match take_frame(&mut rest, 0, limits) {
                Taken::Whole(content, _) => {
                    let taken = history.take(content, limits, &mut weight);
                    taken.ok_or(LogError::Damaged { at })?;
                }
                Taken::Torn if history.is_cut => return Err(LogError::Damaged { at }),
                Taken::Torn => return Ok(history),
                Taken::Damaged => return Err(LogError::Damaged { at }),
            }
            while history.kept.len() > feed.changes_max || weight > feed.bytes_max {
                let Some(oldest) = history.kept.pop_front() else { break };
                weight = weight.saturating_sub(oldest.weight());
            }
        }
    }

    /// Takes in a frame; `None` where it does not follow the one before.
    fn take(&mut self, content: &[u8], limits: &Limits, weight: &mut usize) -> Option<()> {
        let mut rest = Reader(content);
        let (base, sequence, head, as_of) = (rest.u64()?, rest.u64()?, rest.u64()?, rest.u64()?);
        let flags = rest.u8().filter(|flags| *flags <= MORE)?;
        let count = read_varint(&mut rest).filter(|count| *count <= limits.frame_changes_max)?;
        let first = head.checked_sub(count.into())?.checked_add(1)?;
        if flags == BROKEN_OFF {
            (self.rebuilt_at, *weight) = (first.checked_sub(1)?, 0);
            self.kept.clear();
        } else if self.is_read && first != self.head.checked_add(1)? {
            return None;
        }
        for number in 0..count {
            let seq = first.checked_add(number.into())?;
            let change = decode_change(&mut rest, seq, Timestamp(as_of), limits)?;
            *weight = weight.saturating_add(change.weight());
            self.kept.push_back(Arc::new(change));
        }
        (self.head, self.reached, self.is_read) = (head, (base, sequence), true);
        self.is_cut = flags == MORE;
        rest.0.is_empty().then_some(())
    }
}

/// What a frame says of the state behind it.
#[derive(Clone, Copy)]
struct Told {
    reached: (u64, u64),
    head: u64,
    flags: u8,
}

/// Frames that say all there is: those who come from before `rebuilt_at`, or the first change, have
/// to resynchronise.
fn frames<'a>(
    all: Told,
    rebuilt_at: u64,
    kept: impl ExactSizeIterator<Item = &'a Arc<PublishedChange>>,
    out: &mut Vec<u8>,
) {
    let kept: Vec<&Arc<PublishedChange>> = kept.collect();
    let first = kept.first().map_or(all.head, |change| change.seq.saturating_sub(1));
    // What lies between is not kept, so it is the same to have broken off behind it.
    let begin = Told { head: rebuilt_at.max(first), flags: BROKEN_OFF, ..all };
    frame(begin, Timestamp(0), &[], out);
    push_all(all, &kept, out);
}

fn push_all(all: Told, changes: &[&Arc<PublishedChange>], out: &mut Vec<u8>) {
    // A frame has one time: that of its changes.
    let same = changes.chunk_by(|one, other| one.as_of == other.as_of);
    let mut parts = same.flat_map(|same| same.chunks(CHANGES_AT_ONCE)).peekable();
    while let Some(part) = parts.next() {
        let flags = if parts.peek().is_some() { MORE } else { 0 };
        if let Some(last) = part.last() {
            frame(Told { head: last.seq, flags, ..all }, last.as_of, part, out);
        }
    }
}

fn frame(told: Told, as_of: Timestamp, changes: &[&Arc<PublishedChange>], out: &mut Vec<u8>) {
    let mut content = Vec::new();
    for number in [told.reached.0, told.reached.1, told.head, as_of.0] {
        content.extend_from_slice(&number.to_le_bytes());
    }
    content.push(told.flags);
    push_varint(&mut content, u32::try_from(changes.len()).unwrap_or(u32::MAX));
    for change in changes {
        encode_change(change, &mut content);
    }
    // Names are bounded where they enter, so that so few changes fit into a frame.
    let limits = Limits { frame_bytes_max: u32::MAX, ..Limits::default() };
    let pushed = push_frame(&mut content, &limits, out);
    debug_assert!(pushed.is_ok(), "a frame of a few thousand changes");
}

fn encode_change(change: &PublishedChange, out: &mut Vec<u8>) {
    let tenant = change.tenant.map_or(0, |tenant| tenant.0);
    out.push(u8::from(change.tenant.is_some()));
    out.extend_from_slice(&tenant.to_le_bytes());
    out.extend_from_slice(&[change.layer.tag(), change.kind.tag(), change.scope.tag()]);
    out.extend_from_slice(&change.key_bits.to_le_bytes());
    out.extend_from_slice(&change.key.0);
    for data in [&change.old, &change.new] {
        out.push(flags_of(data.as_deref()));
        encode_data(data.as_deref(), out);
    }
}

fn decode_change(
    rest: &mut Reader<'_>,
    seq: u64,
    as_of: Timestamp,
    limits: &Limits,
) -> Option<PublishedChange> {
    let (is_tenant, tenant) = (rest.u8()?, TenantId(rest.u32()?));
    let [layer, kind, scope] = rest.array()?;
    let (layer, kind) = (Layer::from_tag(layer)?, Kind::from_tag(kind)?);
    let (scope, key_bits, key) = (Scope::from_tag(scope)?, rest.u16()?, Key(rest.array()?));
    let mut data = || {
        let flags = rest.u8()?;
        decode_data(rest, flags, layer, limits).map(|data| data.map(Arc::new))
    };
    let (old, new, encoded) = (data()?, data()?, OnceLock::new());
    let tenant = match is_tenant {
        0 => None,
        1 => Some(tenant),
        _ => return None,
    };
    let key_bits = Some(key_bits).filter(|bits| matches!(bits, 64 | 128 | 256))?;
    Some(PublishedChange {
        seq,
        as_of,
        tenant,
        layer,
        kind,
        key,
        key_bits,
        scope,
        old,
        new,
        encoded,
    })
}

impl State {
    const fn told(&self, reached: (u64, u64)) -> Told {
        Told { reached, head: self.head, flags: 0 }
    }

    /// Writes down what was told from number `first` on.
    pub(super) fn record(&mut self, first: u64, limits: &FeedLimits) {
        let Some(recorder) = &self.recorder else { return };
        let is_large = recorder.bytes() > limits.bytes_max.saturating_mul(GROWTH_MAX);
        if self.rebuilt_at >= first || is_large {
            return self.record_all();
        }
        let mut bytes = Vec::new();
        let told = self.told(reached(&self.view));
        let new = usize::try_from(self.head.saturating_add(1).saturating_sub(first)).unwrap_or(0);
        let skipped = self.kept.len().saturating_sub(new);
        let new: Vec<_> = self.kept.iter().skip(skipped).collect();
        if new.is_empty() {
            frame(told, self.view.as_of, &[], &mut bytes);
        } else {
            push_all(told, &new, &mut bytes);
        }
        let is_written = self.recorder.as_mut().is_some_and(|recorder| recorder.append(&bytes));
        self.go_on_if(is_written);
    }

    /// Writes down everything that is kept, in the place of what was written before.
    pub(super) fn record_all(&mut self) {
        if self.recorder.is_none() {
            return;
        }
        let mut bytes = Vec::new();
        frames(self.told(reached(&self.view)), self.rebuilt_at, self.kept.iter(), &mut bytes);
        let is_written = self.recorder.as_mut().is_some_and(|recorder| recorder.replace(&bytes));
        self.go_on_if(is_written);
    }

    /// What cannot be written down cannot be gone on with after the next start, when the numbers
    /// would be given a second time. So everybody begins anew, in a history that nobody keeps.
    fn go_on_if(&mut self, is_written: bool) {
        if is_written {
            return;
        }
        self.recorder = None;
        let mut next = [0; 8];
        let digest = Key::digest(&[self.history.to_le_bytes(), self.head.to_le_bytes()].concat());
        next.iter_mut().zip(digest.0).for_each(|(to, from)| *to = from);
        self.history = u64::from_le_bytes(next);
        self.break_off();
    }
}

/// Reads `bytes` as a history; what is read is written and read again.
#[expect(clippy::panic, reason = "that is how fuzzing hears of it")]
pub fn fuzz_history(bytes: &[u8]) {
    let (feed, limits) = (FeedLimits::default(), Limits::default());
    let Ok(history) = History::decode(bytes, &feed, &limits) else { return };
    if !history.is_read {
        return;
    }
    let mut again = history.file_head(history.run());
    again.extend(history.file_frames());
    match History::decode(&again, &feed, &limits) {
        Ok(read) => {
            let of = |history: &History| (history.head, history.reached, history.kept.len());
            assert_eq!(of(&read), of(&history), "a history is read as it was written");
        }
        Err(error) => panic!("a history is not read as it was written: {error}"),
    }
}
