//! Folds records into dossiers, on as many threads as there are settlers.
//!
//! Records are sorted by the dossier they touch and cut into stretches of whole dossiers, one for
//! each thread. What the threads made is written in one piece, in the order of the stretches, so
//! the outcome is that of one thread.

use crate::codec;
use crate::dossier::{Dossier, DossierKey, Effect, Limits, Mutation};
use crate::error::StoreError;
use fjall::{Keyspace, Slice};
use wardnet_model::{Indicator, Timestamp};

/// Fewer mutations than this are not worth a thread.
const STRETCH_MIN: usize = 1024;

/// One thing that happens to a dossier.
pub(crate) type Step = (DossierKey, Indicator, Mutation);

/// Makes the verdicts of dossiers as they are folded.
pub trait Settle {
    /// Called once for every dossier touched, with what was done to it, before it is written.
    fn settle(&mut self, key: &DossierKey, dossier: &mut Dossier, effects: &[Effect]);
}

impl<F: FnMut(&DossierKey, &mut Dossier, &[Effect])> Settle for F {
    fn settle(&mut self, key: &DossierKey, dossier: &mut Dossier, effects: &[Effect]) {
        self(key, dossier, effects);
    }
}

/// What is to be written.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    /// New contents of dossiers; `None` for those that nothing is known of any more.
    pub(crate) dossiers: Vec<(Slice, Option<Slice>)>,
    /// When verdicts change by themselves, newly found.
    pub(crate) crossings: Vec<Slice>,
    bytes: Vec<u8>,
}

impl Folded {
    /// Settles a dossier and notes its new contents.
    pub(crate) fn settle(
        &mut self,
        key: &DossierKey,
        dossier: &mut Dossier,
        settle: impl FnOnce(&mut Dossier),
    ) {
        let crossing = dossier.published.next_crossing;
        settle(dossier);
        self.note(key, dossier, crossing);
    }

    fn note(&mut self, key: &DossierKey, dossier: &Dossier, crossing: Timestamp) {
        let next = dossier.published.next_crossing;
        if next != crossing && next.0 != 0 {
            self.crossings.push(Slice::from(crossing_key(next, key)));
        }
        let contents = (!dossier.is_empty()).then(|| {
            self.bytes.clear();
            codec::encode(dossier, &mut self.bytes);
            Slice::from(self.bytes.as_slice())
        });
        self.dossiers.push((Slice::from(key.0), contents));
    }
}

/// The key under which a crossing is kept: by time.
pub(crate) fn crossing_key(at: Timestamp, dossier: &DossierKey) -> [u8; 30] {
    let mut key = [0u8; 30];
    key[..8].copy_from_slice(&at.0.to_be_bytes());
    key[8..].copy_from_slice(&dossier.0);
    key
}

/// Folds `steps`, sorted by dossier, into `dossiers`.
pub(crate) fn fold<S: Settle + Send>(
    dossiers: &Keyspace,
    limits: &Limits,
    steps: Vec<Step>,
    settlers: (&mut S, &mut [S]),
) -> Result<Vec<Folded>, StoreError> {
    let mut stretches = stretches(steps, settlers.1.len() + 1);
    let Some(first) = stretches.pop() else {
        return Ok(Vec::new());
    };
    std::thread::scope(|scope| {
        let (mine, others) = settlers;
        let others: Vec<_> = stretches
            .drain(..)
            .rev()
            .zip(others)
            .map(|(steps, settler)| {
                scope.spawn(move || fold_stretch(dossiers, limits, steps, settler))
            })
            .collect();
        let mut all = Vec::with_capacity(others.len() + 1);
        all.push(fold_stretch(dossiers, limits, first, mine)?);
        for other in others {
            all.push(other.join().map_err(|_| StoreError::Panicked)??);
        }
        Ok(all)
    })
}

/// Cuts sorted steps into at most `count` stretches of whole dossiers, the last first.
fn stretches(mut steps: Vec<Step>, count: usize) -> Vec<Vec<Step>> {
    let count = count.min(steps.len() / STRETCH_MIN).max(1);
    let length = steps.len().div_ceil(count);
    let mut cut = Vec::with_capacity(count);
    for number in (1..count).rev() {
        let at = steps.get(length * number).map(|(key, ..)| *key);
        let from = at.map_or(steps.len(), |key| steps.partition_point(|step| step.0 < key));
        cut.push(steps.split_off(from));
    }
    cut.push(steps);
    cut
}

fn fold_stretch(
    dossiers: &Keyspace,
    limits: &Limits,
    steps: Vec<Step>,
    settler: &mut impl Settle,
) -> Result<Folded, StoreError> {
    let mut folded = Folded::default();
    let mut effects = Vec::new();
    let mut steps = steps.into_iter().peekable();
    while let Some((key, indicator, first)) = steps.next() {
        let old = dossiers.get(key.0)?;
        let mut dossier = match &old {
            Some(bytes) => codec::decode(bytes)?,
            None => Dossier::new(&indicator),
        };
        effects.clear();
        effects.push(dossier.apply(first, limits));
        while let Some((_, _, next)) = steps.next_if(|(other, ..)| *other == key) {
            effects.push(dossier.apply(next, limits));
        }
        let before = dossier.published.clone();
        settler.settle(&key, &mut dossier, &effects);
        let touched = effects.iter().any(|effect| *effect != Effect::Nothing);
        if touched || dossier.published != before {
            folded.note(&key, &dossier, before.next_crossing);
        }
    }
    Ok(folded)
}
