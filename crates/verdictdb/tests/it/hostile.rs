//! Hostile bytes: an error, never a panic, never "safe".

use crate::sample::{NOW, Random, Row, compile, open_lazily, row};
use sha2::{Digest as _, Sha256};
use wardnet_model::{Key, Kind};
use wardnet_verdictdb::{
    Db, Layer, LookupError, OpenError, OpenOptions, Prefix, SigningKey, View, fuzz_change_log,
    fuzz_open, log,
};

fn sample() -> Vec<u8> {
    let mut rows: Vec<Row> =
        (0..600u64).map(|i| row(1, Kind::Url, Key::digest(&i.to_le_bytes()), i, Some(i))).collect();
    for i in 0..300u32 {
        let address = std::net::Ipv4Addr::from(i << 20 | i);
        let prefix = Prefix::of_address(address.into()).shorten(8 + (i % 25) as u8).unwrap();
        let row = row(1, prefix.kind(), prefix.key(), 0, Some(i.into()));
        if !rows.iter().any(|r| (r.kind, r.key, r.layer) == (row.kind, row.key, row.layer)) {
            rows.push(row);
        }
    }
    compile(&rows, 3)
}

fn u64_at(file: &[u8], at: usize) -> usize {
    u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize
}

/// Makes the checksums fit again: of every shard (by trying all byte ranges that begin a part
/// would be guessing, so shards are left as they are), the header and the root.
fn fix_ends(file: &mut [u8]) {
    let header = Sha256::digest(&file[..96]);
    file[96..128].copy_from_slice(&header);
    let trailer = file.len() - 128;
    let (at, length) = (u64_at(file, trailer), u64_at(file, trailer + 8));
    let Some(directory) = file.get(at..at.saturating_add(length)) else { return };
    let hash = Sha256::new().chain_update(&file[..128]).chain_update(directory);
    let root = hash.chain_update(&file[trailer..trailer + 64]).finalize();
    file[trailer + 64..trailer + 96].copy_from_slice(&root);
}

/// Makes the digest of the only shard of a file with one section of one shard fit again.
fn fix_single_shard(file: &mut [u8]) {
    let trailer = file.len() - 128;
    let (at, length) = (u64_at(file, trailer), u64_at(file, trailer + 8));
    if file.get(at..at.saturating_add(length)).is_none() || length < 24 + 144 || at < 128 {
        return;
    }
    let record = at + 24;
    let names = u64_at(file, record + 32);
    let facts = u64_at(file, record + 40);
    // Without names and facts, all bytes before the directory are entries, terms and index.
    let Some(main_end) = at.checked_sub(names.saturating_add(facts)) else { return };
    if names + facts == 0 {
        let digest = Sha256::digest(&file[128..main_end]);
        file[record + 48..record + 80].copy_from_slice(&digest);
    }
}

fn mutate(file: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(file.len() as u64) as usize;
        let near_end = file.len() - 1 - random.below(file.len().min(600) as u64) as usize;
        match random.below(6) {
            0 => file[at] ^= 1 << random.below(8),
            1 => file[at] = random.next() as u8,
            2 => file[near_end] = random.next() as u8,
            3 => file[near_end] ^= 1 << random.below(8),
            4 => file[at] = 0xff,
            _ if random.below(20) == 0 => file.truncate(at.max(300)),
            _ => file[at] = 0,
        }
    }
}

#[test]
fn mutated_files_never_panic() {
    let file = sample();
    fuzz_open(&file);
    let mut random = Random(1);
    for round in 0..1_500 {
        let mut mutated = file.clone();
        mutate(&mut mutated, &mut random);
        if round % 3 > 0 && mutated.len() > 256 {
            fix_ends(&mut mutated);
        }
        fuzz_open(&mutated);
    }
}

#[test]
fn hostile_content_behind_right_checksums_never_panics() {
    let plain = |kind: Kind, keys: Vec<Key>, layer| {
        let rows = keys.into_iter().zip(0u64..).map(|(key, i)| {
            let mut row = row(1, kind, key, i, Some(8 + 7 * (i % 3)));
            if layer == Layer::Decision {
                row = self::row(1, kind, key, i, Some(7 * (i + 1)));
            }
            row
        });
        let mut builder = wardnet_verdictdb::Builder::new(Default::default());
        for row in rows {
            let new = row.new.unwrap();
            builder.push(&new.as_entry(row.kind, row.key, row.scope)).unwrap();
        }
        let mut file = Vec::new();
        builder.finish(&mut file).unwrap();
        file
    };
    let hashed: Vec<Key> = (0..500u64).map(|i| Key::digest(&i.to_le_bytes())).collect();
    let addresses = (0..500u32).map(|i| {
        let address = std::net::Ipv4Addr::from(i << 22 | i);
        Prefix::of_address(address.into()).key()
    });
    let files = [
        plain(Kind::Url, hashed.clone(), Layer::Evidence),
        plain(Kind::Url, hashed, Layer::Decision),
        plain(Kind::Ipv4, addresses.collect(), Layer::Evidence),
    ];
    let mut random = Random(2);
    let mut opened = 0;
    for file in files {
        for _ in 0..1_000 {
            let mut mutated = file.clone();
            mutate(&mut mutated, &mut random);
            if mutated.len() == file.len() {
                fix_single_shard(&mut mutated);
                fix_ends(&mut mutated);
            }
            fuzz_open(&mutated);
            opened += usize::from(Db::open(mutated, &OpenOptions::default()).is_ok());
        }
    }
    assert!(opened > 100, "checksums were mended: {opened}");
}

/// The seeds that fuzzing begins with.
fn seeds() -> [(&'static str, Vec<u8>); 5] {
    let plain = |keys: &[Key], content| {
        let mut builder = wardnet_verdictdb::Builder::new(Default::default());
        for key in keys {
            let row = row(1, Kind::Domain, *key, 0, Some(content));
            builder.push(&row.new.unwrap().as_entry(row.kind, row.key, row.scope)).unwrap();
        }
        let mut file = Vec::new();
        builder.finish(&mut file).unwrap();
        file
    };
    let named = [row(1, Kind::Url, Key::digest(b"named"), 0, Some(7))];
    let mut ground = [Key([0; 32]); 12];
    ground.iter_mut().zip(1..).for_each(|(key, last)| key.0[7] = last);
    let mut signed = plain(&[Key::digest(b"evil.example/")], 1);
    let root = Db::open(signed.as_slice(), &OpenOptions::default()).unwrap().root();
    signed.extend(SigningKey::from_seed(&[1; 32]).unwrap().sign_base(&root));
    [
        ("empty", plain(&[], 1)),
        ("domain", plain(&[Key::digest(b"evil.example/")], 1)),
        ("named", compile(&named, 3)),
        ("spilled", plain(&ground, 1)),
        ("signed", signed),
    ]
}

#[test]
fn the_fuzzing_seeds_are_of_this_format() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/verdictdb_open");
    for (name, expected) in seeds() {
        let path = format!("{folder}/{name}");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&path, &expected).unwrap();
        }
        assert!(Db::open(expected.clone(), &OpenOptions::default()).is_ok(), "{name}");
        fuzz_open(&expected);
        let seed = std::fs::read(&path).unwrap();
        assert!(seed == expected, "{name}: run again with UPDATE_EXPECT=1 and look at the changes");
    }
}

#[test]
fn an_older_format_is_refused_with_what_to_do() {
    let mut file = sample();
    for (version, says) in [(1, "build the database again"), (3, "update the program")] {
        file[8] = version;
        fix_ends(&mut file);
        let error = Db::open(file.as_slice(), &OpenOptions::default()).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn a_bad_shard_gives_no_answer_and_full_verification_finds_it() {
    let mut file = sample();
    file[200] ^= 1;
    let full = Db::open(file.clone(), &OpenOptions::default());
    assert!(matches!(full, Err(OpenError::Shard(LookupError::BadShard { .. }))));
    let db = open_lazily(file);
    let view = View::of(db);
    let outcome = (0..600u64).map(|i| {
        let key = Key::digest(&i.to_le_bytes());
        view.find(None, Kind::Url, &key, NOW).map(|_| ()).is_err()
    });
    let address = view.networks(None, "192.0.2.1".parse().unwrap(), NOW, |_, _| {}).is_err();
    assert!(address || outcome.into_iter().all(|failed| failed), "no answer from a bad shard");
}

#[test]
fn every_flipped_bit_is_noticed() {
    let file = sample();
    let mut random = Random(4);
    for _ in 0..400 {
        let mut flipped = file.clone();
        flipped[random.below(file.len() as u64) as usize] ^= 1 << random.below(8);
        assert!(Db::open(flipped, &OpenOptions::default()).is_err());
    }
    for length in [0, 1, 127, 128, 255, 256, file.len() - 1] {
        assert!(Db::open(&file[..length], &OpenOptions::default()).is_err());
    }
    let longer = [file.as_slice(), &[0]].concat();
    assert!(Db::open(longer, &OpenOptions::default()).is_err());
}

#[test]
fn mutated_logs_never_panic_and_damage_is_told_from_a_torn_end() {
    let limits = Default::default();
    let rows: Vec<Row> = (0..60u64)
        .map(|i| row(i + 1, Kind::Url, Key::digest(&i.to_le_bytes()), i, Some(i)))
        .collect();
    let mut bytes = log::head().to_vec();
    for rows in rows.chunks(20) {
        log::encode_frame(rows, &limits, &mut bytes).unwrap();
    }
    let mut random = Random(3);
    for _ in 0..3_000 {
        let mut mutated = bytes.clone();
        mutate(&mut mutated, &mut random);
        fuzz_change_log(&mutated);
    }
    let mut damaged = bytes.clone();
    damaged[40] ^= 1;
    assert_eq!(log::decode(&damaged, &limits), Err(log::LogError::Damaged { at: 16 }));
    let mut preallocated = bytes.clone();
    preallocated.extend([0; 512]);
    let contents = log::decode(&preallocated, &limits).unwrap();
    assert_eq!((contents.changes.len(), contents.valid_len), (60, bytes.len() as u64));
}
