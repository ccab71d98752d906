//! What bouncers are told to do about an address or network.

use super::GoDuration;
use serde::Serialize;
use std::fmt;

/// One decision. Several make an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<'a> {
    /// A number that stays the same while the decision does.
    pub id: u64,
    /// Who decided.
    pub origin: &'a str,
    /// What the value is: `Ip`, `Range`.
    pub scope: &'a str,
    /// The address or network.
    pub value: &'a str,
    /// What to do: `ban`.
    pub remediation: &'a str,
    /// Why.
    pub scenario: &'a str,
    /// How long from now on; negative where it is over.
    pub duration: GoDuration,
}

/// Writes itself as text.
struct AsText<T>(T);

impl<T: fmt::Display> Serialize for AsText<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[derive(Serialize)]
struct Written<'a> {
    duration: AsText<GoDuration>,
    id: u64,
    origin: &'a str,
    scenario: &'a str,
    scope: &'a str,
    r#type: &'a str,
    value: &'a str,
}

impl Decision<'_> {
    /// Appends it as JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        let written = Written {
            duration: AsText(self.duration),
            id: self.id,
            origin: self.origin,
            scenario: self.scenario,
            scope: self.scope,
            r#type: self.remediation,
            value: self.value,
        };
        // Texts and numbers can always be written into memory.
        let _written = serde_json::to_writer(out, &written);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_local_api_writes_it() {
        let decision = Decision {
            id: 7,
            origin: "cscli",
            scope: "Ip",
            value: "192.0.2.1",
            remediation: "ban",
            scenario: "a \"quoted\" one",
            duration: GoDuration::from_secs(14_342),
        };
        let mut out = Vec::new();
        decision.write(&mut out);
        let text = String::from_utf8(out).unwrap();
        let wanted = r#"{"duration":"3h59m2s","id":7,"origin":"cscli","scenario":"a \"quoted\" one","scope":"Ip","type":"ban","value":"192.0.2.1"}"#;
        assert_eq!(text, wanted);
    }
}
