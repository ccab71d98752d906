//! The decoder returns on any bytes: mutations of real segments, and noise.

use wardnet_journal::fault::{FaultDisk, Random};
use wardnet_journal::fuzz_segment;

use crate::{fill, open};

#[test]
fn any_bytes_are_survived() {
    let mut random = Random(7);
    for seed in segments() {
        fuzz_segment(&seed);
        for _ in 0..4_000 {
            fuzz_segment(&mutated(&seed, &mut random));
        }
    }
    for len in 0..600 {
        let noise: Vec<u8> = (0..len).map(|_| random.draw() as u8).collect();
        fuzz_segment(&noise);
    }
}

/// A plain and a compacted segment.
fn segments() -> Vec<Vec<u8>> {
    let disk = FaultDisk::new(1);
    let (journal, _) = open(&disk).unwrap();
    fill(&journal, 30);
    journal.append(&[b"a", b"", b"ccc"]).unwrap();
    journal.checkpoint().unwrap();
    let paths = journal.segments();
    let mut segments = vec![disk.contents(&paths.last().unwrap().path).unwrap()];
    journal.compact(|at, _| at % 3 == 0).unwrap();
    segments.push(disk.contents(&paths[0].path).unwrap());
    segments
}

fn mutated(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() as u64) as usize;
        match random.below(4) {
            0 => bytes[at] = random.draw() as u8,
            1 => bytes.truncate(at.max(1)),
            2 => bytes.extend_from_slice(&seed[at.min(seed.len())..]),
            _ => bytes[at..].iter_mut().take(8).for_each(|byte| *byte = 0xff),
        }
    }
    if random.below(2) == 0 {
        repair_checksums(&mut bytes);
    }
    bytes
}

/// Makes the checksums right again where a header seems to be, so that mutations get past them.
fn repair_checksums(bytes: &mut [u8]) {
    const HEADER: usize = 36;
    const FRAME: usize = 44;
    let Some((header, mut rest)) = bytes.split_at_mut_checked(HEADER) else { return };
    let checksum = crc32fast::hash(&header[..32]);
    header[32..].copy_from_slice(&checksum.to_le_bytes());
    let mark = header[24..32].to_vec();
    while rest.len() >= FRAME {
        let (frame, after) = rest.split_at_mut(FRAME);
        frame[..8].copy_from_slice(&mark);
        let len = u32::from_le_bytes(frame[24..28].try_into().unwrap()) as usize;
        let len = len.min(after.len());
        let (body, after) = after.split_at_mut(len);
        let checksum = crc32fast::hash(body);
        frame[36..40].copy_from_slice(&checksum.to_le_bytes());
        let checksum = crc32fast::hash(&frame[..40]);
        frame[40..].copy_from_slice(&checksum.to_le_bytes());
        rest = after;
    }
}
