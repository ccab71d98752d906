//! Tables of every shape give back what was put in, and refuse what nobody wrote.

use super::*;

fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let mixed = (*seed ^ *seed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ mixed >> 32
}

/// Encodes cells as both kinds of table, and finds each again.
fn check(mut cells: Vec<Cell>, shard_bits: u8, shard: u64) -> Shape {
    cells.sort_unstable_by_key(|cell| (cell.key, cell.low, cell.scope));
    let mut narrow = None;
    for wide in [false, true] {
        let (shape, bytes, order) = encode(&cells, shard_bits, wide);
        assert_eq!(shape.len(), bytes.len() as u64);
        let table = Table { shape, bytes: &bytes };
        assert!(shape.is_valid() && table.is_sound(|cell| cell.scope < 3) == Some(true));
        let stored = |cell: &Cell| Cell { low: if wide { cell.low } else { 0 }, ..*cell };
        let expected: Vec<Cell> = order.iter().map(|at| stored(&cells[*at as usize])).collect();
        assert_eq!(table.cells(shard).unwrap(), expected);
        for (at, position) in order.iter().zip(0..) {
            let cell = &cells[*at as usize];
            let mut found = Vec::new();
            let done = table.find(cell.key, cell.low, |at, scope, profile| {
                found.push((at, scope, profile));
            });
            assert!(done.is_some() && found.contains(&(position, cell.scope, cell.profile)));
            let missed = table.find(cell.key ^ 1, cell.low, |at, _, _| {
                assert_eq!(expected[at as usize].key, cell.key ^ 1);
            });
            assert!(missed.is_some());
        }
        narrow.get_or_insert(shape);
    }
    narrow.unwrap()
}

#[test]
fn even_tables_find_every_entry() {
    let mut seed = 7;
    for count in [0u32, 1, 2, 6, 7, 8, 64, 65, 1000, 30_000] {
        for (scopes, profiles) in [(1, 1), (3, 9), (2, 70_000)] {
            let cells = (0..count).map(|i| Cell {
                key: random(&mut seed) >> 4 | 0x5 << 60,
                low: random(&mut seed),
                scope: (i % scopes) as u8,
                profile: i % profiles,
            });
            let shape = check(cells.collect(), 4, 5);
            assert!(shape.spilled <= count / 5, "{shape:?}");
        }
    }
}

#[test]
fn sixteen_profiles_take_less_than_eight_bytes() {
    let mut seed = 9;
    let mut cells: Vec<Cell> = (0..24_414)
        .map(|i| Cell { key: random(&mut seed) >> 12, low: 0, scope: 0, profile: i % 16 })
        .collect();
    cells.sort_unstable_by_key(|cell| cell.key);
    let (shape, bytes, _) = encode(&cells, 12, false);
    assert_eq!(shape.slots, 10);
    assert!((bytes.len() as f64) < 7.9 * cells.len() as f64, "{}", bytes.len());
}

#[test]
fn uneven_tables_find_every_entry() {
    let cluster = |i: u32| Cell { key: u64::from(i), low: 1, scope: 0, profile: 0 };
    let whole = check((0..70_000).map(cluster).collect(), 0, 0);
    assert_eq!(whole.buckets, 1, "keys ground to fall together are searched whole");
    let two = |i: u32| Cell { key: u64::from(i % 2) << 63 | u64::from(i), ..cluster(i) };
    assert!(check((0..5_000).map(two).collect(), 0, 0).buckets > 1);
    let scopes = |i: u32| Cell { scope: (i % 3) as u8, key: u64::from(i / 3) << 54, ..cluster(0) };
    check((0..900).map(scopes).collect(), 0, 0);
    let shard = |i: u32| Cell { key: 0xabcd << 48 | u64::from(i) << 20, ..cluster(i) };
    check((0..20_000).map(shard).collect(), 16, 0xabcd);
}

#[test]
fn what_nobody_wrote_is_not_sound() {
    let mut seed = 3;
    let mut cells: Vec<Cell> = (0..500)
        .map(|i| Cell { key: random(&mut seed), low: random(&mut seed), scope: 0, profile: i % 16 })
        .collect();
    cells.sort_unstable_by_key(|cell| cell.key);
    let (shape, bytes, _) = encode(&cells, 0, true);
    let sound = |bytes: &[u8], shape| {
        Table { shape, bytes }.is_sound(|cell| cell.profile < 16).unwrap_or(false)
    };
    assert!(sound(&bytes, shape) && shape.spilled > 0);
    for at in [60, 61, 64 + 60] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(!sound(&changed, shape), "header byte {at}");
    }
    let mut swapped = bytes.clone();
    let (one, two) = swapped.split_at_mut(4);
    one.swap_with_slice(&mut two[..4]);
    assert!(!sound(&swapped, shape), "entries out of order");
    assert!(!sound(&bytes, shape.with(shape.count, shape.buckets, shape.spilled - 1)));
    assert!(!sound(&bytes[..bytes.len() - 64], shape));
    for (count, buckets, spilled) in [(1, 2, 0), (0, 0, 1), (100, 1, 0), (COUNT_MAX + 1, 9, 9)] {
        assert!(!shape.with(count, buckets, spilled).is_valid(), "{count} {buckets} {spilled}");
    }
}
