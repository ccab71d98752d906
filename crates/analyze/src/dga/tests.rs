//! Names that were seen are told.

use super::*;

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

/// Names of a family on a day, from published examples of it, none of them from a generator here.
const SEEN: &[(&str, &str, usize, &[&str])] = &[
    (
        "banjori",
        "2013-01-01",
        15_372,
        &[
            "earnestnessbiophysicalohax.com",
            "rvcxestnessbiophysicalohax.com",
            "hjbtestnessbiophysicalohax.com",
            "moskestnessbiophysicalohax.com",
        ],
    ),
    // Published with the description of the algorithm.
    ("cryptolocker-early", "2014-01-07", 1, &["intgmxdeadnxuyla.com"]),
    ("cryptolocker-early", "2014-01-08", 1, &["axwscwsslmiagfah.com"]),
    (
        "fobber",
        "2013-01-01",
        600,
        &[
            "btpnxlsfdqbhzazyx.net",
            "ukfmknjdenthvktgc.net",
            "qupxsrhrmuoinqrit.net",
            "ylbphjjdjs.com",
        ],
    ),
    ("fosniw", "2013-01-01", 202, &["app2.winsoft0.com", "appx.koreasys100.com"]),
    (
        "gameover-newgoz",
        "2015-08-31",
        1000,
        &[
            "xzz3ug32bale1uo60y7xj6rge.com",
            "2ppq821cfem5m1mdua46pxg7bj.biz",
            "unlm9w9l8upy1kdde0kba7ktf.org",
            "z9jb1g1y2m21zypyylgxmbozu.org",
        ],
    ),
    (
        "monerodownloader",
        "2020-01-12",
        2500,
        &["31b4bd31fg1x2.tickets", "3f8c8079fd4c5.blackfriday", "e3a8e41249185.feedback"],
    ),
    (
        "murofet-1",
        "2015-09-01",
        1020,
        &[
            "giywswshrgxcvoqgvrkthmfa.ru",
            "xaiqpbprgymbvrwmzgiyprgdsk.com",
            "amgqgularpzxeapztxenbx.net",
            "ibdnzugkzrkrsxkhqmzydtwlfydbaqc.org",
        ],
    ),
    (
        "murofet-2",
        "2018-04-24",
        1020,
        &[
            "qqjwsqnwmemjdhj.biz",
            "sqsluqixalzomq.biz",
            "gvlrcsjnigjoevmt.net",
            "erqofkxwnwqlliri.info",
        ],
    ),
    (
        "murofet-3",
        "2018-04-21",
        1000,
        &[
            "ntirfyitgqkviql18hxmvkwhveqbzm49hu.info",
            "bsg43kye21jtb38g33bun60dyi55p22a57dxkvlx.ru",
            "jykse21lxhrmykve51d20hvb28cykyluk57kw.ru",
        ],
    ),
    ("mydoom", "2013-01-27", 50, &["mmahaesqar.in", "pwprhhnqqn.in", "prhqhpnpha.in"]),
    ("padcrypt", "2016-03-06", 96, &["elkfcfnacacmofdf.com", "ddkfodnaadmbmofo.co.uk"]),
    ("padcrypt", "2018-04-24", 96, &["bamffbckdcfmcfad.com"]),
    ("proslikefan", "2016-06-17", 200, &["stjneohiod.biz", "vcevvkc.se", "opdzzfh.name"]),
    ("proslikefan", "2015-11-26", 200, &["cfukbzbmg.eu", "dplmjcjic.eu", "frykisgax.eu"]),
    (
        "qakbot",
        "2016-02-21",
        5000,
        &["bqkrtxgkmriwsiwcngtivpx.info", "guhmpoxzivhba.com", "lbpwhvplhsuvfwn.net"],
    ),
    ("ranbyus", "2015-09-25", 80, &["jxbdxeyxttdmcjagi.me", "bcfuvigfodpidtlmq.in"]),
    ("ranbyus", "2018-04-13", 80, &["jnauhinmnhucnyerm.net", "mrbujmlxvlqdyuolq.su"]),
    ("symmi", "2015-08-16", 64, &["afowkaupbabe.ddns.net", "oftuconuu.ddns.net"]),
    ("tufik", "2022-05-09", 1020, &["iztwlupysutnqqn.biz", "purfwlpgtxvyruqs.com"]),
    ("necurs", "2015-08-28", 2048, &["nccojqvabqvkiwhj.mx", "hoedwwwywnmmbi.ac", "aeaeneaoinf.mu"]),
];

#[test]
fn names_that_were_seen_are_told() {
    for (name, date, count, seen) in SEEN {
        let names = (family(name).unwrap().names)(day(date));
        assert_eq!(names.len(), *count, "{name}");
        let mut places = seen.iter().map(|seen| names.iter().position(|name| name == seen));
        assert!(places.all(|place| place.is_some()), "{name} on {date}: {:?}", &names[..3]);
    }
}

#[test]
fn every_family_is_held_against_names_that_were_seen() {
    for known in FAMILIES {
        assert!(SEEN.iter().any(|(name, ..)| *name == known.name), "{}", known.name);
        assert_eq!(family(known.name).unwrap().about, known.about);
    }
    assert!(FAMILIES.is_sorted_by_key(|family| family.name));
    assert!(family("unheard-of").is_none());
}

#[test]
fn days_that_count_together() {
    let same = |name: &str, a: &str, b: &str| {
        let names = family(name).unwrap().names;
        names(day(a)) == names(day(b))
    };
    assert!(same("necurs", "2015-08-28", "2015-08-31"), "the day counts in fours");
    assert!(!same("necurs", "2015-08-28", "2015-08-27"));
    assert!(same("murofet-1", "2015-09-01", "2015-09-06"), "the day counts in weeks");
    assert!(!same("murofet-1", "2015-09-06", "2015-09-07"));
    assert!(!same("padcrypt", "2016-03-06", "2016-03-07"));
}

#[test]
fn days_since_1970() {
    for (date, days) in [("1970-01-01", 0), ("2000-03-01", 11_017), ("2020-01-12", 18_273)] {
        assert_eq!(day(date).since_1970(), days, "{date}");
    }
}

#[test]
fn days_are_read() {
    assert_eq!(day("2024-02-29"), Day { year: 2024, month: 2, day: 29 });
    for wrong in [
        "2023-02-29",
        "1900-02-29",
        "2024-13-01",
        "2024-1-1",
        "2024-01-00",
        "x",
        "2024-04-31",
        "+024-01-01",
    ] {
        assert_eq!(Day::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn any_day_is_told() {
    for date in ["0000-01-01", "1969-12-31", "2026-11-28", "9999-12-31"] {
        for known in FAMILIES {
            let names = (known.names)(day(date));
            assert!(!names.is_empty(), "{} on {date}", known.name);
            let is_name = |name: &String| name.split('.').all(|label| !label.is_empty());
            assert!(names.iter().all(is_name), "{} on {date}", known.name);
        }
    }
}
