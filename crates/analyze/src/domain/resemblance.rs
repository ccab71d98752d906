//! Names that resemble a brand's or a popular site's: letters that look alike, typing errors, brand
//! and bait combined.

mod alike;
mod combined;
mod typing;

use crate::brands::{self, called as brand};
use crate::own::is_top;
use crate::popular;
use crate::url::{Spelling, UrlLimits};
use alike::{homoglyph, several_scripts};
pub(crate) use alike::{imitated, is_in_other_script};
use combined::combination;
use typing::{long_typo, missing_dot, typo};

/// How a name resembles a brand's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum Likeness {
    /// A host's name before the `@`, where browsers have the name of a user: `paypal.com@example.net`.
    User,
    /// Letters that look like the brand's: `paypa1`, `аpple` with a Cyrillic letter.
    Homoglyph,
    /// Letters of several scripts in one word, whatever it stands for.
    SeveralScripts,
    /// The brand's own address as subdomain of somebody else's: `paypal.com.example.net`.
    Subdomain,
    /// The brand and a word that baits: `paypal-login`.
    Combination,
    /// One letter more, less, other or exchanged in a long name of a brand: `steamcommunnity`.
    LongTypo,
    /// The same in a shorter name, or in that of a popular site: `gooogle`.
    Typo,
    /// A dot left out: `wwwgoogle`.
    MissingDot,
}

/// A resemblance that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resemblance {
    /// How.
    pub likeness: Likeness,
    /// Whose name; without its suffix, if it is a popular site's. Empty if it is nobody's known.
    pub brand: &'static str,
}

impl Resemblance {
    /// What the likeness alone is worth. A typing error is no proof: honest names are as near.
    pub(crate) fn score(&self) -> f32 {
        match self.likeness {
            Likeness::Homoglyph => 0.9,
            Likeness::User | Likeness::Subdomain => 0.8,
            Likeness::Combination => 0.7,
            Likeness::LongTypo => 0.6,
            Likeness::SeveralScripts | Likeness::Typo | Likeness::MissingDot => 0.0,
        }
    }

    /// In plain words, of the name in `host`.
    pub(crate) fn words(&self, host: &Spelling) -> String {
        let brand = self.brand;
        match self.likeness {
            Likeness::User => {
                let host = String::from_utf8_lossy(host.host());
                format!("the name before the @ imitates a host: it leads to `{host}`")
            }
            Likeness::Homoglyph => format!("letters that look like those of `{brand}`"),
            Likeness::SeveralScripts => "letters of several scripts in one word".to_owned(),
            Likeness::Subdomain => format!("the address of `{brand}` as a subdomain of another's"),
            Likeness::Combination => format!("the name `{brand}` with a word that baits"),
            Likeness::LongTypo => {
                format!("a name one letter away from `{brand}`, too long a name for chance")
            }
            Likeness::Typo => format!("a name one letter away from `{brand}`"),
            Likeness::MissingDot => format!("the address of `{brand}` without its dot"),
        }
    }
}

/// Where delivery networks, mail services and lists for mail servers have others' addresses below names
/// of their own.
const CARRIERS: [&str; 41] = [
    "2o7.net",
    "aaplimg.com",
    "abuseat.org",
    "akadns.net",
    "akamai.net",
    "akamaiedge.net",
    "akamaihd.net",
    "akamaized.net",
    "alibabadns.com",
    "azureedge.net",
    "b-cdn.net",
    "bytefcdn-oversea.com",
    "cdngslb.com",
    "cdn77.org",
    "chinacache.net",
    "cloudflare.net",
    "edgekey.net",
    "edgesuite.net",
    "fastly.net",
    "fastlylb.net",
    "footprint.net",
    "impervadns.net",
    "incapdns.net",
    "invaluement.com",
    "mailspike.net",
    "nsatc.net",
    "omtrdc.net",
    "oclc.org",
    "outlook.com",
    "pphosted.com",
    "psmtp.com",
    "qlivecdn.com",
    "rocket-cdn.com",
    "sorbs.net",
    "spamhaus.net",
    "spamhaus.org",
    "surbl.org",
    "trafficmanager.net",
    "translate.goog",
    "ttdns2.com",
    "uribl.com",
];

/// The likeness of the name in `host` to a brand's, the strongest if there are several.
pub(crate) fn resemblance(host: &Spelling) -> Option<Resemblance> {
    strong_resemblance(host).or_else(|| weak(host, plain_label(host)?))
}

/// The likeness, if it is one that is worth something by itself.
pub(crate) fn strong_resemblance(host: &Spelling) -> Option<Resemblance> {
    user(host).or_else(|| strong(host, plain_label(host)?))
}

/// A host's name before the `@`: whoever reads it takes it for the host.
fn user(host: &Spelling) -> Option<Resemblance> {
    if host.user().is_empty() {
        return None;
    }
    let mut named = Spelling::default();
    named.read_host(host.user(), &UrlLimits::default());
    let is_known = is_top(named.suffix().rsplit(|b| *b == b'.').next().unwrap_or_default());
    let is_other = named.registered() != host.registered();
    // `john.at%40example.com` is somebody's address.
    let is_person = host.user_has_mail && !popular::is_popular(named.registered());
    let brand = brands::owner(named.label()).unwrap_or_default();
    (is_known && !named.label().is_empty() && is_other && !is_person)
        .then_some(Resemblance { likeness: Likeness::User, brand })
}

/// The longest label of a name (RFC 1035 section 2.3.4). Taking one apart takes time that grows with the
/// square of its length.
const LABEL_BYTES_MAX: usize = 63;

fn plain_label(host: &Spelling) -> Option<&str> {
    let label = std::str::from_utf8(host.label()).ok()?;
    (!label.is_empty() && label.len() <= LABEL_BYTES_MAX && !host.is_address).then_some(label)
}

fn strong(host: &Spelling, label: &str) -> Option<Resemblance> {
    homoglyph(label)
        .or_else(|| subdomain(host))
        .or_else(|| combination(label))
        .or_else(|| long_typo(label).filter(|_| !popular::is_popular(host.registered())))
        .filter(|found| !brands::owns(found.brand, label.as_bytes()))
        .or_else(|| several_scripts(host.host()))
}

fn weak(host: &Spelling, label: &str) -> Option<Resemblance> {
    if popular::is_popular(host.registered()) {
        return None;
    }
    missing_dot(label)
        .or_else(|| typo(label))
        .filter(|found| !brands::owns(found.brand, label.as_bytes()))
}

fn subdomain(host: &Spelling) -> Option<Resemblance> {
    let front = host.subdomain();
    let names = front.strip_suffix(b".").unwrap_or(front).split(|b| *b == b'.');
    let suffixes = names.clone().skip(1).chain([host.label()]);
    for (name, suffix) in names.zip(suffixes) {
        let name = std::str::from_utf8(name).unwrap_or_default();
        if name.is_empty() || !looks_like_suffix(suffix) {
            continue;
        }
        let found = brand(name).map(|brand| brand.word).or_else(|| own_address(name));
        let found = found.or_else(|| dashed_address(name, suffix));
        let found = found
            .filter(|word| !brands::COMMON.contains(word) && !brands::owns(word, host.label()));
        if let Some(brand) = found.filter(|_| !is_carrier(host)) {
            return Some(Resemblance { likeness: Likeness::Subdomain, brand });
        }
    }
    None
}

/// Under which brands have addresses. `it`, `us`, `eu` and `io` are departments and regions, too.
const COUNTRIES: [&str; 16] = [
    "at", "au", "be", "br", "ca", "ch", "de", "es", "fr", "jp", "nl", "pl", "pt", "ru", "se", "uk",
];

/// Whether a label reads as the end of an address: `com`, that of a country, or `com-track`.
fn looks_like_suffix(label: &[u8]) -> bool {
    let front = label.split(|b| *b == b'-').next().unwrap_or_default();
    matches!(front, b"com" | b"net" | b"org" | b"co") || COUNTRIES.contains(&as_text(label))
}

/// The brand of an address in which a dash stands for a dot: `drive-google` before `com`.
fn dashed_address(name: &str, suffix: &[u8]) -> Option<&'static str> {
    let (_, last) = name.rsplit_once('-')?;
    let found = brand(last).filter(|brand| brand.word.len() >= DASHED_LENGTH_MIN)?;
    (!COUNTRIES.contains(&as_text(suffix))).then_some(found.word)
}

/// The shortest brand that is looked for behind a dash.
const DASHED_LENGTH_MIN: usize = 5;

/// The brand of an address that is known by another name than the brand's: `microsoftonline`.
fn own_address(name: &str) -> Option<&'static str> {
    brands::owner(name.as_bytes()).filter(|word| name.len() > word.len() && name.starts_with(word))
}

/// Whether a host is where others' addresses stand by right.
fn is_carrier(host: &Spelling) -> bool {
    // Some of them are public suffixes, others are registered.
    let name = as_text(host.host());
    let is_below =
        |carrier: &str| name.strip_suffix(carrier).is_some_and(|front| front.ends_with('.'));
    // `linkedin.com.ezproxy.uni.edu`: readers of a library go to others through its own address.
    let mut labels = host.subdomain().split(|b| *b == b'.');
    let is_library = labels.any(|label| label.ends_with(b"ezproxy") || label == b"libproxy");
    // `paypal.com._report._dmarc.example.com`: what is below such a label is no host's name.
    let is_record = name.split('.').any(|label| label.starts_with('_'));
    let is_appended = INNER_TOPS.iter().any(|top| is_below(top));
    CARRIERS.iter().any(|carrier| is_below(carrier))
        || name.ends_with("msedge.net")
        || is_library
        || is_record
        || is_appended
}

/// Under which networks have names of their own, which their computers append to what is asked:
/// `www.example.com.lan`.
const INNER_TOPS: [&str; 9] = [
    "corp",
    "fritz.box",
    "home",
    "home.arpa",
    "internal",
    "intranet",
    "lan",
    "local",
    "localdomain",
];

fn as_text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}
