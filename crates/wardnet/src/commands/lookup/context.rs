//! What is known without weight, for people who would otherwise read that nothing is known.
//!
//! Evidence that only gives context (a list of clouds, of link shorteners) takes no side, so the
//! verdict database leaves it out. The store has it.

use super::{Answered, Way};
use crate::backend::{Backend, escape};
use serde_json::Value;

/// Answers of one command that are looked into: beyond them, whoever asks reads no longer.
const LOOKED_INTO_MAX: usize = 100;

/// What there is to tell of things about which nothing counts.
#[derive(Debug, Default)]
pub(super) struct Context {
    looked_into: usize,
}

impl Context {
    /// What takes no side, in sentences.
    pub(super) fn of(&mut self, way: &Way, answer: &Answered) -> Vec<String> {
        let Some(indicator) = answer.value.get("indicator").and_then(Value::as_str) else {
            return Vec::new();
        };
        self.looked_into += 1;
        match way {
            // The store is opened by one process at a time: others may be asking, too.
            Way::Resting(..) => vec![elsewhere(indicator)],
            Way::Backend(..) if self.looked_into > LOOKED_INTO_MAX => vec![elsewhere(indicator)],
            Way::Backend(backend, _) => ask(backend, indicator).unwrap_or_default(),
        }
    }
}

fn elsewhere(indicator: &str) -> String {
    format!(
        "nothing counts for or against it; `wardnet explain {indicator}` shows what else is known"
    )
}

fn ask(backend: &Backend, indicator: &str) -> Option<Vec<String>> {
    let path = format!("/v1/explain?indicator={}", escape(indicator));
    let explained = backend.get(&path).ok()?.json().ok()?;
    Some(sentences(&explained))
}

/// One sentence for each thing along the chain about which something is said.
fn sentences(explained: &Value) -> Vec<String> {
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let mut said = Vec::new();
    for item in list(explained, "explained") {
        if item["applies"] == Value::Bool(false) {
            continue;
        }
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        for line in list(&item, "evidence") {
            let part = |name: &str| line[name].as_str().unwrap_or_default();
            let verb = match part("stance") {
                "context" => "is named by",
                "disputed" => "is disputed by",
                _ => "was listed by",
            };
            said.push(format!(
                "{}: the {} {} {verb} {}, which does not count for or against it",
                part("category"),
                noun(&text("kind")),
                text("indicator"),
                part("source"),
            ));
        }
    }
    said.dedup();
    said
}

/// A kind of indicator as people say it.
fn noun(kind: &str) -> &str {
    match kind {
        "ipv4" | "ipv6" => "address",
        "ipv4-network" | "ipv6-network" => "network",
        "url" => "URL",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn context_is_told_for_what_it_is() {
        let line =
            |source: &str| json!({"source": source, "stance": "context", "category": "hosting"});
        let explained = json!({ "explained": [
            { "indicator": "a.cdn.net", "kind": "domain", "applies": false, "evidence": [line("x")] },
            { "indicator": "cdn.net", "kind": "domain", "applies": true,
              "evidence": [line("misp-clouds"), line("misp-clouds")] },
        ]});
        assert_eq!(
            sentences(&explained),
            [
                "hosting: the domain cdn.net is named by misp-clouds, which does not count for or against it"
            ]
        );
        assert!(sentences(&json!({ "explained": [] })).is_empty());
    }
}
