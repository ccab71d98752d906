//! The closed set of formats that feeds come in.

use std::fmt;
use std::str::FromStr;
use wardnet_model::UnknownName;

/// How a feed is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Addresses, networks, ranges and endpoints, one a line.
    IpList,
    /// A hosts file: `0.0.0.0 name`.
    Hosts,
    /// Names, one a line; `*.name` and `.name` too.
    DomainList,
    /// Adblock Plus and AdGuard rules: `||name^`.
    Adblock,
    /// URLs, one a line.
    UrlList,
    /// The CSV exports of abuse.ch: URLhaus, ThreatFox, Feodo Tracker, SSLBL, MalwareBazaar.
    AbuseChCsv,
    /// Spamhaus DROP: networks and AS numbers, as text or as one JSON object a line.
    SpamhausDrop,
    /// A MISP warning list: one JSON document.
    MispWarninglist,
    /// Configuration for dnsmasq: `address=/name/#`.
    Dnsmasq,
    /// Configuration for Unbound: `local-zone: "name" always_null`.
    Unbound,
    /// A response policy zone as a file.
    Rpz,
    /// PhishTank's table or JSON document.
    PhishTank,
    /// TweetFeed's table or JSON document.
    TweetFeed,
    /// C2IntelFeeds' tables.
    C2Intel,
    /// MISP events.
    MispEvent,
    /// STIX 2.0 or 2.1 objects.
    Stix,
    /// Maltrail's trails.
    Maltrail,
    /// The lists of a crypto wallet: MetaMask.
    MetaMask,
    /// Hashes of files, one a line.
    HashList,
    /// The NSRL's Reference Data Set as text.
    Nsrl,
    /// CrowdSec's decisions, as JSON or as a table.
    CrowdSec,
    /// Suricata's reputation list.
    SuricataIprep,
    /// Suricata's data set of texts.
    SuricataDataset,
    /// A table with column names.
    Csv,
    /// JSON objects with telling fields.
    Json,
    /// Lines that an expression takes apart.
    Regex,
}

/// Every format with its stable name and one sentence about it.
const NAMES: [(Format, &str, &str); 26] = [
    (Format::IpList, "ip-list", "addresses, networks and ranges, one a line"),
    (Format::Hosts, "hosts", "hosts file rows such as `0.0.0.0 name`"),
    (Format::DomainList, "domain-list", "domain names, one a line"),
    (Format::Adblock, "adblock", "Adblock Plus or AdGuard rules such as `||name^`"),
    (Format::UrlList, "url-list", "URLs, one a line"),
    (Format::AbuseChCsv, "abuse-ch-csv", "a CSV export of abuse.ch"),
    (Format::SpamhausDrop, "spamhaus-drop", "Spamhaus DROP, as text or as JSON lines"),
    (Format::MispWarninglist, "misp-warninglist", "a MISP warning list"),
    (Format::Dnsmasq, "dnsmasq", "dnsmasq rules such as `address=/name/#`"),
    (Format::Unbound, "unbound", "Unbound rules such as `local-zone: \"name\" always_null`"),
    (Format::Rpz, "rpz", "a response policy zone, such as `name CNAME .`"),
    (Format::PhishTank, "phishtank", "PhishTank's table or JSON document"),
    (Format::TweetFeed, "tweetfeed", "TweetFeed's table or JSON document"),
    (Format::C2Intel, "c2intelfeeds", "C2IntelFeeds' tables"),
    (Format::MispEvent, "misp-event", "MISP events, or a MISP feed by its manifest"),
    (Format::Stix, "stix", "STIX 2.0 or 2.1 bundles and objects"),
    (Format::Maltrail, "maltrail", "Maltrail's trails"),
    (Format::MetaMask, "metamask", "the lists of a crypto wallet, such as MetaMask's"),
    (Format::HashList, "hash-list", "hashes of files, one a line"),
    (Format::CrowdSec, "crowdsec", "CrowdSec's decisions, as JSON or as a table"),
    (Format::SuricataIprep, "suricata-iprep", "Suricata's reputation list"),
    (Format::SuricataDataset, "suricata-dataset", "Suricata's data set of texts in base64"),
    (Format::Csv, "csv", "a table with column names, or with `fields` that give them"),
    (Format::Json, "json", "JSON objects with telling fields, or with `fields` that name them"),
    (Format::Regex, "regex", "lines that `pattern`, an expression with named groups, takes apart"),
    (Format::Nsrl, "nsrl", "the NSRL's Reference Data Set, `NSRLFile.txt`: known good files"),
];

impl Format {
    /// The name used in configuration and on the command line.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(format, ..)| *format == self).map_or("", |(_, name, _)| name)
    }

    /// What such a feed looks like, as half a sentence.
    pub fn meaning(self) -> &'static str {
        NAMES.iter().find(|(format, ..)| *format == self).map_or("", |(.., meaning)| meaning)
    }

    /// Every format.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(format, ..)| *format)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        NAMES
            .iter()
            .find(|(_, known, _)| *known == name)
            .map(|(format, ..)| *format)
            .ok_or_else(|| UnknownName::new("feed format", name, NAMES.iter().map(|row| row.1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_a_round_trip() {
        for format in Format::all() {
            assert_eq!(format.name().parse::<Format>().unwrap(), format);
            assert!(!format.meaning().is_empty());
        }
        let message = "cvs".parse::<Format>().unwrap_err().to_string();
        assert!(message.contains("abuse-ch-csv"), "{message}");
    }
}
