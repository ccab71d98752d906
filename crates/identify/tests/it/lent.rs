//! Hosts that lend space to strangers: their pages are judged, not they.

use crate::sample::{
    append, bad, band, days, decided, explained, good, import, open, source, verdict,
};
use wardnet_model::{Action, Band, Record};

#[test]
fn a_page_on_a_lending_host_is_judged_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "feed", days(0));
    let page = "https://docs.google.com/forms/d/e/kit/viewform";
    import(&mut engine, feed, true, &[bad(page), bad("docs.google.com")], days(0));
    assert_eq!(band(&engine, page, days(0)), Band::Malicious);
    assert_eq!(band(&engine, "docs.google.com", days(0)), Band::Unrated);
    assert_eq!(band(&engine, "https://docs.google.com/document/d/1", days(0)), Band::Unrated);
    let found = explained(&engine, "docs.google.com", days(0)).unwrap();
    assert!(found.explanation.ceiling.is_some(), "the explanation says what held it down");
    assert!(found.published.risk.value() < 30);
}

#[test]
fn a_known_good_lending_host_vouches_for_itself_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let top = source(&mut engine, "top", days(0));
    import(&mut engine, top, true, &[good("docs.google.com"), good("shop.com")], days(0));
    assert_eq!(band(&engine, "docs.google.com", days(0)), Band::Safe);
    assert_eq!(band(&engine, "https://docs.google.com/document/d/1", days(0)), Band::Unrated);
    assert_eq!(band(&engine, "https://shop.com/x", days(0)), Band::Safe);
}

#[test]
fn good_and_bad_meet_along_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let (top, feed) = (source(&mut engine, "top", days(0)), source(&mut engine, "feed", days(0)));
    import(&mut engine, top, true, &[good("shop.com"), good("http://evil.top/fine")], days(0));
    import(&mut engine, feed, true, &[bad("http://shop.com/kit/a.html"), bad("evil.top")], days(0));
    assert_eq!(band(&engine, "http://shop.com/kit/a.html", days(0)), Band::Malicious);
    assert_eq!(band(&engine, "http://shop.com/", days(0)), Band::Safe);
    assert_eq!(band(&engine, "http://evil.top/fine", days(0)), Band::Malicious);
    engine.rebuild_base(days(0)).unwrap();
    assert_eq!(band(&engine, "http://shop.com/kit/a.html", days(0)), Band::Malicious);
    assert_eq!(band(&engine, "http://evil.top/fine", days(0)), Band::Malicious);
}

#[test]
fn what_is_never_listed_is_neither_listed_nor_blocked() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), days(0));
    let feed = source(&mut engine, "feed", days(0));
    engine.never_list(&["bank.com".into(), "45.95.11.0/24".into()], days(0)).unwrap();
    import(&mut engine, feed, true, &[bad("www.bank.com"), bad("45.95.11.34")], days(0));
    let block = decided("bank.com", Action::Block, days(0));
    append(&mut engine, Record::Decision(block), days(0));
    for rebuilt in [false, true] {
        if rebuilt {
            engine.rebuild_base(days(0)).unwrap();
        }
        for text in ["bank.com", "www.bank.com", "https://www.bank.com/x", "45.95.11.34"] {
            assert_eq!(verdict(&engine, text, days(0)), (Band::Trusted, 0), "{text} {rebuilt}");
        }
    }
}
