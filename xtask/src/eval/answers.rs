//! What `wardnet classify` answers to subjects of domains that its model has not seen.
//!
//! The other figures are of margins, which say how well a model ranks. What is asked in the end is the
//! score: calibrated, and corrected by rules (a popular site's own address, a look-alike of a brand). So
//! models are learned as `cargo xtask eval` learns those that ship, each from all but a fifth of the
//! registered domains, and asked for the scores of that fifth. Scores of different models are not of one
//! scale: each fifth is judged by itself.

use anyhow::Result;
use wardnet_analyze::learn::{TrainOptions, fold_of, metrics};
use wardnet_analyze::{Model, Scratch, Subject};

use super::data::Row;
use super::{learn, options};

/// In how many parts the domains are dealt.
const PARTS: u64 = 5;

/// Deals other parts than the folds that are dealt within them.
const DEAL: u64 = 77;

/// Prints the figures of each part, and their average.
pub(super) fn run(subject: Subject, mut rows: Vec<Row>, words: &[&str]) -> Result<()> {
    let mut options = TrainOptions::shipped(subject);
    options::read(words, &mut options, &mut rows)?;
    rows.retain(|row| !row.is_for_judging);
    let deal = TrainOptions { folds: PARTS, seed: options.seed ^ DEAL, ..options };
    let part_of = |row: &Row| fold_of(subject, &row.spelled(subject), &deal);
    let mut sums = [0.0; 3];
    println!("| part | malicious | benign | AUC | found at 0.1 % | at 1 % |");
    println!("|---|---:|---:|---:|---:|---:|");
    for part in 0..PARTS {
        let (aside, seen): (Vec<Row>, Vec<Row>) =
            rows.iter().cloned().partition(|row| part_of(row) == part);
        let model = Model::new(subject, learn(subject, &seen, &options), String::new());
        let [bad, good] = scores(&model, &aside);
        let found = metrics(&bad, &good);
        let [_, tenth, one] = found.tpr;
        let figures = [found.auc, tenth * 100.0, one * 100.0];
        sums.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure);
        let counts = format!("{part} | {} | {}", bad.len(), good.len());
        line(&counts, figures);
    }
    line("average | | ", sums.map(|sum| sum / PARTS as f64));
    Ok(())
}

fn line(name: &str, [auc, tenth, one]: [f64; 3]) {
    println!("| {name} | {auc:.4} | {tenth:.1} % | {one:.1} % |");
}

/// The scores of the bad and of the good. What is learned from but judged apart is left out, and so are
/// bare hosts among URLs.
fn scores(model: &Model, rows: &[Row]) -> [Vec<f32>; 2] {
    let mut scratch = Scratch::default();
    let mut scores = [Vec::new(), Vec::new()];
    let [bad, good] = &mut scores;
    for row in rows.iter().filter(|row| !row.is_host && !row.is_extra) {
        let side = if row.sample.is_bad { &mut *bad } else { &mut *good };
        side.push(model.score(&row.sample.text, &mut scratch));
    }
    scores
}

#[cfg(test)]
mod tests {
    use wardnet_analyze::learn::{Sample, train};

    use super::*;

    #[test]
    fn what_is_learned_from_alone_is_not_judged() {
        let row = |text: &str, is_bad| Row::new(text, is_bad, "", "list");
        let labelled = [row("good.example/a", false), row("bad.example/b", true)];
        let host = Row { is_host: true, ..row("host.example", true) };
        let recent = Row { is_extra: true, ..row("recent.example/c", false) };
        let rows = [&labelled[..], &[host, recent]].concat();
        let samples: Vec<Sample> = rows.iter().map(|row| row.sample.clone()).collect();
        let mut options = TrainOptions::shipped(Subject::Url);
        (options.folds, options.boost.trees, options.familiar_bits) = (2, 1, 8);
        (options.linear.bits, options.network.bits) = (16, 8);
        let learned = train(Subject::Url, &samples, &options, |_| ());
        let model = Model::new(Subject::Url, learned, String::new());
        let score = |row: &Row| model.score(&row.sample.text, &mut Scratch::default());
        let [good, bad] = [score(&labelled[0]), score(&labelled[1])];
        assert_eq!(scores(&model, &rows), [vec![bad], vec![good]]);
    }
}
