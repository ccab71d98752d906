//! What is wrong with primaries: secondaries that cannot be told of changes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use wardnet_server::{Component, Health, Status};

/// Tells the health of all primaries; made once and shared.
#[derive(Debug, Clone)]
pub struct RpzHealth(Arc<Troubles>);

#[derive(Debug)]
struct Troubles {
    component: Component,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    told: BTreeMap<u64, String>,
}

/// The trouble that somebody may have; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Trouble {
    health: RpzHealth,
    number: u64,
}

impl RpzHealth {
    /// No trouble yet.
    #[must_use]
    pub fn new(health: &Health) -> Self {
        let component = health.register("rpz");
        component.set(Status::Ok);
        Self(Arc::new(Troubles { component, open: Mutex::default() }))
    }

    pub(super) fn trouble(&self) -> Trouble {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.next += 1;
        Trouble { health: self.clone(), number: open.next }
    }

    fn set(&self, number: u64, what: Option<String>) {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match what {
            Some(what) => open.told.insert(number, what),
            None => open.told.remove(&number),
        };
        if before.as_ref() == open.told.get(&number) {
            return;
        }
        let status = match (open.told.values().next(), open.told.len()) {
            (None, _) => Status::Ok,
            (Some(one), 1) => Status::Degraded(one.clone()),
            (Some(one), count) => Status::Degraded(format!("{one}, and {} more", count - 1)),
        };
        self.0.component.set(status);
    }
}

impl Trouble {
    pub(super) fn begin(&self, what: String) {
        self.health.set(self.number, Some(what));
    }

    pub(super) fn end(&self) {
        self.health.set(self.number, None);
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn troubles_are_told_until_the_last_has_ended() {
        let health = Health::new();
        let rpz = RpzHealth::new(&health);
        let (one, other) = (rpz.trouble(), rpz.trouble());
        one.begin("one is silent".to_owned());
        other.begin("another is silent".to_owned());
        let both = Status::Degraded("one is silent, and 1 more".to_owned());
        assert_eq!(health.overall(), both);
        one.end();
        assert_ne!(health.overall(), both);
        assert_ne!(health.overall(), Status::Ok);
        drop(other);
        assert_eq!(health.overall(), Status::Ok);
    }
}
