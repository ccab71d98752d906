//! `wardnet db`.

use crate::args::{Args, Db as Command};
use crate::backend::folder;
use crate::output::{line, thousands};
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wardnet_model::{Kind, Timestamp};
use wardnet_verdictdb::{
    Db, Difference, Layer, OpenOptions, SectionStat, Stored, Verify, diff, map_file,
};

/// Runs the command.
pub(crate) fn run(args: &Args, command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Verify { file } => {
            let path = path_of(args, file.as_deref())?;
            let db = open(&path, Verify::Full)?;
            db.verify().with_context(|| format!("{} is damaged", path.display()))?;
            line(format!(
                "{}: whole, {} entries, root {}",
                path.display(),
                thousands(db.stat().entries()),
                wardnet_model::hex::Hex(&db.root())
            ));
        }
        Command::Dump { file } => {
            let db = open(&path_of(args, file.as_deref())?, Verify::Full)?;
            for stored in db.dump() {
                line(entry(&stored?));
            }
        }
        Command::Diff { old, new } => {
            let (old, new) = (open(old, Verify::Full)?, open(new, Verify::Full)?);
            for difference in diff(&old, &new) {
                line(match difference? {
                    Difference::Added(stored) => json!({ "added": entry(&stored) }),
                    Difference::Removed(stored) => json!({ "removed": entry(&stored) }),
                    Difference::Changed(before, after) => {
                        json!({ "changed": { "from": entry(&before), "to": entry(&after) } })
                    }
                });
            }
        }
        Command::Stat { file } => stat(&path_of(args, file.as_deref())?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn stat(path: &Path) -> anyhow::Result<()> {
    let db = open(path, Verify::Lazy)?;
    let stat = db.stat();
    line(format!("file                   {}", path.display()));
    line(format!("made                   {}", db.created()));
    line(format!("last change            {}", thousands(db.sequence())));
    line(format!("entries                {}", thousands(stat.entries())));
    line(format!("profiles               {}", thousands(stat.profiles)));
    line(format!("bytes                  {}", thousands(stat.file_bytes)));
    line(format!("keys and profiles      {}", thousands(stat.keys_and_profiles_bytes())));
    for section in &stat.sections {
        let SectionStat { layer, entries, keys_bytes, names_bytes, facts_bytes, .. } = section;
        let kind = Kind::from_tag(section.kind_tag).map_or("unknown", Kind::name);
        line(format!(
            "{layer} {kind}: {} entries in {} shards, {:.1} bytes of keys each; {} bytes of keys, \
             {} of names, {} of facts",
            thousands(*entries),
            section.shards,
            section.bytes_per_entry(),
            thousands(*keys_bytes),
            thousands(*names_bytes),
            thousands(*facts_bytes),
        ));
    }
    Ok(())
}

/// The file named, or the data folder's own.
fn path_of(args: &Args, file: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(file) = file {
        return Ok(file.to_path_buf());
    }
    let (data_dir, _) = folder(args)?;
    let view = data_dir.join("view");
    let listing = std::fs::read_dir(&view)
        .with_context(|| format!("there is no verdict database in {}", view.display()))?;
    let base = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wvdb");
    match listing.flatten().map(|entry| entry.path()).find(base) {
        Some(path) => Ok(path),
        None => bail!("there is no verdict database in {}", view.display()),
    }
}

fn open(path: &Path, verify: Verify) -> anyhow::Result<Db> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let bytes = map_file(&file).with_context(|| format!("cannot map {}", path.display()))?;
    Db::open(bytes, &OpenOptions { verify, ..OpenOptions::default() })
        .with_context(|| format!("cannot use {}", path.display()))
}

fn entry(stored: &Stored<'_>) -> Value {
    let entry = &stored.entry;
    let bytes = usize::from(stored.key_bits).div_ceil(8).min(32);
    let time = |at: Timestamp| at.to_string();
    json!({
        "layer": if entry.layer() == Layer::Evidence { "evidence" } else { "decision" },
        "kind": entry.kind.name(),
        "key": wardnet_model::hex::Hex(entry.key.0.get(..bytes).unwrap_or_default()).to_string(),
        "scope": entry.scope.name(),
        "name": entry.name,
        "risk": entry.profile.risk.value(),
        "band": entry.profile.band.name(),
        "categories": entry.profile.categories.iter().map(|c| c.name()).collect::<Vec<_>>(),
        "sources": entry.profile.sources.iter().collect::<Vec<_>>(),
        "first_seen": entry.facts.map(|facts| time(facts.first_seen)),
        "last_seen": entry.facts.map(|facts| time(facts.last_seen)),
        "decided_at": entry.terms.map(|terms| time(terms.decided_at)),
        "until": entry.terms.and_then(|terms| terms.until).map(time),
    })
}
