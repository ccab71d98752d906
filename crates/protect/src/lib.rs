//! What goes out: listeners that answer questions from a view of the verdict database.
