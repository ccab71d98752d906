//! How many of something each client has at once: connections, or questions in flight.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts by client; holds only clients that have some.
#[derive(Debug, Clone, Default)]
pub(super) struct Crowd(Arc<Mutex<HashMap<Ipv6Addr, usize>>>);

/// One client's place in the crowd, given back on drop.
#[derive(Debug)]
pub(super) struct Seat {
    crowd: Crowd,
    client: Ipv6Addr,
}

impl Crowd {
    /// A place for a client, unless it has `most` already.
    pub(super) fn enter(&self, address: IpAddr, most: usize) -> Option<Seat> {
        // One site has an IPv6 /64 (RFC 6177).
        let client = match address.to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)),
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(client).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Seat { crowd: self.clone(), client })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_its_share_and_gives_it_back() {
        let crowd = Crowd::default();
        let enter = |text: &str| crowd.enter(text.parse().unwrap(), 2);
        let seats = [enter("2001:db8::1"), enter("2001:db8::2")];
        assert!(seats.iter().all(Option::is_some));
        assert!(enter("2001:db8::3").is_none(), "of the same /64");
        assert!(enter("2001:db8:0:1::3").is_some() && enter("192.0.2.1").is_some());
        drop(seats);
        assert!(enter("2001:db8::3").is_some());
        assert!(crowd.0.lock().unwrap().is_empty(), "nobody is remembered");
    }
}
