//! Listings of dossiers, a page at a time.

use serde::Deserialize;
use wardnet_model::hex::{self, Hex};
use wardnet_server::Problem;
use wardnet_store::{Dossier, DossierKey, Listing, Store};

use super::{Limits, failed};

/// Entries on a page when the client does not say.
const PAGE_DEFAULT: usize = 100;

/// Keys fetched at once.
const KEYS_AT_ONCE: usize = 1_000;

/// Which page: `after` is the `next` of the page before.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    pub(super) indicator: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

impl Page {
    /// Looks at the dossiers of a listing until `visit` has found a page full, and gives the cursor of the next
    /// page, if there may be one. `visit` says how many entries it has found so far.
    pub(super) fn walk(
        &self,
        store: &Store,
        listing: Listing,
        limits: &Limits,
        mut visit: impl FnMut(&DossierKey, &Dossier) -> usize,
    ) -> Result<Option<String>, Problem> {
        let limit = self.limit(limits)?;
        let mut after = self.cursor()?;
        let mut looked_at = 0;
        while looked_at < limits.scan_max {
            let keys = store.listed_after(listing, after, KEYS_AT_ONCE);
            let keys = keys.map_err(|error| failed(&error))?;
            if keys.is_empty() {
                return Ok(None);
            }
            for key in keys {
                looked_at += 1;
                after = Some(key);
                let dossier = store.dossier(&key).map_err(|error| failed(&error))?;
                if dossier.is_some_and(|dossier| visit(&key, &dossier) >= limit) {
                    return Ok(Some(Hex(&key.0).to_string()));
                }
            }
        }
        Ok(after.map(|key| Hex(&key.0).to_string()))
    }

    fn limit(&self, limits: &Limits) -> Result<usize, Problem> {
        let limit = self.limit.unwrap_or(PAGE_DEFAULT.min(limits.page_max));
        if (1..=limits.page_max).contains(&limit) {
            return Ok(limit);
        }
        Err(Problem::bad_request(format!("`limit` is a number from 1 to {}", limits.page_max)))
    }

    fn cursor(&self) -> Result<Option<DossierKey>, Problem> {
        let Some(text) = &self.after else { return Ok(None) };
        let key = hex::decode::<22>(text).map(DossierKey);
        key.map(Some).ok_or_else(|| Problem::bad_request("`after` is not a cursor from `next`"))
    }
}
