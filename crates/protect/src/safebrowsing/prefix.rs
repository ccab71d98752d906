//! Hashes, cut to the length that a list has.

use wardnet_wire::safebrowsing::rice::{Number, Width, encode, number_of_hash};
use wardnet_wire::safebrowsing::v5::{Additions, HashLength, Rice32, Rice64, Rice256};

/// A hash.
pub(super) type Hash = [u8; 32];

/// The first bytes of a hash, in the order of hashes.
pub(super) trait Prefix: Copy + Ord + std::fmt::Debug + Send + Sync + 'static {
    /// Its length, as lists tell it.
    const LENGTH: HashLength;
    /// The greatest one.
    const LAST: Self;

    /// That of a hash.
    fn of(hash: &Hash) -> Self;
    /// Appends its bytes.
    fn put(self, bytes: &mut Vec<u8>);
    /// Some in their order, coded as version 5 does.
    fn code(sorted: &[Self]) -> Option<Additions>;
}

/// 32-bit numbers in their order, coded as version 5 does.
pub(super) fn code_indices(sorted: &[u32]) -> Option<Rice32> {
    let numbers = sorted.iter().map(|number| [u64::from(*number)]);
    encode(numbers, Width::FOUR).map(Into::into)
}

/// Prefixes that are the highest bytes of a number.
macro_rules! number {
    ($number:ty, $length:ident, $code:expr) => {
        impl Prefix for $number {
            const LENGTH: HashLength = HashLength::$length;
            const LAST: Self = Self::MAX;

            fn of(hash: &Hash) -> Self {
                hash.first_chunk().map_or(0, |bytes| Self::from_be_bytes(*bytes))
            }

            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_be_bytes());
            }

            fn code(sorted: &[Self]) -> Option<Additions> {
                $code(sorted)
            }
        }
    };
}

number!(u32, FourBytes, |sorted| code_indices(sorted).map(Additions::FourBytes));
number!(u64, EightBytes, |sorted: &[u64]| {
    let rice = encode(sorted.iter().map(|number| [*number]), Width::EIGHT)?;
    Some(Additions::EightBytes(Rice64::from(rice)))
});

impl Prefix for Hash {
    const LENGTH: HashLength = HashLength::ThirtyTwoBytes;
    const LAST: Self = [u8::MAX; 32];

    fn of(hash: &Hash) -> Self {
        *hash
    }

    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self);
    }

    fn code(sorted: &[Self]) -> Option<Additions> {
        let numbers = sorted.iter().map(|hash| -> Number<4> { number_of_hash(hash) });
        let rice = encode(numbers, Width::THIRTY_TWO)?;
        Some(Additions::ThirtyTwoBytes(Rice256::from(rice)))
    }
}
