//! What answers say alike about all entries of one profile, kept over a batch.
//!
//! A thousand answers may be about a handful of profiles: their risks, categories and sources are
//! then written once, and copied.

use std::cell::RefCell;
use std::ops::Range;

use wardnet_model::Band;
use wardnet_verdictdb::Profile;

use super::Asker;
use super::json::Json;

/// A part of an answer that depends on nothing but the profile.
#[derive(Debug, Clone, Copy)]
pub(super) enum Phrase {
    /// The end of a match: `,"risk":90,"band":"malicious",…}`.
    Match,
    /// The begin of a reason: `phishing: `.
    Reason,
    /// What evidence does: ` is listed by openphish, urlhaus`.
    Evidence,
}

impl Phrase {
    const ALL: [Self; 3] = [Self::Match, Self::Reason, Self::Evidence];
}

/// The phrases of some profiles, for one asker of one view.
#[derive(Default)]
pub(crate) struct Phrasebook {
    pages: RefCell<Vec<Option<Box<Page>>>>,
}

struct Page {
    profile: Profile,
    text: Vec<u8>,
    phrases: [Range<usize>; Phrase::ALL.len()],
}

impl Phrasebook {
    /// Profiles that are kept at most, some hundred bytes each.
    const PAGES: usize = 256;

    fn write(&self, asker: &Asker<'_>, profile: &Profile, phrase: Phrase, out: &mut Json<'_>) {
        let mut pages = self.pages.borrow_mut();
        if pages.is_empty() {
            pages.resize_with(Self::PAGES, || None);
        }
        // Neighbours in memory get pages of their own; others displace each other.
        let number = std::ptr::from_ref(profile).addr() / size_of::<Profile>() % Self::PAGES;
        let Some(page) = pages.get_mut(number) else { return };
        let page = match page {
            Some(page) if page.profile == *profile => page,
            other => other.insert(Box::new(Page::of(asker, profile))),
        };
        let [of_match, reason, evidence] = &page.phrases;
        let range = match phrase {
            Phrase::Match => of_match,
            Phrase::Reason => reason,
            Phrase::Evidence => evidence,
        };
        out.bytes(page.text.get(range.clone()).unwrap_or_default());
    }
}

impl Page {
    fn of(asker: &Asker<'_>, profile: &Profile) -> Self {
        let mut text = Vec::new();
        let phrases = Phrase::ALL.map(|phrase| {
            let start = text.len();
            asker.word(profile, phrase, &mut Json(&mut text));
            start..text.len()
        });
        Self { profile: profile.clone(), text, phrases }
    }
}

impl Asker<'_> {
    /// Appends a phrase, out of the phrasebook if there is one.
    pub(super) fn phrase(&self, profile: &Profile, phrase: Phrase, out: &mut Json<'_>) {
        match self.phrases {
            Some(book) => book.write(self, profile, phrase, out),
            None => self.word(profile, phrase, out),
        }
    }

    fn word(&self, profile: &Profile, phrase: Phrase, out: &mut Json<'_>) {
        match phrase {
            Phrase::Match => self.end_of_match(profile, out),
            Phrase::Reason => begin_of_reason(profile, out),
            Phrase::Evidence => self.evidence_of(profile, out),
        }
    }

    fn end_of_match(&self, profile: &Profile, out: &mut Json<'_>) {
        out.raw(r#","risk":"#);
        out.number(profile.risk.value());
        out.raw(r#","band":""#);
        out.raw(profile.band.name());
        out.raw(r#"","categories":"#);
        out.categories(profile.categories);
        out.raw(r#","sources":["#);
        for (at, source) in profile.sources.iter().enumerate() {
            out.comma_unless(at == 0);
            self.with_source_name(source, |name| out.string(name));
        }
        out.raw("]}");
    }

    fn evidence_of(&self, profile: &Profile, out: &mut Json<'_>) {
        out.raw(match profile.band {
            Band::Malicious | Band::Suspicious => " is listed",
            Band::Safe | Band::Trusted => " is vouched for",
            Band::Unrated => " was reported, too weakly or too long ago to count,",
        });
        for (at, source) in profile.sources.iter().enumerate() {
            out.raw(if at == 0 { " by " } else { ", " });
            self.with_source_name(source, |name| out.escaped(name));
        }
    }
}

fn begin_of_reason(profile: &Profile, out: &mut Json<'_>) {
    if profile.categories.is_empty() {
        return;
    }
    for (at, category) in profile.categories.iter().enumerate() {
        out.raw(if at == 0 { "" } else { ", " });
        out.raw(category.name());
    }
    out.raw(": ");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wardnet_model::{CategorySet, Risk};
    use wardnet_verdictdb::View;

    use super::*;
    use crate::testing::{CREATED, view};

    fn profile(number: u16) -> Profile {
        Profile {
            risk: Risk::new((number % 100) as u8),
            band: [Band::Malicious, Band::Safe, Band::Unrated][usize::from(number % 3)],
            categories: CategorySet::from_bits(u64::from(number % 7)),
            sources: (0..u32::from(number % 4)).map(|n| n + u32::from(number / 4)).collect(),
            ..Profile::default()
        }
    }

    fn asker<'v>(view: &'v View, suffixes: &'v wardnet_model::SuffixList) -> Asker<'v> {
        Asker::new(view, suffixes, CREATED)
    }

    proptest! {
        #[test]
        fn a_book_words_every_phrase_like_its_asker(asked in prop::collection::vec(0..700u16, 1..900)) {
            let (view, suffixes) = (view(), wardnet_model::SuffixList::shipped());
            let profiles: Vec<Profile> = (0..700).map(profile).collect();
            let book = Phrasebook::default();
            let (plain, with_book) = (asker(&view, suffixes), asker(&view, suffixes).with_phrases(&book));
            for number in asked {
                let profile = &profiles[usize::from(number)];
                for phrase in Phrase::ALL {
                    let (mut expected, mut written) = (Vec::new(), Vec::new());
                    plain.phrase(profile, phrase, &mut Json(&mut expected));
                    with_book.phrase(profile, phrase, &mut Json(&mut written));
                    prop_assert_eq!(written, expected);
                }
            }
            prop_assert!(book.pages.borrow().len() <= Phrasebook::PAGES);
        }
    }
}
