//! Digests of names, in the forms in which clients write them into a label.

use data_encoding::{BASE32_NOPAD_NOCASE, BitOrder, Encoding, HEXLOWER, Specification};
use serde::Deserialize;
use sha2::Digest as _;
use smallvec::SmallVec;
use std::sync::LazyLock;

/// A digest by which clients ask for names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Digest {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// BLAKE2b with 512 bits, which rspamd calls `blake2`.
    Blake2b,
}

/// Characters that a label must give at least: 64 bits in hex.
const CHARACTERS_MIN: usize = 16;

/// Characters of a whole block in every form: four or five octets.
const BLOCK: usize = 8;

static HEX: Encoding = HEXLOWER;
static BASE32: Encoding = BASE32_NOPAD_NOCASE;

/// z-base-32 in rspamd's order of bits: what it calls `base32`.
static ZBASE32: LazyLock<Option<Encoding>> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("ybndrfg8ejkmcpqxot1uwisza345h769");
    specification.bit_order = BitOrder::LeastSignificantFirst;
    specification.encoding().ok()
});

impl Digest {
    /// The digest of a text.
    pub(super) fn of(self, text: &[u8]) -> SmallVec<[u8; 64]> {
        match self {
            Self::Md5 => SmallVec::from_slice(&md5::Md5::digest(text)),
            Self::Sha1 => SmallVec::from_slice(&sha1::Sha1::digest(text)),
            Self::Sha256 => SmallVec::from_slice(&sha2::Sha256::digest(text)),
            Self::Blake2b => SmallVec::from_slice(&blake2::Blake2b512::digest(text)),
        }
    }

    /// The first 32 bits of the digest of a text.
    pub(super) fn start_of(self, text: &[u8]) -> u32 {
        start(&self.of(text))
    }
}

fn start(octets: &[u8]) -> u32 {
    octets.first_chunk::<4>().map_or(0, |first| u32::from_be_bytes(*first))
}

/// A way to write a digest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form(&'static Encoding);

impl Form {
    /// Whether `label`, which is in small letters, is the digest of `text`, or how it begins.
    pub(super) fn is_of(self, label: &[u8], digest: Digest, text: &[u8]) -> bool {
        let mut whole = self.0.encode(&digest.of(text));
        whole.make_ascii_lowercase();
        whole.as_bytes().starts_with(label)
    }
}

/// What a label may be: each form that it can have, and the first 32 bits that it then says.
pub(super) fn readings(label: &[u8]) -> SmallVec<[(Form, u32); 3]> {
    let mut found = SmallVec::new();
    let Some(block) = label.get(..BLOCK).filter(|_| label.len() >= CHARACTERS_MIN) else {
        return found;
    };
    for form in [Some(&HEX), Some(&BASE32), ZBASE32.as_ref()] {
        if let Some(form) = form
            && let Ok(octets) = form.decode(block)
        {
            found.push((Form(form), start(&octets)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_found(label: &str, digest: Digest, text: &str) -> bool {
        let start = digest.start_of(text.as_bytes());
        let mut readings = readings(label.as_bytes()).into_iter();
        readings
            .any(|(form, at)| at == start && form.is_of(label.as_bytes(), digest, text.as_bytes()))
    }

    /// Vectors of the standards, and what `rspamadm` of rspamd 3.4 prints.
    #[test]
    fn digests_are_found_in_every_form() {
        for (label, digest, text) in [
            ("900150983cd24fb0d6963f7d28e17f72", Digest::Md5, "abc"),
            ("a9993e364706816aba3e25717850c26c9cd0d89d", Digest::Sha1, "abc"),
            ("ba7816bf8f01cfea414140de5dae2223", Digest::Sha256, "abc"),
            ("xj4bnp4pahh6uqkbidpf3lrceoyagyndsylxvhfucd7wd4qacwwq", Digest::Sha256, "abc"),
            ("ba80a53f981c4d0d6a2797b69f12f6e9", Digest::Blake2b, "abc"),
            ("4fym49yuheu4yi7rzwp9jja6j8un1zon", Digest::Blake2b, "abc"),
            ("jpg7d5hegeyig748fjho8ejacd8bpczu", Digest::Sha1, "abc"),
        ] {
            assert!(is_found(label, digest, text), "{label}");
            assert!(!is_found(label, digest, "abd"), "{label}");
            let others = [Digest::Md5, Digest::Sha1, Digest::Sha256, Digest::Blake2b];
            let found = others.into_iter().filter(|other| is_found(label, *other, text));
            assert_eq!(found.collect::<Vec<_>>(), [digest]);
        }
    }

    #[test]
    fn what_is_no_digest_is_not_read() {
        assert!(readings(b"a9993e364706816").is_empty(), "too short");
        assert!(readings(b"!!!!!!!!!!!!!!!!").is_empty());
        assert_eq!(readings(b"l8l8l8l8l8l8l8l8").len(), 0, "l and 8 are in no common alphabet");
    }
}
