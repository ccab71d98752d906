//! The trials of models in the data folder, so that they go on after a restart.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;
use wardnet_analyze::Subject;
use wardnet_protect::opinion::{Counts, Trial};

/// The largest file that is read.
const BYTES_MAX: u64 = 1 << 16;

#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    subject: String,
    model: String,
    unrated: Row,
    good: Row,
    bad: Row,
    first: Row,
    current: Row,
    last: Option<Row>,
}

/// Counts by step of the scale.
type Row = [u64; 18];

/// Reads what an earlier run wrote; nothing where there is nothing.
pub(super) fn load(path: &Path) -> anyhow::Result<Vec<Trial>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let saved: Vec<Saved> = serde_json::from_reader(file.take(BYTES_MAX))
        .with_context(|| format!("{} is damaged", path.display()))?;
    Ok(saved.iter().filter_map(read).collect())
}

fn read(saved: &Saved) -> Option<Trial> {
    let subjects = [Subject::Url, Subject::Domain];
    let subject = subjects.into_iter().find(|subject| subject.name() == saved.subject)?;
    Some(Trial {
        subject,
        model: wardnet_model::hex::decode(&saved.model)?,
        unrated: Counts(saved.unrated),
        good: Counts(saved.good),
        bad: Counts(saved.bad),
        first: Counts(saved.first),
        current: Counts(saved.current),
        last: saved.last.map(Counts),
    })
}

/// Replaces what is there: who reads it sees the old or the new.
pub(super) fn save(path: &Path, trials: &[Trial]) -> anyhow::Result<()> {
    let saved: Vec<Saved> = trials.iter().map(write).collect();
    let folder = path.parent().context("the file lies in no folder")?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(serde_json::to_string(&saved)?.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn write(trial: &Trial) -> Saved {
    Saved {
        subject: trial.subject.name().to_owned(),
        model: trial.model.iter().map(|byte| format!("{byte:02x}")).collect(),
        unrated: trial.unrated.0,
        good: trial.good.0,
        bad: trial.bad.0,
        first: trial.first.0,
        current: trial.current.0,
        last: trial.last.map(|counts| counts.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trials.json");
        assert!(load(&path).unwrap().is_empty());
        let mut counts = Counts::default();
        counts.0[3] = 7;
        let trial = Trial {
            subject: Subject::Domain,
            model: [0xa5; 32],
            unrated: counts,
            good: Counts::default(),
            bad: counts,
            first: counts,
            current: Counts::default(),
            last: Some(counts),
        };
        save(&path, std::slice::from_ref(&trial)).unwrap();
        assert_eq!(load(&path).unwrap(), [trial]);
        std::fs::write(&path, "[{").unwrap();
        assert!(format!("{:#}", load(&path).unwrap_err()).contains("damaged"));
    }
}
