//! Paths of URLs for bare hosts, to learn from.
//!
//! Lists of hosts are longer than lists of URLs and know more sites, but trees that see many bare hosts
//! learn that paths do not matter. So only some stay bare; each of the others is given the path of a
//! URL of the same label. Nothing below a bad host can be trusted, and what stands below ordinary ones
//! is written much like what stands below others.

use super::deals::fold_of;
use super::rng::Rng;
use super::{Sample, TrainOptions};
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

/// Hosts with paths, to learn from in place of bare ones: those weigh nothing from now on.
pub(super) fn graft(samples: &mut [Sample], options: &TrainOptions) -> Vec<Sample> {
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
    let mut grafted = Vec::new();
    for Bare { index, host, stock } in bare {
        let stock = &stocks[stock];
        if !stock.is_empty() {
            let text = [&host[..], &stock[rng.below(stock.len())]].concat();
            let weight = options.graft.weight * samples[index].weight;
            grafted.push(Sample { text, weight, ..samples[index].clone() });
            samples[index].weight = 0.0;
        }
    }
    grafted
}

/// The same hosts whatever the seed, so that figures of several can be compared.
fn stays_bare(host: &[u8], share: f32) -> bool {
    let place = Rolling::new(30).with_all(host).finish() % 1000;
    (place as f32) < share * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(text: String, is_bad: bool) -> Sample {
        Sample { text: text.into_bytes(), is_bad, family: String::new(), weight: 1.0 }
    }

    #[test]
    fn hosts_beyond_those_that_may_stay_bare_get_paths_of_their_label_and_fold() {
        let urls = (0..100).map(|at| sample(format!("site{at}.example/page{at}"), at % 2 == 0));
        let hosts = (0..300).map(|at| sample(format!("host{at}.example"), at % 3 == 0));
        let mut samples: Vec<Sample> = urls.chain(hosts).collect();
        let options = TrainOptions::shipped(Subject::Url);
        let grafted = graft(&mut samples, &options);
        let left = samples[100..].iter().filter(|host| host.weight > 0.0).count();
        assert_eq!(left + grafted.len(), 300);
        assert!((45..105).contains(&left), "three bare hosts for four URLs: {left}");
        let mut scratch = Scratch::default();
        let mut fold = |text: &[u8]| {
            sheet::read(Subject::Url, text, &mut scratch);
            fold_of(Subject::Url, &scratch.spelling, &options)
        };
        for one in &grafted {
            let text = String::from_utf8(one.text.clone()).unwrap();
            let (host, path) = text.split_once('/').unwrap();
            let giver = path.strip_prefix("page").unwrap();
            let giver: usize = giver.parse().unwrap();
            assert_eq!(one.is_bad, samples[giver].is_bad, "{text}");
            assert_eq!(fold(host.as_bytes()), fold(&samples[giver].text), "{text}");
        }
    }

    #[test]
    fn hosts_stay_bare_where_there_are_no_paths() {
        let hosts = (0..50).map(|at| sample(format!("host{at}.example"), at % 3 == 0));
        let mut samples: Vec<Sample> = hosts.collect();
        assert_eq!(graft(&mut samples, &TrainOptions::shipped(Subject::Url)), []);
        assert!(samples.iter().all(|host| host.weight > 0.0));
    }
}
