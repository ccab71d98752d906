//! The state of one moment, from which all questions that came at once are answered.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wardnet_model::{SuffixList, Timestamp};
use wardnet_server::budget::{BudgetConfig, Budgets};
use wardnet_server::{monotonic_nanos, now_unix};
use wardnet_verdictdb::View;

use crate::opinion::Opinions;

use super::asked::Head;
use super::config::{Action, PolicyConfig, ResolverConfig};
use super::engine::{Client, Way};
use super::judge::{Judge, Judgement, NoVerdict};
use super::stored::{Fit, Stored};
use super::upstream::{UpstreamError, Upstreams};

const NANOS_PER_SEC: u64 = 1_000_000_000;

/// Meters for client addresses, 8 bytes each.
const ADDRESS_SLOTS: usize = 65_536;

/// Everything that a reload replaces at once.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) config: ResolverConfig,
    pub(super) upstreams: Upstreams,
    /// Over UDP anybody can use up the budget of another's address; so connections have their own.
    datagrams: Budgets,
    connections: Budgets,
    /// No others have this number.
    pub(super) number: u64,
    anyone: PolicyConfig,
}

impl Settings {
    pub(super) fn new(config: ResolverConfig) -> Result<Self, UpstreamError> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let upstreams = Upstreams::new(&config)?;
        let budgets = BudgetConfig {
            anonymous: config.rate,
            address_slots: ADDRESS_SLOTS,
            ..BudgetConfig::default()
        };
        let (datagrams, connections) = (Budgets::new(budgets.clone()), Budgets::new(budgets));
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let anyone = PolicyConfig::default();
        Ok(Self { config, upstreams, datagrams, connections, number, anyone })
    }

    /// The first policy for a client, and its place; the default one where none is meant for it.
    fn policy_at(&self, client: IpAddr) -> (u64, &PolicyConfig) {
        let mut policies = (1..).zip(&self.config.policy);
        policies.find(|(_, policy)| policy.is_for(client)).unwrap_or((0, &self.anyone))
    }

    pub(super) fn policy(&self, client: IpAddr) -> &PolicyConfig {
        self.policy_at(client).1
    }

    pub(super) fn may_ask(&self, client: IpAddr) -> bool {
        self.config.access.iter().any(|network| network.contains(&client))
    }
}

/// Settings, verdicts and time.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    pub(super) settings: Arc<Settings>,
    view: Arc<View>,
    opinions: Option<Arc<Opinions>>,
    now: Timestamp,
    pub(super) nanos: u64,
}

impl Moment {
    pub(super) fn new(
        settings: Arc<Settings>,
        view: Arc<View>,
        opinions: Option<Arc<Opinions>>,
    ) -> Self {
        Self { settings, view, opinions, now: now_unix(), nanos: monotonic_nanos() }
    }

    pub(super) const fn secs(&self) -> u64 {
        self.nanos / NANOS_PER_SEC
    }

    /// Takes a question from a client's budget; false where nothing is left.
    pub(super) fn affords(&self, client: Client) -> bool {
        let budgets = match client.way {
            Way::Udp => &self.settings.datagrams,
            Way::Plain | Way::Encrypted => &self.settings.connections,
        };
        budgets.take_anonymous(client.address, 1, self.nanos).is_ok()
    }

    /// How an answer is to be written.
    pub(super) fn fit(&self, head: &Head<'_>, way: Way) -> Fit {
        let own_payload = self.settings.config.limits.udp_bytes_max;
        let bytes_max = match way {
            Way::Udp => usize::from(head.edns.map_or(512, |edns| edns.payload.min(own_payload))),
            Way::Plain | Way::Encrypted => usize::from(u16::MAX),
        };
        Fit { now_secs: self.secs(), bytes_max, own_payload, pad: way == Way::Encrypted }
    }

    /// Judges by the policy for a client.
    pub(super) fn judge(
        &self,
        client: Client,
        judge: impl FnOnce(&Judge<'_>) -> Result<Judgement, NoVerdict>,
    ) -> Result<Judgement, NoVerdict> {
        self.judge_by(self.settings.policy(client.address), judge)
    }

    fn judge_by(
        &self,
        policy: &PolicyConfig,
        judge: impl FnOnce(&Judge<'_>) -> Result<Judgement, NoVerdict>,
    ) -> Result<Judgement, NoVerdict> {
        if policy.action == Action::Pass {
            return Ok(Judgement::Allow);
        }
        judge(&Judge {
            view: &self.view,
            suffixes: SuffixList::shipped(),
            policy,
            config: &self.settings.config,
            now: self.now,
            opinions: self.opinions.as_deref(),
        })
    }

    /// Judges an answer. That it passes is remembered with it, for as long as neither verdicts nor
    /// settings nor the second change: nothing else could change the judgement.
    pub(super) fn judge_answer(
        &self,
        client: Client,
        stored: &Stored,
    ) -> Result<Judgement, NoVerdict> {
        let (place, policy) = self.settings.policy_at(client.address);
        let mark = self.mark(place);
        if stored.has_passed(mark) {
            return Ok(Judgement::Pass);
        }
        let judged = self.judge_by(policy, |judge| judge.answer(stored))?;
        if matches!(judged, Judgement::Pass | Judgement::Allow) {
            stored.pass(mark);
        }
        Ok(judged)
    }

    /// A number that only equal moments and policies share, except by a chance of 2^-64.
    fn mark(&self, policy: u64) -> u64 {
        let view = Arc::as_ptr(&self.view).addr() as u64;
        let parts = [view, self.view.seq, self.now.0, self.settings.number, policy];
        parts.into_iter().fold(1, |mark, part| mix(mark ^ part).wrapping_add(part))
    }
}

/// Spreads each bit over all (SplitMix64).
const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn marks_differ_with_all_that_could_change_a_judgement() {
        let settings = |upstream: &str| {
            let upstreams = vec![upstream.parse().unwrap()];
            let config = ResolverConfig { upstreams, ..ResolverConfig::default() };
            Arc::new(Settings::new(config).unwrap())
        };
        let (settings, other_settings) = (settings("192.0.2.53"), settings("192.0.2.53"));
        let (view, other_view) = (Arc::new(testing::view()), Arc::new(testing::view()));
        let moment = Moment::new(settings, view, None);
        let later = Moment { now: Timestamp(moment.now.0 + 1), ..moment.clone() };
        let elsewhere = Moment { settings: other_settings, ..moment.clone() };
        let knowing = Moment { view: other_view, ..moment.clone() };
        let mut marks = vec![moment.mark(0), moment.mark(1)];
        marks.extend([&later, &elsewhere, &knowing].map(|moment| moment.mark(0)));
        assert_eq!(moment.mark(0), moment.clone().mark(0));
        marks.sort_unstable();
        marks.dedup();
        assert_eq!(marks.len(), 5);
    }
}
