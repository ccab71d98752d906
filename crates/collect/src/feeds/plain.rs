//! Opens a feed as plain bytes: gzip and zstd are inflated, within limits.

use crate::feeds::{FeedError, Limits};
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Text up to this size may come from any few bytes: the ratio of a tiny file says nothing.
const RATIO_FREE_BYTES: u64 = 1 << 20;

/// How much is read at once, and how much text stands ready at the start.
const BUFFER_BYTES: usize = 64 << 10;

/// The first bytes of a gzip member (RFC 1952 section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The first bytes of a zstd frame (RFC 8878 section 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Why bytes could not be opened as plain text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlainError {
    /// More text than [`Limits::plain_bytes_max`].
    #[error("the feed has more than {0} bytes of text, the most that is read; give it in parts")]
    TooLarge(u64),
    /// Each compressed byte becomes too much text.
    #[error(
        "each byte of the compressed feed becomes more than {0} bytes of text, as in a \
         decompression bomb; if it is honest, unpack it and give it as it is"
    )]
    Bomb(u64),
    /// The compressed bytes are damaged, or need more memory than allowed.
    #[error("the compressed feed cannot be inflated: {0}")]
    Damaged(String),
}

impl From<PlainError> for io::Error {
    fn from(error: PlainError) -> Self {
        Self::other(error)
    }
}

/// Opens a feed as plain bytes. Compression is recognised by its first bytes, never by a name.
///
/// The reader's first buffer holds the first 64 KiB of text, or all of it, for
/// [`detect`](crate::feeds::detect). The limits hold while reading: a bomb ends in [`PlainError`], which [`read_feed`] passes on.
///
/// [`read_feed`]: crate::feeds::read_feed
pub fn open_plain<'a>(
    reader: impl Read + Send + 'a,
    limits: &Limits,
) -> Result<Box<dyn BufRead + Send + 'a>, FeedError> {
    let taken = Arc::new(AtomicU64::new(0));
    let mut counted = Counted { inner: reader, taken: taken.clone() };
    let head = read_head(&mut counted, ZSTD_MAGIC.len())?;
    let is = |magic: &[u8]| head.starts_with(magic);
    let (gzip, zstd) = (is(&GZIP_MAGIC), is(&ZSTD_MAGIC) || is_skippable(&head));
    let whole = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(head).chain(counted));
    let bounds = Bounds {
        plain_bytes_max: limits.plain_bytes_max,
        ratio_max: (gzip || zstd).then_some(limits.inflate_ratio_max),
        taken,
        given: 0,
    };
    if gzip {
        buffered(Damage(MultiGzDecoder::new(whole)), bounds)
    } else if zstd {
        buffered(Damage(ZstdFrames::new(whole, limits.zstd_window_bytes_max)), bounds)
    } else {
        buffered(whole, bounds)
    }
}

fn buffered<'a>(
    inner: impl Read + Send + 'a,
    bounds: Bounds,
) -> Result<Box<dyn BufRead + Send + 'a>, FeedError> {
    let mut rest = BufReader::with_capacity(BUFFER_BYTES, Bounded { inner, bounds });
    let head = read_head(&mut rest, BUFFER_BYTES)?;
    Ok(Box::new(Cursor::new(head).chain(rest)))
}

/// The first bytes, or all when there are fewer.
fn read_head(reader: &mut impl Read, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(bytes_max);
    #[expect(clippy::disallowed_methods, reason = "bounded by `take` on the same line")]
    reader.take(bytes_max as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Whether a skippable frame begins, as parallel compressors put in front (RFC 8878 section 3.1.2).
fn is_skippable(head: &[u8]) -> bool {
    matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18])
}

/// Counts what is read from the outside.
struct Counted<R> {
    inner: R,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.taken.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// How much text may come of what was read.
struct Bounds {
    plain_bytes_max: u64,
    ratio_max: Option<u64>,
    taken: Arc<AtomicU64>,
    given: u64,
}

/// Stops where the text grows beyond its bounds.
struct Bounded<R> {
    inner: R,
    bounds: Bounds,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let bounds = &mut self.bounds;
        bounds.given = bounds.given.saturating_add(read as u64);
        if bounds.given > bounds.plain_bytes_max {
            return Err(PlainError::TooLarge(bounds.plain_bytes_max).into());
        }
        if let Some(ratio_max) = bounds.ratio_max {
            let taken = bounds.taken.load(Ordering::Relaxed);
            let allowed = taken.saturating_mul(ratio_max).max(RATIO_FREE_BYTES);
            if bounds.given > allowed {
                return Err(PlainError::Bomb(ratio_max).into());
            }
        }
        Ok(read)
    }
}

/// Tells damage in compressed bytes from trouble in getting them.
struct Damage<R>(R);

impl<R: Read> Read for Damage<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput
            | io::ErrorKind::InvalidData
            | io::ErrorKind::UnexpectedEof => PlainError::Damaged(error.to_string()).into(),
            _ => error,
        })
    }
}

/// All frames of a zstd file, one after the other (RFC 8878 section 3.1).
struct ZstdFrames<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> ZstdFrames<R> {
    fn new(source: R, window_bytes_max: u64) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(window_bytes_max);
        Self { source, decoder, in_frame: false }
    }

    /// Goes to the next frame; `false` when there is none.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut self.source.by_ref().take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(damaged(&error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.in_frame && !self.next_frame()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(|error| damaged(&error))?;
            }
            match self.decoder.read(buffer)? {
                0 => self.in_frame = !self.decoder.is_finished(),
                read => return Ok(read),
            }
        }
    }
}

fn damaged(error: &FrameDecoderError) -> io::Error {
    PlainError::Damaged(error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    fn read(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, FeedError> {
        let mut plain = open_plain(bytes, limits)?;
        let mut text = Vec::new();
        loop {
            let buffer = plain.fill_buf()?;
            if buffer.is_empty() {
                return Ok(text);
            }
            text.extend_from_slice(buffer);
            let length = buffer.len();
            plain.consume(length);
        }
    }

    #[test]
    fn every_packing_gives_the_same_text() {
        let limits = Limits::default();
        let text = b"one.top\ntwo.top\n".repeat(500);
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
        for bytes in [
            text.repeat(2),
            gzip(&text.repeat(2)),
            [gzip(&text), gzip(&text)].concat(),
            zstd(&text.repeat(2)),
            [&skippable[..], &zstd(&text), &skippable[..], &zstd(&text)].concat(),
        ] {
            assert_eq!(read(&bytes, &limits).unwrap(), text.repeat(2));
        }
        for bytes in [&b""[..], b"a", b"\x1f", b"abc"] {
            assert_eq!(read(bytes, &limits).unwrap(), bytes);
        }
    }

    #[test]
    fn bombs_and_giants_are_stopped() {
        let zeros = vec![b'0'; 4 << 20];
        let limits = Limits::default();
        for bytes in [gzip(&zeros), zstd(&zeros)] {
            let error = read(&bytes, &limits).unwrap_err();
            assert!(matches!(error, FeedError::Plain(PlainError::Bomb(200))), "{error}");
        }
        let small = Limits { plain_bytes_max: 1 << 20, ..Limits::default() };
        let error = read(&zeros, &small).unwrap_err();
        assert!(matches!(error, FeedError::Plain(PlainError::TooLarge(1_048_576))), "{error}");
    }

    #[test]
    fn damage_is_an_error_at_every_byte() {
        let text: Vec<u8> =
            (0..2000u32).flat_map(|n| format!("{n}-x.top\n").into_bytes()).collect();
        let limits = Limits::default();
        for whole in [gzip(&text), zstd(&text)] {
            for cut in (4..whole.len()).step_by(97) {
                let error = read(&whole[..cut], &limits).unwrap_err();
                assert!(matches!(error, FeedError::Plain(PlainError::Damaged(_))), "{error:?}");
            }
        }
    }
}
