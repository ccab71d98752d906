//! Whom names resemble.

use super::*;
use crate::url::{Spelling, UrlLimits};

fn found(name: &str) -> Option<(Likeness, &'static str)> {
    let mut host = Spelling::default();
    host.read_host(name.as_bytes(), &UrlLimits::default());
    resemblance(&host).map(|found| (found.likeness, found.brand))
}

#[test]
fn letters_that_look_alike() {
    for name in ["paypa1.com", "rnicrosoft.com", "faceb00k.net", "xn--pple-43d.com", "pay-pa1.com"]
    {
        let (likeness, brand) =
            found(name).unwrap_or_else(|| panic!("{name} looks like a brand's"));
        assert_eq!(likeness, Likeness::Homoglyph, "{name}");
        assert!(["paypal", "microsoft", "facebook", "apple"].contains(&brand), "{name}");
    }
}

#[test]
fn a_brand_where_it_is_not_at_home() {
    assert_eq!(found("paypal.com.evil.example"), Some((Likeness::Subdomain, "paypal")));
    assert_eq!(found("paypal-login.net"), Some((Likeness::Combination, "paypal")));
    assert_eq!(found("secure-netflix-billing.com"), Some((Likeness::Combination, "netflix")));
    // Both at once.
    for name in ["paypa1-login.com", "secure-rnicrosoft.net", "micr0soft-support.com"] {
        assert_eq!(found(name).unwrap().0, Likeness::Homoglyph, "{name}");
    }
    let written = idna::domain_to_ascii("p\u{430}ypal-login.com").unwrap();
    assert_eq!(found(&written), Some((Likeness::Homoglyph, "paypal")));
    assert_eq!((found("paypa1-lunch.com"), found("modern-login.com")), (None, None));
    // A dash is no letter that looks like another.
    assert_eq!(found("pay-pal.com"), Some((Likeness::Typo, "paypal")));
    assert_eq!(found("gooogle.com"), Some((Likeness::Typo, "google")));
    assert_eq!(found("amzaon.com"), Some((Likeness::Typo, "amazon")));
    assert_eq!(found("netflx.com"), Some((Likeness::Typo, "netflix")));
    assert_eq!(found("wwwpaypal.com"), Some((Likeness::MissingDot, "paypal")));
}

#[test]
fn popular_sites_are_mistyped_too() {
    assert_eq!(found("wikpedia.org"), Some((Likeness::Typo, "wikipedia")));
    assert_eq!(found("stackoverlfow.com"), Some((Likeness::Typo, "stackoverflow")));
    assert_eq!(found("wwwwikipedia.org"), Some((Likeness::MissingDot, "wikipedia")));
    // Both are on the list of popular sites, one letter apart.
    for name in ["wikipedia.org", "stackoverflow.com", "wikimedia.org", "accuweather.com"] {
        assert_eq!(found(name), None, "{name}");
    }
}

#[test]
fn brands_and_strangers_are_left_alone() {
    for name in [
        "paypal.com",
        "www.paypal.com",
        "google.co.uk",
        "login.microsoftonline.com",
        "support.apple.com",
        "example.com",
        "amazonaws.com",
        "192.0.2.1",
        "",
        "com",
    ] {
        assert_eq!(found(name), None, "{name}");
    }
}

#[test]
fn a_typing_error_alone_is_no_proof() {
    let typo = Resemblance { likeness: Likeness::Typo, brand: "google" };
    assert_eq!(typo.score(), 0.0);
    assert!(typo.words().contains("google"));
}
