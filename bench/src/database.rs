//! Databases of random entries.

use anyhow::Context as _;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use wardnet_model::{Band, Basis, CategorySet, Key, Kind, Risk, Scope};
use wardnet_verdictdb::{Builder, Db, Entry, OpenOptions, Options, Profile, Verify, map_file};

/// A random number for a position, the same in every run (SplitMix64).
pub const fn random(position: u64) -> u64 {
    let mut z = position.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The key at a position: evenly spread, as hashes are.
pub fn key(position: u64) -> Key {
    let mut bytes = [0; 32];
    let words = [random(2 * position), random(2 * position + 1)].map(u64::to_be_bytes);
    for (byte, of) in bytes.iter_mut().zip(words.as_flattened()) {
        *byte = *of;
    }
    Key(bytes)
}

/// Sixteen profiles of malicious things.
pub fn profiles() -> Vec<Profile> {
    let profile = |number: u8| Profile {
        risk: Risk::new(80 + number),
        band: Band::Malicious,
        basis: Basis::Evidence,
        categories: CategorySet::from_bits(1 << number),
        sources: [u32::from(number)].into_iter().collect(),
    };
    (0..16).map(profile).collect()
}

/// Writes a database of keys.
pub fn build(path: &Path, kind: Kind, keys: impl Iterator<Item = Key>) -> anyhow::Result<()> {
    let profiles = profiles();
    let mut builder = Builder::new(Options::default());
    for (key, profile) in keys.zip(profiles.iter().cycle()) {
        builder.push(&Entry::evidence(kind, key, Scope::Exact, profile))?;
    }
    let file = File::create(path).with_context(|| path.display().to_string())?;
    builder.finish(BufWriter::new(file))?;
    Ok(())
}

/// Opens a database as a cold start does, with every shard checked once.
pub fn open(path: &Path) -> anyhow::Result<Db> {
    let bytes = map_file(&File::open(path)?)?;
    let db = Db::open(bytes, &OpenOptions { verify: Verify::Lazy, ..OpenOptions::default() })?;
    db.verify()?;
    Ok(db)
}
