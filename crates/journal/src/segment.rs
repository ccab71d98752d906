//! Segment files: their names, and reading their frames one after the other.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Limits;
use crate::disk::DiskFile;
use crate::error::{Error, Fault, Result};
use crate::format::{
    Cursor, FRAME_HEADER_BYTES, FrameHeader, HEADER_BYTES, HeaderProblem, Kind, SegmentHeader,
};

pub(crate) const SUFFIX: &str = ".wj";
pub(crate) const TEMPORARY_SUFFIX: &str = ".wj.tmp";
/// Small frames are read this many bytes at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// The path of the segment that begins with `first`.
pub(crate) fn path_of(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}{SUFFIX}"))
}

/// The first sequence number that a file name states, if it is a segment's name.
pub(crate) fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let well_formed = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if well_formed { digits.parse().ok() } else { None }
}

/// What [`SegmentReader::next_frame`] found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// Records, now in [`SegmentReader::body`].
    Records(FrameHeader),
    /// The segment's seal, with the first sequence number of the segment after it.
    Seal(u64),
    /// The end of what may be read, at the border of a frame.
    End,
}

/// Reads the frames of one segment with bounded memory, checking everything.
pub(crate) struct SegmentReader {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    limits: Limits,
    header: SegmentHeader,
    /// Bytes from here on are not looked at.
    end: u64,
    /// Where the next frame starts.
    offset: u64,
    /// The lowest sequence number the next frame may begin with.
    expected: u64,
    /// The highest number below which a frame says that everything is durable.
    durable: u64,
    buffer: Vec<u8>,
    /// The bytes of `buffer` that hold what follows `offset`.
    ahead: Range<usize>,
    body: Range<usize>,
}

impl SegmentReader {
    /// Reads the header of the segment that should begin with `first`.
    pub(crate) fn open(
        file: Arc<dyn DiskFile>,
        path: PathBuf,
        first: u64,
        end: u64,
        limits: Limits,
    ) -> Result<Self> {
        let header = read_header(&*file, &path)?;
        if header.first != first {
            return Err(Error::damaged(&path, 0, Fault::HeaderSequence));
        }
        Ok(Self {
            file,
            path,
            limits,
            header,
            end,
            offset: HEADER_BYTES as u64,
            expected: first,
            durable: first,
            buffer: Vec::new(),
            ahead: 0..0,
            body: 0..0,
        })
    }

    pub(crate) fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// Where the next frame starts.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The number after that of the last record passed.
    pub(crate) fn expected(&self) -> u64 {
        self.expected
    }

    /// The number below which every record was durable at some time, as the frames passed say.
    pub(crate) fn durable(&self) -> u64 {
        self.durable
    }

    /// Up to where reading is allowed.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Allows reading up to `end`; never less than before.
    pub(crate) fn extend(&mut self, end: u64) {
        self.end = self.end.max(end);
    }

    /// The records' bytes of the frame last returned.
    pub(crate) fn body(&self) -> &[u8] {
        &self.buffer[self.body.clone()]
    }

    /// Reads the next frame that holds records from `from` on (earlier ones may be skipped unread,
    /// but need not be). Nothing is passed when it fails, so a second call fails alike.
    pub(crate) fn next_frame(&mut self, from: u64) -> Result<Step> {
        loop {
            if self.offset == self.end {
                return Ok(Step::End);
            }
            let header = self.frame_header()?;
            if header.kind == Kind::Dense && header.first + u64::from(header.count) <= from {
                self.expected = header.first + u64::from(header.count);
                self.pass(header.frame_bytes());
                continue;
            }
            let expected = self.load_body(&header)?;
            self.expected = expected;
            self.durable = self.durable.max(header.durable);
            self.pass(header.frame_bytes());
            match header.kind {
                Kind::Dense | Kind::Sparse => return Ok(Step::Records(header)),
                Kind::Checkpoint => {}
                Kind::Seal => return Ok(Step::Seal(expected)),
            }
        }
    }

    /// Reads and checks the frame header at `offset`.
    fn frame_header(&mut self) -> Result<FrameHeader> {
        if !self.load(FRAME_HEADER_BYTES)? {
            return Err(self.damaged(Fault::FrameShort));
        }
        let header = self.buffer[self.ahead.clone()]
            .first_chunk()
            .ok_or(Fault::FrameShort)
            .and_then(|bytes| FrameHeader::decode(bytes, self.header.mark))
            .map_err(|fault| self.damaged(fault))?;
        let follows = if self.header.compacted {
            header.first >= self.expected
        } else {
            header.first == self.expected && header.kind != Kind::Sparse
        };
        if !follows {
            return Err(self.damaged(Fault::FrameSequence));
        }
        if header.body_bytes as usize > self.limits.frame_bytes {
            return Err(Error::StoredFrameTooLarge {
                file: self.path.clone(),
                offset: self.offset,
                len: u64::from(header.body_bytes),
                limit: self.limits.frame_bytes,
            });
        }
        let available = self.end - self.offset;
        if available < header.frame_bytes() {
            return Err(self.damaged(Fault::FrameShort));
        }
        if header.kind == Kind::Seal && available > header.frame_bytes() {
            return Err(self.damaged(Fault::AfterSeal));
        }
        Ok(header)
    }

    /// Reads and checks the records of the frame at `offset`; returns the number after the last.
    fn load_body(&mut self, header: &FrameHeader) -> Result<u64> {
        let body_bytes = header.body_bytes as usize;
        if !self.load(FRAME_HEADER_BYTES + body_bytes)? {
            return Err(self.damaged(Fault::FrameShort));
        }
        let start = self.ahead.start + FRAME_HEADER_BYTES;
        self.body = start..start + body_bytes;
        if crc32fast::hash(self.body()) != header.body_checksum {
            return Err(self.damaged(Fault::FrameBodyChecksum));
        }
        Cursor::new(header).check(self.body()).map_err(|fault| self.damaged(fault))
    }

    /// Moves `offset` behind a frame, which need not be in the buffer.
    fn pass(&mut self, bytes: u64) {
        self.offset += bytes;
        self.ahead.start = match usize::try_from(bytes) {
            Ok(bytes) if bytes <= self.ahead.len() => self.ahead.start + bytes,
            _ => self.ahead.end,
        };
    }

    /// Makes `wanted` bytes from `offset` on available; `false` if `end` is nearer than that.
    fn load(&mut self, wanted: usize) -> Result<bool> {
        if self.ahead.len() >= wanted {
            return Ok(true);
        }
        let readable = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
        if readable < wanted {
            return Ok(false);
        }
        self.buffer.copy_within(self.ahead.clone(), 0);
        self.ahead = 0..self.ahead.len();
        let target = readable.min(wanted.max(CHUNK_BYTES));
        if self.buffer.len() < target {
            self.buffer.resize(target, 0);
        }
        while self.ahead.end < wanted {
            let at = self.offset + self.ahead.end as u64;
            let room = &mut self.buffer[self.ahead.end..target];
            match self.file.read_at(at, room).map_err(Error::io("reading", &self.path))? {
                0 => return Err(self.damaged(Fault::Shrunk)),
                read => self.ahead.end += read,
            }
        }
        Ok(true)
    }

    /// Whether a frame behind `offset` proves that what is missing there had been durable: such a
    /// frame was begun after the records from `expected` on had been synced.
    pub(crate) fn was_durable(&self) -> Result<bool> {
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut at = self.offset;
        let mut filled = 0;
        loop {
            let read = self
                .file
                .read_at(at + filled as u64, &mut buffer[filled..])
                .map_err(Error::io("reading", &self.path))?;
            filled += read;
            if read > 0 && filled < buffer.len() {
                continue;
            }
            if self.finds_later_frame(&buffer[..filled]) {
                return Ok(true);
            }
            if read == 0 {
                return Ok(false);
            }
            // The last bytes may be the beginning of a header.
            buffer.copy_within(filled - (FRAME_HEADER_BYTES - 1).., 0);
            at += (filled - (FRAME_HEADER_BYTES - 1)) as u64;
            filled = FRAME_HEADER_BYTES - 1;
        }
    }

    fn finds_later_frame(&self, bytes: &[u8]) -> bool {
        let mark = self.header.mark.to_le_bytes();
        bytes.windows(FRAME_HEADER_BYTES).any(|window| {
            window.starts_with(&mark)
                && window.first_chunk().is_some_and(|bytes| {
                    FrameHeader::decode(bytes, self.header.mark)
                        .is_ok_and(|header| header.durable > self.expected)
                })
        })
    }

    fn damaged(&self, fault: Fault) -> Error {
        Error::damaged(&self.path, self.offset, fault)
    }
}

impl fmt::Debug for SegmentReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentReader")
            .field("path", &self.path)
            .field("offset", &self.offset)
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}

/// Reads and checks a segment's header.
pub(crate) fn read_header(file: &dyn DiskFile, path: &Path) -> Result<SegmentHeader> {
    let mut bytes = [0; HEADER_BYTES];
    if !read_exact_at(file, path, 0, &mut bytes)? {
        return Err(Error::damaged(path, 0, Fault::HeaderShort));
    }
    SegmentHeader::decode(&bytes).map_err(|problem| match problem {
        HeaderProblem::Fault(fault) => Error::damaged(path, 0, fault),
        HeaderProblem::Version(version) => {
            Error::UnsupportedVersion { file: path.to_owned(), version }
        }
    })
}

/// Reads the seal at the end of a segment of `len` bytes: the number the next segment begins with.
pub(crate) fn read_seal(
    file: &dyn DiskFile,
    path: &Path,
    header: &SegmentHeader,
    len: u64,
) -> Result<u64> {
    let at = len.saturating_sub(FRAME_HEADER_BYTES as u64);
    let unsealed = || Error::damaged(path, at, Fault::Unsealed);
    let mut bytes = [0; FRAME_HEADER_BYTES];
    if at < HEADER_BYTES as u64 || !read_exact_at(file, path, at, &mut bytes)? {
        return Err(unsealed());
    }
    match FrameHeader::decode(&bytes, header.mark) {
        Ok(seal) if seal.kind == Kind::Seal && seal.first > header.first => Ok(seal.first),
        _ => Err(unsealed()),
    }
}

/// Fills `bytes` from `offset` on; `false` if the file ends before.
fn read_exact_at(file: &dyn DiskFile, path: &Path, offset: u64, bytes: &mut [u8]) -> Result<bool> {
    let mut filled = 0;
    while filled < bytes.len() {
        let read = file
            .read_at(offset + filled as u64, &mut bytes[filled..])
            .map_err(Error::io("reading", path))?;
        if read == 0 {
            return Ok(false);
        }
        filled += read;
    }
    Ok(true)
}
