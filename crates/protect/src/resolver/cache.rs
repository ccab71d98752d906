//! Answers that were given before, in bounded memory.

use std::hash::RandomState;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::stored::Stored;

/// Bytes that a small answer takes, with its key.
const TYPICAL_BYTES: u64 = 512;

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Box<[u8]>, Arc<Stored>> for Weight {
    fn weight(&self, key: &Box<[u8]>, stored: &Arc<Stored>) -> u64 {
        key.len() as u64 + stored.weight()
    }
}

/// Whole answers by question. What is asked often outlives what was asked once.
#[derive(Debug)]
pub(super) struct AnswerCache {
    answers: Cache<Box<[u8]>, Arc<Stored>, Weight, RandomState>,
}

impl AnswerCache {
    pub(super) fn new(bytes_max: u64) -> Self {
        let typical = usize::try_from(bytes_max / TYPICAL_BYTES).unwrap_or(usize::MAX);
        // The hash is keyed, since clients choose the names.
        let hasher = RandomState::new();
        let answers = Cache::with(typical, bytes_max, Weight, hasher, Default::default());
        Self { answers }
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Arc<Stored>> {
        self.answers.get(key)
    }

    pub(super) fn insert(&self, key: &[u8], stored: Arc<Stored>) {
        self.answers.insert(key.into(), stored);
    }

    pub(super) fn clear(&self) {
        self.answers.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.answers.len()
    }
}
