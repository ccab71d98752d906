//! Formats that are JSON, by the keys in the first bytes.

use super::{Detection, SHARE_MIN};
use crate::feeds::{Format, json_records, metamask, stix};

pub(super) fn detect(head: &[u8]) -> Detection {
    let has = |text: &str| memchr::memmem::find(head, text.as_bytes()).is_some();
    let first = head.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first_has = |text: &str| memchr::memmem::find(first, text.as_bytes()).is_some();
    let is_drop = first_has("\"cidr\"")
        || first_has("\"asn\"")
        || first_has("\"sblid\"")
        || (first_has("\"metadata\"") && (has("\"cidr\"") || has("\"asn\"")));
    if is_drop && first.trim_ascii_end().ends_with(b"}") && first.starts_with(b"{") {
        return Detection::sure(
            Format::SpamhausDrop,
            95,
            "its lines are JSON objects with cidr or asn",
        );
    }
    if has("\"matching_attributes\"") && has("\"list\"") {
        return Detection::sure(
            Format::MispWarninglist,
            98,
            "JSON with list and matching_attributes",
        );
    }
    publisher(head, &has).unwrap_or_else(|| others(head, &has))
}

/// Whose document it is.
fn publisher(head: &[u8], has: &dyn Fn(&str) -> bool) -> Option<Detection> {
    let sure = |format, why: &str| Some(Detection::sure(format, 95, why));
    if has("\"Event\":")
        || has("\"Event\" :")
        || (has("\"Attribute\"") && (has("\"to_ids\"") || has("\"Orgc\"")))
    {
        return sure(Format::MispEvent, "JSON with the event and attributes of MISP");
    }
    if has("\"Orgc\"") && has("\"info\"") && head.trim_ascii_start().starts_with(b"{") {
        return Some(Detection::none(
            "it is the `manifest.json` of a MISP feed: name the format `misp-event`, and its events \
             are fetched from beside it",
        ));
    }
    if stix::is_stix(head) {
        return sure(Format::Stix, "JSON with the objects of STIX");
    }
    if metamask::is_config(head) {
        return sure(Format::MetaMask, "JSON with the lists of a crypto wallet");
    }
    if has("\"phish_id\"") {
        return sure(Format::PhishTank, "JSON with phish_id");
    }
    if has("\"tweet\"") && has("\"tags\"") && has("\"user\"") {
        return sure(Format::TweetFeed, "JSON with user, tags and tweet");
    }
    let is_decision = has("\"duration\"") && has("\"scope\"") && has("\"value\"");
    if is_decision || (has("\"decisions\"") && has("\"scenario\"")) {
        return sure(Format::CrowdSec, "JSON with the duration, scope and value of decisions");
    }
    None
}

fn others(head: &[u8], has: &dyn Fn(&str) -> bool) -> Detection {
    if has("\"list\"") && has("\"description\"") {
        let why = "JSON with description and list; the end, which would settle it, was not seen";
        return Detection::sure(Format::MispWarninglist, 75, why);
    }
    let (records, useful) = json_records::sample(head);
    if useful > 0 && useful * 100 >= records * SHARE_MIN {
        let why = format!("{useful} of the first {records} records hold an indicator");
        return Detection::sure(Format::Json, 70, why);
    }
    Detection::none("it is JSON, but of no form that is known; `fields` can say what holds what")
}
