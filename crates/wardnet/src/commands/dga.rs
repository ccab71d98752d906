//! `wardnet dga`.

use crate::args::Dga;
use crate::output::line;
use anyhow::{Context as _, bail};
use serde_json::json;
use std::process::ExitCode;
use wardnet_analyze::dga::{Day, FAMILIES, family};

/// Runs the command.
pub(crate) fn run(options: &Dga) -> anyhow::Result<ExitCode> {
    let Some(name) = &options.family else {
        for family in FAMILIES {
            if options.json {
                line(json!({ "family": family.name, "about": family.about }));
            } else {
                line(format!("{}: {}", family.name, family.about));
            }
        }
        return Ok(ExitCode::SUCCESS);
    };
    let found = family(name).with_context(|| {
        let known: Vec<_> = FAMILIES.iter().map(|family| family.name).collect();
        format!("no family `{name}` can be told ahead; known are {}", known.join(", "))
    })?;
    let Some(date) = &options.date else { bail!("say for which day, as in `--date 2026-11-28`") };
    let day = Day::parse(date)
        .with_context(|| format!("`{date}` is no day; give one such as 2026-11-28"))?;
    for name in (found.names)(day) {
        if options.json {
            line(json!({ "domain": name, "family": found.name, "date": date }));
        } else {
            line(name);
        }
    }
    Ok(ExitCode::SUCCESS)
}
