//! From a view to a list.

use super::asked::Asked;
use super::batch::{Above, Batch, Ground};
use super::exceptions::knows_exceptions;
use super::format::Format;
use super::holes::Holes;
use super::item::{Item, Thing};
use super::{Rights, address, detect, name, record};
use crate::around::around;
use crate::frames::{Out, Stop};
use ipnet::IpNet;
use smallvec::SmallVec;
use std::cell::OnceCell;
use std::sync::Arc;
use wardnet_model::{
    Band, CategorySet, DAY_SECS, DomainName, DomainRef, Indicator, Key, Kind, Risk, Scope,
    SuffixList, TenantId, Timestamp, Url, domain_key,
};
use wardnet_verdictdb::{
    Entry, Facts, Hit, Hits, Layer, Listed, LookupError, Prefix, Profile, Question, View,
};

/// What is listed, for whom, and when.
pub(super) struct Walk {
    pub(super) view: Arc<View>,
    pub(super) tenant: Option<TenantId>,
    pub(super) asked: Asked,
    pub(super) suffixes: &'static SuffixList,
    pub(super) now: Timestamp,
    pub(super) rights: Rights,
    /// What is allowed within networks, once it was asked for.
    pub(super) holes: OnceCell<Holes>,
}

impl Walk {
    /// Writes the list.
    pub(super) fn write(&self, format: Format, out: &mut Out) -> Result<(), Stop> {
        let moment = self.view.as_of;
        if format == Format::Cidr || format == Format::Nftables {
            return self.write_joined(format, out);
        }
        record::head(format, moment, out.frame());
        let (mut count, mut numbers) = (0usize, detect::Numbers::default());
        self.each(format, |item| {
            let before = out.frame().len();
            let number = match format {
                Format::SuricataRules => numbers.of(&item.text()),
                _ => count,
            };
            let dated = dated(format, item, moment);
            write_item(format, dated.as_ref().unwrap_or(item), number, out.frame());
            // A format may have no way to say what there is to say.
            let is_said = out.frame().len() > before;
            count = count.saturating_add(usize::from(is_said));
            out.flush_full()?;
            Ok(is_said)
        })?;
        self.write_exceptions(format, out)?;
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
        mut take: impl FnMut(&Item<'_>) -> Result<bool, Stop>,
    ) -> Result<(), Stop> {
        let mut left = self.asked.max;
        let wanted = |_, kind| self.asked.reads(format, kind);
        let mut entries = self.view.entries_where(self.tenant, self.now, wanted);
        let mut batch = Batch::new(self, format)?;
        loop {
            let goes_on = batch.fill(&mut entries);
            for (listed, ground) in batch.entries() {
                if left == 0 {
                    return Ok(());
                }
                let item = match ground {
                    Ground::Sole(name) => self.sole_item(listed, name),
                    Ground::Found(name, hits, above) => {
                        self.found_item(format, listed, name, (hits, above))?
                    }
                    Ground::Asked => {
                        let said = self.ask_about(format, listed, left, &mut take)?;
                        left = left.saturating_sub(said);
                        continue;
                    }
                };
                if let Some(item) = item {
                    left = left.saturating_sub(usize::from(take(&item)?));
                }
            }
            if !goes_on? {
                return Ok(());
            }
        }
    }

    /// What an entry puts into the list that alone decides about its name.
    fn sole_item<'a>(&self, listed: &Listed<'a>, name: DomainRef<'a>) -> Option<Item<'a>> {
        let Entry { profile, scope, facts, kind, .. } = listed.entry;
        let said = match scope.covers_self() {
            true => (profile.risk, profile.band, profile.categories),
            false => (Risk::ZERO, Band::Unrated, CategorySet::EMPTY),
        };
        let thing = Thing::Name { name, itself: false, beneath: false };
        self.judge((said, scope.covers_beneath()), &[(scope, profile)], (kind, thing), facts)
    }

    /// Puts into the list what an entry has to say, `left` parts at most, and counts them; nothing
    /// where it is not blocked, where another entry of the same thing has done it, or where it is said
    /// already of what it lies in.
    pub(super) fn ask_about(
        &self,
        format: Format,
        listed: &Listed<'_>,
        left: usize,
        take: &mut impl FnMut(&Item<'_>) -> Result<bool, Stop>,
    ) -> Result<usize, Stop> {
        let entry = &listed.entry;
        let Some(indicator) = read(entry.kind, &entry.key, entry.name) else { return Ok(0) };
        let at = Some((entry.layer(), entry.scope));
        let Some(item) = self.item_of(format, &indicator, entry.facts, at)? else {
            return Ok(0);
        };
        match &item.thing {
            Thing::Address(network) => self.take_parts(*network, &item, left, take),
            _ => take(&item).map(usize::from),
        }
    }

    /// Puts a network into the list without what is allowed within.
    fn take_parts(
        &self,
        network: IpNet,
        item: &Item<'_>,
        left: usize,
        take: &mut impl FnMut(&Item<'_>) -> Result<bool, Stop>,
    ) -> Result<usize, Stop> {
        // Decisions are not told to others.
        let holes = match self.asked.for_others {
            true => Vec::new(),
            false => self.holes()?.within(&network),
        };
        if holes.is_empty() {
            return take(item).map(usize::from);
        }
        let (mut parts, mut said) = (Vec::new(), 0usize);
        around(network, &holes, &mut parts);
        for part in parts {
            if said == left {
                break;
            }
            let kind = Indicator::network(part).kind().unwrap_or(item.kind);
            let part = Item { thing: Thing::Address(part), kind, ..item.clone() };
            said = said.saturating_add(usize::from(take(&part)?));
        }
        Ok(said)
    }

    /// What is allowed within networks.
    pub(super) fn holes(&self) -> Result<&Holes, LookupError> {
        if let Some(holes) = self.holes.get() {
            return Ok(holes);
        }
        let holes = Holes::of(self)?;
        Ok(self.holes.get_or_init(|| holes))
    }

    /// What a thing puts into the list. `at` is the entry that is looked at, where there may be
    /// others of the same thing: the first of them puts it in.
    pub(super) fn item_of<'a>(
        &self,
        format: Format,
        indicator: &'a Indicator,
        facts: Option<Facts>,
        at: Option<(Layer, Scope)>,
    ) -> Result<Option<Item<'a>>, LookupError> {
        let (Some(kind), Some(thing)) = (indicator.kind(), Thing::of(indicator)) else {
            return Ok(None);
        };
        let hits = self.view.find(self.tenant, kind, &indicator.key(), self.now)?;
        let ask = || {
            let question = Question { indicator, tenant: self.tenant, addresses: &[] };
            let answer = self.view.ask(&question, self.suffixes, self.now)?;
            Ok((answer.risk, answer.band, answer.categories))
        };
        let beneath = || self.ask_beneath(indicator);
        match self.weigh(&hits, (ask, beneath), (kind, thing), (facts, at))? {
            Some(item) if self.is_told_above(format, &item.thing)? => Ok(None),
            item => Ok(item),
        }
    }

    /// What an entry puts into the list of whose name `hits` are known, and `above` of names above.
    fn found_item<'a>(
        &self,
        format: Format,
        listed: &Listed<'a>,
        name: DomainRef<'a>,
        (hits, above): (&Hits<'_>, &[Above<'_>]),
    ) -> Result<Option<Item<'a>>, LookupError> {
        let Entry { scope, facts, kind, .. } = listed.entry;
        // A question asks for no more than the registered domain; of a public suffix for itself.
        let registered = self.suffixes.registered_domain(name);
        let shortest = registered.map_or(usize::MAX, |registered| registered.as_str().len());
        let above = || above.iter().filter(|one| one.length >= shortest).map(|one| &one.hits);
        let ask = || {
            let answer = self.view.answer_about_name(hits, above());
            Ok((answer.risk, answer.band, answer.categories))
        };
        let thing = Thing::Name { name, itself: false, beneath: false };
        let at = Some((listed.entry.layer(), scope));
        let beneath = || {
            if registered.is_none() {
                return Ok(None);
            }
            let above = std::iter::once(hits).chain(above());
            let answer = self.view.answer_about_name(&Hits::default(), above);
            Ok(Some((answer.risk, answer.band, answer.categories)))
        };
        let item = self.weigh(hits, (ask, beneath), (kind, thing), (facts, at))?;
        let is_told = || {
            let mut said = above().filter_map(|hits| self.tells_beneath(format, hits));
            leaves_out_beneath(format) && said.next() == Some(true)
        };
        Ok(item.filter(|_| !is_told()))
    }

    /// What is said of what lies beneath a name and is not known itself: whoever allows a name allows
    /// that too. Nothing where no question goes up to the name.
    pub(super) fn ask_beneath(&self, indicator: &Indicator) -> Result<Option<Said>, LookupError> {
        let Indicator::Domain(name) = indicator else { return Ok(None) };
        let child = DomainName::parse(&format!("{UNKNOWN_LABEL}.{}", name.as_str()));
        let (Ok(child), Some(_)) = (child, self.suffixes.registered_domain(name.borrowed())) else {
            return Ok(None);
        };
        let child = Indicator::Domain(child);
        let question = Question { indicator: &child, tenant: self.tenant, addresses: &[] };
        let answer = self.view.ask(&question, self.suffixes, self.now)?;
        Ok(Some((answer.risk, answer.band, answer.categories)))
    }

    /// What a thing puts into the list of which `hits` are known. `ask` is asked for the answer, and
    /// for that on what lies beneath.
    fn weigh<'a>(
        &self,
        hits: &Hits<'_>,
        (ask, ask_beneath): (
            impl FnOnce() -> Result<Said, LookupError>,
            impl FnOnce() -> Result<Option<Said>, LookupError>,
        ),
        about: (Kind, Thing<'a>),
        (facts, at): (Option<Facts>, Option<(Layer, Scope)>),
    ) -> Result<Option<Item<'a>>, LookupError> {
        let blocking = || hits.iter().filter(|(_, hit)| self.blocks(hit.profile));
        let Some(first) = blocking().map(|(layer, hit)| (layer, hit.scope)).min() else {
            return Ok(None);
        };
        if at.is_some_and(|at| at != first) {
            return Ok(None);
        }
        let own: SmallVec<[_; 6]> = blocking().map(|(_, hit)| (hit.scope, hit.profile)).collect();
        let blocks = |(risk, band, categories)| self.asked.policy.blocks(risk, band, categories);
        let beneath = own.iter().any(|(scope, _)| scope.covers_beneath())
            && ask_beneath()?.is_none_or(blocks);
        Ok(self.judge((ask()?, beneath), &own, about, facts))
    }

    /// What a thing puts into the list about which the view says `said`; whether what lies beneath is
    /// blocked stands beside it. `own` are its own entries that block, one at least.
    fn judge<'a>(
        &self,
        ((risk, band, categories), is_beneath_blocked): (Said, bool),
        own: &[(Scope, &Profile)],
        (kind, mut thing): (Kind, Thing<'a>),
        facts: Option<Facts>,
    ) -> Option<Item<'a>> {
        let mut blocks = self.asked.policy.blocks(risk, band, categories);
        let mut categories = categories;
        if let Thing::Name { itself, beneath, .. } = &mut thing {
            *itself = blocks && own.iter().any(|(scope, _)| scope.covers_self());
            *beneath = is_beneath_blocked;
            blocks = *itself || *beneath;
            if !*itself {
                categories =
                    own.iter().flat_map(|(_, profile)| profile.categories.iter()).collect();
            }
        }
        let risk = own.iter().map(|(_, profile)| profile.risk).fold(risk, Risk::max);
        if !blocks || risk < self.asked.risk_min {
            return None;
        }
        if self.asked.for_others {
            return self.item_for_others(own, (kind, thing), facts);
        }
        let first_seen = facts.map(|facts| facts.first_seen);
        let last_seen = facts.map(|facts| facts.last_seen);
        Some(Item { thing, kind, risk, categories, first_seen, last_seen })
    }

    /// What others are told of a thing that is blocked, if some source lets them: what all say whose
    /// words may be handed on. Where somebody else speaks too, that it is listed and no more.
    fn item_for_others<'a>(
        &self,
        own: &[(Scope, &Profile)],
        (kind, mut thing): (Kind, Thing<'a>),
        facts: Option<Facts>,
    ) -> Option<Item<'a>> {
        let profiles = || own.iter().map(|(_, profile)| *profile);
        let may_go = |profile: &Profile| {
            profile.sources.shareable().filter(|one| (self.rights.may_share)(*one)).count()
        };
        let mut told = own.iter().filter(|(_, profile)| may_go(profile) > 0).peekable();
        told.peek()?;
        if let Thing::Name { itself, beneath, .. } = &mut thing {
            // How far it reaches is told by those alone who may be told of.
            let scopes: SmallVec<[Scope; 6]> = told.map(|(scope, _)| *scope).collect();
            *itself &= scopes.iter().any(|scope| scope.covers_self());
            *beneath &= scopes.iter().any(|scope| scope.covers_beneath());
            if !*itself && !*beneath {
                return None;
            }
        }
        let is_open = |profile: &Profile| may_go(profile) == profile.sources.len();
        if profiles().all(|profile| !profile.sources.is_empty() && is_open(profile)) {
            let categories: CategorySet =
                profiles().flat_map(|profile| profile.categories.iter()).collect();
            let wanted = self.asked.categories();
            if !wanted.is_empty() && !categories.iter().any(|one| wanted.contains(one)) {
                return None;
            }
            let risk = profiles().map(|profile| profile.risk).max().unwrap_or_default();
            let first_seen = facts.map(|facts| facts.first_seen);
            let last_seen = facts.map(|facts| facts.last_seen);
            return Some(Item { thing, kind, risk, categories, first_seen, last_seen });
        }
        let risk = self.asked.policy.level.threshold();
        let is_asked_for = self.asked.categories().is_empty() && risk >= self.asked.risk_min;
        let categories = CategorySet::EMPTY;
        is_asked_for.then_some(Item {
            thing,
            kind,
            risk,
            categories,
            first_seen: None,
            last_seen: None,
        })
    }

    /// Whether the list's policy blocks what is said so.
    pub(super) fn blocks(&self, profile: &Profile) -> bool {
        self.asked.policy.blocks(profile.risk, profile.band, profile.categories)
    }

    /// Whether a name is said already by one above it, in formats whose programs refuse or warn of
    /// names beneath names.
    fn is_told_above(&self, format: Format, thing: &Thing<'_>) -> Result<bool, LookupError> {
        let Thing::Name { name, .. } = thing else { return Ok(false) };
        if !leaves_out_beneath(format) {
            return Ok(false);
        }
        let registered = self.suffixes.registered_domain(*name);
        let shortest = registered.map_or(usize::MAX, |registered| registered.as_str().len());
        for parent in name.parents().take_while(|parent| parent.as_str().len() >= shortest) {
            let key = domain_key(parent.as_str());
            let hits = self.view.find(self.tenant, Kind::Domain, &key, self.now)?;
            if let Some(is_told) = self.tells_beneath(format, &hits) {
                return Ok(is_told);
            }
        }
        Ok(false)
    }

    /// Whether a name with such hits is in the list with all below it, or what lies below it excepted;
    /// nothing where the names above it decide.
    fn tells_beneath(&self, format: Format, hits: &Hits<'_>) -> Option<bool> {
        let beneath = || hits.iter().filter(|(_, hit)| hit.scope.covers_beneath());
        let allows = hits
            .iter()
            .filter(|(layer, hit)| *layer == Layer::Decision && hit.profile.band == Band::Trusted);
        match allows.map(|(_, hit)| hit.scope.covers_beneath()).max() {
            Some(true) => return knows_exceptions(format).then_some(false),
            // These have no word for what lies beneath a name alone: one that is allowed for itself is
            // not in them, and Unbound's exception frees what lies beneath it, too.
            Some(false) if format == Format::Unbound => return Some(false),
            Some(false) if format == Format::Squid => return None,
            _ => {}
        }
        let is_told = beneath().any(|(_, hit)| {
            // A wildcard is cut off by what a zone has beneath it, so that a zone has nothing there.
            (format == Format::Rpz || hit.scope.covers_self()) && self.lists_alone(hit)
        });
        is_told.then_some(true)
    }

    /// Whether something is in the list by one entry.
    fn lists_alone(&self, hit: &Hit<'_>) -> bool {
        let Hit { profile, scope, .. } = *hit;
        let said = (profile.risk, profile.band, profile.categories);
        let thing = Thing::Other(&Indicator::Asn(0));
        self.judge((said, false), &[(scope, profile)], (Kind::Domain, thing), None).is_some()
    }
}

/// Whether a format is for programs that refuse names beneath names, or warn of them, or would no more
/// block what lies beside them.
const fn leaves_out_beneath(format: Format) -> bool {
    matches!(format, Format::Squid) || knows_exceptions(format)
}

/// A label that nobody lists.
const UNKNOWN_LABEL: &str = "not-listed-by-anybody--wardnet";

/// Risk, class and categories of an answer.
pub(super) type Said = (Risk, Band, CategorySet);

/// What an entry is about; `None` where its text is not kept.
pub(super) fn read(kind: Kind, key: &Key, name: Option<&str>) -> Option<Indicator> {
    match kind {
        Kind::Domain => Some(Indicator::Domain(DomainName::parse(name?).ok()?)),
        Kind::Ipv4 | Kind::Ipv6 | Kind::Ipv4Network | Kind::Ipv6Network => {
            let prefix = Prefix::from_key(kind, key)?;
            let network = IpNet::new(prefix.address(), prefix.length()).ok()?;
            Some(Indicator::network(network))
        }
        Kind::Url => Some(Indicator::Url(Url::parse(name?).ok()?)),
        _ => Indicator::parse(name?).ok(),
    }
}

/// An item with the day of the list for its dates, where it has none and the format demands some.
fn dated<'a>(format: Format, item: &Item<'a>, moment: Timestamp) -> Option<Item<'a>> {
    let day = Some(Timestamp(moment.0 / DAY_SECS * DAY_SECS));
    let is_wanting = format == Format::Stix && item.first_seen.is_none();
    is_wanting.then(|| Item { first_seen: day, last_seen: day, ..item.clone() })
}

pub(super) fn write_item(format: Format, item: &Item<'_>, number: usize, out: &mut Vec<u8>) {
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
        Format::Ndjson => record::ndjson(item, None, out),
        Format::Stix => record::stix(item, number, None, out),
    }
}
