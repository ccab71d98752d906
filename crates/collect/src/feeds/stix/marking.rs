//! Markings: who may see an object, by the Traffic Light Protocol.

use crate::feeds::words::{is_tlp, tlp_or_strict};
use serde::Deserialize;
use std::borrow::Cow;
use wardnet_model::Tlp;

/// The markings that every document may refer to without having them: those of STIX itself, for
/// version 1 of the protocol (STIX 2.1 section 7.2.1.4), and those that OASIS published for version 2.
const PUBLISHED: [(&str, Tlp); 9] = [
    ("613f2e26-407d-48c7-9eca-b8e91df99dc9", Tlp::Clear),
    ("34098fce-860f-48ae-8e50-ebd3cc5e41da", Tlp::Green),
    ("f88d31f6-486f-44da-b317-01333bde0b82", Tlp::Amber),
    ("5e57c739-391a-4eb3-b6be-7d15ca92d5ed", Tlp::Red),
    ("94868c89-83c2-464b-929b-a1a8aa3c8487", Tlp::Clear),
    ("bab4a63c-aed9-4cf5-a766-dfca5abac2bb", Tlp::Green),
    ("55d920b0-5e8b-4f79-9ee9-91f868d9b421", Tlp::Amber),
    ("939a9414-2ddd-4d32-a0cd-375ea402b003", Tlp::AmberStrict),
    ("e828b379-4e03-4974-9ac4-e53a884c97c1", Tlp::Red),
];

/// What a published marking says.
pub(super) fn published(id: &str) -> Option<Tlp> {
    let number = id.strip_prefix("marking-definition--")?;
    PUBLISHED.iter().find(|(one, _)| *one == number).map(|(_, tlp)| *tlp)
}

/// What a document's own marking says: by its name, or in STIX 2.0 by its definition. A statement, such
/// as a copyright, sets no limit unless it speaks of the protocol; what nobody here understands is not
/// known to be for everybody.
pub(super) fn defined(name: Option<&str>, definition: Option<&str>) -> Tlp {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Definition<'a> {
        #[serde(borrow)]
        tlp: Option<Cow<'a, str>>,
        #[serde(borrow)]
        statement: Option<Cow<'a, str>>,
    }
    let definition = definition.and_then(|text| serde_json::from_str::<Definition<'_>>(text).ok());
    let Definition { tlp, statement } = definition.unwrap_or_default();
    let words = tlp.as_deref().or(name.filter(|name| is_tlp(name)));
    let words = words.or(statement.as_deref().filter(|text| is_tlp(text)));
    match words {
        Some(words) => tlp_or_strict(words).unwrap_or(Tlp::Amber),
        None if statement.is_some() => Tlp::Clear,
        None => Tlp::Amber,
    }
}
