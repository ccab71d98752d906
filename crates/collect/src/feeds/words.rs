//! Words that feeds use for the same things: categories, families, dates, references.

use wardnet_model::{Category, Timestamp, Tlp};

/// Tags that say what a file is, not which family it is of; in lower case and in order.
const NOT_FAMILIES: [&str; 49] = [
    "#",
    "32",
    "32-bit",
    "64",
    "64-bit",
    "apk",
    "arm",
    "bat",
    "cmd",
    "doc",
    "docm",
    "docx",
    "downloader",
    "dropper",
    "elf",
    "encrypted",
    "exe",
    "geofenced",
    "hta",
    "html",
    "iso",
    "jar",
    "js",
    "lnk",
    "malware",
    "mips",
    "msi",
    "n/a",
    "none",
    "open directory malware",
    "opendir",
    "payload",
    "pdf",
    "phishing",
    "ps1",
    "ransomware",
    "rar",
    "rtf",
    "scr",
    "sh",
    "spy",
    "suspicious",
    "txt",
    "ua-wget",
    "unknown malware",
    "vbs",
    "x86",
    "xls",
    "zip",
];

/// Who may see what is marked so, however it is spelled: `TLP:AMBER+STRICT`, `[TLP RED]`, `amber-strict`,
/// and `white`, which version 1 called what is `clear` in version 2. Of several colours the strictest.
pub(crate) fn tlp_of(mark: &str) -> Option<Tlp> {
    let mark = mark.to_ascii_lowercase();
    let mut words = mark.split(|sign: char| !sign.is_ascii_alphanumeric());
    let found = words.clone().filter_map(|word| match word {
        "white" => Some(Tlp::Clear),
        word => word.parse().ok(),
    });
    let is_strict = words.any(|word| word == "strict");
    match found.max()? {
        Tlp::Amber if is_strict => Some(Tlp::AmberStrict),
        colour => Some(colour),
    }
}

/// Whether a text speaks of the Traffic Light Protocol: other markings have colours in their names, too.
pub(crate) fn is_tlp(text: &str) -> bool {
    let text = text.trim_start_matches(|sign: char| !sign.is_ascii_alphanumeric());
    let is_end = |rest: &str| !rest.starts_with(|sign: char| sign.is_ascii_alphanumeric());
    text.get(..3).is_some_and(|front| front.eq_ignore_ascii_case("tlp"))
        && text.get(3..).is_some_and(|rest| is_end(rest) && !rest.is_empty())
}

/// The same where there can be nothing but a marking: what nobody counted on is not for everybody.
pub(crate) fn tlp_or_strict(mark: &str) -> Option<Tlp> {
    (!mark.trim().is_empty()).then(|| tlp_of(mark).unwrap_or(Tlp::Amber))
}

/// The longest family name that is kept, in bytes.
pub(crate) const FAMILY_BYTES_MAX: usize = 64;

/// The longest reference that is kept, in bytes.
const REFERENCE_BYTES_MAX: usize = 512;

/// Parts of words that tell a category, the most telling first. They are looked for in tags, types
/// of threat, names of scenarios and classes.
const CATEGORY_PARTS: [(&str, Category); 46] = [
    ("ransom", Category::Ransomware),
    ("phish", Category::Phishing),
    ("credential-harvest", Category::Phishing),
    ("sinkhole", Category::Sinkhole),
    ("botnet_cc", Category::CommandAndControl),
    ("command-and-control", Category::CommandAndControl),
    ("command_and_control", Category::CommandAndControl),
    ("command and control", Category::CommandAndControl),
    ("c&c", Category::CommandAndControl),
    ("c2", Category::CommandAndControl),
    ("cnc", Category::CommandAndControl),
    ("cc_skimming", Category::CommandAndControl),
    ("brute", Category::BruteForce),
    ("bruting", Category::BruteForce),
    ("-bf", Category::BruteForce),
    ("_bf", Category::BruteForce),
    ("cryptomin", Category::Cryptomining),
    ("coinmin", Category::Cryptomining),
    ("miner", Category::Cryptomining),
    ("stalkerware", Category::Stalkerware),
    ("adware", Category::Adware),
    ("ddos", Category::DenialOfService),
    ("scam", Category::Scam),
    ("fraud", Category::Scam),
    ("spam", Category::Spam),
    ("exploit", Category::Exploit),
    ("cve-", Category::Exploit),
    ("cve_", Category::Exploit),
    ("sqli", Category::WebAttack),
    ("xss", Category::WebAttack),
    ("path-traversal", Category::WebAttack),
    ("http-probing", Category::WebAttack),
    ("http-crawl", Category::WebAttack),
    ("webattack", Category::WebAttack),
    ("scan", Category::Scanner),
    ("probing", Category::Scanner),
    ("malware", Category::Malware),
    ("malicious-activity", Category::Malware),
    ("payload", Category::Malware),
    ("trojan", Category::Malware),
    ("stealer", Category::Malware),
    ("botnet", Category::CommandAndControl),
    ("maldoc", Category::Malware),
    ("anonymi", Category::Anonymizer),
    ("attacker", Category::Attacker),
    ("suspicious", Category::Suspicious),
];

/// Tags of posts and events that describe an attack in general, in lower case and in order: besides
/// categories, what names no family.
const GENERAL_TAGS: [&str; 33] = [
    "abuse",
    "android",
    "anomalous-activity",
    "apt",
    "attack",
    "banker",
    "benign",
    "bulletproof",
    "clickfix",
    "cybercrime",
    "cybersecurity",
    "dfir",
    "dprk",
    "fakeupdates",
    "infosec",
    "ioc",
    "iocs",
    "linux",
    "loader",
    "macos",
    "malicious",
    "malvertising",
    "osint",
    "panel",
    "rat",
    "smishing",
    "threat",
    "threathunting",
    "threatintel",
    "tor",
    "tweetfeed",
    "vpn",
    "windows",
];

/// The category that a word names, if it names one.
pub(crate) fn category_of(word: &str) -> Option<Category> {
    let word = word.trim().trim_start_matches('#').to_ascii_lowercase();
    if let Ok(category) = word.parse::<Category>() {
        return Some(category);
    }
    CATEGORY_PARTS.iter().find(|(part, _)| word.contains(part)).map(|(_, category)| *category)
}

/// Whether a tag can be the name of a family.
pub(crate) fn is_family(name: &str) -> bool {
    (1..=FAMILY_BYTES_MAX).contains(&name.len())
        && NOT_FAMILIES.binary_search(&&*name.to_ascii_lowercase()).is_err()
}

/// Whether a tag of a post or event names a family, rather than a kind of attack.
pub(crate) fn is_family_tag(name: &str) -> bool {
    is_family(name)
        && !name.contains([':', '=', '"'])
        && category_of(name).is_none()
        && !is_tlp(name)
        && GENERAL_TAGS.binary_search(&&*name.to_ascii_lowercase()).is_err()
}

/// The campaign that a comment begins with: what stands before ` - `, a URL or the end.
pub(crate) fn family_in(comment: &str) -> Option<Box<str>> {
    let end = [" - ", "http", "hxxp", " / "].iter().filter_map(|mark| comment.find(mark)).min();
    let name = comment.get(..end.unwrap_or(comment.len())).unwrap_or(comment);
    let name = name.trim().trim_end_matches([':', '-', ',', ';']).trim_end();
    // A file's name says nothing of where it came from.
    let is_file = !name.contains(' ') && name.contains('.');
    (is_family(name) && !is_file && name.contains(char::is_alphabetic)).then(|| name.into())
}

/// The first URL of a comment.
pub(crate) fn reference_in(comment: &str) -> Option<Box<str>> {
    let word = comment.split_ascii_whitespace().find(|word| {
        (word.starts_with("http://") || word.starts_with("https://"))
            && word.len() <= REFERENCE_BYTES_MAX
    })?;
    Some(word.trim_end_matches([',', ';', ')']).into())
}

/// `2023-12-20 11:32:00`, `2009/03/22_00:00`, `12/20/2023 11:32` once a spreadsheet has saved it,
/// or seconds or milliseconds of Unix time.
pub(crate) fn date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    Timestamp::parse(text).or_else(|| {
        if text.bytes().all(|b| b.is_ascii_digit()) {
            let number = text.parse().ok()?;
            return match text.len() {
                9 | 10 => Some(Timestamp(number)),
                13 => Some(Timestamp(number / 1000)),
                _ => None,
            };
        }
        let (date, time) = text.split_once([' ', '_']).unwrap_or((text, "0:00"));
        let mut date = date.split('/').map(|part| part.parse::<u64>().ok());
        let (first, second, third) = (date.next()??, date.next()??, date.next()??);
        let civil = match first > 31 {
            true => (first, second, third),
            false => (third, first, second),
        };
        let mut time = time.split(':').map(|part| part.parse::<u64>().ok());
        let (hour, minute) = (time.next()??, time.next()??);
        let second = time.next().unwrap_or(Some(0))?;
        (date.next().is_none() && time.next().is_none())
            .then(|| Timestamp::from_civil(civil, (hour, minute, second)))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_order() {
        assert!(NOT_FAMILIES.is_sorted());
        assert!(GENERAL_TAGS.is_sorted());
    }

    #[test]
    fn words_tell_categories_and_families() {
        for (word, expected) in [
            ("#phishing", Some(Category::Phishing)),
            ("botnet_cc", Some(Category::CommandAndControl)),
            ("c2-server", Some(Category::CommandAndControl)),
            ("crowdsecurity/ssh-bf", Some(Category::BruteForce)),
            ("crowdsecurity/http-probing", Some(Category::WebAttack)),
            ("known-good", Some(Category::KnownGood)),
            ("Ransomware", Some(Category::Ransomware)),
            ("CobaltStrike", None),
        ] {
            assert_eq!(category_of(word), expected, "{word}");
        }
        assert!(is_family_tag("CobaltStrike") && !is_family_tag("C2") && !is_family_tag("RAT"));
        assert_eq!(family_in("Dark Caracal - PE32").as_deref(), Some("Dark Caracal"));
        assert_eq!(family_in("SlingShot APT https://x.top/a").as_deref(), Some("SlingShot APT"));
        assert_eq!(family_in("Mozilla.exe - https://goo.gl/x"), None);
        assert_eq!(reference_in("a https://x.top/a, b").as_deref(), Some("https://x.top/a"));
    }

    #[test]
    fn dates_of_spreadsheets_are_read() {
        let expected = Timestamp::from_civil((2023, 12, 20), (11, 32, 0));
        assert_eq!(date("12/20/2023 11:32"), expected);
        assert_eq!(date("2023-12-20 11:32:00"), expected);
        assert_eq!(date("2023/12/20_11:32"), expected);
        assert_eq!(date("1703071920"), expected);
        assert_eq!(date("1703071920000"), expected);
        for text in ["20/12/2023 11:32", "12/20/2023 11", "12/20", "", "//", "1/2/3/4 5:6"] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
