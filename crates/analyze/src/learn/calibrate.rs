//! From margins to probabilities.
//!
//! Margins are log-odds at the share of bad subjects among the samples, if the trees are right about
//! themselves. Isotonic regression (pool adjacent violators) says what they are worth, and straight
//! lines through its steps keep the order strict. The share of bad subjects in real traffic is far
//! lower than among samples, and nobody knows it: the scale is shifted so that one half falls on the
//! margin that the wished share of good subjects exceeds.

/// A rising curve from margin to log-odds, through knots.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calibration {
    /// Pairs of margin and log-odds, both rising.
    pub knots: Vec<(f32, f32)>,
    /// How much lower than among the samples the log-odds of a bad subject are taken to be.
    pub shift: f32,
}

impl Calibration {
    /// The log-odds at `margin`.
    pub fn log_odds(&self, margin: f32) -> f32 {
        let above = self.knots.partition_point(|(at, _)| *at < margin);
        let last = self.knots.len().saturating_sub(1);
        let (Some(low), Some(high)) =
            (self.knots.get(above.saturating_sub(1)), self.knots.get(above.min(last)))
        else {
            return margin - self.shift;
        };
        let width = high.0 - low.0;
        let odds = if width > 0.0 {
            low.1 + (margin - low.0) / width * (high.1 - low.1)
        } else {
            // Outside the knots: one to one, so that the order stays strict.
            low.1 + (margin - low.0)
        };
        odds - self.shift
    }

    /// The probability at `margin`; zero where that is no number.
    pub fn probability(&self, margin: f32) -> f32 {
        let probability = 1.0 / (1.0 + (-self.log_odds(margin)).exp());
        // Models from files are read so that this does not happen.
        if probability.is_nan() { 0.0 } else { probability }
    }
}

/// How many subjects a step of the isotonic curve must rest on, at least.
const STEP_COUNT_MIN: usize = 200;

/// Fits a curve to `margins` of subjects that the model had not seen.
pub fn calibrate(margins: &[f32], labels: &[f32], fpr: f64) -> Calibration {
    let mut pairs: Vec<(f32, f32)> = margins.iter().copied().zip(labels.iter().copied()).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut knots: Vec<(f32, f32)> = Vec::new();
    for (margin, rate) in pooled(&pairs) {
        let odds = (rate / (1.0 - rate)).ln();
        // A flat curve would make ties; a steeper margin is never worth less.
        let floor =
            knots.last().map_or(f32::NEG_INFINITY, |(at, odds)| odds + (margin - at) * 0.05);
        knots.push((margin, odds.max(floor)));
    }
    let mut good: Vec<f32> = pairs.iter().filter(|pair| pair.1 < 0.5).map(|pair| pair.0).collect();
    good.reverse();
    let cut = super::cut(&good, fpr).unwrap_or(0.0);
    let shift = Calibration { knots: knots.clone(), shift: 0.0 }.log_odds(cut);
    Calibration { knots, shift }
}

/// Blocks of rising margins and rising shares of bad: their mean margin and share.
fn pooled(pairs: &[(f32, f32)]) -> Vec<(f32, f32)> {
    let mut blocks: Vec<(f64, f64, f64)> = Vec::new();
    for chunk in chunks(pairs) {
        let margin: f64 = chunk.iter().map(|pair| f64::from(pair.0)).sum();
        let bad: f64 = chunk.iter().map(|pair| f64::from(pair.1)).sum();
        blocks.push((margin, bad, chunk.len() as f64));
        while let [.., before, last] = blocks.as_slice() {
            let is_rise = before.0 / before.2 < last.0 / last.2;
            if is_rise && before.1 / before.2 < last.1 / last.2 {
                break;
            }
            let merged = (before.0 + last.0, before.1 + last.1, before.2 + last.2);
            blocks.truncate(blocks.len() - 2);
            blocks.push(merged);
        }
    }
    // Half a subject on either side keeps shares of nothing and of all finite.
    let block = |(margin, bad, count): &(f64, f64, f64)| {
        ((margin / count) as f32, ((bad + 0.5) / (count + 1.0)) as f32)
    };
    blocks.iter().map(block).collect()
}

/// Stretches of `pairs`, sorted by margin. Subjects of one margin are in one of them.
fn chunks(mut pairs: &[(f32, f32)]) -> Vec<&[(f32, f32)]> {
    let mut chunks = Vec::new();
    while let Some((last, _)) = pairs.get(..STEP_COUNT_MIN).unwrap_or(pairs).last() {
        let end = pairs.partition_point(|(margin, _)| margin.total_cmp(last).is_le());
        let (chunk, rest) = pairs.split_at(end);
        chunks.push(chunk);
        pairs = rest;
    }
    chunks
}
