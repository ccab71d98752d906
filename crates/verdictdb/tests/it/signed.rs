//! Signatures: what is signed, by whom, and what is refused.

use crate::sample::{Random, Row, compile, row};
use std::sync::Arc;
use wardnet_model::{Key, Kind, hex};
use wardnet_verdictdb::{
    Db, OpenError, OpenOptions, PublicKey, SigningKey, fuzz_change_log, fuzz_open, log,
};

fn key(number: u8) -> Arc<SigningKey> {
    Arc::new(SigningKey::from_seed(&[number; 32]).unwrap())
}

fn rows(count: u64) -> Vec<Row> {
    (0..count).map(|i| row(i + 1, Kind::Url, Key::digest(&i.to_le_bytes()), i, Some(i))).collect()
}

fn signed(by: &SigningKey) -> Vec<u8> {
    let mut file = compile(&rows(300), 3);
    let root = Db::open(file.as_slice(), &OpenOptions::default()).unwrap().root();
    file.extend(by.sign_base(&root));
    file
}

fn open(file: &[u8], by: Option<PublicKey>) -> Result<Option<PublicKey>, OpenError> {
    let options = OpenOptions { signed_by: by, ..OpenOptions::default() };
    Db::open(file, &options).map(|db| db.signed_by())
}

#[test]
fn a_base_is_taken_only_from_who_must_have_signed_it() {
    let (mine, other) = (key(1), key(2));
    let file = signed(&mine);
    assert_eq!(open(&file, None).unwrap(), Some(mine.public()));
    assert_eq!(open(&file, Some(mine.public())).unwrap(), Some(mine.public()));
    let error = open(&file, Some(other.public())).unwrap_err();
    assert!(matches!(error, OpenError::OtherSigner { .. }), "{error}");
    let unsigned = &file[..file.len() - 128];
    assert_eq!(open(unsigned, None).unwrap(), None, "as before there were signatures");
    let error = open(unsigned, Some(mine.public())).unwrap_err();
    assert!(matches!(error, OpenError::Unsigned(_)), "{error}");
}

#[test]
fn a_signature_is_of_one_file_alone() {
    let (mine, other) = (key(1), key(2));
    let file = signed(&mine);
    // The block of another base.
    let mut swapped = compile(&rows(200), 3);
    swapped.extend(&file[file.len() - 128..]);
    assert!(matches!(open(&swapped, None), Err(OpenError::BadSignature)));
    // The name of the right key, over the signature of another.
    let mut renamed = signed(&other);
    let at = renamed.len() - 112;
    renamed[at..at + 32].copy_from_slice(&mine.public().0);
    assert!(matches!(open(&renamed, Some(mine.public())), Err(OpenError::BadSignature)));
    // A signature of a log is none of a base.
    let (mut writer, head) = log::Writer::begin([0; 32], Arc::clone(&mine));
    let mut frame = head;
    writer.frame(&rows(1), &Default::default(), &mut frame).unwrap();
    let mut borrowed = file.clone();
    let at = borrowed.len() - 80;
    borrowed[at..at + 64].copy_from_slice(&frame[frame.len() - 64..]);
    assert!(matches!(open(&borrowed, None), Err(OpenError::BadSignature)));
}

#[test]
fn every_flipped_bit_of_a_signed_base_is_noticed() {
    let file = signed(&key(1));
    let mut random = Random(5);
    for _ in 0..300 {
        let near_end = random.below(2) == 0;
        let at = if near_end {
            file.len() as u64 - 1 - random.below(128)
        } else {
            random.below(file.len() as u64)
        };
        let mut flipped = file.clone();
        flipped[at as usize] ^= 1 << random.below(8);
        assert!(open(&flipped, None).is_err(), "byte {at} of {}", file.len());
        fuzz_open(&flipped);
    }
}

#[test]
fn the_same_content_bears_the_same_signature() {
    // RFC 8032 section 7.1, test 1.
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let key = SigningKey::from_seed(&hex::decode(seed).unwrap()).unwrap();
    assert_eq!(key.public().to_string(), public);
    assert_eq!(public.parse(), Ok(key.public()));
    assert!("d75a".parse::<PublicKey>().is_err());
    assert_eq!(signed(&key), signed(&key));
    assert!(!format!("{key:?}").contains("9d61"));
}

/// A signed log of three frames, and where each ends.
fn signed_log(by: &Arc<SigningKey>) -> (Vec<u8>, Vec<usize>) {
    let (mut writer, mut bytes) = log::Writer::begin([7; 32], Arc::clone(by));
    let mut ends = vec![bytes.len()];
    for frame in rows(60).chunks(20) {
        writer.frame(frame, &Default::default(), &mut bytes).unwrap();
        ends.push(bytes.len());
    }
    (bytes, ends)
}

#[test]
fn a_signed_log_proves_its_frames_and_their_order() {
    let (mine, limits) = (key(1), Default::default());
    let (bytes, ends) = signed_log(&mine);
    let contents = log::decode(&bytes, &limits).unwrap();
    let seal = contents.seal.unwrap();
    assert_eq!((seal.base, seal.key), ([7; 32], mine.public()));
    assert_eq!((contents.changes, contents.valid_len), (rows(60), bytes.len() as u64));
    // Torn off anywhere, what is left is proven, and goes on.
    for cut in [ends[1], ends[1] + 30, ends[2] - 1, ends[2] + 5] {
        let torn = log::decode(&bytes[..cut], &limits).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
        assert_eq!(torn.changes, rows(20 * whole as u64));
        let mut writer = log::Writer::resume(&torn.seal.unwrap(), Arc::clone(&mine)).unwrap();
        let mut again = bytes[..torn.valid_len as usize].to_vec();
        for frame in rows(60).chunks(20).skip(whole) {
            writer.frame(frame, &limits, &mut again).unwrap();
        }
        assert!(again == bytes, "as if it had never been torn");
    }
    assert!(log::Writer::resume(&seal, key(2)).is_none());
    // Another order, a frame left out, another base, another key: all of them are noticed.
    let frames: Vec<&[u8]> = ends.windows(2).map(|end| &bytes[end[0]..end[1]]).collect();
    let head = &bytes[..ends[0]];
    let mut of_base = bytes.clone();
    of_base[20] ^= 1;
    let mut of_key = bytes.clone();
    of_key[48..80].copy_from_slice(&key(2).public().0);
    let forged = [
        [head, frames[1], frames[0], frames[2]].concat(),
        [head, frames[0], frames[2]].concat(),
        [head, frames[0], frames[0], frames[1]].concat(),
        of_base,
        of_key,
    ];
    for forged in forged {
        assert_eq!(log::decode(&forged, &limits), Err(log::LogError::BadSignature));
    }
}

#[test]
fn a_log_that_nobody_signed_is_still_read() {
    let mut bytes = log::head().to_vec();
    log::encode_frame(&rows(3), &Default::default(), &mut bytes).unwrap();
    let contents = log::decode(&bytes, &Default::default()).unwrap();
    assert_eq!((contents.changes, contents.seal), (rows(3), None));
    bytes[8] = 3;
    assert_eq!(log::decode(&bytes, &Default::default()), Err(log::LogError::NotALog));
}

#[test]
fn the_fuzzing_seed_of_a_signed_log_is_of_this_format() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/verdictdb_change_log/signed");
    let (mut writer, mut bytes) = log::Writer::begin([7; 32], key(1));
    rows(4).chunks(2).for_each(|frame| {
        writer.frame(frame, &Default::default(), &mut bytes).unwrap();
    });
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &bytes).unwrap();
    }
    fuzz_change_log(&bytes);
    assert!(std::fs::read(path).unwrap() == bytes, "run again with UPDATE_EXPECT=1");
    let mut random = Random(6);
    for _ in 0..500 {
        let mut mutated = bytes.clone();
        mutated[random.below(bytes.len() as u64) as usize] ^= 1 << random.below(8);
        fuzz_change_log(&mutated);
    }
}
