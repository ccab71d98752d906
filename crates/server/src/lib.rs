//! What every listener needs once: accept, TLS, tokens, budgets, metrics, drain.
