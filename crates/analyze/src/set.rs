//! The models in force, one for each kind of subject.

use crate::model::Model;
use crate::sheet::Subject;

/// One model for each kind of subject.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSet {
    url: Model,
    domain: Model,
}

impl ModelSet {
    /// The models that judge URLs and names; `None` where one of them judges something else.
    pub fn new(url: Model, domain: Model) -> Option<Self> {
        let fit = url.subject() == Subject::Url && domain.subject() == Subject::Domain;
        fit.then_some(Self { url, domain })
    }

    /// The model for a kind of subject.
    pub const fn of(&self, subject: Subject) -> &Model {
        match subject {
            Subject::Url => &self.url,
            Subject::Domain => &self.domain,
        }
    }
}
