//! What a zone may have records for: names, addresses and networks.

use std::net::IpAddr;
use wardnet_model::reserved::{is_reserved, is_special_name};
use wardnet_model::{DomainName, DomainRef, Key, Kind, SuffixList};
use wardnet_verdictdb::{Listed, Prefix, PublishedChange};

/// Something that a zone may have records for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A domain name.
    Name(DomainName),
    /// An address or network.
    Prefix(Prefix),
}

impl Target {
    /// What an entry is about; `None` where no zone has a record for it.
    fn of(kind: Kind, key: &Key, name: Option<&str>) -> Option<Self> {
        if kind == Kind::Domain {
            let name = DomainName::parse(name?).ok()?;
            let has_place = !is_special_name(name.as_str()) && !is_trigger(name.as_str());
            return has_place.then_some(Self::Name(name));
        }
        let prefix = Prefix::from_key(kind, key)?;
        (!is_reserved(prefix.address())).then_some(Self::Prefix(prefix))
    }

    pub(super) fn of_change(change: &PublishedChange) -> Option<Self> {
        Self::of(change.kind, &change.key, change.name())
    }

    pub(super) fn of_entry(listed: &Listed<'_>) -> Option<Self> {
        let entry = &listed.entry;
        Self::of(entry.kind, &entry.key, entry.name)
    }

    /// For a stable order, without its doubles.
    pub(super) fn order(&self) -> (Option<&str>, Option<(IpAddr, u8)>) {
        match self {
            Self::Name(name) => (Some(name.as_str()), None),
            Self::Prefix(prefix) => (None, Some((prefix.address(), prefix.length()))),
        }
    }
}

/// Whether a zone would read a name as one of its own triggers: listed by somebody, such as
/// `8.0.0.0.10.rpz-client-ip`, it would do what nobody decided (section 4 of the draft).
fn is_trigger(name: &str) -> bool {
    let top = name.rsplit_once('.').map_or(name, |(_, top)| top);
    top.starts_with("rpz-")
}

/// The names above one that have a say in it, the nearest first: down to the registered domain, as
/// [`wardnet_verdictdb::View::ask`] goes.
pub(super) fn above(name: &DomainName) -> impl Iterator<Item = DomainRef<'_>> {
    let registered = SuffixList::shipped().registered_domain(name);
    let shortest = registered.map_or(usize::MAX, |registered| registered.as_str().len());
    name.parents().take_while(move |parent| parent.as_str().len() >= shortest)
}

/// Whether a name has no say in what lies beneath it: that belongs to others.
pub(super) fn is_public_suffix(name: &DomainName) -> bool {
    SuffixList::shipped().is_public_suffix(name).is_some()
}
