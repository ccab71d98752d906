//! `wardnet explain`.

use crate::args::{Args, Explain};
use crate::backend::{Backend, escape};
use crate::output::line;
use serde_json::Value;
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn run(args: &Args, options: &Explain) -> anyhow::Result<ExitCode> {
    let backend = Backend::open(args)?;
    let path = format!("/v1/explain?indicator={}", escape(&options.indicator));
    let value = backend.get(&path)?.json()?;
    backend.close()?;
    if options.output.json {
        line(&value)
    } else {
        line(text(&value))
    }
    Ok(ExitCode::SUCCESS)
}

/// The explanation for people: the verdict, then for each thing along the chain its evidence, the
/// sum and the decisions.
fn text(value: &Value) -> String {
    let verdict = &value["verdict"];
    let band = string(verdict, "band").to_uppercase();
    let mut out = format!(
        "{}  {band} (risk {}), calibration epoch {}",
        string(value, "indicator"),
        verdict["risk"],
        value["epoch"],
    );
    for item in list(value, "explained") {
        out += &explained(item);
    }
    for relation in list(value, "relations") {
        out += &format!(
            "\n\n{} {} {}",
            string(relation, "from"),
            string(relation, "kind"),
            string(relation, "to")
        );
    }
    if list(value, "explained").is_empty() {
        out += "\n\nnothing is known of it or anything it lies in";
    }
    // Where the thing itself is explained, its patterns stand there.
    let is_itself = |item: &Value| item["indicator"] == value["indicator"];
    if !list(value, "explained").iter().any(is_itself) {
        for pattern in list(value, "patterns") {
            out += &pattern_line(pattern);
        }
    }
    out
}

fn explained(item: &Value) -> String {
    let published = &item["published"];
    let mut out = format!(
        "\n\n{} {} ({}): {} (risk {})",
        string(item, "kind"),
        string(item, "indicator"),
        string(item, "scope"),
        string(published, "band"),
        published["risk"],
    );
    if item["applies"] == Value::Bool(false) {
        out += ", which does not reach what was asked";
    }
    if let Some(next) = published["next_change"].as_str() {
        out += &format!(", changes by itself at {next}");
    }
    for evidence in list(item, "evidence") {
        out += &evidence_line(evidence);
    }
    for pattern in list(item, "patterns") {
        out += &pattern_line(pattern);
    }
    out += &sum(&item["sum"]);
    for decision in list(item, "decisions") {
        let state = if decision["in_force"] == Value::Bool(true) { "" } else { ", over" };
        out += &format!(
            "\n  decision: {} by {} at {}{state}: {}",
            string(decision, "action"),
            string(decision, "author"),
            string(decision, "at"),
            string(decision, "reason"),
        );
    }
    out
}

fn evidence_line(evidence: &Value) -> String {
    let mut out = format!(
        "\n  {} says {} {}, {} % sure; first seen {}, last seen {}",
        string(evidence, "source"),
        string(evidence, "stance"),
        string(evidence, "category"),
        evidence["confidence"],
        string(evidence, "first_seen"),
        string(evidence, "last_seen"),
    );
    if let Some(other) = evidence["elsewhere"].as_object() {
        let scope = if other["scope"] == "exact" { "" } else { " and what is below it" };
        out += &format!("; said of {}{scope}", string(&evidence["elsewhere"], "indicator"));
    }
    for name in ["family", "actor", "reference", "until"] {
        if let Some(text) = evidence[name].as_str() {
            out += &format!("; {name} {text}");
        }
    }
    out
}

fn pattern_line(pattern: &Value) -> String {
    let mut out = format!(
        "\n  matches the pattern `{}` of {} (list \"{}\"): {} {}, {} % sure; last seen {}",
        string(pattern, "pattern"),
        string(pattern, "source"),
        string(pattern, "list"),
        string(pattern, "stance"),
        string(pattern, "category"),
        pattern["confidence"],
        string(pattern, "last_seen"),
    );
    if let Some(reason) = pattern["left_out"].as_str() {
        out += &format!(" (left out: {reason})");
    }
    out
}

/// The sum, term by term, as anybody can add it up again.
fn sum(sum: &Value) -> String {
    let mut out = String::new();
    for part in list(sum, "contributions") {
        let number = |name: &str| part[name]["value"].as_f64().unwrap_or(0.0);
        out += &format!(
            "\n  weight of {}: r {:.3} · q {:.3} · D {:.3} = {:.3}",
            string(part, "source"),
            number("r"),
            number("q"),
            number("d"),
            number("weight"),
        );
        if let Some(pattern) = part["pattern"].as_str() {
            out += &format!(" (by the pattern `{pattern}`)");
        }
        if let Some(reason) = part["left_out"].as_str() {
            out += &format!(" (left out: {reason})");
        }
    }
    let groups = list(sum, "groups");
    if groups.is_empty() {
        return out;
    }
    out += &format!("\n  log-odds: prior {:.3}", sum["prior"]["value"].as_f64().unwrap_or(0.0));
    for group in groups {
        let sign = if group["stance"] == "benign" { '−' } else { '+' };
        let term = group["s"]["value"].as_f64().unwrap_or(0.0);
        out += &format!(" {sign} {} {term:.3}", string(group, "group"));
    }
    out += &format!(
        " = {:.3}: risk {}, published {}, added up again {}",
        sum["log_odds"]["value"].as_f64().unwrap_or(0.0),
        sum["exact"],
        sum["published"],
        sum["recomputed"],
    );
    if let Some(ceiling) = sum["ceiling"].as_str() {
        out += &format!("\n  held down: {ceiling}");
    }
    out
}

fn string<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_sum_is_shown_term_by_term() {
        let raw = |value: f64| json!({"raw": 1, "value": value});
        let shown = sum(&json!({
            "contributions": [{"source": "feed", "r": raw(0.88), "q": raw(0.95), "d": raw(1.0),
                "weight": raw(0.836), "left_out": null}],
            "prior": raw(-4.595),
            "groups": [{"group": "feed", "stance": "malicious", "s": raw(6.224)}],
            "log_odds": raw(1.629), "exact": 84, "published": 80, "recomputed": 84,
        }));
        assert!(shown.contains("r 0.880 · q 0.950 · D 1.000 = 0.836"), "{shown}");
        assert!(
            shown.contains("prior -4.595 + feed 6.224 = 1.629: risk 84, published 80"),
            "{shown}"
        );
    }
}
