//! A client that does what the specification says ends with the server's list, whatever it missed
//! and however little it takes at once.

use super::*;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use std::collections::BTreeSet;

const ANY: Room = Room { update_max: usize::MAX, list_max: usize::MAX };

/// A client as the specification describes it.
#[derive(Default)]
struct Client {
    list: Vec<u32>,
    held: Option<Held>,
}

impl Client {
    /// Takes one update; whether it is complete.
    fn take(&mut self, server: &List<u32>, room: Room) -> bool {
        let update = server.update(self.held, room);
        assert!(update.removals.len() + update.additions.len() <= room.update_max);
        if !update.is_partial {
            self.list.clear();
            assert!(update.removals.is_empty());
        }
        for place in update.removals.iter().rev() {
            self.list.remove(*place as usize);
        }
        self.list.extend(&update.additions);
        self.list.sort_unstable();
        assert!(self.list.len() <= room.list_max);
        match update.checksum {
            Some(sum) => assert_eq!(sum, checksum(&self.list)),
            None => assert!(update.additions.is_empty() && update.removals.is_empty()),
        }
        self.held = Some(update.held);
        update.is_complete
    }

    /// Updates until it is told that there is no more.
    fn catch_up(&mut self, server: &List<u32>, room: Room) {
        for _ in 0..1_000 {
            if self.take(server, room) {
                return;
            }
        }
        panic!("there is always more");
    }
}

/// The next state, in which these have changed sides.
fn flipped(list: &List<u32>, flips: &BTreeSet<u32>, kept_max: usize) -> List<u32> {
    let (removed, added) = flips.iter().partition(|prefix| list.prefixes.contains(prefix));
    list.next(removed, added, kept_max)
}

proptest! {
    #[test]
    fn clients_end_with_the_list(
        first in btree_set(0u32..200, 0..100),
        steps in vec(btree_set(0u32..200, 0..20), 0..12),
        looks in vec(any::<bool>(), 12),
        update_max in 8usize..60,
        list_max in prop_oneof![Just(usize::MAX), 10usize..150],
        kept_max in 0usize..80,
    ) {
        let room = Room { update_max, list_max };
        let mut server = List::new(first.into_iter().collect(), 7);
        let (mut client, mut greedy) = (Client::default(), Client::default());
        for (flips, look) in steps.iter().zip(looks) {
            if look {
                client.take(&server, room);
            }
            greedy.catch_up(&server, ANY);
            prop_assert_eq!(&greedy.list, &*server.prefixes);
            server = flipped(&server, flips, kept_max);
        }
        client.catch_up(&server, room);
        let wanted = server.prefixes.len().min(list_max);
        prop_assert_eq!(&client.list[..], &server.prefixes[..wanted]);
    }
}

#[test]
fn nothing_new_is_told_in_few_words() {
    let server = List::new(vec![1u32, 5, 9], 1);
    let first = server.update(None, ANY);
    assert!(!first.is_partial && first.is_complete);
    let second = server.update(Some(first.held), ANY);
    let nothing = Update {
        is_partial: true,
        removals: vec![],
        additions: vec![],
        held: first.held,
        checksum: None,
        is_complete: true,
    };
    assert_eq!(second, nothing);
}

#[test]
fn a_version_that_never_was_gets_the_list_whole() {
    let server = List::new(vec![1u32, 5, 9], 5);
    for version in [0, 4, 6, u64::MAX] {
        let update = server.update(Some(Held { version, bound: [255; 32] }), ANY);
        assert!(!update.is_partial, "{version}");
        assert_eq!(update.additions, [1, 5, 9]);
    }
}

#[test]
fn the_checksum_of_the_go_client() {
    // github.com/google/safebrowsing, `TestHashComputeSHA256`.
    let prefixes = [b"aaaa", b"bbbb", b"cccc", b"dddd"].map(|bytes| u32::from_be_bytes(*bytes));
    let sum: String = checksum(&prefixes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(sum, "147eb9dcde0e090429c01dbf634fd9b69a7f141f005c387a9c00498908499dde");
}

#[test]
fn what_clients_ask_for_is_hashed_before_they_ask_again() {
    let list = List::<u32>::new(vec![1, 2, 3], 1);
    let unasked = list.next(vec![1], vec![4], 100);
    assert!(unasked.checksum.get().is_none(), "nobody takes this list");
    list.update(None, ANY);
    let next = list.next(vec![1], vec![4], 100);
    assert_eq!(next.checksum.get(), Some(&checksum(&[2_u32, 3, 4])));
    // Whoever took the version before the last is gone, as far as one knows.
    assert!(next.next(vec![2], vec![], 100).checksum.get().is_none());
    // Where nothing changed the next asker is still to come.
    let same = list.next(vec![], vec![], 100);
    assert!(same.next(vec![2], vec![], 100).checksum.get().is_some());
}
