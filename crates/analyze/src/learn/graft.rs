//! Paths of URLs for bare hosts, to learn from.
//!
//! Lists of hosts are longer than lists of URLs and know more sites, but trees that see many bare hosts
//! learn that paths do not matter. So only some stay bare; each of the others is given the path of a
//! URL of the same label. Nothing below a bad host can be trusted, and what stands below ordinary ones
//! is written much like what stands below others.

use super::{Sample, TrainOptions, fold_of, rng::Rng};
use crate::gram::Rolling;
use crate::popular::is_popular;
use crate::sheet::{self, Scratch, Subject};

/// How hosts get paths.
#[derive(Debug, Clone, Copy)]
pub struct GraftOptions {
    /// How many hosts may stay bare for each URL.
    pub bare: f32,
    /// How much a host with a path of another counts.
    pub weight: f32,
}

/// A bare host among the samples.
struct Bare {
    index: usize,
    host: Vec<u8>,
    /// The paths that it may get: of its fold, so that nothing is judged which was seen, and its label.
    stock: usize,
}

/// Gives paths to hosts. Says of each sample whether it still is what it was.
pub(super) fn graft(samples: &mut [Sample], options: &TrainOptions) -> Vec<bool> {
    let mut stocks: Vec<Vec<Vec<u8>>> = vec![Vec::new(); options.folds as usize * 2];
    let mut bare = Vec::new();
    let mut scratch = Scratch::default();
    for (index, sample) in samples.iter().enumerate() {
        sheet::read(Subject::Url, &sample.text, &mut scratch);
        let url = &scratch.spelling;
        let fold = fold_of(Subject::Url, url, options) as usize;
        let stock = fold * 2 + usize::from(sample.is_bad);
        if !url.rest().is_empty() {
            stocks[stock].push(url.rest().to_vec());
        } else if !is_popular(url.registered()) {
            // Of popular sites each page is dealt by itself, and would change its fold.
            bare.push(Bare { index, host: url.host().to_vec(), stock });
        }
    }
    let urls = stocks.iter().map(Vec::len).sum::<usize>();
    let share = options.graft.bare * urls as f32 / bare.len().max(1) as f32;
    bare.retain(|one| !stays_bare(&one.host, share));
    let mut rng = Rng::new(options.seed ^ 0x6c6f_7061);
    let mut is_same = vec![true; samples.len()];
    for Bare { index, host, stock } in bare {
        let stock = &stocks[stock];
        if !stock.is_empty() {
            let text = [&host[..], &stock[rng.below(stock.len())]].concat();
            samples[index] =
                Sample { text, weight: options.graft.weight, ..samples[index].clone() };
            is_same[index] = false;
        }
    }
    is_same
}

/// The same hosts whatever the seed, so that figures of several can be compared.
fn stays_bare(host: &[u8], share: f32) -> bool {
    let place = Rolling::new(30).with_all(host).finish() % 1000;
    (place as f32) < share * 1000.0
}
