//! The formats: their names, what they can say, and who writes them.

use super::item::Sort;
use std::str::FromStr;
use wardnet_model::Kind;

macro_rules! formats {
    ($($variant:ident $name:literal $media:literal $extension:literal [$($sort:ident),*] $doc:literal;)*) => {
        /// A format of lists.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Format {
            $(#[doc = $doc] $variant,)*
        }

        impl Format {
            /// Every format.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in addresses.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            pub(super) const fn media_type(self) -> &'static str {
                match self { $(Self::$variant => $media,)* }
            }

            pub(super) const fn extension(self) -> &'static str {
                match self { $(Self::$variant => $extension,)* }
            }

            /// What it can say.
            pub(super) const fn sorts(self) -> &'static [Sort] {
                match self { $(Self::$variant => &[$(Sort::$sort),*],)* }
            }
        }
    };
}

formats! {
    Plain "plain" "text/plain; charset=utf-8" "txt" [Name, Address, Url, Hash] "One a line.";
    Cidr "cidr" "text/plain; charset=utf-8" "txt" [Address] "Networks, joined where they touch.";
    Hosts "hosts" "text/plain; charset=utf-8" "hosts" [Name] "A hosts file.";
    Adblock "adblock" "text/plain; charset=utf-8" "txt" [Name] "Rules for AdGuard, Pi-hole, uBlock.";
    Dnsmasq "dnsmasq" "text/plain; charset=utf-8" "conf" [Name] "Configuration of dnsmasq.";
    Unbound "unbound" "text/plain; charset=utf-8" "conf" [Name] "Configuration of unbound.";
    Rpz "rpz" "text/dns; charset=utf-8" "zone" [Name, Address] "A response policy zone.";
    Nftables "nftables" "text/plain; charset=utf-8" "nft" [Address] "Sets of nftables.";
    Ipset "ipset" "text/plain; charset=utf-8" "ipset" [Address] "What `ipset restore` reads.";
    Squid "squid" "text/plain; charset=utf-8" "acl" [Name] "An acl of Squid, `dstdomain`.";
    Haproxy "haproxy" "text/plain; charset=utf-8" "map" [Address] "A map of HAProxy, by address.";
    HaproxyDomains "haproxy-domains" "text/plain; charset=utf-8" "map" [Name] "A map of HAProxy, `map_end`.";
    Nginx "nginx" "text/plain; charset=utf-8" "conf" [Address] "`deny` lines of nginx.";
    SuricataDataset "suricata-dataset" "text/plain; charset=utf-8" "lst" [Name, Url] "A dataset of strings.";
    SuricataRules "suricata-rules" "text/plain; charset=utf-8" "rules" [Name, Address, Endpoint, Tls] "Rules of Suricata.";
    SuricataIprep "suricata-iprep" "text/csv; charset=utf-8" "list" [Address] "Reputation of addresses.";
    Zeek "zeek" "text/tab-separated-values; charset=utf-8" "dat" [Name, Address, Url, Hash, Tls, Other] "Intel of Zeek.";
    Csv "csv" "text/csv; charset=utf-8" "csv" [Name, Address, Url, Hash, Endpoint, Tls, Other] "A table.";
    Ndjson "ndjson" "application/x-ndjson" "ndjson" [Name, Address, Url, Hash, Endpoint, Tls, Other] "One JSON object a line.";
    Stix "stix" "application/stix+json;version=2.1" "json" [Name, Address, Url, Hash, Endpoint, Tls, Other] "A STIX 2.1 bundle.";
}

impl Format {
    /// Whether it has a place for things of a kind.
    pub(super) fn has_place_for(self, kind: Kind) -> bool {
        let is_said = match self {
            Self::Zeek => matches!(kind, Kind::CertificateSha1 | Kind::Email),
            Self::SuricataRules => {
                matches!(kind, Kind::Endpoint | Kind::Ja3 | Kind::CertificateSha1)
            }
            Self::Stix => !matches!(kind, Kind::Ja3 | Kind::Ja4 | Kind::Cve | Kind::App),
            _ => true,
        };
        Sort::of(kind).is_some_and(|sort| {
            let is_exotic = matches!(sort, Sort::Endpoint | Sort::Tls | Sort::Other);
            self.sorts().contains(&sort) && (is_said || !is_exotic)
        })
    }
}

/// A format that nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no format `{0}`; there are {known}", known = known())]
pub struct UnknownFormat(String);

fn known() -> String {
    Format::ALL.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ")
}

/// By its name, also with the ending of its files: `suricata-update` reads no list whose address does
/// not end with `.rules`.
impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let is_ending = |rest: &str, format: Self| {
            rest.is_empty() || rest.strip_prefix('.') == Some(format.extension())
        };
        let is_named = |format: &&Self| {
            text.strip_prefix(format.name()).is_some_and(|rest| is_ending(rest, **format))
        };
        let found = Self::ALL.iter().find(is_named);
        found.copied().ok_or_else(|| UnknownFormat(text.chars().take(32).collect()))
    }
}
