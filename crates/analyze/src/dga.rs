//! Names that generators of known families will make on a day, ahead of it.
//!
//! Only families whose algorithm has been published: what the malware computes, anybody can compute.
//! Each was held against names of the family that were seen in the wild or published with its
//! description. Seeds and keys are those that were seen; others of a family yield other names.

mod arithmetic;
mod day;
mod fixed;
mod hashed;
#[cfg(test)]
mod tests;

pub use day::Day;

/// A family of generators.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What is known of it, in a sentence.
    pub about: &'static str,
    /// All names of a day, in the order in which the malware tries them.
    pub names: fn(Day) -> Vec<String>,
}

/// The families that can be told ahead, by name.
pub const FAMILIES: &[Family] = &[
    Family {
        name: "banjori",
        about: "Banjori with the seed earnestnessbiophysicalohax.com: 15,372 names, whatever the day",
        names: fixed::banjori,
    },
    Family {
        name: "cryptolocker-early",
        about: "the generator of CryptoLocker as described in 2014: one name a day",
        names: arithmetic::cryptolocker,
    },
    Family {
        name: "fobber",
        about: "Fobber, versions 1 and 2: 300 names each, whatever the day",
        names: fixed::fobber,
    },
    Family {
        name: "fosniw",
        about: "Fosniw: numbered hosts of two sites, whatever the day",
        names: fixed::fosniw,
    },
    Family {
        name: "gameover-newgoz",
        about: "the Gameover of July 2014 with the key 01051935: 1,000 names a day",
        names: hashed::newgoz,
    },
    Family {
        name: "monerodownloader",
        about: "a downloader of miners, salted jkhhksugrhtijys78g46: 2,500 names a day",
        names: hashed::monerodownloader,
    },
    Family {
        name: "murofet-1",
        about: "Murofet, version 1: 1,020 names a week",
        names: hashed::murofet_1,
    },
    Family {
        name: "murofet-2",
        about: "Murofet, version 2, with the key d6d7a4be: 510 names a day, each under two suffixes",
        names: hashed::murofet_2,
    },
    Family {
        name: "murofet-3",
        about: "Murofet, version 3: 1,000 long names a week",
        names: hashed::murofet_3,
    },
    Family {
        name: "mydoom",
        about: "Mydoom with the seed fa8: 50 names a day",
        names: arithmetic::mydoom,
    },
    Family {
        name: "necurs",
        about: "Necurs with its seed 9: 2,048 names, changing every fourth day of the month",
        names: arithmetic::necurs,
    },
    Family {
        name: "padcrypt",
        about: "PadCrypt, versions 2.2.86.1 and 2.2.97.0: 24 and 72 names a day",
        names: hashed::padcrypt,
    },
    Family {
        name: "proslikefan",
        about: "Proslikefan with the seeds prospect and OK: 100 names each a day",
        names: arithmetic::proslikefan,
    },
    Family {
        name: "qakbot",
        about: "Qakbot with its seed 0: 5,000 names for a third of a month",
        names: arithmetic::qakbot,
    },
    Family {
        name: "ranbyus",
        about: "Ranbyus of September 2015 with the seeds 0f0d5bfa and ae8714be: 40 names each a day",
        names: arithmetic::ranbyus,
    },
    Family {
        name: "symmi",
        about: "Symmi: 64 names under ddns.net for half a month",
        names: arithmetic::symmi,
    },
    Family {
        name: "tufik",
        about: "Tufik with the key 997722ed: 1,020 names a day",
        names: hashed::tufik,
    },
];

/// The family called `name`.
pub fn family(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.name == name)
}
