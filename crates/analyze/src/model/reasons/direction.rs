//! Which way a figure speaks, for people to read.
//!
//! The words in the tables of figures are part of a model's layout: they name what is measured, and say
//! nothing of whether much or little of it was found.

/// Figures by name, and what is said where a high one and where a low one speaks for a score.
const WORDS: [(&str, &str, &str); 11] = [
    ("familiar.3", UNLIKE, LIKE),
    ("familiar.3.total", UNLIKE, LIKE),
    ("familiar.4", UNLIKE, LIKE),
    (
        "familiar.4.run",
        "a long stretch of the name sounds familiar",
        "no long stretch of the name sounds familiar",
    ),
    ("familiar.5", LIKE, UNLIKE),
    (
        "familiar.5.covered",
        "much of the name is made of known words",
        "little of the name is made of known words",
    ),
    (
        "familiar.5.common",
        "much of the name is made of common words",
        "little of the name is made of common words",
    ),
    (
        "first.3",
        "the subdomain sounds unlike names that people choose",
        "the subdomain sounds like names that people choose",
    ),
    (
        "first.5.covered",
        "much of the subdomain is made of known words",
        "little of the subdomain is made of known words",
    ),
    ("suffix.heard", "a suffix often used", "a suffix seldom used"),
    ("suffix.top", "a top-level domain often used", "a top-level domain seldom used"),
];

/// What is surprising in a name is high in the figures of threes and fours, and low in that of fives.
const UNLIKE: &str = "the name sounds unlike names that people choose";
const LIKE: &str = "the name sounds like names that people choose";

/// What is said of the figure called `name` where it speaks for a score by being high, or by being low.
pub(super) fn directed(name: &str, is_high: bool) -> Option<&'static str> {
    let (_, high, low) = WORDS.iter().find(|(figure, ..)| *figure == name)?;
    Some(if is_high { high } else { low })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheet::Subject;

    #[test]
    fn every_figure_that_is_named_is_measured() {
        for subject in [Subject::Url, Subject::Domain] {
            let names: Vec<&str> =
                (0..subject.width()).map(|index| subject.feature(index).0).collect();
            for (name, ..) in WORDS {
                assert_eq!(names.iter().filter(|one| **one == name).count(), 1, "{name}");
            }
        }
        assert_eq!(directed("familiar.3", true), directed("familiar.5", false));
        assert_eq!(directed("host.length", true), None);
    }
}
