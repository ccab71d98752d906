//! What a client asks to follow, from a query string and its headers.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use wardnet_model::{Category, CategorySet, Kind, Risk};
use wardnet_server::Problem;
use wardnet_verdictdb::{Cursor, Entry, Layer, Profile, PublishedChange};

use super::Limits;
use crate::parameter::{number, read};

/// What a client wants to hear of; empty means everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    kinds: Vec<Kind>,
    categories: CategorySet,
    risk_min: Risk,
}

impl Filter {
    /// Whether a change is wanted: if what is said passes, or what was said until now. So whoever
    /// wants what is dangerous learns when it no longer is.
    pub(super) fn passes(&self, change: &PublishedChange) -> bool {
        let profiles = [&change.old, &change.new].into_iter().flatten().map(|data| &data.profile);
        self.wants_kind(change.kind) && self.wants(change.layer, profiles)
    }

    /// Whether an entry is wanted.
    pub(super) fn passes_entry(&self, entry: &Entry<'_>) -> bool {
        self.wants_kind(entry.kind) && self.wants(entry.layer(), std::iter::once(entry.profile))
    }

    fn wants_kind(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// Decisions always pass: an allow has no risk, and takes back what had.
    fn wants<'a>(&self, layer: Layer, mut profiles: impl Iterator<Item = &'a Profile>) -> bool {
        layer == Layer::Decision
            || profiles.any(|profile| {
                let is_in =
                    self.categories.is_empty() || self.categories.intersects(profile.categories);
                is_in && profile.risk >= self.risk_min
            })
    }
}

/// One request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// Where to go on; with nothing, what comes next.
    pub(super) cursor: Option<Cursor>,
    /// What is wanted.
    pub(super) filter: Filter,
    /// How long a poll may wait.
    pub(super) wait_secs: u64,
}

impl Asked {
    /// Reads `cursor=…&kind=…&category=…&risk_min=…&wait=…`. An unknown parameter is an error: a
    /// misspelt filter must not quietly let everything through.
    pub(super) fn read(query: &str, headers: &HeaderMap, limits: &Limits) -> Result<Self, Problem> {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "cursor" => asked.cursor = Some(read("cursor", &value)?),
                "wait" => asked.wait_secs = number("wait", &value, limits.wait_secs_max)?,
                _ => asked.filter.read(&name, &value)?,
            }
        }
        // A browser that lost a stream asks again for the same address, and says here what it saw
        // last (HTML standard, section 9.2.3).
        if let Some(last) = headers.get("last-event-id").filter(|last| !last.is_empty()) {
            let text = last.to_str().unwrap_or_default();
            asked.cursor = Some(read("Last-Event-ID", text)?);
        }
        Ok(asked)
    }
}

impl Filter {
    /// Reads one parameter.
    fn read(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        match name {
            "kind" => {
                let kind = read("kind", value)?;
                if !self.kinds.contains(&kind) {
                    self.kinds.push(kind);
                }
            }
            "category" => {
                let category: Category = read("category", value)?;
                self.categories = self.categories.with(category);
            }
            "risk_min" => {
                let least = number("risk_min", value, 100)?;
                self.risk_min = Risk::new(u8::try_from(least).unwrap_or(100));
            }
            _ => {
                return Err(Problem::bad_request(
                    "unknown parameter; known are `kind`, `category` and `risk_min`, and to \
                     follow `cursor` and `wait`",
                ));
            }
        }
        Ok(())
    }

    /// Reads the query string of a snapshot.
    pub(super) fn of_query(query: &str) -> Result<Self, Problem> {
        let mut filter = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            filter.read(&name, &value)?;
        }
        Ok(filter)
    }
}

/// Whether the client wants a stream of events.
pub(super) fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let mut types = accepted.flat_map(|line| line.split(','));
    types.any(|item| {
        let essence = item.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("text/event-stream")
    })
}
