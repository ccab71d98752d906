//! Trials: other settings than those that ship, as `NAME=VALUE`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use wardnet_analyze::learn::{Rng, TrainOptions};

use super::data::Row;

/// What the words on the command line ask for.
#[derive(Debug, Default, Clone)]
pub(super) struct Trial {
    /// Some setting is not what ships: nothing is written.
    pub(super) is_trial: bool,
    /// Where to write all scores.
    pub(super) scores: Option<PathBuf>,
}

/// Reads the settings of a trial.
pub(super) fn read(
    words: &[&str],
    options: &mut TrainOptions,
    rows: &mut Vec<Row>,
) -> Result<Trial> {
    let mut trial = Trial::default();
    for word in words {
        let (name, value) =
            word.split_once('=').with_context(|| format!("`{word}` is no setting"))?;
        if name == "scores" {
            trial.scores = Some(value.into());
            continue;
        }
        trial.is_trial = true;
        let number: f32 = value.parse().with_context(|| format!("`{value}` is no number"))?;
        let count = || value.parse::<usize>().with_context(|| format!("`{value}` is no count"));
        match name {
            "bits" => options.linear.bits = value.parse()?,
            "epochs" => options.linear.epochs = value.parse()?,
            "alpha" => options.linear.alpha = number,
            "l1" => options.linear.l1 = number,
            "l2" => options.linear.l2 = number,
            "network_bits" => options.network.bits = value.parse()?,
            "network_epochs" => options.network.epochs = value.parse()?,
            "keep_pieces" => options.network.keep = number,
            "network_rate" => options.network.rate = number,
            "spread" => options.network.spread = number,
            "trees" => options.boost.trees = count()?,
            "leaves" => options.boost.leaves = count()?,
            "rate" => options.boost.rate = number,
            "weight" => options.boost.child_weight_min = number,
            "lambda" => options.boost.lambda = number,
            "features" => options.boost.features = number,
            "subjects" => options.boost.subjects = number,
            "generators" => options.invent.generators = count()?,
            "invented_names" => options.invent.names = count()?,
            "invented_weight" => options.invent.weight = number,
            "bare" => options.graft.bare = number,
            "graft_weight" => options.graft.weight = number,
            "heard" => options.familiar_bits = value.parse()?,
            "family" => options.family_weight = number,
            "host_weight" => {
                let hosts = rows.iter_mut().filter(|row| row.is_host);
                hosts.for_each(|row| row.sample.weight = number);
            }
            "recent_weight" => {
                let recent = rows.iter_mut().filter(|row| row.is_extra && row.sample.is_bad);
                recent.for_each(|row| row.sample.weight = number);
            }
            "reference_weight" => {
                let recent = rows.iter_mut().filter(|row| row.is_extra && !row.sample.is_bad);
                recent.for_each(|row| row.sample.weight = number);
            }
            "recent" => thin(rows, count()?, |row| row.is_extra && row.sample.is_bad),
            "seed" => options.seed = value.parse()?,
            "folds" => options.folds = value.parse()?,
            // Percent of the bare hosts, and of everything.
            "hosts" => thin(rows, count()?, |row| row.is_host),
            "keep" => thin(rows, count()?, |_| true),
            _ => bail!("`{name}` is no setting"),
        }
    }
    Ok(trial)
}

fn thin(rows: &mut Vec<Row>, percent: usize, which: impl Fn(&Row) -> bool) {
    let mut rng = Rng::new(7);
    rows.retain(|row| !which(row) || rng.below(100) < percent);
}
