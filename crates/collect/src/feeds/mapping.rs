//! Which field of a record holds what: by the names that feeds use, or as `feeds.toml` says.

use std::fmt;
use std::str::FromStr;
use wardnet_model::UnknownName;

macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident $name:literal [$($alias:literal),*];)*) => {
        /// What a field of a record holds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Role {
            $($(#[$doc])* $role,)*
        }

        /// Every role with the name it has in `feeds.toml`, and the names of columns and fields that
        /// are taken for it, in lower case and with `_` for every other sign.
        const NAMES: &[(Role, &str, &[&str])] = &[$((Role::$role, $name, &[$($alias),*]),)*];
    };
}

roles! {
    /// The value that the record is about, of a type that stands beside it or is guessed.
    Indicator "indicator" [
        "indicator", "indicator_value", "ioc", "ioc_value", "value", "observable", "iocvalue",
        "observable_value", "hash", "file_hash"
    ];
    /// The type of that value.
    Type "type" [
        "type", "ioc_type", "indicator_type", "observable_type", "attribute_type", "ioctype", "kind"
    ];
    /// How far a name or URL reaches: `exact`, `below`, `subtree`. CrowdSec's scope is a type.
    Scope "scope" ["scope"];
    /// An address or network.
    Ip "ip" [
        "ip", "ip_address", "ipaddress", "ipaddr", "ipv4", "ipv6", "ip_addr", "c2_ip",
        "source_ip", "sourceip", "address", "attacker_ip", "network", "cidr",
        "prefix", "netblock", "ip_range", "scope_value"
    ];
    /// The port of that address: both together become one endpoint.
    Port "port" [];
    /// A name.
    Domain "domain" [
        "domain", "host", "hostname", "host_name", "fqdn", "domain_name", "domainname", "source_fqdn",
        "c2_domain"
    ];
    /// A URL.
    Url "url" ["url", "uri", "source_url", "phish_url", "malicious_url"];
    /// MD5 of a file.
    Md5 "md5" ["md5", "md5_hash", "md5hash", "hash_md5", "filehash_md5"];
    /// SHA-1 of a file.
    Sha1 "sha1" ["sha1", "sha1_hash", "sha_1", "hash_sha1", "filehash_sha1"];
    /// SHA-256 of a file.
    Sha256 "sha256" ["sha256", "sha256_hash", "sha_256", "hash_sha256", "filehash_sha256"];
    /// A JA3 fingerprint.
    Ja3 "ja3" ["ja3", "ja3_md5", "ja3_hash", "ja3_digest"];
    /// A JA4 fingerprint.
    Ja4 "ja4" ["ja4"];
    /// SHA-1 of a certificate.
    CertificateSha1 "certificate-sha1" ["certificate_sha1", "cert_sha1", "certificate"];
    /// SHA-256 of a certificate.
    CertificateSha256 "certificate-sha256" ["certificate_sha256", "cert_sha256"];
    /// An e-mail address.
    Email "email" ["email", "email_address", "sender", "from_address"];
    /// The number of an autonomous system.
    Asn "asn" [];
    /// A vulnerability.
    Cve "cve" ["cve", "cve_id", "cveid"];
    /// An app package.
    App "app" ["package_name", "package", "bundle_id", "application_id"];
    /// What the indicator is bad for.
    Category "category" [
        "category", "categories", "threat", "threat_type", "threattype", "classification", "classification_type",
        "indicatorthreattype", "attack_type", "scenario", "reason"
    ];
    /// The malware family or campaign.
    Family "family" [
        "family", "malware", "malware_family", "malware_printable", "malware_name", "signature",
        "threat_name", "campaign", "botnet", "yara_hit", "framework"
    ];
    /// The threat actor.
    Actor "actor" ["actor", "threat_actor", "adversary", "group", "apt", "intrusion_set"];
    /// How sure the record is, in percent.
    Confidence "confidence" ["confidence", "confidence_level"];
    /// The risk that another Wardnet found, in percent; others count theirs in other ways.
    Risk "risk" ["risk"];
    /// When it was first seen.
    FirstSeen "first-seen" [
        "first_seen", "firstseen", "first_seen_utc", "firstseenat", "dateadded", "date_added", "date",
        "created", "created_at", "timestamp", "submission_time", "firstreporteddatetime", "time",
        "listingdate"
    ];
    /// Until when it holds.
    Until "until" ["valid_until", "expires", "expiration", "expires_at", "expiry"];
    /// Where to read more.
    Reference "reference" [
        "reference", "references", "link", "phish_detail_url", "tweet", "report", "urlhaus_link",
        "external_reference", "permalink"
    ];
    /// Words that may name a category and a family.
    Tags "tags" ["tags", "tag", "labels", "label"];
    /// Who may see it, by the Traffic Light Protocol.
    Tlp "tlp" ["tlp", "tlp_level", "tlp_marking"];
    /// A remark.
    Note "note" ["comment", "comments", "note", "notes", "description", "ioc_description"];
    /// Whether somebody has verified it: `yes` or `no`.
    Verified "verified" ["verified"];
    /// Whether it is in force: `yes` or `no`, and `removed` in the changes that Wardnet exports.
    Active "active" ["to_ids", "active", "is_active", "change"];
    /// Whether it was only tried.
    Simulated "simulated" ["simulated"];
}

impl Role {
    /// The name used in `feeds.toml`.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(role, ..)| *role == self).map_or("", |(_, name, _)| name)
    }

    /// Whether a record may be about what such a field holds.
    pub(crate) const fn is_indicator(self) -> bool {
        matches!(
            self,
            Self::Indicator
                | Self::Ip
                | Self::Domain
                | Self::Url
                | Self::Md5
                | Self::Sha1
                | Self::Sha256
                | Self::Ja3
                | Self::Ja4
                | Self::CertificateSha1
                | Self::CertificateSha256
                | Self::Email
                | Self::Asn
                | Self::Cve
                | Self::App
        )
    }

    /// The role of a field by its name, as feeds name their fields.
    pub(crate) fn of_field(name: &str) -> Option<Self> {
        // Most names are short; a long one is prose.
        if name.len() > 40 {
            return None;
        }
        let name: String = name
            .trim()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
            .collect();
        let name = name.trim_matches('_');
        NAMES.iter().find(|(.., aliases)| aliases.contains(&name)).map(|(role, ..)| *role)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        NAMES
            .iter()
            .find(|(_, known, _)| *known == name)
            .map(|(role, ..)| *role)
            .ok_or_else(|| UnknownName::new("field", name, NAMES.iter().map(|row| row.1)))
    }
}

/// Which field of a feed's records holds what, as its entry in `feeds.toml` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Mapping {
    /// What is in which field: a column's name or its number from 1, or a path such as
    /// `source.ip` in a JSON record. Empty: the names of the fields decide.
    pub fields: Vec<(Role, Box<str>)>,
    /// What stands between the columns; found out when `None`.
    pub delimiter: Option<char>,
    /// The path to the array of records in a JSON document, such as `data.items`; found out when
    /// `None`.
    pub rows: Option<Box<str>>,
    /// The expression whose named groups are the fields of a line.
    pub pattern: Option<Box<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_survive_a_round_trip() {
        let mut seen = std::collections::BTreeSet::new();
        for (role, name, aliases) in NAMES {
            assert_eq!(name.parse::<Role>().unwrap(), *role);
            for alias in *aliases {
                assert!(seen.insert(alias), "{alias} stands for two roles");
                assert_eq!(Role::of_field(alias), Some(*role), "{alias}");
            }
        }
        assert_eq!(Role::of_field("# IP Address"), Some(Role::Ip));
        assert_eq!(Role::of_field("source.ip"), Some(Role::Ip));
        assert!("planet".parse::<Role>().unwrap_err().to_string().contains("indicator"));
    }
}
