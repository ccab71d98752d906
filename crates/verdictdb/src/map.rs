//! The only module with `unsafe`: mapping a file, and hints to the processor.
#![expect(unsafe_code, reason = "memory maps and prefetch instructions have no safe form")]

use crate::{Bytes, OpenError};
use std::fs::File;
use std::io;
use std::ops::Range;

/// Maps a file into memory.
///
/// The file must not be changed or cut short while it is mapped: a database is replaced by renaming
/// a new file over it, never by writing into it. A reader that verified a shard trusts it from then
/// on; every access stays within bounds all the same.
pub fn map_file(file: &File) -> io::Result<Bytes> {
    // SAFETY: the caller keeps the file unchanged, as documented; cutting it short would raise
    // SIGBUS, which is why published files are only ever renamed into place.
    let map = unsafe { memmap2::Mmap::map(file)? };
    Ok(Bytes::Mapped(map))
}

/// Bytes of a file copied together, in large pages where the system grants them.
///
/// A lookup of an address reads the index before the entry, one after the other. In small pages
/// both would miss the processor's cache of page addresses; in large ones only the entry does.
#[derive(Debug)]
pub(crate) struct HotCopy(Option<memmap2::MmapMut>);

impl HotCopy {
    /// Copies `ranges` of `bytes` one after the other.
    pub(crate) fn of(bytes: &[u8], ranges: &[Range<u64>]) -> Result<Self, OpenError> {
        let outside = || OpenError::Malformed("place of an index");
        let part = |range: &Range<u64>| {
            let begin = usize::try_from(range.start).ok()?;
            bytes.get(begin..usize::try_from(range.end).ok()?)
        };
        let parts: Option<Vec<&[u8]>> = ranges.iter().map(part).collect();
        let parts = parts.ok_or_else(outside)?;
        let length = parts.iter().fold(0usize, |sum, part| sum.saturating_add(part.len()));
        if length == 0 {
            return Ok(Self(None));
        }
        let mut copy = memmap2::MmapMut::map_anon(length)?;
        #[cfg(target_os = "linux")]
        if let Err(_unsupported) = copy.advise(memmap2::Advice::HugePage) {
            // Small pages serve as well, only slower.
        }
        let mut rest: &mut [u8] = &mut copy;
        for part in parts {
            let (head, tail) = rest.split_at_mut_checked(part.len()).ok_or_else(outside)?;
            head.copy_from_slice(part);
            rest = tail;
        }
        Ok(Self(Some(copy)))
    }
}

impl AsRef<[u8]> for HotCopy {
    #[inline(always)]
    fn as_ref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or(&[])
    }
}

/// Asks the processor to load the cache line that holds byte `at`, without waiting for it.
#[inline(always)]
pub(crate) fn prefetch(bytes: &[u8], at: u64) {
    let Some(byte) = usize::try_from(at).ok().and_then(|at| bytes.get(at)) else { return };
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of a valid reference; it has no effect but on the cache, and SSE is part
    // of every x86-64 processor.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(byte).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::hint::black_box(*byte);
}
