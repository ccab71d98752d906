//! Long names that generators whose algorithm ships will make, on days to come.
//!
//! `wardnet dga` tells them ahead; the model of names should know them, too, and the labelled set has
//! hardly any name as long as those of Murofet's third version. Families that make the same names every
//! day are left out: theirs are in the labelled set.

use std::collections::BTreeSet;

use wardnet_analyze::dga::{Day, FAMILIES};

/// Days on which names are made: far enough from one another for each to have names of its own.
const DAYS: [Day; 4] = [
    Day { year: 2027, month: 1, day: 5 },
    Day { year: 2027, month: 6, day: 12 },
    Day { year: 2027, month: 11, day: 23 },
    Day { year: 2028, month: 3, day: 30 },
];

/// The most names of a family and a day.
const NAMES_MAX: usize = 50;

/// The fewest bytes of a name: of shorter ones the labelled set has enough, of these hardly any.
const NAME_BYTES_MIN: usize = 32;

/// Names of days to come with their families, called as the labelled set calls them.
pub(super) fn names() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for family in FAMILIES {
        let mut made = BTreeSet::new();
        for day in DAYS {
            let mut names = (family.names)(day);
            names.retain(|name| name.len() >= NAME_BYTES_MIN);
            let step = names.len().div_ceil(NAMES_MAX).max(1);
            made.insert(names.into_iter().step_by(step).collect::<Vec<_>>());
        }
        // One list for all days is no list of days to come.
        if made.len() > 1 {
            let named = |name| (name, labelled(family.name));
            all.extend(made.into_iter().flatten().map(named));
        }
    }
    all
}

/// What the labelled set calls a family: it tells no versions apart.
fn labelled(name: &str) -> String {
    let name = name.strip_suffix("-early").unwrap_or(name);
    name.trim_end_matches(|sign: char| sign == '-' || sign.is_ascii_digit()).replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_long_and_of_days_to_come() {
        let names = names();
        let families: BTreeSet<&str> = names.iter().map(|(_, family)| family.as_str()).collect();
        assert_eq!(families, BTreeSet::from(["gameover_newgoz", "murofet"]));
        assert!(names.iter().all(|(name, _)| name.len() >= NAME_BYTES_MIN));
        let of_one = names.iter().filter(|(_, family)| family == "murofet").count();
        assert!(
            (200..=400).contains(&of_one),
            "its second version makes long names, too: {of_one}"
        );
    }

    #[test]
    fn families_are_called_as_in_the_labelled_set() {
        for (name, expected) in [
            ("murofet-3", "murofet"),
            ("gameover-newgoz", "gameover_newgoz"),
            ("cryptolocker-early", "cryptolocker"),
            ("necurs", "necurs"),
        ] {
            assert_eq!(labelled(name), expected);
        }
    }
}
