//! What comes in: feeds, fetching and evidence intake, turned into records.
