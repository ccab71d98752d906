//! The door for fuzzers: reads any bytes as a segment.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::Limits;
use crate::disk::DiskFile;
use crate::format::Cursor;
use crate::segment::{SegmentReader, Step, read_header, read_seal};

/// Reads `bytes` as a segment, as opening and replaying would. Never panics, and never takes more
/// memory than the input and the limits allow.
pub fn fuzz_segment(bytes: &[u8]) {
    let file = Arc::new(Slice(bytes.to_vec()));
    let path = PathBuf::from("fuzz");
    let Ok(header) = read_header(&*file, &path) else { return };
    let len = bytes.len() as u64;
    // Fails on most inputs; only that it returns matters.
    read_seal(&*file, &path, &header, len).ok();
    let opened = SegmentReader::open(file, path, header.first, len, Limits::default());
    let Ok(mut reader) = opened else { return };
    let mut next = header.first;
    while let Ok(Step::Records(header)) = reader.next_frame(next) {
        let mut cursor = Cursor::new(&header);
        while let Some((sequence, _)) = cursor.step(reader.body()) {
            assert!(sequence >= next, "sequence numbers only rise");
            next = sequence + 1;
        }
    }
    reader.was_durable().ok();
}

/// Bytes in memory that pass for a file.
#[derive(Debug)]
struct Slice(Vec<u8>);

impl DiskFile for Slice {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let rest = &self.0[start..];
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_all_at(&self, _offset: u64, _bytes: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn truncate(&self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
}
