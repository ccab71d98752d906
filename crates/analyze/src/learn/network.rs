//! Learning the views of the network over embedded pieces, by Adagrad, a subject at a time.
//!
//! J. Duchi and others, "Adaptive subgradient methods for online learning and stochastic optimization",
//! JMLR 12, 2011. At every step some pieces are left out at random, or the network would learn by heart
//! what rare pieces stand in (dropout; N. Srivastava and others, JMLR 15, 2014).

use super::linear::{Pieces, logistic, scale};
use super::rng::Rng;
use crate::gram::GROUPS;
use crate::network::{
    DIMENSIONS, Dense, HIDDEN, INPUTS, Inputs, Network, PER_GROUP, VIEWS, View, kind_read,
};
use crate::table::place_of;

/// How to learn.
#[derive(Debug, Clone, Copy)]
pub struct NetworkOptions {
    /// The table of pieces has 2 to the power of `bits` places.
    pub bits: u32,
    /// How often all subjects are seen.
    pub epochs: u32,
    /// The share of pieces that a step looks at.
    pub keep: f32,
    /// The rate of learning at the start; it falls to nearly nothing.
    pub rate: f32,
    /// How far from zero the numbers of pieces start. They differ at random, which also keeps the
    /// network from trusting what it has seen once.
    pub spread: f32,
}

/// What the rate does not fall below.
const RATE_MIN: f32 = 0.002;

/// How far from zero the weights of units start.
const LAST_SPREAD: f32 = 0.1;

type Piece = [f32; DIMENSIONS];

/// A number, and the squares of its gradients so far.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    piece: Piece,
    squares: Piece,
}

/// What a step looks at.
#[derive(Default)]
struct Look {
    /// The places of the pieces that are kept, group behind group.
    places: Vec<usize>,
    /// Where each group ends.
    ends: [usize; GROUPS],
    /// What sums of each group are multiplied with.
    scales: [f32; GROUPS],
    /// Which of the kept pieces has the highest of each number: the first, where several have it.
    highest: [[usize; DIMENSIONS]; GROUPS],
}

struct Learner<'a> {
    view: usize,
    options: &'a NetworkOptions,
    rng: Rng,
    cells: Vec<Cell>,
    dense: Dense,
    squares: Dense,
    look: Look,
}

/// What is learned from.
#[derive(Clone, Copy)]
pub(super) struct Lessons<'a> {
    pub(super) pieces: &'a Pieces,
    /// 0 or 1.
    pub(super) labels: &'a [f32],
    /// How much each subject counts.
    pub(super) weights: &'a [f32],
    /// The subjects that are learned from.
    pub(super) chosen: &'a [u32],
}

/// Learns all views; each starts from other random numbers.
pub(super) fn learn_network(lessons: Lessons<'_>, options: &NetworkOptions, seed: u64) -> Network {
    // Each draws its own random numbers: the order in which they run changes nothing.
    let views = std::thread::scope(|scope| {
        let learn = |view: usize| {
            let seed = seed.wrapping_add(view as u64);
            scope.spawn(move || learn_view(lessons, view, options, seed))
        };
        let running: [_; VIEWS] = std::array::from_fn(learn);
        running.map(super::joined)
    });
    Network::new(options.bits, views)
}

fn learn_view(lessons: Lessons<'_>, view: usize, options: &NetworkOptions, seed: u64) -> View {
    let Lessons { pieces, labels, weights, chosen } = lessons;
    let mut learner = Learner::new(view, options, seed);
    let mut order = chosen.to_vec();
    let steps = options.epochs as usize * order.len();
    let mut step = 0;
    for _ in 0..options.epochs {
        learner.rng.shuffle(&mut order);
        for &row in &order {
            let row = row as usize;
            let rate = options.rate * (1.0 - step as f32 / steps as f32) + RATE_MIN;
            learner.step(pieces, row, labels[row], weights[row], rate);
            step += 1;
        }
    }
    let pieces: Vec<Piece> = learner.cells.iter().map(|cell| cell.piece).collect();
    View::new(&pieces, learner.dense)
}

impl<'a> Learner<'a> {
    fn new(view: usize, options: &'a NetworkOptions, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut random = |spread: f32| random(&mut rng) * spread;
        let cells = (0..1_usize << options.bits).map(|_| Cell {
            piece: std::array::from_fn(|_| random(options.spread)),
            squares: Piece::default(),
        });
        let cells = cells.collect();
        let mut dense = Dense::ZERO;
        let spread = (4.0 / INPUTS as f32).sqrt();
        dense.first.iter_mut().flatten().for_each(|weight| *weight = random(spread));
        dense.last.iter_mut().for_each(|weight| *weight = random(LAST_SPREAD));
        // What is never read has no say.
        for (group, rows) in dense.first.chunks_mut(PER_GROUP).enumerate() {
            if kind_read(view, group).is_none() {
                rows.fill([0.0; HIDDEN]);
            }
        }
        Self { view, options, rng, cells, dense, squares: Dense::ZERO, look: Look::default() }
    }

    fn step(&mut self, pieces: &Pieces, row: usize, label: f32, weight: f32, rate: f32) {
        let inputs = self.look(pieces, row);
        let units = self.dense.units(&inputs);
        let wrong = (logistic(self.dense.margin(&units)) - label) * weight;
        let mut back = [0.0; HIDDEN];
        for (unit, back) in back.iter_mut().enumerate() {
            *back = if units[unit] > 0.0 { wrong * self.dense.last[unit] } else { 0.0 };
        }
        let (dense, squares) = (&mut self.dense, &mut self.squares);
        descend(&mut dense.base, &mut squares.base, wrong, rate);
        let mut down = [0.0; INPUTS];
        for (input, down) in down.iter_mut().enumerate() {
            let row = &mut dense.first[input];
            *down = row.iter().zip(&back).map(|(weight, back)| weight * back).sum();
            if inputs[input] != 0.0 {
                for unit in 0..HIDDEN {
                    let gradient = back[unit] * inputs[input];
                    descend(&mut row[unit], &mut squares.first[input][unit], gradient, rate);
                }
            }
        }
        for unit in 0..HIDDEN {
            descend(&mut dense.last[unit], &mut squares.last[unit], wrong * units[unit], rate);
            descend(&mut dense.bias[unit], &mut squares.bias[unit], back[unit], rate);
        }
        self.teach_pieces(&down, rate);
    }

    /// Draws which pieces are kept, and reads them.
    fn look(&mut self, pieces: &Pieces, row: usize) -> Inputs {
        let bound = (f64::from(self.options.keep) * f64::from(u32::MAX)) as u32;
        let mut inputs = [0.0; INPUTS];
        let look = &mut self.look;
        look.places.clear();
        for group in 0..GROUPS {
            let start = look.places.len();
            let kind = kind_read(self.view, group);
            let keys = kind.map_or(&[][..], |kind| pieces.kind(row, group, kind));
            for key in keys {
                if (self.rng.next() >> 32) as u32 <= bound {
                    look.places.push(place_of(*key, self.options.bits));
                }
            }
            look.ends[group] = look.places.len();
            if look.places.len() == start {
                continue;
            }
            look.scales[group] = scale(keys.len()) / self.options.keep;
            let mut sums = [0.0; DIMENSIONS];
            let mut maxima = [f32::MIN; DIMENSIONS];
            for (index, place) in look.places.iter().enumerate().skip(start) {
                let piece = &self.cells[*place].piece;
                for at in 0..DIMENSIONS {
                    sums[at] += piece[at];
                    if piece[at] > maxima[at] {
                        maxima[at] = piece[at];
                        look.highest[group][at] = index;
                    }
                }
            }
            let first = group * PER_GROUP;
            for at in 0..DIMENSIONS {
                inputs[first + at] = sums[at] * look.scales[group];
                inputs[first + DIMENSIONS + at] = maxima[at];
            }
        }
        inputs
    }

    /// `down` is the gradient of each input.
    fn teach_pieces(&mut self, down: &Inputs, rate: f32) {
        let mut start = 0;
        for group in 0..GROUPS {
            let first = group * PER_GROUP;
            for index in start..self.look.ends[group] {
                let Cell { piece, squares } = &mut self.cells[self.look.places[index]];
                for at in 0..DIMENSIONS {
                    let mut gradient = down[first + at] * self.look.scales[group];
                    if self.look.highest[group][at] == index {
                        gradient += down[first + DIMENSIONS + at];
                    }
                    descend(&mut piece[at], &mut squares[at], gradient, rate);
                }
            }
            start = self.look.ends[group];
        }
    }
}

fn descend(number: &mut f32, squares: &mut f32, gradient: f32, rate: f32) {
    *squares += gradient * gradient;
    *number -= rate * gradient / (squares.sqrt() + 1e-7);
}

/// A number from -√3 to √3: of variance one, and made without functions that machines round
/// differently.
fn random(rng: &mut Rng) -> f32 {
    let share = (rng.next() >> 40) as f32 / (1_u32 << 24) as f32;
    (2.0 * share - 1.0) * 3.0_f32.sqrt()
}
