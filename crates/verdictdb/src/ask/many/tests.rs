//! Many questions at once are answered as one after the other, and as by plain digests.

use super::*;
use crate::{Builder, Change, Db, Entry, EntryData, Layer, OpenOptions, Options, Profile};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;
use wardnet_model::{
    Band, Category, CategorySet, Key, Kind, Risk, Scope, question_expressions, question_names,
};

const NOW: Timestamp = Timestamp(1_000);

/// Few names, so that questions meet what is known.
const TEXTS: [&str; 14] = [
    "evil.top",
    "www.evil.top",
    "a.b.c.www.evil.top",
    "good.example.org",
    "example.co.uk",
    "localhost",
    "http://evil.top/",
    "http://www.evil.top/one/two/page?query=3",
    "https://a-name-that-does-not-fit-into-a-single-block-of-sixty-four-bytes.evil.top/x/y/z",
    "http://101.2.3.4:8080/one/",
    "101.2.3.4",
    "101.2.3.0/24",
    "2606:4700::1",
    "mail@www.evil.top",
];

const SCOPES: [Scope; 3] = [Scope::Exact, Scope::Below, Scope::Subtree];

fn indicator(text: &str) -> Indicator {
    Indicator::parse(text).unwrap()
}

fn profile(risk: u8) -> Profile {
    let band = if risk < 30 { Band::Safe } else { Band::Malicious };
    let categories = CategorySet::EMPTY.with(Category::Phishing);
    Profile { risk: Risk::new(risk), band, categories, ..Profile::default() }
}

type Known = (&'static str, Scope, u8, bool);

/// A base of some entries, and changes over it: later ones add, replace and remove.
fn view(base: &[Known], changes: &[Known]) -> View {
    let mut builder = Builder::new(Options { created: NOW, ..Options::default() });
    let mut places = BTreeSet::new();
    for (text, scope, risk, _) in base {
        let indicator = indicator(text);
        let (kind, key) = (indicator.kind().unwrap(), indicator.key());
        if places.insert((kind, key, *scope)) {
            builder.push(&Entry::evidence(kind, key, *scope, &profile(*risk))).unwrap();
        }
    }
    let mut file = Vec::new();
    builder.finish(&mut file).unwrap();
    let view = View::of(Db::open(file.into(), &OpenOptions::default()).unwrap());
    let changes: Vec<Change> = (view.seq.wrapping_add(1)..)
        .zip(changes)
        .map(|(seq, (text, scope, risk, stays))| {
            let indicator = indicator(text);
            let (kind, key) = (indicator.kind().unwrap(), indicator.key());
            let data = EntryData { profile: profile(*risk), name: None, facts: None, terms: None };
            let new = stays.then_some(data);
            Change { seq, layer: Layer::Evidence, kind, key, scope: *scope, new }
        })
        .collect();
    view.after(&changes, NOW)
}

/// How many entries lie under the names that a question asks for, each name hashed alone.
fn plainly(view: &View, indicator: &Indicator) -> Option<usize> {
    let count = |kind: Kind, key: Key| view.find(None, kind, &key, NOW).unwrap().iter().count();
    let suffixes = SuffixList::shipped();
    match indicator {
        Indicator::Domain(name) => {
            let names = question_names(name, suffixes);
            Some(names.map(|(name, _)| count(Kind::Domain, wardnet_model::domain_key(name))).sum())
        }
        Indicator::Url(url) => {
            Some(question_expressions(url, suffixes).map(|e| count(Kind::Url, e.key())).sum())
        }
        _ => None,
    }
}

fn known() -> impl Strategy<Value = Vec<Known>> {
    let one = (select(&TEXTS[..]), select(&SCOPES[..]), 0u8..=100, any::<bool>());
    proptest::collection::vec(one, 0..20)
}

proptest! {
    #[test]
    fn many_are_answered_as_one_after_the_other(
        base in known(),
        changes in known(),
        asked in proptest::collection::vec(select(&TEXTS[..]), 0..50),
    ) {
        let view = view(&base, &changes);
        let indicators: Vec<Indicator> = asked.iter().map(|text| indicator(text)).collect();
        let questions: Vec<Question<'_>> = indicators.iter().map(Question::about).collect();
        let mut answers = Vec::new();
        view.ask_many(&questions, SuffixList::shipped(), NOW, |position, answer| {
            assert_eq!(position, answers.len(), "in order");
            answers.push(answer.unwrap());
        });
        prop_assert_eq!(answers.len(), questions.len());
        for (question, answer) in questions.iter().zip(&answers) {
            let alone = view.ask(question, SuffixList::shipped(), NOW).unwrap();
            prop_assert_eq!(format!("{answer:?}"), format!("{alone:?}"));
            // Scopes hide some of what is found, and hosts of URLs add to it.
            let kind = question.indicator.kind();
            let found = answer.matches.iter().filter(|found| Some(found.kind) == kind).count();
            if let (Some(most), None) = (plainly(&view, question.indicator), answer.reserved) {
                prop_assert!(found <= most, "{found} of {most}");
            }
        }
    }
}

/// Every text that is listed with all beneath it is found again, through its key alone.
#[test]
fn all_that_is_listed_is_found() {
    let known: Vec<Known> = TEXTS.iter().map(|text| (*text, Scope::Subtree, 90, true)).collect();
    for view in [view(&known, &[]), view(&[], &known)] {
        let indicators: Vec<Indicator> = TEXTS.iter().map(|text| indicator(text)).collect();
        let questions: Vec<Question<'_>> = indicators.iter().map(Question::about).collect();
        view.ask_many(&questions, SuffixList::shipped(), NOW, |position, answer| {
            let (answer, asked) = (answer.unwrap(), &indicators[position]);
            let first = answer.matches.iter().any(|found| Some(found.kind) == asked.kind());
            assert!(first || answer.reserved.is_some(), "{asked}");
            if let (Some(most), None) = (plainly(&view, asked), answer.reserved) {
                let of_kind = answer.matches.iter().filter(|m| Some(m.kind) == asked.kind());
                assert_eq!(of_kind.count(), most, "{asked}");
            }
        });
    }
}
