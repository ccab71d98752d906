//! Models that are no longer in force: how their trials stand, and whether what they found counts.
//!
//! Another model does not take back what one found before it: that is evidence and fades like any
//! other. Who does not want it to count puts the former model's source into shadow.

use super::{Models, source_name, source_of};
use wardnet_analyze::Subject;
use wardnet_model::{Source, SourceKind};
use wardnet_protect::opinion::Trial;

/// One that was in force before.
#[derive(Debug, Clone)]
pub(super) struct Former {
    pub(super) subject: Subject,
    /// What it is called as a source of evidence.
    pub(super) source: String,
    /// Whether what it found counts.
    pub(super) is_promoted: bool,
    /// How it did, while that is remembered.
    pub(super) trial: Option<Trial>,
}

impl Models {
    /// The former models that are among `sources` or were on trial lately, by name.
    pub(super) fn former<'s>(&self, sources: impl Iterator<Item = &'s Source>) -> Vec<Former> {
        let models = self.opinions.models();
        let in_force = [Subject::Url, Subject::Domain].map(|one| source_name(models.of(one)));
        let mut former: Vec<Former> = self
            .opinions
            .former()
            .into_iter()
            .map(|trial| Former {
                subject: trial.subject,
                source: source_of(trial.subject, &trial.model),
                is_promoted: false,
                trial: Some(trial),
            })
            .collect();
        for source in sources.filter(|source| !in_force.iter().any(|name| **name == *source.name)) {
            let Some(subject) = judges(source) else { continue };
            match former.iter_mut().find(|one| *one.source == *source.name) {
                Some(known) => known.is_promoted = !source.shadow,
                None => former.push(Former {
                    subject,
                    source: source.name.to_string(),
                    is_promoted: !source.shadow,
                    trial: None,
                }),
            }
        }
        former.sort_by(|one, other| one.source.cmp(&other.source));
        former
    }

    /// What is to be told of former models whose findings count.
    pub(super) fn still_counting<'s>(
        &self,
        sources: impl Iterator<Item = &'s Source>,
    ) -> Vec<String> {
        let former = self.former(sources).into_iter().filter(|one| one.is_promoted);
        let told = former.map(|Former { source, .. }| {
            let name = source.trim_start_matches("model:");
            format!(
                "{source} is no longer in force, and what it found counts until it fades; \
                 `wardnet model shadow {name}` ends that"
            )
        });
        told.collect()
    }
}

/// What a source judges, if it is a model.
fn judges(source: &Source) -> Option<Subject> {
    if source.kind != SourceKind::Model {
        return None;
    }
    let (subject, _) = source.name.strip_prefix("model:")?.split_once('@')?;
    [Subject::Url, Subject::Domain].into_iter().find(|known| known.name() == subject)
}
