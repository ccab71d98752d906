//! How much of something each client has at once: connections, or questions in flight.

use crate::budget::client_of;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts by client, which is an address or a /64 of IPv6; holds only clients that have some.
#[derive(Debug, Clone, Default)]
pub struct Crowd(Arc<Mutex<HashMap<Ipv6Addr, usize>>>);

/// One place in the crowd, given back on drop: also when its task is cut.
#[derive(Debug)]
#[must_use = "a place that is dropped is given back"]
pub struct Place {
    crowd: Crowd,
    client: Ipv6Addr,
}

impl Crowd {
    /// One more place for a client, unless it has `most` of them.
    pub fn enter(&self, client: IpAddr, most: usize) -> Option<Place> {
        let client = client_of(client);
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_insert(0);
        if *count >= most {
            if *count == 0 {
                open.remove(&client);
            }
            return None;
        }
        *count += 1;
        Some(Place { crowd: self.clone(), client })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_client_and_given_back() {
        let crowd = Crowd::default();
        let (one, other): (IpAddr, IpAddr) =
            ("2001:db8::1".parse().unwrap(), "2001:db8:1::1".parse().unwrap());
        let neighbour = "2001:db8::2".parse().unwrap();
        let first = crowd.enter(one, 2).unwrap();
        let second = crowd.enter(neighbour, 2).unwrap();
        assert!(crowd.enter(one, 2).is_none(), "one /64 is one client");
        let third = crowd.enter(other, 2).unwrap();
        drop(first);
        let fourth = crowd.enter(one, 2).unwrap();
        assert!(crowd.enter(one, 0).is_none());
        drop((second, third, fourth));
        assert!(crowd.0.lock().unwrap().is_empty(), "nobody is remembered");
    }
}
