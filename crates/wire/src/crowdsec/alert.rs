//! What agents say: who they are, and what they have seen.

use super::{GoDuration, Limits, RequestError};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What an agent introduces itself with, and logs in with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Credentials {
    /// Its name.
    pub machine_id: String,
    /// Its password.
    pub password: String,
    /// The scenarios that it looks for, where it says so.
    #[serde(default)]
    pub scenarios: Option<Vec<String>>,
}

/// Reads [`Credentials`].
pub fn credentials(body: &[u8], limits: &Limits) -> Result<Credentials, RequestError> {
    let read: Credentials = json(body)?;
    let fits = |text: &str| (1..=limits.text_bytes_max).contains(&text.len());
    if !fits(&read.machine_id) || !fits(&read.password) {
        let text = "`machine_id` and `password` have 1 to 1,024 bytes".to_owned();
        return Err(RequestError::Malformed(text));
    }
    Ok(read)
}

/// Something that an alert names: whom it is about, or what was decided in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What the value is, in lower case: `ip`, `range`.
    pub scope: String,
    /// The address or network.
    pub value: String,
    /// Which scenario saw it.
    pub scenario: String,
    /// How long a decision about it stands; `None` where none was made.
    pub stands: Option<GoDuration>,
}

/// One alert, or one signal: what of it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Which scenario saw something.
    pub scenario: String,
    /// What it says of it.
    pub message: String,
    /// When it began, as a time of RFC 3339 in most cases.
    pub start_at: String,
    /// How many events there were.
    pub events: u32,
    /// Whether nothing was to come of it.
    pub simulated: bool,
    /// Whether a person decided, and no scenario.
    pub by_hand: bool,
    /// What it names, at least once.
    pub seen: Vec<Seen>,
}

#[derive(Deserialize)]
struct RawAlert {
    scenario: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    start_at: Option<String>,
    #[serde(default)]
    events_count: Option<i64>,
    #[serde(default)]
    simulated: Option<bool>,
    #[serde(default)]
    scenario_trust: Option<String>,
    source: RawSource,
    #[serde(default)]
    decisions: Option<Vec<RawDecision>>,
}

#[derive(Deserialize)]
struct RawSource {
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    value: Option<String>,
}

#[derive(Deserialize)]
struct RawDecision {
    #[serde(default)]
    duration: Option<String>,
    #[serde(default)]
    origin: Option<String>,
    #[serde(default)]
    scenario: Option<String>,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    simulated: Option<bool>,
    #[serde(default)]
    value: Option<String>,
}

/// Reads alerts or signals: an array of them. Each has a `scenario` and a `source`, as CrowdSec's own
/// server demands; the source may be empty where decisions say whom they are about.
pub fn alerts(body: &[u8], limits: &Limits) -> Result<Vec<Alert>, RequestError> {
    let raw: Vec<RawAlert> = json(body)?;
    if raw.len() > limits.alerts_max {
        return Err(RequestError::TooMany { what: "alerts", max: limits.alerts_max });
    }
    let mut left = limits.seen_max;
    raw.into_iter().map(|raw| alert(raw, &mut left, limits)).collect()
}

fn alert(raw: RawAlert, left: &mut usize, limits: &Limits) -> Result<Alert, RequestError> {
    let cut = |text: Option<String>| cut(text.unwrap_or_default(), limits.text_bytes_max);
    let scenario = cut(Some(raw.scenario));
    let decisions = raw.decisions.unwrap_or_default();
    let by_hand = raw.scenario_trust.as_deref() == Some("manual")
        || decisions
            .iter()
            .any(|one| one.origin.as_deref().is_some_and(|origin| origin.starts_with("cscli")));
    let mut seen = Vec::new();
    let all_simulated =
        !decisions.is_empty() && decisions.iter().all(|d| d.simulated == Some(true));
    for one in decisions {
        let stands = one.duration.as_deref().unwrap_or_default().parse().ok();
        let why = one.scenario.map_or_else(|| scenario.clone(), |text| cut(Some(text)));
        seen.extend(named(one.scope, one.value, &why, stands, limits));
    }
    if let Some(own) = named(raw.source.scope, raw.source.value, &scenario, None, limits)
        && !seen.iter().any(|one| (&one.scope, &one.value) == (&own.scope, &own.value))
    {
        seen.push(own);
    }
    *left = left
        .checked_sub(seen.len())
        .ok_or(RequestError::TooMany { what: "sources and decisions", max: limits.seen_max })?;
    Ok(Alert {
        scenario,
        message: cut(raw.message),
        start_at: cut(raw.start_at),
        events: u32::try_from(raw.events_count.unwrap_or(1).max(0)).unwrap_or(u32::MAX),
        simulated: raw.simulated == Some(true) || all_simulated,
        by_hand,
        seen,
    })
}

fn named(
    scope: Option<String>,
    value: Option<String>,
    scenario: &str,
    stands: Option<GoDuration>,
    limits: &Limits,
) -> Option<Seen> {
    let (mut scope, value) = (scope?, value?);
    // A cut address would be another one.
    if value.is_empty() || value.len() > limits.text_bytes_max || scope.len() > 64 {
        return None;
    }
    scope.make_ascii_lowercase();
    Some(Seen { scope, value, scenario: scenario.to_owned(), stands })
}

fn cut(mut text: String, bytes_max: usize) -> String {
    let end = text.floor_char_boundary(bytes_max);
    text.truncate(end);
    text
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, RequestError> {
    serde_json::from_slice(body).map_err(|error| {
        RequestError::Malformed(format!("the body is not what is expected: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Alert>, RequestError> {
        alerts(text.as_bytes(), &Limits::default())
    }

    #[test]
    fn an_alert_names_its_source_and_its_decisions() {
        let alert = r#"[{"scenario":"crowdsecurity/ssh-bf","message":"m","events_count":6,
            "events":[{"meta":[{"key":"a","value":"b"}]}],"start_at":"2026-01-02T03:04:05Z",
            "source":{"scope":"Ip","value":"192.0.2.1"},"simulated":false,
            "decisions":[{"duration":"4h","origin":"cscli","scenario":"by hand","scope":"Range",
            "type":"ban","value":"192.0.2.0/24"}],"later":{"fields":[1]}}]"#;
        let [alert] = &read(alert).unwrap()[..] else { panic!("not one") };
        assert_eq!((alert.events, alert.by_hand, alert.simulated), (6, true, false));
        let [decided, source] = &alert.seen[..] else { panic!("{:?}", alert.seen) };
        assert_eq!((&*decided.scope, &*decided.scenario), ("range", "by hand"));
        assert_eq!(decided.stands.map(GoDuration::as_secs), Some(14_400));
        assert_eq!((&*source.scope, &*source.value, source.stands), ("ip", "192.0.2.1", None));
    }

    #[test]
    fn null_is_nothing_and_a_signal_is_an_alert() {
        let signal = r#"[{"scenario":"s","source":{"scope":"ip","value":"192.0.2.1"},
            "scenario_trust":"manual","decisions":null,"message":null}]"#;
        let [alert] = &read(signal).unwrap()[..] else { panic!("not one") };
        assert!(alert.by_hand && alert.seen.len() == 1);
        let names_nobody = r#"[{"scenario":"s","source":{},"decisions":[]}]"#;
        assert_eq!(read(names_nobody).unwrap()[0].seen, []);
        assert!(read(r#"[{"scenario":"s"}]"#).is_err() && read(r#"[{"source":{}}]"#).is_err());
        assert!(read("{}").is_err() && read("[3]").is_err() && read("").is_err());
    }

    #[test]
    fn what_is_too_long_is_cut_and_what_is_too_much_refused() {
        let long = "ü".repeat(2_000);
        let text =
            format!(r#"[{{"scenario":"{long}","source":{{"scope":"ip","value":"{long}"}}}}]"#);
        let alert = &read(&text).unwrap()[0];
        assert_eq!((alert.scenario.len(), alert.seen.len()), (1_024, 0));
        let many = format!("[{}]", vec![r#"{"scenario":"s","source":{}}"#; 10_001].join(","));
        assert!(matches!(read(&many), Err(RequestError::TooMany { .. })));
        let credentials = |text: &str| credentials(text.as_bytes(), &Limits::default());
        assert!(credentials(r#"{"machine_id":"a","password":"b"}"#).is_ok());
        assert!(credentials(r#"{"machine_id":"","password":"b"}"#).is_err());
        assert!(credentials(r#"{"machine_id":"a"}"#).is_err());
    }
}
