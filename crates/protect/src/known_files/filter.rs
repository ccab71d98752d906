//! The Bloom filters that DCSO's `bloom` and `flor` write, and hashlookup publishes: read where they
//! lie, a byte for each bit that is looked at, so that memory is that of the head alone.
//!
//! ```text
//!  0  version, 1 (the low byte)      24  k, bits of each entry
//!  8  n, entries it was made for     32  m, bits of the filter
//! 16  p, false positives             40  N, entries in it
//! 48  the bits, in whole words of 64, the lowest of each byte first; behind them what anybody likes
//! ```
//!
//! All numbers are little-endian, p is a double.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Bytes in front of the bits.
const HEAD_BYTES: usize = 48;

/// The modulus and the generator of the fingerprint's numbers.
const MODULUS: u64 = 18_446_744_073_709_551_557;
const GENERATOR: u64 = 18_446_744_073_709_550_147;

/// What one filter may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bits that one question looks at. Default 64: no sensible filter has more than 40.
    pub bits_looked_at_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bits_looked_at_max: 64 }
    }
}

/// Why a file is no filter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// It cannot be read.
    #[error("the filter cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is too short to have a head.
    #[error("not a Bloom filter of DCSO's format: it has fewer than 48 bytes")]
    TooShort,
    /// Another version, or something else altogether.
    #[error("not a Bloom filter of DCSO's format, version 1: unpack it, if it is compressed")]
    Version,
    /// Numbers in the head that no filter has.
    #[error("the filter's head is wrong: {0}")]
    Head(&'static str),
    /// The bits are not all there.
    #[error("the filter is cut off: it has {has} bytes and needs {needs}; fetch it again")]
    CutOff {
        /// Bytes of the file.
        has: u64,
        /// Bytes that its head promises.
        needs: u64,
    },
}

/// Where the bytes of a filter are.
pub(super) trait Bytes {
    /// How many there are.
    fn len(&self) -> io::Result<u64>;

    /// Fills `into` with those from `at` on; an error where there are fewer.
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<()>;
}

impl Bytes for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        self.read_exact_at(into, at)
    }
}

impl Bytes for &[u8] {
    fn len(&self) -> io::Result<u64> {
        Ok(u64::try_from(<[u8]>::len(self)).unwrap_or(u64::MAX))
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        let part = usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let part = part.get(..into.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(part);
        Ok(())
    }
}

/// A filter.
#[derive(Debug)]
pub(super) struct Filter<B> {
    bytes: B,
    /// Bits of an entry.
    k: u64,
    /// Bits of the filter.
    m: u64,
    /// Entries in it, as its head says.
    pub(super) entries: u64,
    /// The share of questions about others that it answers with yes, as its head says.
    pub(super) false_positives: f64,
}

impl<B: Bytes> Filter<B> {
    /// Reads the head, and sees that all bits are there.
    pub(super) fn open(bytes: B, limits: Limits) -> Result<Self, FilterError> {
        let has = bytes.len()?;
        let mut head = [0u8; HEAD_BYTES];
        if has < u64::try_from(HEAD_BYTES).unwrap_or(u64::MAX) {
            return Err(FilterError::TooShort);
        }
        bytes.read_at(&mut head, 0)?;
        let (words, _) = head.as_chunks::<8>();
        let [version, _, p, k, m, entries] = words else { return Err(FilterError::TooShort) };
        let number = |word: &[u8; 8]| u64::from_le_bytes(*word);
        if number(version) & 0xff != 1 {
            return Err(FilterError::Version);
        }
        let (k, m) = (number(k), number(m));
        if k == 0 || k > limits.bits_looked_at_max {
            return Err(FilterError::Head("k, the bits of an entry, is 0 or too large"));
        }
        if m == 0 {
            return Err(FilterError::Head("m, the bits of the filter, is 0"));
        }
        let false_positives = f64::from_le_bytes(*p);
        if !(false_positives > 0.0 && false_positives < 1.0) {
            return Err(FilterError::Head(
                "p, the share of false positives, is not between 0 and 1",
            ));
        }
        let needs = m.div_ceil(64).saturating_mul(8).saturating_add(HEAD_BYTES as u64);
        if has < needs {
            return Err(FilterError::CutOff { has, needs });
        }
        Ok(Self { bytes, k, m, entries: number(entries), false_positives })
    }

    /// Whether `entry` is in it, or one that looks the same.
    pub(super) fn holds(&self, entry: &[u8]) -> io::Result<bool> {
        let mut number = fnv(entry) % MODULUS;
        for _ in 0..self.k {
            number = number.wrapping_mul(GENERATOR) % MODULUS;
            let bit = number % self.m;
            let mut byte = [0u8];
            self.bytes.read_at(&mut byte, bit / 8 + HEAD_BYTES as u64)?;
            if byte[0] >> (bit % 8) & 1 == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// FNV-1 of 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(14_695_981_039_346_656_037, |hash, byte| {
        hash.wrapping_mul(1_099_511_628_211) ^ u64::from(*byte)
    })
}

/// Opens any bytes as a filter and asks it; for the fuzzer.
pub fn fuzz_known_files(bytes: &[u8]) {
    if let Ok(filter) = Filter::open(bytes, Limits::default()) {
        let hash = b"0123456789ABCDEF0123456789ABCDEF01234567";
        let first = filter.holds(hash).expect("all bits are there");
        assert_eq!(filter.holds(hash).expect("all bits are there"), first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Made by flor 1.1.3: `BloomFilter(n=20, p=0.001)` with the two hashes below in it.
    const MADE_BY_FLOR: &[u8] = include_bytes!("../../tests/data/known_files/flor.bloom");
    const IN_IT: [&str; 2] =
        ["3395856CE81F2B7382DEE72602F798B642F14140", "44D88612FEA8A8F36DE82E1278ABB02F"];

    #[test]
    fn a_filter_of_flor_holds_what_was_put_in_and_nothing_else() {
        let filter = Filter::open(MADE_BY_FLOR, Limits::default()).unwrap();
        assert_eq!((filter.entries, filter.false_positives), (2, 0.001));
        for hash in IN_IT {
            assert!(filter.holds(hash.as_bytes()).unwrap());
            assert!(!filter.holds(hash.to_lowercase().as_bytes()).unwrap());
        }
        let others = (0..1000u32).map(|n| format!("{n:040X}"));
        let wrong = others.filter(|hash| filter.holds(hash.as_bytes()).unwrap()).count();
        assert!(wrong < 5, "{wrong} of 1000");
    }

    #[test]
    fn what_is_no_filter_is_told_so() {
        let open = |bytes: &[u8]| Filter::open(bytes, Limits::default()).map(drop);
        assert!(matches!(open(b"short"), Err(FilterError::TooShort)));
        let changed = |at: usize, to: u8| {
            let mut bytes = MADE_BY_FLOR.to_vec();
            bytes[at] = to;
            bytes
        };
        assert!(matches!(open(&changed(0, 0x1f)), Err(FilterError::Version)));
        assert!(matches!(open(&changed(24, 0)), Err(FilterError::Head(_))));
        assert!(matches!(open(&changed(24, 255)), Err(FilterError::Head(_))));
        assert!(matches!(open(&changed(23, 0x7f)), Err(FilterError::Head(_))));
        assert!(matches!(open(&changed(38, 1)), Err(FilterError::CutOff { .. })));
        let cut = &MADE_BY_FLOR[..MADE_BY_FLOR.len() - 1];
        assert!(matches!(open(cut), Err(FilterError::CutOff { .. })));
    }

    #[test]
    fn the_corpus_of_the_fuzzer_passes() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/protect_known_files");
        let mut seeds = 0;
        for seed in std::fs::read_dir(folder).unwrap() {
            fuzz_known_files(&std::fs::read(seed.unwrap().path()).unwrap());
            seeds += 1;
        }
        assert!(seeds > 1);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(at in 0..48usize, to: u8, cut in 0..100usize) {
            let mut bytes = MADE_BY_FLOR.to_vec();
            bytes[at] = to;
            bytes.truncate(bytes.len().saturating_sub(cut));
            fuzz_known_files(&bytes);
        }
    }
}
