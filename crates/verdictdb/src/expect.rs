//! Hints of what will be asked, so that memory is on its way when it is.

use crate::Layer;
use crate::bits::LINE;
use crate::db::Db;
use crate::map::prefetch;
use crate::prefix::Prefix;
use wardnet_model::{Key, Kind};

const LAYERS: [Layer; 2] = [Layer::Evidence, Layer::Decision];

impl<D: AsRef<[u8]>> Db<D> {
    /// Has the buckets fetched in which a hashed key would lie.
    pub(crate) fn expect(&self, kind: Kind, key: &Key) {
        let key = key.prefix64();
        for layer in LAYERS {
            let Some((_, section)) = self.section(layer, kind) else { continue };
            let Some(shard) = section.shards.get(section.shard_of(key) as usize) else { continue };
            for (shape, at) in [(shard.narrow, shard.main_at), (shard.wide, shard.wide_at)] {
                if shape.count > 0 {
                    let (bucket, _) = shape.place(key);
                    prefetch(self.bytes(), at.wrapping_add(u64::from(bucket).wrapping_mul(LINE)));
                }
            }
        }
    }

    /// Has the entries fetched among which the networks around an address would lie.
    pub(crate) fn expect_networks(&self, prefix: Prefix) {
        for layer in LAYERS {
            let Some((_, section)) = self.section(layer, prefix.kind()) else { continue };
            let number = section.shard_of_network(prefix);
            if let Some(networks) = self.networks_of(section, number) {
                networks.expect(prefix.address);
            }
        }
    }
}
