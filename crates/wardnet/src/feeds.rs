//! Keeping feeds fresh: fetch, judge, import, remember; and the routes that show how they are.

use crate::config::Config;
use crate::import::{ImportOrder, import_file};
use crate::output::{ImportLine, in_words};
use anyhow::{Context as _, anyhow, bail};
use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get_service, post_service};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use wardnet_collect::catalogue::{Catalogue, FeedConfig, FeedName, describe};
use wardnet_collect::feeds::{
    FeedError, FeedReport, Rejection, Sink, detect, open_plain, read_feed,
};
use wardnet_collect::fetch::{
    Counts, FeedFolder, FeedState, Fetched, Fetcher, HoldReason, Verdict, WhichCopy, judge,
    request_release,
};
use wardnet_identify::{ImportTerms, Writer};
use wardnet_model::{Observation, TenantId, Timestamp};
use wardnet_server::{Access, Gate, Json, Path as UrlPath, Problem, Role, RouteSpec};

/// What became of one feed in one update.
#[derive(Debug)]
pub(crate) enum Updated {
    /// It was read and applied.
    Applied(ImportLine),
    /// It had not changed; all of it was renewed.
    Renewed(u64),
    /// A copy came that is held back.
    HeldBack(HoldReason),
}

/// A catalogue and how its feeds are fetched.
#[derive(Debug)]
pub(crate) struct Loaded {
    catalogue: Catalogue,
    fetcher: Fetcher,
}

impl Loaded {
    /// Reads the catalogue that the configuration names; an empty one when it names none.
    pub(crate) fn read(path: Option<&Path>) -> anyhow::Result<Self> {
        let catalogue = path.map(load).transpose()?.unwrap_or_default();
        let fetcher = Fetcher::new(&catalogue.fetch)?;
        Ok(Self { catalogue, fetcher })
    }

    fn feed(&self, name: &str) -> anyhow::Result<&FeedConfig> {
        self.catalogue
            .feed(name)
            .ok_or_else(|| anyhow!("there is no feed `{name}` in the catalogue"))
    }
}

/// Fetches and imports the feeds of a catalogue.
#[derive(Debug)]
pub(crate) struct Runner {
    data_dir: PathBuf,
    loaded: ArcSwap<Loaded>,
    /// Feeds whose interval was made shorter since their last fetch.
    hastened: Mutex<BTreeSet<FeedName>>,
    writer: Writer,
    install_seed: u64,
}

impl Runner {
    /// A runner for the catalogue that the configuration names, or for none.
    pub(crate) fn new(data_dir: &Path, config: &Config, writer: Writer) -> anyhow::Result<Self> {
        let loaded = ArcSwap::from_pointee(Loaded::read(config.feeds.as_deref())?);
        let install_seed = install_seed(data_dir)?;
        let data_dir = data_dir.to_path_buf();
        Ok(Self { data_dir, loaded, hastened: Mutex::default(), writer, install_seed })
    }

    /// Puts another catalogue into force, and says what is different. An update under way ends
    /// under the old one.
    pub(crate) fn replace(&self, new: Loaded) -> Vec<String> {
        let old = self.loaded.swap(Arc::new(new));
        let new = self.loaded.load();
        let mut hastened = self.hastened.lock().unwrap_or_else(PoisonError::into_inner);
        for feed in &new.catalogue.feeds {
            let before = old.catalogue.feed(feed.name.as_str());
            if before.is_some_and(|before| feed.interval_secs < before.interval_secs) {
                hastened.insert(feed.name.clone());
            }
        }
        differences(&old.catalogue, &new.catalogue)
    }

    /// Updates the feeds that are due; all that are on when `force`.
    pub(crate) fn update_due(
        &self,
        force: bool,
        tell: &mut dyn FnMut(&str, &anyhow::Result<Updated>),
    ) -> anyhow::Result<()> {
        let (now, loaded) = (crate::clock::now(), self.loaded.load_full());
        let due = |feed: &&FeedConfig| {
            force
                || FeedState::read(&self.data_dir, &feed.name)
                    .ok()
                    .flatten()
                    .is_none_or(|state| state.is_due(now) || self.is_hastened(feed, &state, now))
        };
        let feeds: Vec<&FeedConfig> = loaded.catalogue.enabled().filter(due).collect();
        self.update_all(&loaded, &feeds, tell)
    }

    /// Whether a feed that works is due by its new interval, though the last fetch set a later
    /// time by the old one.
    fn is_hastened(&self, feed: &FeedConfig, state: &FeedState, now: Timestamp) -> bool {
        let hastened = self.hastened.lock().unwrap_or_else(PoisonError::into_inner);
        hastened.contains(&feed.name)
            && state.failures == 0
            && state.answered_at.is_some_and(|at| at.plus_secs(feed.interval_secs) <= now)
    }

    /// Updates the feeds of these names, or none when one of them is unknown.
    fn update_named(
        &self,
        names: &[String],
        tell: &mut dyn FnMut(&str, &anyhow::Result<Updated>),
    ) -> anyhow::Result<()> {
        let loaded = self.loaded.load_full();
        let feeds: anyhow::Result<Vec<_>> = names.iter().map(|name| loaded.feed(name)).collect();
        self.update_all(&loaded, &feeds?, tell)
    }

    /// Updates feeds one after the other; the verdicts of all are compiled once, at the end.
    fn update_all(
        &self,
        loaded: &Loaded,
        feeds: &[&FeedConfig],
        tell: &mut dyn FnMut(&str, &anyhow::Result<Updated>),
    ) -> anyhow::Result<()> {
        if feeds.is_empty() {
            return Ok(());
        }
        let now = crate::clock::now();
        self.writer.run_blocking(move |engine| engine.hold(true, now))?;
        for feed in feeds {
            let outcome = self.update(loaded, feed, crate::clock::now());
            self.hastened.lock().unwrap_or_else(PoisonError::into_inner).remove(&feed.name);
            tell(feed.name.as_str(), &outcome);
        }
        let now = crate::clock::now();
        self.writer.run_blocking(move |engine| engine.hold(false, now))?;
        Ok(())
    }

    /// Updates one feed.
    fn update(
        &self,
        loaded: &Loaded,
        feed: &FeedConfig,
        now: Timestamp,
    ) -> anyhow::Result<Updated> {
        let mut folder = FeedFolder::open(&self.data_dir, feed, self.install_seed)?;
        if let Some(path) = folder.released() {
            let (counts, line) = self.import(feed, &path, now)?;
            folder.apply_held(counts, now)?;
            return Ok(Updated::Applied(line));
        }
        let fresh = match loaded.fetcher.fetch(feed, &folder, now) {
            Ok(Fetched::Fresh(fresh)) => fresh,
            Ok(Fetched::Unchanged(news)) => {
                let renewed = news.which == WhichCopy::Applied;
                let entries = match folder.current().filter(|_| renewed) {
                    Some(path) => self.renew(feed, &path, now)?,
                    None => 0,
                };
                folder.unchanged(news, now)?;
                return Ok(Updated::Renewed(entries));
            }
            Ok(_) => bail!("the fetch had an outcome that this version does not know"),
            Err(error) => {
                folder.failed(&error, now)?;
                return Err(error.into());
            }
        };
        let previous = folder.state().applied.as_ref().map(|applied| applied.counts);
        let read = read_only(fresh.path(), feed);
        if let Verdict::HoldBack(reason) = judge(previous, read.as_ref(), feed.shrink_limit) {
            folder.hold_back(fresh, &reason, now)?;
            return Ok(Updated::HeldBack(reason));
        }
        let (counts, line) = self.import(feed, fresh.path(), now)?;
        folder.apply(fresh, counts, now)?;
        Ok(Updated::Applied(line))
    }

    fn renew(&self, feed: &FeedConfig, path: &Path, now: Timestamp) -> anyhow::Result<u64> {
        let outcome = self.import_outcome(feed, path, now)?;
        let counts = outcome.seen.counts;
        Ok(counts.duplicate + counts.accepted)
    }

    fn import(
        &self,
        feed: &FeedConfig,
        path: &Path,
        now: Timestamp,
    ) -> anyhow::Result<(Counts, ImportLine)> {
        let outcome = self.import_outcome(feed, path, now)?;
        let counts = outcome.report.as_ref().map(Counts::from).unwrap_or_default();
        Ok((counts, ImportLine::new(feed.name.as_str(), feed.name.as_str(), outcome)))
    }

    fn import_outcome(
        &self,
        feed: &FeedConfig,
        path: &Path,
        now: Timestamp,
    ) -> anyhow::Result<crate::import::ImportOutcome> {
        let described = feed.clone();
        let source = self.writer.run_blocking(move |engine| {
            let name = described.name.as_str().to_owned();
            engine.source(&name, |id| described.to_source(id), now)
        })?;
        let terms = ImportTerms {
            tenant: TenantId::SHARED,
            source,
            full: feed.full,
            digest: [0; 32],
            category: feed.category,
            confidence: feed.confidence,
            tlp: feed.tlp,
            sharing: feed.sharing,
        };
        let order = ImportOrder {
            format: feed.format,
            options: feed.read_options(),
            terms,
            file_name: feed.name.to_string(),
            kinds: feed.kinds.clone(),
        };
        import_file(&self.writer, path, order, now, &|_| {})
    }

    /// How every feed is.
    pub(crate) fn states(&self) -> Vec<Value> {
        self.loaded.load().catalogue.feeds.iter().map(|feed| self.state(feed)).collect()
    }

    /// How one feed is.
    fn state(&self, feed: &FeedConfig) -> Value {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let state = FeedState::read(&self.data_dir, &feed.name).ok().flatten().unwrap_or_default();
        json!({
            "name": feed.name.as_str(),
            "enabled": feed.enabled,
            "category": feed.category.name(),
            "reliability": feed.reliability.name(),
            "group": feed.group,
            "licence": feed.licence,
            "homepage": feed.homepage,
            "redistribute": feed.redistribute,
            "full": feed.full,
            "shadow": feed.shadow,
            "interval_secs": feed.interval_secs,
            "rows": state.applied.as_ref().map(|applied| applied.counts.rows),
            "accepted": state.applied.as_ref().map(|applied| applied.counts.accepted),
            "rejected": state.applied.as_ref().map(|applied| applied.counts.rejected),
            "applied_at": time(state.applied.as_ref().map(|applied| applied.at)),
            "answered_at": time(state.answered_at),
            "checked_at": time(state.checked_at),
            "next_due": time(state.next_due),
            "failures": state.failures,
            "last_error": state.last_error,
            "held_back": state.held.as_ref().map(|held| json!({
                "since": held.since.to_string(),
                "reason": held.reason,
            })),
        })
    }

    /// Accepts a copy that was held back, and applies it.
    pub(crate) fn release(&self, name: &str) -> anyhow::Result<Updated> {
        let loaded = self.loaded.load_full();
        let feed = loaded.feed(name)?;
        // A release that cannot be carried out would stand in the way of every later update.
        if let Some(held) = FeedState::held_copy(&self.data_dir, &feed.name)?
            && let Err(error) = read_only(&held, feed)
        {
            bail!(
                "the copy of `{name}` cannot be used, so it cannot be released: {error}; the next \
                 copy that can be read is applied by itself"
            );
        }
        request_release(&self.data_dir, &feed.name)?;
        self.update(&loaded, feed, crate::clock::now())
    }
}

/// What is different between two catalogues, feed by feed.
fn differences(old: &Catalogue, new: &Catalogue) -> Vec<String> {
    let mut told = Vec::new();
    if old.fetch != new.fetch {
        told.push("feeds are fetched under other settings".to_owned());
    }
    for feed in &new.feeds {
        let name = &feed.name;
        match old.feed(name.as_str()) {
            None if feed.enabled => told.push(format!("feed {name}: added")),
            None => told.push(format!("feed {name}: added, and off")),
            Some(before) if before == feed => {}
            Some(before) if before.enabled && !feed.enabled => {
                told.push(format!("feed {name}: switched off; what it said fades"));
            }
            Some(before) if !before.enabled && feed.enabled => {
                told.push(format!("feed {name}: switched on"));
            }
            Some(_) => told.push(format!("feed {name}: changed; holds from its next update on")),
        }
    }
    let gone = old.feeds.iter().filter(|feed| new.feed(feed.name.as_str()).is_none());
    told.extend(gone.map(|feed| format!("feed {}: removed; what it said fades", feed.name)));
    told
}

/// Reads a catalogue file.
pub(crate) fn load(path: &Path) -> anyhow::Result<Catalogue> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    // Copies are fetched long after, wherever the process stands then.
    let whole = std::path::absolute(path)
        .with_context(|| format!("cannot tell the folder of {}", path.display()))?;
    let folder = whole.parent().unwrap_or(Path::new("/"));
    Catalogue::parse(&text, folder).map_err(|problems| anyhow!("{}", describe(path, &problems)))
}

/// A number that this installation keeps, so that its fetches are spread apart from others'.
fn install_seed(data_dir: &Path) -> anyhow::Result<u64> {
    use std::hash::{BuildHasher as _, Hasher as _};
    let path = data_dir.join("install-seed");
    if let Ok(text) = std::fs::read_to_string(&path)
        && let Ok(seed) = text.trim().parse()
    {
        return Ok(seed);
    }
    let seed = std::hash::RandomState::new().build_hasher().finish();
    std::fs::write(&path, format!("{seed}\n"))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(seed)
}

/// Reads a copy without using it, to see what it holds.
fn read_only(path: &Path, feed: &FeedConfig) -> Result<FeedReport, FeedError> {
    struct Count;
    impl Sink for Count {
        fn observation(&mut self, _: Observation) {}
        fn rejection(&mut self, _: Rejection) {}
    }
    let mut options = feed.read_options();
    options.now = Some(crate::clock::now());
    let mut input = open_plain(File::open(path).map_err(FeedError::Io)?, &options.limits)?;
    let format = match feed.format {
        Some(format) => format,
        None => {
            let head = input.fill_buf().map_err(FeedError::Io)?;
            let detection = detect(head, Some(feed.name.as_str()));
            detection.format.ok_or_else(|| {
                FeedError::Io(std::io::Error::other(format!(
                    "its format is not clear ({}); set `format`",
                    detection.why
                )))
            })?
        }
    };
    read_feed(input, format, &options, &mut Count)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Which {
    names: Vec<String>,
}

/// `GET /v1/feeds`, `GET /v1/feeds/{name}`, `POST /v1/feeds/update`, `POST
/// /v1/feeds/{name}/release`.
pub(crate) fn routes(gate: &Gate, runner: Arc<Runner>) -> Router {
    let layer = |name, role| gate.route(RouteSpec::new(name, Access::Role(role)));
    let reader = |name| layer(name, Role::Reader);
    let admin = |name| layer(name, Role::Admin);
    Router::new()
        .route("/v1/feeds", get_service(reader("/v1/feeds").wrap(list, Arc::clone(&runner))))
        .route(
            "/v1/feeds/{name}",
            get_service(reader("/v1/feeds/{name}").wrap(show, Arc::clone(&runner))),
        )
        .route(
            "/v1/feeds/update",
            post_service(admin("/v1/feeds/update").wrap(update, Arc::clone(&runner))),
        )
        .route(
            "/v1/feeds/{name}/release",
            post_service(admin("/v1/feeds/{name}/release").wrap(release, runner)),
        )
}

async fn list(State(runner): State<Arc<Runner>>) -> Response {
    axum::Json(json!({ "feeds": runner.states() })).into_response()
}

async fn show(
    State(runner): State<Arc<Runner>>,
    UrlPath(name): UrlPath<String>,
) -> Result<Response, Problem> {
    let loaded = runner.loaded.load_full();
    let feed = loaded.feed(&name).map_err(|error| Problem::not_found(error.to_string()))?;
    Ok(axum::Json(runner.state(feed)).into_response())
}

async fn update(
    State(runner): State<Arc<Runner>>,
    Json(which): Json<Which>,
) -> Result<Response, Problem> {
    for name in &which.names {
        runner.loaded.load().feed(name).map_err(|error| Problem::not_found(error.to_string()))?;
    }
    let work = move || {
        let mut told = Vec::new();
        let mut tell = |name: &str, outcome: &anyhow::Result<Updated>| {
            told.push(updated_json(name, outcome));
        };
        if which.names.is_empty() {
            runner.update_due(true, &mut tell)?;
        } else {
            runner.update_named(&which.names, &mut tell)?;
        }
        Ok::<_, anyhow::Error>(told)
    };
    answer(
        tokio::task::spawn_blocking(work)
            .await
            .map(|told| told.map(|told| json!({ "feeds": told }))),
    )
}

async fn release(
    State(runner): State<Arc<Runner>>,
    UrlPath(name): UrlPath<String>,
) -> Result<Response, Problem> {
    let work = move || {
        let outcome = runner.release(&name);
        let told = updated_json(&name, &outcome);
        outcome.map(|_| told)
    };
    answer(tokio::task::spawn_blocking(work).await)
}

fn answer(
    outcome: Result<anyhow::Result<Value>, tokio::task::JoinError>,
) -> Result<Response, Problem> {
    match outcome {
        Ok(Ok(value)) => Ok(axum::Json(value).into_response()),
        Ok(Err(error)) => Err(Problem::conflict(in_words(&error))),
        Err(_) => Err(Problem::internal()),
    }
}

/// One feed's outcome for scripts.
pub(crate) fn updated_json(name: &str, outcome: &anyhow::Result<Updated>) -> Value {
    match outcome {
        Ok(Updated::Applied(line)) => {
            json!({ "name": name, "outcome": "applied", "import": line.to_json() })
        }
        Ok(Updated::Renewed(entries)) => {
            json!({ "name": name, "outcome": "unchanged", "renewed": entries })
        }
        Ok(Updated::HeldBack(reason)) => {
            json!({
                "name": name,
                "outcome": "held-back",
                "reason": reason.to_string(),
                "can_be_released": reason.can_be_released(),
            })
        }
        Err(error) => json!({ "name": name, "outcome": "failed", "error": in_words(error) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_different_between_two_catalogues_is_told_feed_by_feed() {
        let feed = |name: &str, more: &str| {
            format!("[[feed]]\nname = \"{name}\"\nurl = \"file:{name}.txt\"\n{more}\n")
        };
        let parse = |text: String| Catalogue::parse(&text, Path::new("/")).unwrap();
        let old = parse(feed("a", "") + &feed("b", "") + &feed("c", "") + &feed("d", ""));
        let off = "enabled = false";
        let new =
            feed("a", "") + &feed("b", off) + &feed("c", "interval = \"2h\"") + &feed("e", "");
        let new = parse(new);
        assert_eq!(
            differences(&old, &new),
            [
                "feed b: switched off; what it said fades",
                "feed c: changed; holds from its next update on",
                "feed e: added",
                "feed d: removed; what it said fades",
            ]
        );
        assert_eq!(differences(&new, &old)[0], "feed b: switched on");
        assert!(differences(&new, &new).is_empty());
    }
}
