//! From a view to a list.

use super::asked::Asked;
use super::format::Format;
use super::item::{Item, Thing};
use super::{MayShare, address, detect, name, record};
use crate::frames::{Out, Stop};
use ipnet::IpNet;
use std::sync::Arc;
use wardnet_model::{
    DomainName, HostRef, Indicator, Kind, Scope, SuffixList, TenantId, Timestamp, Url, domain_key,
};
use wardnet_verdictdb::{Facts, Layer, Listed, LookupError, Prefix, Profile, Question, View};

/// What is listed, for whom, and when.
pub(super) struct Walk {
    pub(super) view: Arc<View>,
    pub(super) tenant: Option<TenantId>,
    pub(super) asked: Asked,
    pub(super) suffixes: &'static SuffixList,
    pub(super) now: Timestamp,
    pub(super) may_share: MayShare,
}

impl Walk {
    /// Writes the list.
    pub(super) fn write(&self, format: Format, out: &mut Out) -> Result<(), Stop> {
        let moment = self.view.as_of;
        if format == Format::Cidr || format == Format::Nftables {
            return self.write_joined(format, out);
        }
        record::head(format, moment, out.frame());
        let mut count = 0usize;
        self.each(format, |item| {
            let before = out.frame().len();
            write_item(format, item, count, out.frame());
            // A format may have no way to say what there is to say.
            let is_said = out.frame().len() > before;
            count = count.saturating_add(usize::from(is_said));
            out.flush_full()?;
            Ok(is_said)
        })?;
        record::foot(format, out.frame());
        Ok(())
    }

    /// Writes networks that are joined where they touch: all must be known before the first.
    fn write_joined(&self, format: Format, out: &mut Out) -> Result<(), Stop> {
        let mut networks: Vec<IpNet> = Vec::new();
        self.each(format, |item| {
            if let Thing::Address(network) = &item.thing {
                networks.push(*network);
            }
            Ok(true)
        })?;
        let networks = IpNet::aggregate(&networks);
        if format == Format::Nftables {
            address::nftables(&networks, self.view.as_of, out)
        } else {
            address::cidr(&networks, self.view.as_of, out)
        }
    }

    /// Calls `take` for every entry of the list, until as many were said as are wanted.
    pub(super) fn each(
        &self,
        format: Format,
        mut take: impl FnMut(&Item) -> Result<bool, Stop>,
    ) -> Result<(), Stop> {
        let mut left = self.asked.max;
        let wanted = |_, kind| self.asked.wants(format, kind);
        for listed in self.view.entries_where(self.tenant, self.now, wanted) {
            let listed = listed?;
            if left == 0 {
                break;
            }
            if !self.asked.wants(format, listed.entry.kind) {
                continue;
            }
            if let Some(item) = self.item(format, &listed)?
                && take(&item)?
            {
                left = left.saturating_sub(1);
            }
        }
        Ok(())
    }

    /// What an entry puts into the list; nothing where it is not blocked, where another entry of
    /// the same thing has done it, or where it is said already of what it lies in.
    fn item(&self, format: Format, listed: &Listed<'_>) -> Result<Option<Item>, LookupError> {
        let entry = &listed.entry;
        if !self.blocks(entry.profile) {
            return Ok(None);
        }
        let Some(told) = read(entry.kind, &entry.key, entry.name) else { return Ok(None) };
        self.item_of(format, told, entry.facts, Some((entry.layer(), entry.scope)))
    }

    /// What a thing puts into the list. `at` is the entry that is looked at, where there may be
    /// others of the same thing: the first of them puts it in.
    pub(super) fn item_of(
        &self,
        format: Format,
        (indicator, mut thing): (Indicator, Thing),
        facts: Option<Facts>,
        at: Option<(Layer, Scope)>,
    ) -> Result<Option<Item>, LookupError> {
        let Some(kind) = indicator.kind() else { return Ok(None) };
        let policy = self.asked.policy;
        let hits = self.view.find(self.tenant, kind, &indicator.key(), self.now)?;
        let blocking = || hits.iter().filter(|(_, hit)| self.blocks(hit.profile));
        let Some(first) = blocking().map(|(layer, hit)| (layer, hit.scope)).min() else {
            return Ok(None);
        };
        if at.is_some_and(|at| at != first) {
            return Ok(None);
        }
        let (risk, band, categories) = {
            let question = Question { indicator: &indicator, tenant: self.tenant, addresses: &[] };
            let answer = self.view.ask(&question, self.suffixes, self.now)?;
            (answer.risk, answer.band, answer.categories)
        };
        let is_asked_for = risk >= self.asked.risk_min;
        let mut blocks = policy.blocks(risk, band, categories);
        if let Thing::Name { itself, beneath, .. } = &mut thing {
            *itself = blocks && blocking().any(|(_, hit)| hit.scope.covers_self());
            *beneath = blocking().any(|(_, hit)| hit.scope.covers_beneath());
            blocks = *itself || *beneath;
        }
        let may_go = !self.asked.for_others
            || blocking()
                .any(|(_, hit)| hit.profile.sources.iter().any(|one| (self.may_share)(one)));
        if !blocks || !is_asked_for || !may_go || self.is_told_above(format, &thing)? {
            return Ok(None);
        }
        let first_seen = facts.map(|facts| facts.first_seen);
        let last_seen = facts.map(|facts| facts.last_seen);
        let categories = if categories.is_empty() { self.asked.categories() } else { categories };
        let own = blocking().map(|(_, hit)| hit.profile.risk).max();
        let risk = risk.max(own.unwrap_or_default());
        Ok(Some(Item { thing, indicator, risk, categories, first_seen, last_seen }))
    }

    /// Whether the list's policy blocks what is said so.
    pub(super) fn blocks(&self, profile: &Profile) -> bool {
        self.asked.policy.blocks(profile.risk, profile.band, profile.categories)
    }

    /// Whether a name is said already by one above it, in formats whose programs refuse or warn of
    /// names beneath names.
    fn is_told_above(&self, format: Format, thing: &Thing) -> Result<bool, LookupError> {
        let Thing::Name { name, .. } = thing else { return Ok(false) };
        if !matches!(format, Format::Squid | Format::Dnsmasq | Format::Unbound | Format::Adblock) {
            return Ok(false);
        }
        let registered = self.suffixes.registered_domain(name);
        let shortest = registered.map_or(usize::MAX, |registered| registered.as_str().len());
        for parent in name.parents().take_while(|parent| parent.as_str().len() >= shortest) {
            let key = domain_key(parent.as_str());
            let hits = self.view.find(self.tenant, Kind::Domain, &key, self.now)?;
            let is_told = hits.iter().any(|(_, hit)| {
                let scope = hit.scope;
                self.blocks(hit.profile) && scope.covers_beneath() && scope.covers_self()
            });
            if is_told {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What an entry is about; `None` where its text is not kept.
pub(super) fn read(
    kind: Kind,
    key: &wardnet_model::Key,
    name: Option<&str>,
) -> Option<(Indicator, Thing)> {
    match kind {
        Kind::Domain => {
            let name = DomainName::parse(name?).ok()?;
            let thing = Thing::Name { name: name.clone(), itself: false, beneath: false };
            Some((Indicator::Domain(name), thing))
        }
        Kind::Ipv4 | Kind::Ipv6 | Kind::Ipv4Network | Kind::Ipv6Network => {
            let prefix = Prefix::from_key(kind, key)?;
            let network = IpNet::new(prefix.address(), prefix.length()).ok()?;
            Some((Indicator::network(network), Thing::Address(network)))
        }
        Kind::Url => {
            let url = Url::parse(name?).ok()?;
            // A URL may hold what no line of a list can.
            let is_plain = !matches!(url.host(), HostRef::Other(_));
            is_plain.then(|| (Indicator::Url(url.clone()), Thing::Url(Box::new(url))))
        }
        _ => {
            let indicator = Indicator::parse(name?).ok()?;
            let text = indicator.to_string();
            Some((indicator, Thing::Hash { kind, text }))
        }
    }
}

fn write_item(format: Format, item: &Item, number: usize, out: &mut Vec<u8>) {
    match format {
        Format::Plain => name::plain(item, out),
        Format::Hosts => name::hosts(item, out),
        Format::Adblock => name::adblock(item, out),
        Format::Dnsmasq => name::dnsmasq(item, out),
        Format::Unbound => name::unbound(item, out),
        Format::Rpz => name::rpz(item, out),
        Format::Squid => name::squid(item, out),
        Format::HaproxyDomains => name::haproxy(item, out),
        Format::Cidr | Format::Nftables => {}
        Format::Ipset => address::ipset(item, out),
        Format::Haproxy => address::haproxy(item, out),
        Format::Nginx => address::nginx(item, out),
        Format::SuricataIprep => detect::iprep(item, out),
        Format::SuricataDataset => detect::dataset(item, out),
        Format::SuricataRules => detect::rule(item, number, out),
        Format::Zeek => detect::zeek(item, out),
        Format::Csv => record::csv(item, out),
        Format::Ndjson => record::ndjson(item, out),
        Format::Stix => record::stix(item, number, out),
    }
}
