//! The models in force: loading, replacing, and how they do on trial.
//!
//! A model that cannot be read is refused with the reason, and the one before stays; at the start,
//! when there is none before, the one that ships stands in. A model's findings are evidence of a
//! source that is named after its digest: another model is another source, with a trial of its own.

mod former;
mod routes;
mod saved;

use crate::commands::classify::bytes;
use crate::output::in_words;
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wardnet_analyze::{Model, ModelLimits, ModelSet, Subject};
use wardnet_identify::http::{Finder, Finding};
use wardnet_model::{Source, Timestamp};
use wardnet_protect::opinion::{Opinion, Opinions, Trial};
use wardnet_server::{Component, Health, Metrics, Status};

pub(crate) use routes::routes;
pub(crate) use wardnet_protect::opinion::ModelsConfig;

const URL_MODEL: &[u8] = include_bytes!("../../../models/url.model");
const DOMAIN_MODEL: &[u8] = include_bytes!("../../../models/domain.model");

/// How often trials are written down, and models looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);

const DAY_SECS: u64 = 24 * 60 * 60;

/// The model in a file, or the one that ships.
pub(crate) fn load(subject: Subject, path: Option<&Path>) -> anyhow::Result<Model> {
    let limits = ModelLimits::default();
    let Some(path) = path else {
        let shipped = match subject {
            Subject::Url => URL_MODEL,
            Subject::Domain => DOMAIN_MODEL,
        };
        return Model::decode(shipped, &limits).context("the shipped model");
    };
    let read = bytes(path, limits.bytes_max.saturating_add(1))?;
    let model = Model::decode(&read, &limits).with_context(|| path.display().to_string())?;
    if model.subject() != subject {
        let (is, wanted) = (model.subject().name(), subject.name());
        let wrong = anyhow::anyhow!("it judges {is}s; give a model that judges {wanted}s");
        return Err(wrong.context(path.display().to_string()));
    }
    Ok(model)
}

/// The models that the settings name.
pub(crate) fn load_all(config: &ModelsConfig) -> anyhow::Result<ModelSet> {
    let url = load(Subject::Url, config.url.as_deref())?;
    let domain = load(Subject::Domain, config.domain.as_deref())?;
    ModelSet::new(url, domain).context("a model judges something else than it is for")
}

/// A model that the settings name and that cannot be used, so that the shipped one stands in.
#[derive(Debug)]
pub(crate) struct StandIn {
    subject: Subject,
    error: anyhow::Error,
}

impl StandIn {
    /// What is wrong, for the operator.
    pub(crate) fn told(&self) -> String {
        format!("{}; the shipped {} model stands in", in_words(&self.error), self.subject.name())
    }

    /// What is wrong, for whoever may ask how the server is: files are none of their business.
    fn outline(&self) -> String {
        let (name, cause) = (self.subject.name(), self.error.root_cause());
        format!(
            "the {name} model of the settings cannot be used: {cause}; the shipped one stands in"
        )
    }
}

/// The models that the settings name, with the one that ships in the place of each that cannot be
/// used. A mistake about opinions is no reason to give no answers.
pub(crate) fn load_or_stand_in(config: &ModelsConfig) -> anyhow::Result<(ModelSet, Vec<StandIn>)> {
    let mut problems = Vec::new();
    let mut one = |subject, path: Option<&Path>| {
        load(subject, path).or_else(|error| {
            problems.push(StandIn { subject, error });
            load(subject, None)
        })
    };
    let url = one(Subject::Url, config.url.as_deref())?;
    let domain = one(Subject::Domain, config.domain.as_deref())?;
    let models = ModelSet::new(url, domain);
    Ok((models.context("a model judges something else than it is for")?, problems))
}

/// What a model is called as a source of evidence.
pub(crate) fn source_name(model: &Model) -> String {
    source_of(model.subject(), model.digest())
}

/// What a model is called of which the digest, or how it begins, is known.
fn source_of(subject: Subject, digest: &[u8]) -> String {
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("model:{}@{digest}", subject.name())
}

/// What an opinion is as evidence, of the model whose opinion it is: another one may have come
/// into force since.
fn finding(opinion: &Opinion) -> Finding {
    let percent = (opinion.score * 100.0).clamp(1.0, 100.0);
    Finding {
        source: source_of(opinion.subject, &opinion.model).into(),
        // Between 1 and 100.
        confidence: percent as u8,
        reason: opinion.words().into(),
    }
}

/// The day after which a model is too old, by its card.
pub(crate) fn expires(model: &Model) -> Option<Timestamp> {
    expiry(&model.card().parse().ok()?)?
}

/// Whether the day after which a model is too old is over.
pub(crate) const fn is_too_old(day: Timestamp, now: Timestamp) -> bool {
    now.0 / DAY_SECS > day.0 / DAY_SECS
}

/// What is to be told of models that are too old.
pub(crate) fn too_old(models: &ModelSet, now: Timestamp) -> Vec<String> {
    let all = [Subject::Url, Subject::Domain].map(|subject| models.of(subject));
    let old =
        all.into_iter().filter(|model| expires(model).is_some_and(|day| is_too_old(day, now)));
    let told = old.map(|model| {
        format!("the {} model is too old, by its card; take a newer one", model.subject().name())
    });
    told.collect()
}

/// What a card says of `expires`, at its head or in one of its tables: the day, if it is one.
pub(crate) fn expiry(card: &toml::Table) -> Option<Option<Timestamp>> {
    let tables = std::iter::once(card).chain(card.values().filter_map(toml::Value::as_table));
    let said = tables.filter_map(|table| table.get("expires")).next()?;
    Some(said.as_str().and_then(Timestamp::parse))
}

/// The models that run. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Models {
    /// What they say.
    pub(crate) opinions: Arc<Opinions>,
    trials_path: PathBuf,
    component: Component,
    /// For which models of the settings shipped ones stand in.
    stand_ins: Arc<Mutex<Vec<StandIn>>>,
}

impl Models {
    /// Loads what the settings name, as far as it can be read, and goes on with the trials in the
    /// data folder.
    pub(crate) fn open(
        data_dir: &Path,
        config: &ModelsConfig,
        metrics: &Metrics,
        health: &Health,
    ) -> anyhow::Result<Self> {
        let (models, problems) = load_or_stand_in(config)?;
        for problem in &problems {
            tracing::error!("models: {}", problem.told());
        }
        let opinions = Arc::new(Opinions::new(models, config.cache_bytes_max));
        opinions.turn(config.opinions);
        let trials_path = crate::paths::model_trials(data_dir);
        match saved::load(&trials_path) {
            Ok(earlier) => opinions.resume(earlier),
            Err(error) => tracing::warn!(error = in_words(&error), "trials begin anew"),
        }
        opinions.register(metrics);
        let component = health.register("models");
        let stand_ins = Arc::new(Mutex::new(problems));
        let models = Self { opinions, trials_path, component, stand_ins };
        models.component.set(models.status(crate::clock::now()));
        Ok(models)
    }

    /// Why the shipped model stands in for the one of the settings, where it does.
    fn standing_in(&self, subject: Subject) -> Option<String> {
        let stand_ins = self.stand_ins();
        stand_ins.iter().find(|one| one.subject == subject).map(StandIn::outline)
    }

    fn stand_ins(&self) -> MutexGuard<'_, Vec<StandIn>> {
        self.stand_ins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts models into force that were loaded; says so if they are others.
    pub(crate) fn apply(&self, models: ModelSet, config: &ModelsConfig) -> Option<String> {
        self.stand_ins().clear();
        let told = self.exchange(models, config);
        self.component.set(self.status(crate::clock::now()));
        told
    }

    fn exchange(&self, models: ModelSet, config: &ModelsConfig) -> Option<String> {
        let turned = self.opinions.turn(config.opinions);
        let running = self.opinions.models();
        let of = |set: &ModelSet| {
            [Subject::Url, Subject::Domain].map(|subject| source_name(set.of(subject)))
        };
        let (before, after) = (of(&running), of(&models));
        if before == after {
            let word = if config.opinions { "asked" } else { "no longer asked" };
            return turned.then(|| format!("models are {word}"));
        }
        self.opinions.replace(models);
        Some(format!("models are {}", after.join(" and ")))
    }

    /// What is to be told of them when the settings are read: those that are too old, and those of
    /// before, by their `sources`, whose findings still count.
    pub(crate) fn warnings<'s>(
        &self,
        sources: impl Iterator<Item = &'s Source>,
        now: Timestamp,
    ) -> Vec<String> {
        let mut all = too_old(&self.opinions.models(), now);
        all.extend(self.still_counting(sources));
        all
    }

    /// Asks them about what is reported as dangerous.
    pub(crate) fn finder(&self) -> Finder {
        let opinions = Arc::clone(&self.opinions);
        Finder::new(move |indicator| opinions.found(indicator).as_ref().map(finding))
    }

    /// Writes the trials down, and looks how the models are, again and again.
    pub(crate) async fn keep_looking(self) {
        let mut last = told(self.stand_ins().iter().map(StandIn::outline).collect());
        let mut written: Option<Vec<Trial>> = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let trials = self.trials();
            if written.as_ref() != Some(&trials) {
                self.save();
                written = Some(trials);
            }
            let status = self.status(crate::clock::now());
            if status != last {
                if let Status::Degraded(reason) = &status {
                    tracing::warn!("models: {reason}");
                }
                self.component.set(status.clone());
                last = status;
            }
        }
    }

    /// Writes the trials down. They are counts: a lost one costs nothing but time.
    pub(crate) fn save(&self) {
        if let Err(error) = saved::save(&self.trials_path, &self.trials()) {
            tracing::warn!(error = in_words(&error), "the trials could not be written down");
        }
    }

    /// The trials of the models in force and of those before them, the newest first.
    fn trials(&self) -> Vec<Trial> {
        self.opinions.standing().into_iter().chain(self.opinions.former()).collect()
    }

    /// All that is to be said against the models: one complaint hides no other.
    fn status(&self, now: Timestamp) -> Status {
        let mut said: Vec<String> = self.stand_ins().iter().map(StandIn::outline).collect();
        for trial in self.opinions.standing().iter().filter(|trial| trial.has_drifted()) {
            said.push(format!(
                "the scores of the {} model have drifted; see `wardnet model list`",
                trial.subject.name()
            ));
        }
        said.extend(too_old(&self.opinions.models(), now));
        told(said)
    }
}

/// What complaints come to.
fn told(complaints: Vec<String>) -> Status {
    if complaints.is_empty() { Status::Ok } else { Status::Degraded(complaints.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardnet_protect::opinion::Counts;

    #[test]
    fn the_shipped_models_load_and_say_when_they_are_too_old() {
        let models = load_all(&ModelsConfig::default()).unwrap();
        for subject in [Subject::Url, Subject::Domain] {
            assert!(expires(models.of(subject)).is_some_and(|day| day.0 > 1_790_000_000));
            let name = source_name(models.of(subject));
            assert!(name.starts_with(&format!("model:{}@", subject.name())), "{name}");
        }
    }

    #[test]
    fn a_finding_is_booked_to_the_model_that_found_it() {
        let model = [0xef, 0xb4, 0, 1, 2, 3, 4, 5];
        let (subject, reasons) = (Subject::Url, vec!["its spelling".to_owned()]);
        let opinion = Opinion { subject, model, score: 0.97, is_malicious: true, reasons };
        let finding = finding(&opinion);
        assert_eq!(&*finding.source, "model:url@efb4000102030405", "none in force");
        assert_eq!(finding.confidence, 97);
    }

    #[test]
    fn a_model_is_good_until_its_last_day_is_over() {
        let day = Timestamp::parse("2027-11-30").unwrap();
        let at = |text: &str| is_too_old(day, Timestamp::parse(text).unwrap());
        assert!(!at("2027-11-30T23:59:59Z") && at("2027-12-01"));
    }

    #[test]
    fn one_complaint_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let config = ModelsConfig::default();
        let health = Health::new();
        let models = Models::open(folder.path(), &config, &Metrics::new("1"), &health).unwrap();
        let (mut first, mut last) = ([0; 18], [0; 18]);
        (first[0], last[17]) = (5_000, 5_000);
        let mut trials = models.opinions.standing();
        for trial in &mut trials {
            (trial.first, trial.last) = (Counts(first), Some(Counts(last)));
        }
        models.opinions.resume(trials.to_vec());
        let told = format!("{:?}", models.status(Timestamp::parse("2100-01-01").unwrap()));
        for subject in ["url", "domain"] {
            assert!(told.contains(&format!("the {subject} model have drifted")), "{told}");
            assert!(told.contains(&format!("the {subject} model is too old")), "{told}");
        }
    }

    fn damaged(path: &Path) {
        let mut bytes = URL_MODEL.to_vec();
        bytes[4_000] ^= 1;
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_damaged_model_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.model");
        damaged(&path);
        let told = format!("{:#}", load(Subject::Url, Some(&path)).unwrap_err());
        assert!(told.contains("own.model") && told.contains("damaged"), "{told}");
        std::fs::write(&path, DOMAIN_MODEL).unwrap();
        let told = format!("{:#}", load(Subject::Url, Some(&path)).unwrap_err());
        assert!(told.contains("judges domains"), "{told}");
    }
    #[test]
    fn the_shipped_model_stands_in_until_a_good_one_comes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.model");
        damaged(&path);
        let config = ModelsConfig { url: Some(path.clone()), ..ModelsConfig::default() };
        assert!(load_all(&config).is_err(), "`check` and a reload refuse it");
        let (metrics, health) = (Metrics::new("1"), Health::new());
        let models = Models::open(folder.path(), &config, &metrics, &health).unwrap();
        let running = models.opinions.models();
        let shipped = load(Subject::Url, None).unwrap();
        assert_eq!(running.of(Subject::Url).digest(), shipped.digest());
        let told = format!("{:?}", health.overall());
        assert!(told.contains("Degraded") && told.contains("damaged"), "{told}");
        assert!(!told.contains("own.model"), "{told}");
        assert!(models.standing_in(Subject::Url).is_some_and(|why| why.contains("damaged")));
        assert_eq!(models.standing_in(Subject::Domain), None);
        assert!(matches!(models.status(crate::clock::now()), Status::Degraded(_)));
        std::fs::write(&path, URL_MODEL).unwrap();
        assert_eq!(models.apply(load_all(&config).unwrap(), &config), None);
        assert_eq!(health.overall(), Status::Ok);
        assert_eq!(models.standing_in(Subject::Url), None);
    }
}
