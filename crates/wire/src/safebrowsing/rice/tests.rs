//! Vectors of Google's Go client (github.com/google/safebrowsing, `hash_test.go`), made by the
//! server's own coder; and a decoder that reads as the specification says.

use super::*;
use proptest::collection::btree_set;
use proptest::prelude::*;

/// Reads coded numbers, bit by bit.
fn decode<const N: usize>(rice: &Rice<N>) -> Vec<Number<N>> {
    let mut bits =
        rice.data.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1)).map(u64::from);
    let mut all = vec![rice.first];
    for _ in 0..rice.entries {
        let ones = bits.by_ref().take_while(|bit| *bit == 1).count() as u64;
        let mut delta = [0; N];
        for at in 0..u32::from(rice.parameter) {
            add_bit(&mut delta, at, bits.next().unwrap());
        }
        for at in 0..32 {
            add_bit(&mut delta, u32::from(rice.parameter) + at, ones >> at & 1);
        }
        let last = *all.last().unwrap();
        // Adding is subtracting what is negative.
        all.push(subtract(&last, &subtract(&[0; N], &delta)));
    }
    all
}

fn add_bit<const N: usize>(number: &mut Number<N>, at: u32, bit: u64) {
    if bit == 1 {
        number[N - 1 - (at / 64) as usize] |= 1 << (at % 64);
    }
}

/// The numbers, in a row, whose differences these are.
fn summed(deltas: &[u64]) -> Vec<Number<1>> {
    let mut sum = 0;
    std::iter::once(0)
        .chain(deltas.iter().map(|delta| {
            sum += delta;
            sum
        }))
        .map(|number| [number])
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn bits_are_those_of_the_server() {
    let vectors: [(u8, &str, &[u64]); 5] = [
        (2, "f702", &[15, 9]),
        (5, "00", &[0]),
        (
            28,
            "54607be70a5fc1dcee69defe583ca3d6a5f2108c4a595600",
            &[62763050, 1046523781, 192522171, 1800511020, 4442775, 582142548],
        ),
        (
            27,
            "8998d875bc4491eb390c3e309a78f36ad4d9b19ffb703e443ea3086742c22b46698e3cebd9105a439a32a52d4e770f877820b6ab7198480c9e9ed7230c13432ca901",
            &[
                225846818, 328287420, 166748623, 29117720, 552397365, 350353215, 558267528,
                4738273, 567093445, 28563065, 55077698, 73091685, 339246010, 98242620, 38060941,
                63917830, 206319759, 137700744,
            ],
        ),
        (
            28,
            "412ce4fe06dc0dbd31a504d56edd9b43b73f11245210804f964bd48067b2dd52c94e02c6d760de0692521edd356471262cfecf8146b27901",
            &[
                532220688, 780594691, 436816483, 163436269, 573044456, 1069604, 39629436,
                211410997, 227714491, 381562898, 75610008, 196754597, 40310339, 15204118, 99010842,
            ],
        ),
    ];
    for (parameter, coded, deltas) in vectors {
        let only = Width::new(parameter, parameter);
        let rice = encode(summed(deltas).into_iter(), only).unwrap();
        assert_eq!((hex(&rice.data).as_str(), rice.parameter), (coded, parameter));
        assert_eq!(rice.entries as usize, deltas.len());
    }
}

#[test]
fn a_set_is_coded_as_the_server_does() {
    // The first vector of `TestDecodeHashes`: prefixes as little-endian numbers, in their order.
    let mut prefixes =
        [0x17f15426u32, 0x47ba02b7, 0x573373a2, 0xa0c7b20d, 0xa19edd3e, 0xd2c60aef, 0xf1fa25a2]
            .map(|prefix| [u64::from(prefix.swap_bytes())]);
    prefixes.sort_unstable();
    let rice = encode(prefixes.into_iter(), Width::V4).unwrap();
    assert_eq!((rice.first, rice.parameter, rice.entries), ([0x0DB2_C7A0], 28, 6));
    assert_eq!(hex(&rice.data), "dda588628aad88f883e2421a66384d10bce123dd22030202");
}

#[test]
fn none_and_one() {
    assert_eq!(encode::<1>(std::iter::empty(), Width::FOUR), None);
    let one = encode(std::iter::once([7u64]), Width::FOUR).unwrap();
    assert_eq!(one, Rice { first: [7], parameter: 3, entries: 0, data: Vec::new() });
}

#[test]
fn size_is_near_the_bound() {
    // Evenly spread numbers: the bound of a geometric source is about 1.5 bits over the mean's.
    let mut state = 1u64;
    let mut numbers: Vec<Number<1>> = (0..100_000)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            [state >> 32]
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    let rice = encode(numbers.iter().copied(), Width::FOUR).unwrap();
    let mean = f64::from(u32::MAX) / numbers.len() as f64;
    // The entropy of a geometric distribution with this mean.
    let bound = (mean.log2() + std::f64::consts::LOG2_E) * numbers.len() as f64 / 8.0;
    let size = rice.data.len() as f64;
    assert!(size < bound * 1.03, "{size} bytes, {bound} at least");
}

fn four() -> impl Strategy<Value = Vec<Number<1>>> {
    btree_set(any::<u32>(), 1..200).prop_map(|all| all.into_iter().map(|n| [n.into()]).collect())
}

proptest! {
    #[test]
    fn what_is_written_is_read(numbers in four()) {
        for width in [Width::V4, Width::FOUR] {
            let rice = encode(numbers.iter().copied(), width).unwrap();
            prop_assert!(width.range().contains(&rice.parameter));
            prop_assert_eq!(&decode(&rice), &numbers);
        }
    }

    #[test]
    fn indices_in_a_row_too(from in 0u64..1000, count in 1u64..300) {
        let numbers: Vec<_> = (from..from + count).map(|n| [n]).collect();
        let rice = encode(numbers.iter().copied(), Width::FOUR).unwrap();
        prop_assert_eq!(decode(&rice), numbers);
    }

    #[test]
    fn eight_bytes_too(numbers in btree_set(any::<u64>(), 1..200)) {
        let numbers: Vec<_> = numbers.into_iter().map(|n| [n]).collect();
        let rice = encode(numbers.iter().copied(), Width::EIGHT).unwrap();
        prop_assert_eq!(decode(&rice), numbers);
    }

    #[test]
    fn whole_hashes_too(numbers in btree_set(any::<[u64; 4]>(), 1..100)) {
        let rice = encode(numbers.iter().copied(), Width::THIRTY_TWO).unwrap();
        prop_assert_eq!(decode(&rice), numbers.into_iter().collect::<Vec<_>>());
    }
}
