//! What is wrong with the parts of one component: it is degraded while any of them is in trouble.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use wardnet_server::{Component, Health, Status};

/// Tells the health of one component that has many parts; made once and shared.
#[derive(Debug, Clone)]
pub struct Troubles(Arc<Kept>);

#[derive(Debug)]
struct Kept {
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
pub(crate) struct Trouble {
    health: Troubles,
    number: u64,
}

impl Troubles {
    /// No trouble yet.
    #[must_use]
    pub fn new(health: &Health, name: &'static str) -> Self {
        let component = health.register(name);
        component.set(Status::Ok);
        Self(Arc::new(Kept { component, open: Mutex::default() }))
    }

    pub(crate) fn trouble(&self) -> Trouble {
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
    pub(crate) fn begin(&self, what: String) {
        self.health.set(self.number, Some(what));
    }

    pub(crate) fn end(&self) {
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
        let parts = Troubles::new(&health, "parts");
        let (one, other) = (parts.trouble(), parts.trouble());
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
