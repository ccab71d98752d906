//! The append-only journal: segments, group commit, replay, compaction.
