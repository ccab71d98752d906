//! `wardnet db`.

mod own;

use crate::args::{Args, Db as Command};
use crate::backend::folder;
use crate::output::{line, thousands};
use anyhow::{Context as _, bail};
use own::{Changes, Target};
use serde_json::{Value, json};
use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use wardnet_model::{Kind, Timestamp};
use wardnet_verdictdb::{
    Db, Difference, Entry, Layer, OpenOptions, PublicKey, SectionStat, Verify, diff, map_file,
};

/// Runs the command.
pub(crate) fn run(args: &Args, command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Verify { key, file } => {
            let own = if file.is_none() { own_key(args)? } else { None };
            verify(&Target::find(args, file.as_deref())?, key.or(own))?;
        }
        Command::Key => match own_key(args)? {
            Some(key) => line(key),
            None => bail!("there is no key yet: it is made when the data folder is first opened"),
        },
        Command::Dump { file } => dump(&Target::find(args, file.as_deref())?)?,
        Command::Diff { old, new } => {
            let (old, new) = (open(old, Verify::Full)?, open(new, Verify::Full)?);
            for difference in diff(&old, &new) {
                line(match difference? {
                    Difference::Added(stored) => {
                        json!({ "added": entry(&stored.entry, stored.key_bits) })
                    }
                    Difference::Removed(stored) => {
                        json!({ "removed": entry(&stored.entry, stored.key_bits) })
                    }
                    Difference::Changed(before, after) => {
                        let [from, to] = [before, after].map(|one| entry(&one.entry, one.key_bits));
                        json!({ "changed": { "from": from, "to": to } })
                    }
                });
            }
        }
        Command::Stat { file } => stat(&Target::find(args, file.as_deref())?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The public key of the data folder.
fn own_key(args: &Args) -> anyhow::Result<Option<PublicKey>> {
    Ok(wardnet_identify::public_key(&folder(args)?.0)?)
}

fn verify(target: &Target, key: Option<PublicKey>) -> anyhow::Result<()> {
    let db = open_signed(&target.base, Verify::Full, key)?;
    db.verify().with_context(|| format!("{} is damaged", target.base.display()))?;
    let signed = |key: Option<PublicKey>| match key {
        Some(key) => format!("signed by {key}"),
        None => "not signed".to_owned(),
    };
    line(format!(
        "{}: whole, {} entries, root {}, {}",
        target.base.display(),
        thousands(db.stat().entries()),
        wardnet_model::hex::Hex(&db.root()),
        signed(db.signed_by())
    ));
    if let Some(log) = &target.log {
        let changes = Changes::read(log, db.sequence())?;
        changes.check(db.root(), key).with_context(|| format!("cannot use {}", log.display()))?;
        let count = thousands(changes.count() as u64);
        let signer = signed(changes.signed_by());
        line(format!("{}: whole, {count} changes since, {signer}", log.display()));
    }
    Ok(())
}

/// Prints the entries of the base that no change speaks of, in the file's order; then those that
/// the changes brought.
fn dump(target: &Target) -> anyhow::Result<()> {
    let db = open(&target.base, Verify::Full)?;
    let changes = target.changes(db.sequence())?;
    for stored in db.dump() {
        let stored = stored?;
        if !changes.cover(&stored) {
            line(entry(&stored.entry, stored.key_bits));
        }
    }
    for new in changes.entries() {
        line(entry(&new, KEY_BITS));
    }
    Ok(())
}

/// Bits of a whole key; a base keeps fewer.
const KEY_BITS: u8 = 255;

fn stat(target: &Target) -> anyhow::Result<()> {
    let db = open(&target.base, Verify::Lazy)?;
    let stat = db.stat();
    line(format!("file                   {}", target.base.display()));
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
    let Some(log) = &target.log else { return Ok(()) };
    let changes = Changes::read(log, db.sequence())?;
    line(format!(
        "changes since          {} in {}",
        thousands(changes.count() as u64),
        log.display()
    ));
    for ((layer, kind), (set, removed)) in changes.by_kind() {
        let (set, removed) = (thousands(set), thousands(removed));
        line(format!("{layer} {}: {set} entries set, {removed} removed since", kind.name()));
    }
    Ok(())
}

fn open(path: &Path, verify: Verify) -> anyhow::Result<Db> {
    open_signed(path, verify, None)
}

fn open_signed(path: &Path, verify: Verify, key: Option<PublicKey>) -> anyhow::Result<Db> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let bytes = map_file(&file).with_context(|| format!("cannot map {}", path.display()))?;
    Db::open(bytes, &OpenOptions { verify, signed_by: key, ..OpenOptions::default() })
        .with_context(|| format!("cannot use {}", path.display()))
}

fn entry(entry: &Entry<'_>, key_bits: u8) -> Value {
    let bytes = usize::from(key_bits).div_ceil(8).min(32);
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
