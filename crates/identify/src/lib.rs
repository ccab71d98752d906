//! What it means: verdict maintenance over the journal, the store and the score.
