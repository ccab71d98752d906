//! A zone that is started again: secondaries take differences, and have then what the zone has.

use super::client::{House, Policy, Word, apply};
use super::content::config;
use proptest::prelude::*;
use std::path::PathBuf;
use wardnet_model::{Scope, TenantId};
use wardnet_verdictdb::{FeedLimits, Overlay, Views};

/// A folder that is removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let random = std::collections::hash_map::RandomState::new();
        let number = std::hash::BuildHasher::hash_one(&random, name);
        let folder = format!("wardnet-rpz-{}-{number:x}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

const NAMES: [&str; 8] = [
    "evil.top",
    "www.evil.top",
    "a.b.evil.top",
    "other.shop",
    "x.other.shop",
    "203.0.114.7",
    "203.0.114.0/24",
    "203.0.112.0/20",
];

fn word() -> impl Strategy<Value = (usize, u8, usize, bool)> {
    (0..NAMES.len(), 0..3u8, 0..4usize, prop::bool::weighted(0.7))
}

fn say(house: &mut House, (name, scope, word, is_said): (usize, u8, usize, bool)) {
    let words = [Word::Listed, Word::Doubtful, Word::Blocked, Word::Allowed];
    let text = NAMES[name];
    let is_name = !text.starts_with("203");
    let scope = if is_name { Scope::from_tag(scope).unwrap() } else { Scope::Exact };
    house.say(text, scope, words[word], is_said);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn secondaries_take_differences_across_restarts(
        lives in prop::collection::vec(
            (prop::collection::vec((word(), any::<bool>()), 0..8), prop::collection::vec(word(), 0..4)),
            1..5,
        ),
    ) {
        let folder = Folder::new("differences");
        let mut views = Views::default();
        // What secondaries have: each stopped following at another time.
        let mut copies: Vec<(Policy, u32)> = Vec::new();
        for (lived, missed) in lives {
            let mut house = House::start(&config(), views, &folder.0);
            let policy = house.policy();
            for (copy, serial) in &copies {
                let (now, newest) = apply(copy.clone(), *serial, &house.transfer(Some(*serial)).unwrap());
                prop_assert_eq!((&now, newest), (&policy, house.serial()));
            }
            copies.push((policy, house.serial()));
            for (word, follows) in lived {
                say(&mut house, word);
                if follows {
                    house.follow();
                    copies.push((house.policy(), house.serial()));
                }
            }
            // The zone has not seen these before the end.
            missed.into_iter().for_each(|word| say(&mut house, word));
            views = house.views;
        }
        let mut house = House::start(&config(), views, &folder.0);
        house.follow();
        let policy = house.policy();
        for (copy, serial) in copies {
            let (now, newest) = apply(copy, serial, &house.transfer(Some(serial)).unwrap());
            prop_assert_eq!((&now, newest), (&policy, house.serial()));
        }
    }
}

#[test]
fn a_zone_of_other_settings_or_another_history_begins_anew() {
    let folder = Folder::new("anew");
    let mut house = House::start(&config(), Views::default(), &folder.0);
    say(&mut house, (0, 0, 2, true));
    house.follow();
    let (serial, views) = (house.serial(), house.views);
    let mut other = config();
    other.level = wardnet_score::Level::High;
    let house = House::start(&other, views, &folder.0);
    assert!(house.serial() > serial);
    assert!(house.zone.state().since(serial).is_none(), "other records for the same words");

    let views = Views::new((*house.views.load()).clone());
    views.keep_changes(2, FeedLimits::default());
    let house = House::start(&config(), views, &folder.0);
    assert!(house.zone.state().since(serial).is_none(), "another history");
}

#[test]
fn what_tenants_say_is_in_no_zone() {
    let folder = Folder::new("tenants");
    let mut house = House::start(&config(), Views::default(), &folder.0);
    say(&mut house, (0, 0, 2, true));
    house.follow();
    let (serial, policy) = (house.serial(), house.policy());
    let own = house.views.load().overlay.clone();
    house.views.publish_tenant(TenantId(7), &own);
    house.views.publish_tenant(TenantId(7), &Overlay::default());
    let house = House::start(&config(), house.views, &folder.0);
    assert_eq!((house.serial(), house.policy()), (serial, policy));
}
