//! Takes records into the store on all processors, each with a settler of its own.

use crate::EngineError;
use crate::engine::Engine;
use crate::praise;
use crate::settle::{Outcome, Settler, TenantChange};
use std::sync::Arc;
use wardnet_model::{ImportCounts, Stance, Timestamp};
use wardnet_store::{Dossier, DossierKey, Effect, Settle, Update};

/// Settles dossiers and counts what was done to them.
struct Folder<'a> {
    settler: Settler<'a>,
    counts: ImportCounts,
    /// Dossiers to be settled after these, since good evidence came, changed or went.
    dependents: Vec<DossierKey>,
}

impl Settle for Folder<'_> {
    fn settle(&mut self, key: &DossierKey, dossier: &mut Dossier, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Added => self.counts.accepted += 1,
                Effect::Renewed | Effect::Nothing => self.counts.duplicate += 1,
                Effect::Ended => self.counts.expired += 1,
            }
        }
        self.settler.settle(key, dossier);
        let good = || dossier.evidence.iter().any(|held| held.stance == Stance::Benign);
        let moved = effects.iter().any(|effect| *effect != Effect::Nothing);
        if moved && (effects.contains(&Effect::Ended) || good()) {
            self.dependents.extend(praise::dependents(key, dossier));
        }
    }
}

impl Engine {
    /// Takes durable records into the store and settles the dossiers they touch, keeping at most
    /// `room` changes to publish; gives what was accepted, was known, and ended.
    pub(crate) fn take_in(
        &mut self,
        update: Update,
        position: u64,
        room: usize,
        now: Timestamp,
    ) -> Result<ImportCounts, EngineError> {
        let (epoch, store) = (Arc::clone(&self.epoch), Arc::clone(&self.store));
        let folder = || Folder {
            settler: self.settler(&epoch, &store, room, now),
            counts: ImportCounts::default(),
            dependents: Vec::new(),
        };
        let mut first = folder();
        let mut others: Vec<_> = (1..self.fold_threads()).map(|_| folder()).collect();
        store.take_in_with(update, position, (&mut first, &mut others))?;
        let mut counts = ImportCounts::default();
        let mut dependents = Vec::new();
        for folder in std::iter::once(first).chain(others) {
            counts.accepted += folder.counts.accepted;
            counts.duplicate += folder.counts.duplicate;
            counts.expired += folder.counts.expired;
            let outcome = folder.settler.finish()?;
            self.note(outcome);
            dependents.extend(folder.dependents);
        }
        self.settle_dependents(&dependents, now)?;
        Ok(counts)
    }
}

impl Outcome {
    /// Numbers changes after `last`: settlers that ran side by side all began at one number.
    pub(crate) fn renumber(&mut self, last: u64) {
        let mut number = last;
        let set = self.tenants.iter_mut().filter_map(|change| match change {
            TenantChange::Set(_, change) => Some(change),
            TenantChange::OnlyOf(..) => None,
        });
        for change in self.shared.iter_mut().chain(set) {
            number += 1;
            change.seq = number;
        }
        self.sequence = number;
    }
}
