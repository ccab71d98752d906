//! The columns of the abuse.ch exports, by the names that the exports give them.

use crate::feeds::mapping::Role;
use std::borrow::Cow;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Address,
    CertificateSha1,
    Confidence,
    Family,
    FirstSeen,
    Id,
    Ja3,
    Md5,
    Port,
    Reason,
    Reference,
    Sha1,
    Sha256,
    Tags,
    Threat,
    Url,
    Value,
    ValueType,
}

/// Columns by the names the exports give them, in lower case and in order.
const COLUMN_NAMES: [(&str, Column); 32] = [
    ("confidence_level", Column::Confidence),
    ("dateadded", Column::FirstSeen),
    ("dateadded (utc)", Column::FirstSeen),
    ("dst_ip", Column::Address),
    ("dst_port", Column::Port),
    ("dstip", Column::Address),
    ("dstport", Column::Port),
    ("first_seen", Column::FirstSeen),
    ("first_seen_utc", Column::FirstSeen),
    ("firstseen", Column::FirstSeen),
    ("ioc_id", Column::Id),
    ("ioc_type", Column::ValueType),
    ("ioc_value", Column::Value),
    ("ja3_md5", Column::Ja3),
    ("listingdate", Column::FirstSeen),
    ("listingreason", Column::Reason),
    ("malware", Column::Family),
    ("malware_printable", Column::Family),
    ("md5", Column::Md5),
    ("md5_hash", Column::Md5),
    ("md5hash", Column::Md5),
    ("reference", Column::Reference),
    ("sha1", Column::CertificateSha1),
    ("sha1_hash", Column::Sha1),
    ("sha256", Column::Sha256),
    ("sha256_hash", Column::Sha256),
    ("signature", Column::Family),
    ("tags", Column::Tags),
    ("threat", Column::Threat),
    ("threat_type", Column::Threat),
    ("url", Column::Url),
    ("urlhaus_link", Column::Reference),
];

/// Columns that hold what a row is about by themselves.
const HASHES: [Column; 5] =
    [Column::CertificateSha1, Column::Ja3, Column::Md5, Column::Sha1, Column::Sha256];

/// Names that tables of other makers have too, so that they do not tell an export.
const COMMON_NAMES: [&str; 2] = ["md5", "sha256"];

/// Names that hardly anybody else gives a column, so that one of them tells an export.
const OWN_NAMES: [&str; 16] = [
    "dateadded",
    "dateadded (utc)",
    "dst_ip",
    "dst_port",
    "dstip",
    "dstport",
    "first_seen_utc",
    "firstseen",
    "ioc_id",
    "ioc_value",
    "ja3_md5",
    "listingdate",
    "listingreason",
    "malware_printable",
    "md5hash",
    "urlhaus_link",
];

/// The exports' own header lines, for files that lost theirs.
const KNOWN_HEADERS: [&str; 10] = [
    "id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter",
    "id,dateadded,url,url_status,threat,tags,urlhaus_link,reporter",
    "id,dateadded,url,url_status,threat,tags,urlhaus_link",
    "first_seen_utc,ioc_id,ioc_value,ioc_type,threat_type,fk_malware,malware_alias,\
     malware_printable,last_seen_utc,confidence_level,is_compromised,reference,tags,anonymous,\
     reporter",
    "first_seen_utc,ioc_id,ioc_value,ioc_type,threat_type,fk_malware,malware_alias,\
     malware_printable,last_seen_utc,confidence_level,reference,tags,anonymous,reporter",
    "first_seen_utc,dst_ip,dst_port,c2_status,last_online,malware",
    "Listingdate,SHA1,Listingreason",
    "Firstseen,DstIP,DstPort",
    "ja3_md5,Firstseen,Lastseen,Listingreason",
    "first_seen_utc,sha256_hash,md5_hash,sha1_hash,reporter,file_name,file_type_guess,mime_type,\
     signature,clamav,vtpercent,imphash,ssdeep,tlsh",
];

/// Where each known column stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Columns(pub(crate) Vec<Option<Column>>);

impl Columns {
    /// Reads a line of column names; `None` for any other line.
    pub(crate) fn of(names: &[Cow<'_, str>]) -> Option<Self> {
        // The first column of every export has a word for its name; most rows begin with a digit.
        if !names.first()?.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let columns: Vec<Option<Column>> = names
            .iter()
            .map(|name| {
                let name = name.trim().to_ascii_lowercase();
                let at = COLUMN_NAMES.binary_search_by(|(known, _)| (*known).cmp(&name)).ok()?;
                COLUMN_NAMES.get(at).map(|(_, column)| *column)
            })
            .collect();
        let telling = names.iter().zip(&columns).filter(|(name, column)| {
            column.is_some() && !COMMON_NAMES.contains(&&*name.trim().to_ascii_lowercase())
        });
        (telling.count() >= 2).then_some(Self(columns))
    }

    /// Whether only an export names its columns so: one has a name of abuse.ch's own, one holds what
    /// the rows are about, and none is of a kind that the exports do not have.
    pub(crate) fn are_an_export(&self, names: &[Cow<'_, str>]) -> bool {
        let has = |column| self.0.contains(&Some(column));
        let value = has(Column::Url)
            || (has(Column::Value) && has(Column::ValueType))
            || (has(Column::Address) && has(Column::Port))
            || HASHES.into_iter().any(has);
        let is_own = |name: &Cow<'_, str>| OWN_NAMES.contains(&&*name.trim().to_ascii_lowercase());
        let is_foreign = |(name, column): (&Cow<'_, str>, &Option<Column>)| {
            column.is_none() && Role::of_field(name).is_some_and(Role::is_indicator)
        };
        value && names.iter().any(is_own) && !names.iter().zip(&self.0).any(is_foreign)
    }

    /// The columns of every export.
    pub(crate) fn known() -> impl Iterator<Item = Self> {
        KNOWN_HEADERS.iter().filter_map(|header| {
            let names: Vec<Cow<'_, str>> = header.split(',').map(Cow::Borrowed).collect();
            Self::of(&names)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_headers_are_read() {
        assert!(COLUMN_NAMES.is_sorted_by_key(|(name, _)| *name));
        assert_eq!(Columns::known().count(), KNOWN_HEADERS.len());
        for header in KNOWN_HEADERS {
            let names: Vec<Cow<'_, str>> = header.split(',').map(Cow::Borrowed).collect();
            assert!(Columns::of(&names).unwrap().are_an_export(&names), "{header}");
        }
    }
}
