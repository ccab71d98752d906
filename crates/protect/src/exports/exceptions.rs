//! What is allowed beneath names that are listed, in formats that have words for it.
//!
//! Only decisions allow beneath what is listed, so only they are looked at. Others are not told of
//! them: decisions stay with whoever made them.

use super::format::Format;
use super::name::put_line;
use super::walk::{Said, Walk, read};
use crate::frames::{Out, Stop};
use std::collections::BTreeMap;
use wardnet_model::{Band, DomainName, Indicator, Kind};
use wardnet_verdictdb::{Layer, LookupError, Question};

/// What becomes of a name, and of what lies beneath it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Spot {
    is_blocked: bool,
    is_blocked_beneath: bool,
    /// Whether a decision allows it.
    is_exception: bool,
    /// Whether it lies in something else that stands out.
    is_nested: bool,
}

/// Whether a format can except names from what lies beneath a name.
pub(super) const fn knows_exceptions(format: Format) -> bool {
    matches!(format, Format::Adblock | Format::Dnsmasq | Format::Unbound | Format::Rpz)
}

impl Walk {
    /// Writes what is allowed beneath listed names.
    pub(super) fn write_exceptions(&self, format: Format, out: &mut Out) -> Result<(), Stop> {
        if !knows_exceptions(format)
            || self.asked.for_others
            || !self.asked.wants(format, Kind::Domain)
        {
            return Ok(());
        }
        for (name, spot) in self.exceptions(format)? {
            write_spot(format, name.as_str(), spot, out.frame());
            out.flush_full()?;
        }
        Ok(())
    }

    /// Names that stand out against what is listed above them, in order.
    fn exceptions(&self, format: Format) -> Result<BTreeMap<DomainName, Spot>, LookupError> {
        let mut spots = BTreeMap::new();
        let wanted = |layer, kind| layer == Layer::Decision && kind == Kind::Domain;
        for listed in self.view.entries_where(self.tenant, self.now, wanted) {
            let entry = listed?.entry;
            let Some(Indicator::Domain(name)) = read(entry.kind, &entry.key, entry.name) else {
                continue;
            };
            let is_allowed = entry.profile.band == Band::Trusted;
            let parent = name.parent().map(DomainName::from);
            let Some(parent) = parent.filter(|_| is_allowed || format == Format::Adblock) else {
                continue;
            };
            let spot = self.spot(&name)?;
            if !is_allowed {
                // A rule that allows wins over one that blocks something beneath it.
                let blocks = spot.is_blocked || spot.is_blocked_beneath;
                if blocks && self.is_pardoned_beneath(&parent)? {
                    spots.insert(name, Spot { is_nested: true, ..spot });
                }
                continue;
            }
            if !self.is_blocked_beneath(&parent)? || spot.is_blocked && spot.is_blocked_beneath {
                continue;
            }
            let is_nested = format == Format::Adblock && self.is_nested(&parent)?;
            spots.insert(name, Spot { is_nested, is_exception: true, ..spot });
            if format == Format::Rpz {
                self.bridge(parent, &mut spots)?;
            }
        }
        Ok(spots)
    }

    /// A name in a zone cuts those between it and a wildcard off from the wildcard (RFC 4592 section
    /// 2.2.1): they get records of their own.
    fn bridge(
        &self,
        mut name: DomainName,
        spots: &mut BTreeMap<DomainName, Spot>,
    ) -> Result<(), LookupError> {
        while let Some(parent) = name.parent().map(DomainName::from) {
            if spots.contains_key(&name) || !self.is_blocked_beneath(&parent)? {
                break;
            }
            let spot = self.spot(&name)?;
            spots.insert(name, spot);
            name = parent;
        }
        Ok(())
    }

    fn spot(&self, name: &DomainName) -> Result<Spot, LookupError> {
        let indicator = Indicator::Domain(name.clone());
        let question = Question { indicator: &indicator, tenant: self.tenant, addresses: &[] };
        let answer = self.view.ask(&question, self.suffixes, self.now)?;
        let is_blocked = self.lists((answer.risk, answer.band, answer.categories));
        let is_blocked_beneath = self.is_blocked_beneath(name)?;
        Ok(Spot { is_blocked, is_blocked_beneath, is_exception: false, is_nested: false })
    }

    /// Whether what lies beneath a name, and of which nothing is known, is blocked.
    fn is_blocked_beneath(&self, name: &DomainName) -> Result<bool, LookupError> {
        let said = self.ask_beneath(&Indicator::Domain(name.clone()))?;
        Ok(said.is_some_and(|said| self.lists(said)))
    }

    /// Whether something is excepted between a name, beneath which all is blocked, and what is listed
    /// further up.
    fn is_nested(&self, name: &DomainName) -> Result<bool, LookupError> {
        for parent in name.parents() {
            if self.is_pardoned_beneath(&DomainName::from(parent))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether what lies beneath a name is excepted from what is listed further up.
    fn is_pardoned_beneath(&self, name: &DomainName) -> Result<bool, LookupError> {
        if self.is_blocked_beneath(name)? {
            return Ok(false);
        }
        for parent in name.parents() {
            if self.is_blocked_beneath(&DomainName::from(parent))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn lists(&self, (risk, band, categories): Said) -> bool {
        self.asked.policy.blocks(risk, band, categories) && risk >= self.asked.risk_min
    }
}

fn write_spot(format: Format, name: &str, spot: Spot, out: &mut Vec<u8>) {
    match format {
        Format::Rpz => rpz(name, spot, out),
        Format::Adblock => adblock(name, spot, out),
        Format::Dnsmasq => dnsmasq(name, spot, out),
        Format::Unbound => unbound(name, spot, out),
        _ => {}
    }
}

/// As a zone for transfers has it; see `name::rpz` for names that are too long.
fn rpz(name: &str, spot: Spot, out: &mut Vec<u8>) {
    let action = |is_blocked| if is_blocked { " CNAME ." } else { " CNAME rpz-passthru." };
    if name.len() < 220 {
        put_line(out, &[name, action(spot.is_blocked)]);
        put_line(out, &["*.", name, action(spot.is_blocked_beneath)]);
    }
}

/// <https://adguard-dns.io/kb/general/dns-filtering-syntax/>: `@@` excepts, and what is important is
/// blocked, or excepted, nevertheless.
fn adblock(name: &str, spot: Spot, out: &mut Vec<u8>) {
    let Spot { is_blocked, is_blocked_beneath, is_exception, is_nested } = spot;
    let before = if is_exception { "@@" } else { "" };
    let after = if is_nested { "^$important" } else { "^" };
    // The rest is said already by what it lies in.
    let anchor = match (is_blocked != is_exception, is_blocked_beneath != is_exception) {
        (true, true) => "||",
        (true, false) => "|",
        (false, true) => "||*.",
        (false, false) => return,
    };
    put_line(out, &[before, anchor, name, after]);
}

/// `#` stands for the usual servers.
fn dnsmasq(name: &str, spot: Spot, out: &mut Vec<u8>) {
    match (spot.is_blocked, spot.is_blocked_beneath) {
        (false, false) => put_line(out, &["server=/", name, "/#"]),
        (false, true) => {
            put_line(out, &["server=/", name, "/#"]);
            put_line(out, &["local=/*.", name, "/"]);
        }
        _ => {
            put_line(out, &["server=/*.", name, "/#"]);
            put_line(out, &["local=/", name, "/"]);
        }
    }
}

/// There is no word for what lies beneath a name alone, so that all beneath an allowed name goes with
/// it: a list never blocks more than Wardnet would.
fn unbound(name: &str, spot: Spot, out: &mut Vec<u8>) {
    if spot.is_blocked {
        put_line(out, &["local-zone: \"", name, ".\" typetransparent"]);
        put_line(out, &["local-data: \"", name, ". A 0.0.0.0\""]);
        put_line(out, &["local-data: \"", name, ". AAAA ::\""]);
    } else {
        put_line(out, &["local-zone: \"", name, ".\" transparent"]);
    }
}
