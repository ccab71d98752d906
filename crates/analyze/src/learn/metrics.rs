//! How well scores tell bad from good.

/// What is read off one ranking.
#[derive(Debug, Clone, Copy)]
pub struct Metrics {
    /// How likely a bad subject scores above a good one (ties count half).
    pub auc: f64,
    /// The share of the bad found at 0.05, 0.1 and 1 % of false positives.
    pub tpr: [f64; 3],
    /// How many bad, how many good.
    pub counts: [usize; 2],
}

/// The shares of false positives that [`Metrics::tpr`] is read at.
pub const FPRS: [f64; 3] = [0.0005, 0.001, 0.01];

/// Ranks `bad` against `good`.
pub fn metrics(bad: &[f32], good: &[f32]) -> Metrics {
    let mut falling = good.to_vec();
    falling.sort_by(|a, b| b.total_cmp(a));
    let tpr = FPRS.map(|fpr| {
        let Some(cut) = cut(&falling, fpr) else { return 0.0 };
        bad.iter().filter(|score| **score > cut).count() as f64 / bad.len().max(1) as f64
    });
    Metrics { auc: auc(bad, good), tpr, counts: [bad.len(), good.len()] }
}

/// The score that at most `fpr` of `falling`, sorted from the highest, lie above.
pub fn cut(falling: &[f32], fpr: f64) -> Option<f32> {
    let allowed = (fpr * falling.len() as f64).floor() as usize;
    falling.get(allowed.min(falling.len().checked_sub(1)?)).copied()
}

fn auc(bad: &[f32], good: &[f32]) -> f64 {
    let mut all: Vec<(f32, bool)> = bad.iter().map(|score| (*score, true)).collect();
    all.extend(good.iter().map(|score| (*score, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut area = 0.0;
    let mut below = 0.0;
    for tied in all.chunk_by(|a, b| a.0 == b.0) {
        let bad_here = tied.iter().filter(|(_, is_bad)| *is_bad).count() as f64;
        let good_here = tied.len() as f64 - bad_here;
        area += bad_here * (below + good_here / 2.0);
        below += good_here;
    }
    area / (bad.len() as f64 * good.len() as f64)
}
