//! The models in force: loading, replacing, and how they do on trial.
//!
//! A model that cannot be read is refused with the reason, and the one before stays. Its findings
//! are evidence of a source that is named after its digest: another model is another source, with
//! a trial of its own.

mod routes;
mod saved;

use crate::commands::classify::bytes;
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use wardnet_analyze::{Model, ModelLimits, ModelSet, Subject};
use wardnet_identify::http::{Finder, Finding};
use wardnet_model::Timestamp;
use wardnet_protect::opinion::{Opinions, Trial};
use wardnet_server::{Component, Health, Metrics, Status};

pub(crate) use routes::routes;
pub(crate) use wardnet_protect::opinion::ModelsConfig;

const URL_MODEL: &[u8] = include_bytes!("../../../models/url.model");
const DOMAIN_MODEL: &[u8] = include_bytes!("../../../models/domain.model");

/// How often trials are written down, and models looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);

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
        anyhow::bail!(
            "{} judges {}s; give a model that judges {}s",
            path.display(),
            model.subject().name(),
            subject.name()
        );
    }
    Ok(model)
}

/// The models that the settings name.
pub(crate) fn load_all(config: &ModelsConfig) -> anyhow::Result<ModelSet> {
    let url = load(Subject::Url, config.url.as_deref())?;
    let domain = load(Subject::Domain, config.domain.as_deref())?;
    ModelSet::new(url, domain).context("a model judges something else than it is for")
}

/// What a model is called as a source of evidence.
pub(crate) fn source_name(model: &Model) -> String {
    let digest: String = model.digest().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("model:{}@{digest}", model.subject().name())
}

/// The day after which a model is too old, by its card.
pub(crate) fn expires(model: &Model) -> Option<Timestamp> {
    let card: toml::Table = model.card().parse().ok()?;
    let of = |table: &toml::Table| Timestamp::parse(table.get("expires")?.as_str()?);
    of(&card).or_else(|| card.values().filter_map(toml::Value::as_table).find_map(of))
}

/// The models that run. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Models {
    /// What they say.
    pub(crate) opinions: Arc<Opinions>,
    trials: PathBuf,
    component: Component,
}

impl Models {
    /// Loads what the settings name, and goes on with the trials in the data folder.
    pub(crate) fn open(
        data_dir: &Path,
        config: &ModelsConfig,
        metrics: &Metrics,
        health: &Health,
    ) -> anyhow::Result<Self> {
        let opinions = Arc::new(Opinions::new(load_all(config)?, config.cache_bytes_max));
        opinions.turn(config.opinions);
        let trials = crate::paths::model_trials(data_dir);
        match saved::load(&trials) {
            Ok(earlier) => opinions.resume(earlier),
            Err(error) => tracing::warn!(error = format!("{error:#}"), "trials begin anew"),
        }
        opinions.register(metrics);
        let component = health.register("models");
        component.set(Status::Ok);
        Ok(Self { opinions, trials, component })
    }

    /// Puts models into force that were loaded; says so if they are others.
    pub(crate) fn apply(&self, models: ModelSet, config: &ModelsConfig) -> Option<String> {
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

    /// Asks them about what is reported as dangerous.
    pub(crate) fn finder(&self) -> Finder {
        let opinions = Arc::clone(&self.opinions);
        Finder::new(move |indicator| {
            let found = opinions.found(indicator)?;
            let models = opinions.models();
            let percent = (found.score * 100.0).clamp(1.0, 100.0);
            Some(Finding {
                source: source_name(models.of(found.subject)).into(),
                // Between 1 and 100.
                confidence: percent as u8,
                reason: found.words().into(),
            })
        })
    }

    /// Writes the trials down, and looks how the models are, again and again.
    pub(crate) async fn keep_looking(self) {
        let mut last = Status::Ok;
        let mut written: Option<[Trial; 2]> = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let standing = self.opinions.standing();
            if written.as_ref() != Some(&standing) {
                self.save();
                written = Some(standing);
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
        if let Err(error) = saved::save(&self.trials, &self.opinions.standing()) {
            tracing::warn!(error = format!("{error:#}"), "the trials could not be written down");
        }
    }

    fn status(&self, now: Timestamp) -> Status {
        let models = self.opinions.models();
        let drifted = self.opinions.standing().into_iter().find(Trial::has_drifted);
        if let Some(trial) = drifted {
            return Status::Degraded(format!(
                "the scores of the {} model have drifted; see `wardnet model list`",
                trial.subject.name()
            ));
        }
        let old = [Subject::Url, Subject::Domain]
            .into_iter()
            .find(|subject| expires(models.of(*subject)).is_some_and(|day| day < now));
        match old {
            Some(subject) => Status::Degraded(format!(
                "the {} model is too old, by its card; take a newer one",
                subject.name()
            )),
            None => Status::Ok,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_damaged_model_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.model");
        let mut damaged = URL_MODEL.to_vec();
        damaged[4_000] ^= 1;
        std::fs::write(&path, damaged).unwrap();
        let told = format!("{:#}", load(Subject::Url, Some(&path)).unwrap_err());
        assert!(told.contains("own.model") && told.contains("damaged"), "{told}");
        std::fs::write(&path, DOMAIN_MODEL).unwrap();
        let told = format!("{:#}", load(Subject::Url, Some(&path)).unwrap_err());
        assert!(told.contains("judges domains"), "{told}");
    }
}
