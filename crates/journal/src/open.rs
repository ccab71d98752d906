//! Opening: which files belong together, and what an interrupted write left at the end.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Fault, Result};
use crate::format::{FRAME_HEADER_BYTES, HEADER_BYTES};
use crate::segment::{
    SegmentReader, Step, TEMPORARY_SUFFIX, first_of, path_of, read_header, read_seal,
};
use crate::writer::{Active, Sealed, Shared, State};
use crate::{Options, SegmentInfo};

/// How much of the end is written again at a time.
const WRITE_AGAIN_BYTES: usize = 1 << 20;

/// What opening a journal found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OpenReport {
    /// The segments.
    pub segments: Vec<SegmentInfo>,
    /// The sequence number of the last record, zero if there never was one.
    pub last: u64,
    /// What an interrupted write had left at the end, and was cut off.
    pub torn: Option<TornTail>,
    /// What an interrupted compaction had left, and was removed.
    pub removed: Vec<PathBuf>,
}

/// The rest of a write that was never acknowledged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TornTail {
    /// The last segment.
    pub file: PathBuf,
    /// Where it was cut.
    pub offset: u64,
    /// How many bytes were cut off.
    pub bytes: u64,
}

/// Opens all segments in `dir`.
pub(crate) fn open(
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    options: Options,
) -> Result<(Shared, OpenReport)> {
    disk.create_dir(&dir).map_err(Error::io("creating", &dir))?;
    let mut opening = Opening { dir, disk, options, found: Found::default() };
    let firsts = opening.list()?;
    let last = firsts.last().copied();
    for first in firsts {
        opening.open_segment(first, Some(first) == last)?;
    }
    // What is served from now on must not vanish in the next power cut.
    opening.sync_dir()?;
    let Opening { dir, disk, options, found } = opening;
    let state = State::new(found.sealed, found.active, found.next);
    let shared = Shared::new(dir, disk, options, state);
    let report = OpenReport {
        segments: shared.segments(),
        last: found.next - 1,
        torn: found.torn,
        removed: found.removed,
    };
    Ok((shared, report))
}

struct Opening {
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    options: Options,
    found: Found,
}

struct Found {
    sealed: Vec<Sealed>,
    active: Option<Active>,
    /// The number that the next segment must begin with.
    next: u64,
    /// Whether the segment before is a compacted one, which may have replaced several.
    after_compacted: bool,
    torn: Option<TornTail>,
    removed: Vec<PathBuf>,
}

impl Default for Found {
    fn default() -> Self {
        let (sealed, removed) = (Vec::new(), Vec::new());
        Self { sealed, active: None, next: 1, after_compacted: false, torn: None, removed }
    }
}

impl Opening {
    /// The first sequence numbers of all segments; removes what was never finished.
    fn list(&mut self) -> Result<BTreeSet<u64>> {
        let names = self.disk.list(&self.dir).map_err(Error::io("listing", &self.dir))?;
        for name in names.iter().filter(|name| name.ends_with(TEMPORARY_SUFFIX)) {
            self.remove(self.dir.join(name))?;
        }
        Ok(names.iter().filter_map(|name| first_of(name)).collect())
    }

    fn open_segment(&mut self, first: u64, is_last: bool) -> Result<()> {
        let path = path_of(&self.dir, first);
        if first > self.found.next {
            return Err(Error::MissingSegment { file: path_of(&self.dir, self.found.next) });
        }
        if first < self.found.next {
            // A compacted segment replaces the first of those it was made of before the others
            // are removed.
            return if self.found.after_compacted {
                self.remove(path)
            } else {
                Err(Error::damaged(&path, 0, Fault::Overlap))
            };
        }
        let file = self.disk.open(&path).map_err(Error::io("opening", &path))?;
        let len = file.size().map_err(Error::io("measuring", &path))?;
        match read_header(&*file, &path) {
            // The header is synced before the first frame is written, so this one has none.
            Err(Error::Damaged { .. }) if is_last && len <= HEADER_BYTES as u64 => {
                self.found.torn = Some(TornTail { file: path.clone(), offset: 0, bytes: len });
                self.disk.remove(&path).map_err(Error::io("removing", &path))
            }
            Err(error) => Err(error),
            Ok(header) if header.first != first => {
                Err(Error::damaged(&path, 0, Fault::HeaderSequence))
            }
            Ok(_) if is_last => self.open_last(file, path, first, len),
            Ok(header) => {
                let end = read_seal(&*file, &path, &header, len)?;
                self.add_sealed(first, end, len, header.compacted);
                Ok(())
            }
        }
    }

    /// Reads all of the last segment and cuts off what an interrupted write left at its end.
    fn open_last(
        &mut self,
        file: Arc<dyn DiskFile>,
        path: PathBuf,
        first: u64,
        len: u64,
    ) -> Result<()> {
        let limits = self.options.limits;
        let mut reader = SegmentReader::open(Arc::clone(&file), path.clone(), first, len, limits)?;
        let sealed = loop {
            match reader.next_frame(first) {
                Ok(Step::Records(_)) => {}
                Ok(Step::Seal(end)) => break Some(end),
                Ok(Step::End) if reader.header().compacted => {
                    return Err(Error::damaged(&path, len, Fault::Unsealed));
                }
                Ok(Step::End) => break None,
                Err(error) if is_torn(&error, &reader)? => break None,
                Err(error) => return Err(error),
            }
        };
        let bytes = reader.offset();
        if bytes < len {
            file.truncate(bytes).map_err(Error::io("cutting", &path))?;
            self.found.torn =
                Some(TornTail { file: path.clone(), offset: bytes, bytes: len - bytes });
        }
        self.write_again(&file, &path, &reader)?;
        let header = *reader.header();
        self.found.next = reader.expected();
        match sealed {
            Some(end) => self.add_sealed(first, end, bytes, header.compacted),
            None => {
                let (generation, durable_bytes) = (0, bytes);
                self.found.active =
                    Some(Active { generation, file, path, header, bytes, durable_bytes });
            }
        }
        Ok(())
    }

    /// Writes the end of the last segment once more and syncs it.
    ///
    /// If an fsync failed before the restart, the bytes may be in the system's cache, marked as
    /// written, and not on the medium. Syncing again would do nothing for them; writing does, and
    /// since the bytes are the same it cannot tear them. What a later frame says to be durable
    /// need not be written.
    fn write_again(
        &self,
        file: &Arc<dyn DiskFile>,
        path: &Path,
        read: &SegmentReader,
    ) -> Result<()> {
        let (first, end, limits) = (read.header().first, read.offset(), self.options.limits);
        let mut at = 0;
        if read.durable() > first {
            let file = Arc::clone(file);
            let mut reader = SegmentReader::open(file, path.to_owned(), first, end, limits)?;
            at = match reader.next_frame(read.durable())? {
                Step::Records(header) => reader.offset() - header.frame_bytes(),
                Step::Seal(_) | Step::End => end - FRAME_HEADER_BYTES as u64,
            };
        }
        let mut buffer = vec![0; WRITE_AGAIN_BYTES];
        while at < end {
            let wanted = usize::try_from(end - at).map_or(buffer.len(), |n| n.min(buffer.len()));
            let read = file.read_at(at, &mut buffer[..wanted]);
            let read = read.map_err(Error::io("reading", path))?;
            if read == 0 {
                return Err(Error::damaged(path, at, Fault::Shrunk));
            }
            file.write_all_at(at, &buffer[..read]).map_err(Error::io("writing again", path))?;
            at += read as u64;
        }
        file.sync_data().map_err(Error::io("syncing", path))
    }

    fn add_sealed(&mut self, first: u64, end: u64, bytes: u64, compacted: bool) {
        // Zero is the active segment's.
        let generation = self.found.sealed.len() as u64 + 1;
        self.found.sealed.push(Sealed { generation, first, end, bytes });
        self.found.next = end;
        self.found.after_compacted = compacted;
    }

    fn remove(&mut self, path: PathBuf) -> Result<()> {
        self.disk.remove(&path).map_err(Error::io("removing", &path))?;
        self.found.removed.push(path);
        Ok(())
    }

    fn sync_dir(&self) -> Result<()> {
        self.disk.sync_dir(&self.dir).map_err(Error::io("syncing", &self.dir))
    }
}

/// Whether the frame that cannot be read was never acknowledged. Compacted segments were synced
/// before they got their name, so nothing in them can be torn.
fn is_torn(error: &Error, reader: &SegmentReader) -> Result<bool> {
    match error {
        Error::Damaged { fault, .. } if fault.may_be_torn() && !reader.header().compacted => {
            Ok(!reader.was_durable()?)
        }
        _ => Ok(false),
    }
}
