//! What is allowed within networks that are listed: a firewall knows no exceptions, so that lists have
//! the parts around them.

use super::walk::Walk;
use ipnet::IpNet;
use wardnet_model::{Band, Kind};
use wardnet_verdictdb::{Layer, LookupError, Prefix};

/// Networks and addresses that are allowed, in order.
#[derive(Debug, Default)]
pub(super) struct Holes(Vec<IpNet>);

impl Holes {
    /// Those of a walk.
    pub(super) fn of(walk: &Walk) -> Result<Self, LookupError> {
        let is_address =
            |kind| matches!(kind, Kind::Ipv4 | Kind::Ipv6 | Kind::Ipv4Network | Kind::Ipv6Network);
        let wanted = |layer, kind| layer == Layer::Decision && is_address(kind);
        let mut holes = Vec::new();
        for listed in walk.view.entries_where(walk.tenant, walk.now, wanted) {
            let entry = listed?.entry;
            if entry.profile.band == Band::Trusted
                && is_address(entry.kind)
                && let Some(prefix) = Prefix::from_key(entry.kind, &entry.key)
                && let Ok(network) = IpNet::new(prefix.address(), prefix.length())
            {
                holes.push(network);
            }
        }
        holes.sort_unstable();
        Ok(Self(holes))
    }

    /// Those within a network and smaller: what allows all of it, and yet leaves it listed, is overruled.
    pub(super) fn within(&self, network: &IpNet) -> Vec<IpNet> {
        let first = self.0.partition_point(|hole| hole.network() < network.network());
        let rest = self.0.get(first..).unwrap_or_default();
        let end = rest.partition_point(|hole| hole.network() <= network.broadcast());
        let near = rest.get(..end).unwrap_or_default().iter();
        near.filter(|hole| hole.prefix_len() > network.prefix_len()).copied().collect()
    }
}
