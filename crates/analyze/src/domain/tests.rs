//! Whom names resemble.

use super::resemblance::Likeness;
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
    assert_eq!((found("paypal-lunch.com"), found("modern-login.com")), (None, None));
    // Digits for letters need no bait.
    for name in ["micros0ft-0ffice365.com", "paypa1-lunch.com", "my-faceb00k.net"] {
        assert_eq!(found(name).unwrap().0, Likeness::Homoglyph, "{name}");
    }
    assert_eq!((found("my-1cloud.com"), found("docs-office365.com")), (None, None));
    // A dash is no letter that looks like another.
    assert_eq!(found("pay-pal.com"), Some((Likeness::Typo, "paypal")));
    assert_eq!(found("gooogle.com"), Some((Likeness::Typo, "google")));
    assert_eq!(found("amzaon.com"), Some((Likeness::Typo, "amazon")));
    assert_eq!(found("netflx.com"), Some((Likeness::Typo, "netflix")));
    assert_eq!(found("wwwpaypal.com"), Some((Likeness::MissingDot, "paypal")));
}

#[test]
fn a_one_and_an_l_pass_for_an_i() {
    for name in [
        "m1crosoft.com",
        "netfl1x.com",
        "tw1tter.com",
        "linkedln.com",
        "m\u{456}crosoft.com",
        "l\u{456}nkedin.com",
        "n\u{435}tfl\u{456}x.com",
        "eb\u{430}y.com",
        "h\u{455}bc.com",
        "b\u{1ecb}nance.com",
        "\u{121}oogle.com",
        "micr\u{151}soft.com",
        "microsof\u{21b}.com",
        "pa\u{1ef3}pal.com",
        "\u{1e83}hatsapp.com",
    ] {
        let written = idna::domain_to_ascii(name).unwrap();
        assert_eq!(found(&written).map(|found| found.0), Some(Likeness::Homoglyph), "{name}");
    }
    // Four plain letters, or five of which one is an `l`, mean something else.
    for name in ["hsbq.com", "appie.com", "elbay.com"] {
        assert_ne!(found(name).map(|found| found.0), Some(Likeness::Homoglyph), "{name}");
    }
}

#[test]
fn letters_of_several_scripts() {
    let of = |name: &str| found(&idna::domain_to_ascii(name).unwrap());
    for (name, brand) in [
        ("\u{262}oogle.com", "google"),
        ("g\u{43e}\u{43e}gle-drive.com", "google"),
        ("g\u{43e}\u{43e}gledrive.com", "google"),
        ("wik\u{456}pedia.org", "wikipedia"),
        ("\u{432}itcoin-whatsap\u{440}.com", "whatsapp"),
        ("login.f\u{430}cebook.com.evil.example", "facebook"),
        ("micr\u{3bf}soft.github.io", "microsoft"),
        ("\u{1d18}aypal.com", "paypal"),
        ("\u{3b1}pple.com", "apple"),
    ] {
        assert_eq!(of(name), Some((Likeness::Homoglyph, brand)), "{name}");
    }
    for name in ["m\u{43e}de-shop.example", "\u{43f}\u{440}\u{43e}d.example", "x\u{3b1}.example"] {
        assert_eq!(of(name), Some((Likeness::SeveralScripts, "")), "{name}");
    }
    // Scripts that are written with others between, and words each in one script.
    for name in [
        "\u{30a2}\u{30c3}\u{30d7}\u{30eb}store.jp",
        "t\u{30b7}\u{30e3}\u{30c4}.jp",
        "\u{5fae}\u{4fe1}pay.cn",
        "\u{d55c}\u{ad6d}tv.kr",
        "\u{43c}\u{43e}\u{441}\u{43a}\u{432}\u{430}-online.ru",
        "caf\u{e9}-stra\u{df}e.de",
        "\u{43c}\u{43e}\u{441}\u{43a}\u{432}\u{430}.\u{440}\u{444}",
    ] {
        assert_eq!(of(name), None, "{name}");
    }
}

#[test]
fn addresses_of_brands_below_others() {
    for name in [
        "paypal.com.duckdns.org",
        "www.paypal.com.github.io",
        "paypal.com-secure.net",
        "usps.com-track.top",
        "sparkasse.de.evil.top",
        "login.microsoftonline.com.evil.top",
        "drive-google.com.fileshare.ru",
        "web-whatsapp.com-cn.evil.top",
    ] {
        assert_eq!(found(name).map(|found| found.0), Some(Likeness::Subdomain), "{name}");
    }
    // Where others' addresses stand by right.
    for name in [
        "apple.com.v.aaplimg.com",
        "www.tiktok.com.bytewlb.akadns.net",
        "sharepoint.com.dual-spo-0005.spo-msedge.net",
        "adobe.com.ssl.d1.sc.omtrdc.net",
        "www.linkedin.com.ezproxy.uni.edu",
        "courier-push-apple.com.akadns.net",
        "my-steam.com.example",
        "www-linkedin-com.proxy.uni.edu",
    ] {
        assert_ne!(found(name).map(|found| found.0), Some(Likeness::Subdomain), "{name}");
    }
}

#[test]
fn a_brand_and_a_bait_in_one_word() {
    for (name, brand) in [
        ("paypallogin.com", "paypal"),
        ("securepaypal.net", "paypal"),
        ("login-microsoftonline.com", "microsoft"),
        ("usps-redelivery.com", "usps"),
    ] {
        assert_eq!(found(name), Some((Likeness::Combination, brand)), "{name}");
    }
    for name in ["bookingsupport.com", "chaseaccounts.com", "targetalert.com", "appleid.com"] {
        assert_ne!(found(name).map(|found| found.0), Some(Likeness::Combination), "{name}");
    }
}

#[test]
fn words_that_bait_beside_a_dash() {
    for (name, brand) in [
        ("sparkasse-pushtan.info", "sparkasse"),
        ("paketdienst-dhl.info", "dhl"),
        ("whatsapp-web.cc", "whatsapp"),
        ("trezor-suite.net", "trezor"),
        ("paypal-help.com", "paypal"),
    ] {
        assert_eq!(found(name), Some((Likeness::Combination, brand)), "{name}");
    }
    for name in
        ["paypalhelp.com", "reddit-web.com", "whatsapp-web-clone.vercel.app", "kunden-info.de"]
    {
        assert_ne!(found(name).map(|found| found.0), Some(Likeness::Combination), "{name}");
    }
}

#[test]
fn one_letter_of_a_long_name() {
    for (name, brand) in [
        ("steamcommunnity.com", "steamcommunity"),
        ("steamcomunity.com", "steamcommunity"),
        ("staemcommunity.com", "steamcommunity"),
        ("steamcommunitu.com", "steamcommunity"),
        ("wetransfre.com", "wetransfer"),
        ("microsftonline.com", "microsoftonline"),
    ] {
        assert_eq!(found(name), Some((Likeness::LongTypo, brand)), "{name}");
    }
    for name in [
        "steam-community.com",
        "steamcommunity.com",
        "gooogle.com",
        "wikpedia.org",
        "sharpoint.com",
        "blockchains.com",
        "citizenbank.com",
    ] {
        assert_ne!(found(name).map(|found| found.0), Some(Likeness::LongTypo), "{name}");
    }
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
    assert!(typo.words(&Spelling::default()).contains("google"));
}

#[test]
fn a_name_before_the_at_that_imitates_a_host() {
    let read = |url: &str| {
        let mut spelling = Spelling::default();
        spelling.read(&crate::url::undisguised(url.as_bytes()), &UrlLimits::default());
        strong_resemblance(&spelling).map(|found| (found.likeness, found.words(&spelling)))
    };
    for (url, host) in [
        ("http://www.paypal.com@evil.example/login", "evil.example"),
        ("http://WWW.PayPal.com:443@evil.example/login", "evil.example"),
        ("https://www.some-shop.de%2Flogin%2F@evil.example", "evil.example"),
        ("https://login.example.co.uk&id=1@192.0.2.1/", "192.0.2.1"),
        ("http://google.com@3627734734/a", "216.58.214.206"),
        ("http://www.paypal.com@x@evil.example/", "evil.example"),
    ] {
        let words = format!("the name before the @ imitates a host: it leads to `{host}`");
        assert_eq!(read(url), Some((Likeness::User, words)), "{url}");
    }
    for url in [
        "http://me:secret@example.com/",
        "http://max.mustermann@intranet.example.com/",
        "http://max@firma.de@mail.example.com/",
        "http://info.de%40firma.de@mail.example.com/",
        "ftp://www.some-shop.de@files.example.com/",
        "SFTP://www.some-shop.de@files.example.com/",
        "http://shop.example.com@www.example.com/",
        "http://example.com/@www.paypal.com",
        "http://com@example.com/",
        "http://.com@example.com/",
        "http://@example.com/",
    ] {
        assert_eq!(read(url), None, "{url}");
    }
}
