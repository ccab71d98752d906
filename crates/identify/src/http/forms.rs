//! How the parts of requests are read, and how things look in replies.

use serde_json::{Value, json};
use wardnet_model::{
    DAY_SECS, Decision, Indicator, Relation, Scope, SourceId, Timestamp, UnknownName,
};
use wardnet_score::Epoch;
use wardnet_server::Problem;

/// What is wrong with one field, in words for its sender.
pub(super) type Complaint = String;

pub(super) fn indicator(text: &str) -> Result<Indicator, Complaint> {
    Indicator::parse(text).map_err(|error| format!("`indicator`: {error}"))
}

/// One of a fixed set of words.
pub(super) fn word<T>(field: &str, text: &str) -> Result<T, Complaint>
where
    T: std::str::FromStr<Err = UnknownName>,
{
    text.parse().map_err(|error| format!("`{field}`: {error}"))
}

pub(super) fn optional_word<T>(field: &str, text: Option<&str>) -> Result<Option<T>, Complaint>
where
    T: std::str::FromStr<Err = UnknownName>,
{
    text.map(|text| word(field, text)).transpose()
}

pub(super) fn time(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, Complaint> {
    let read = |text| {
        Timestamp::parse(text)
            .ok_or_else(|| format!("`{field}`: not a time; write 2026-08-22T18:10:19Z"))
    };
    text.map(read).transpose()
}

/// A number and a unit: `90s`, `15m`, `12h`, `7d`, `2w`, `1y`.
pub(super) fn duration_secs(field: &str, text: &str) -> Result<u64, Complaint> {
    let complaint = || format!("`{field}`: not a duration; write a number and s, m, h, d, w or y");
    let text = text.trim();
    let unit = text.chars().next_back().ok_or_else(complaint)?;
    let secs = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => DAY_SECS,
        'w' => 7 * DAY_SECS,
        'y' => 365 * DAY_SECS,
        _ => return Err(complaint()),
    };
    let number = text.strip_suffix(unit).unwrap_or_default().parse::<u64>().ok();
    number
        .filter(|number| *number > 0)
        .and_then(|number| number.checked_mul(secs))
        .ok_or_else(complaint)
}

pub(super) fn bounded(
    field: &str,
    text: Option<String>,
    bytes_max: usize,
) -> Result<Option<Box<str>>, Complaint> {
    match text {
        Some(text) if text.len() > bytes_max => {
            Err(format!("`{field}` has {} bytes; at most {bytes_max} are kept", text.len()))
        }
        Some(text) => Ok(Some(text.into())),
        None => Ok(None),
    }
}

/// How far a statement reaches whose sender does not say: names and directories with all that lies
/// in them, everything else as it is.
pub(super) fn default_scope(indicator: &Indicator) -> Scope {
    match indicator {
        Indicator::Domain(_) => Scope::Subtree,
        Indicator::Url(url) if url.is_directory() => Scope::Subtree,
        _ => Scope::Exact,
    }
}

/// Well-formed, but it makes no sense.
pub(super) fn unprocessable(complaint: Complaint) -> Problem {
    Problem::unprocessable(complaint)
}

pub(super) fn kind_name(indicator: &Indicator) -> &'static str {
    indicator.kind().map_or("unknown", wardnet_model::Kind::name)
}

/// A time; null where there is none.
pub(super) fn when(time: Timestamp) -> Value {
    match time {
        Timestamp(0) => Value::Null,
        time => time.to_string().into(),
    }
}

pub(super) fn source_name(epoch: &Epoch, source: SourceId) -> String {
    epoch.source(source).map_or_else(|| source.0.to_string(), |known| known.name.to_string())
}

pub(super) fn decision(decision: &Decision, in_force: bool) -> Value {
    json!({
        "indicator": decision.indicator.to_string(),
        "kind": kind_name(&decision.indicator),
        "scope": decision.scope.name(),
        "action": decision.action.name(),
        "category": decision.category.name(),
        "author": decision.author,
        "reason": decision.reason,
        "at": decision.at.to_string(),
        "until": decision.until.map(|until| until.to_string()),
        "in_force": in_force,
        "shared": decision.tenant == wardnet_model::TenantId::SHARED,
    })
}

pub(super) fn relation(relation: &Relation, epoch: &Epoch) -> Value {
    json!({
        "from": relation.from.to_string(),
        "relation": relation.kind.name(),
        "to": relation.to.to_string(),
        "source": source_name(epoch, relation.source),
        "confidence": relation.confidence,
        "first_seen": when(relation.first_seen),
        "last_seen": when(relation.last_seen),
        "tlp": relation.tlp.name(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, secs) in [("90s", 90), ("7d", 604_800), (" 1w ", 604_800), ("2h", 7200)] {
            assert_eq!(duration_secs("for", text), Ok(secs));
        }
        for text in ["", "d", "0d", "-1d", "7", "7 fortnights", "99999999999999999999y", "1é"] {
            assert!(duration_secs("for", text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_and_directories_reach_below_themselves() {
        for (text, scope) in [
            ("evil.top", Scope::Subtree),
            ("http://evil.top/kit/", Scope::Subtree),
            ("http://evil.top/kit/a.html", Scope::Exact),
            ("203.0.114.0/24", Scope::Exact),
        ] {
            assert_eq!(default_scope(&Indicator::parse(text).unwrap()), scope, "{text}");
        }
    }
}
