//! Evidence and decisions by indicator, rebuilt from the journal; accounts behind an interface.
