//! Maltrail's trails: one file for a family, or all in one as `trail,info,reference`.
//!
//! A name stands for itself and all below, as Maltrail matches it. The file's name is the family;
//! `apt_…` is an actor. A comment says where the trails below it are from.

use crate::feeds::ip_list::strip_note;
use crate::feeds::output::{Output, Sink};
use crate::feeds::words::{category_of, is_family, reference_in};
use crate::feeds::{RejectReason, domain_list};
use wardnet_model::{Category, Details, Observation, Scope, Stance};

/// Names of files that hold trails of many families.
const NOT_FAMILIES: [&str; 8] =
    ["download", "feed", "index", "input", "list", "maltrail", "static", "trails"];

/// What the reader remembers between rows.
#[derive(Debug)]
pub(crate) struct Maltrail {
    family: Option<Box<str>>,
    actor: Option<Box<str>>,
    reference: Option<Box<str>>,
}

impl Maltrail {
    /// A reader of a file of that name.
    pub(crate) fn of(document: Option<&str>) -> Self {
        let stem = document.unwrap_or_default().rsplit(['/', '\\']).next().unwrap_or_default();
        let stem = stem.split('.').next().unwrap_or_default().to_ascii_lowercase();
        // `cobaltstrike-2` goes on where `cobaltstrike-1` ends.
        let name = match stem.rsplit_once('-') {
            Some((front, number)) if number.bytes().all(|b| b.is_ascii_digit()) => front,
            _ => &stem,
        };
        let is_name = is_family(name) && !NOT_FAMILIES.iter().any(|part| name.contains(part));
        let name = Some(name).filter(|_| is_name);
        let actor = name.and_then(|name| name.strip_prefix("apt_"));
        Self {
            family: name.filter(|_| actor.is_none()).map(Into::into),
            actor: actor.map(Into::into),
            reference: None,
        }
    }

    /// `Reference: https://…`, in whatever spelling.
    pub(crate) fn comment(&mut self, comment: &str) {
        let is_reference = comment.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("ref"));
        if is_reference && let Some(reference) = reference_in(comment) {
            self.reference = Some(reference);
        }
    }

    pub(crate) fn row<S: Sink>(
        &mut self,
        text: &str,
        output: &mut Output<'_, S>,
    ) -> Result<(), RejectReason> {
        let text = strip_note(text);
        let mut cells = text.split(',');
        match (cells.next(), cells.next(), cells.next(), cells.next()) {
            (Some(cell), Some(info), Some(reference), None) => {
                let (name, class) = info.rsplit_once(" (").unwrap_or((info, ""));
                let category = category_of(class.trim_end_matches(')'));
                let actor = name.strip_prefix("apt ").or_else(|| name.strip_prefix("apt_"));
                let details = Details {
                    family: Some(name.trim())
                        .filter(|name| actor.is_none() && is_family(name))
                        .map(Into::into),
                    actor: actor.map(Into::into),
                    reference: reference_in(reference),
                    ..Details::default()
                };
                trail(cell.trim(), category, details, output)
            }
            _ => {
                let details = Details {
                    family: self.family.clone(),
                    actor: self.actor.clone(),
                    reference: self.reference.clone(),
                    ..Details::default()
                };
                let is_sinkhole =
                    self.family.as_deref().is_some_and(|name| name.starts_with("sinkhole"));
                let category = is_sinkhole.then_some(Category::Sinkhole);
                trail(text, category, details, output)
            }
        }
    }
}

fn trail<S: Sink>(
    trail: &str,
    category: Option<Category>,
    details: Details,
    output: &mut Output<'_, S>,
) -> Result<(), RejectReason> {
    if trail.starts_with('/') {
        return Err(RejectReason::PathOnly);
    }
    let scope = output.options.scope.unwrap_or(Scope::Subtree);
    let read = domain_list::read(trail, scope).map_err(|error| match trail {
        _ if trail.contains('\\') || trail.contains("[a-z") || trail.contains(".*") => {
            RejectReason::RegularExpression
        }
        _ => error,
    })?;
    // Defenders hold it: of interest, and dangerous to nobody.
    let stance = match category {
        Some(Category::Sinkhole) => Stance::Context,
        _ => read.stance,
    };
    output.accept(Observation {
        stance,
        category,
        details: (!details.is_empty()).then(|| Box::new(details)),
        ..read
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_told_by_the_files_name() {
        for (document, family, actor) in [
            ("cobaltstrike-1.txt", Some("cobaltstrike"), None),
            ("trails/static/malware/apt_lazarus.txt", None, Some("lazarus")),
            ("elf_kobalos.txt.gz", Some("elf_kobalos"), None),
            ("maltrail-static-trails.txt", None, None),
            ("input.txt", None, None),
        ] {
            let reader = Maltrail::of(Some(document));
            assert_eq!(reader.family.as_deref(), family, "{document}");
            assert_eq!(reader.actor.as_deref(), actor, "{document}");
        }
    }
}
