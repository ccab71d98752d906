//! The trials of the models in force, and of those that were in force before them: whoever tries
//! another model for five minutes does not lose weeks of counts.

use wardnet_analyze::{ModelSet, Subject};

use super::trial::{Side, Trial};

/// Former models of one subject of which the trials are kept; of more the oldest goes.
pub const FORMER_TRIALS_MAX: usize = 4;

/// The trials.
#[derive(Debug)]
pub(super) struct Trials {
    in_force: [Trial; 2],
    /// The newest first.
    former: Vec<Trial>,
}

impl Trials {
    /// Nothing is known yet of any of the models.
    pub(super) fn new(models: &ModelSet) -> Self {
        let begin = |subject| Trial::new(models.of(subject));
        Self { in_force: [Subject::Url, Subject::Domain].map(begin), former: Vec::new() }
    }

    /// Other models are in force: one that was before goes on where it was, a new one begins.
    pub(super) fn exchange(&mut self, models: &ModelSet) {
        for (at, subject) in [Subject::Url, Subject::Domain].into_iter().enumerate() {
            let model = models.of(subject);
            let Some(own) = self.in_force.get_mut(at) else { continue };
            if own.model == *model.digest() {
                continue;
            }
            let known = self.former.iter().position(|one| is_of(one, subject, model.digest()));
            let next = known.map_or_else(|| Trial::new(model), |at| self.former.remove(at));
            let before = std::mem::replace(own, next);
            self.former.insert(0, before);
        }
        self.forget();
    }

    /// Counts a score of one of the models in force.
    pub(super) fn note(&mut self, subject: Subject, digest: &[u8; 32], score: f32, side: Side) {
        // Another model may have come into force meanwhile.
        if let Some(trial) = self.in_force.iter_mut().find(|one| is_of(one, subject, digest)) {
            trial.note(score, side);
        }
    }

    /// Goes on with trials of an earlier run, the newest first.
    pub(super) fn resume(&mut self, earlier: impl IntoIterator<Item = Trial>) {
        for one in earlier {
            let all = self.in_force.iter_mut().chain(&mut self.former);
            match all.into_iter().find(|known| is_of(known, one.subject, &one.model)) {
                Some(known) => *known = one,
                None => self.former.push(one),
            }
        }
        self.forget();
    }

    /// Lets go of what nothing was counted of, and of the oldest above the limit.
    fn forget(&mut self) {
        let (mut urls, mut names) = (0, 0);
        self.former.retain(|trial| {
            let kept = if trial.subject == Subject::Url { &mut urls } else { &mut names };
            let keeps = *kept < FORMER_TRIALS_MAX && trial.has_begun();
            *kept += usize::from(keeps);
            keeps
        });
    }

    pub(super) const fn in_force(&self) -> &[Trial; 2] {
        &self.in_force
    }

    pub(super) fn former(&self) -> &[Trial] {
        &self.former
    }
}

fn is_of(trial: &Trial, subject: Subject, digest: &[u8; 32]) -> bool {
    trial.subject == subject && trial.model == *digest
}
