//! Model files: `crates/analyze/FORMAT.md` describes them byte by byte.

use std::mem::replace;

use sha2::{Digest as _, Sha256};

use super::{Model, layout};
use crate::familiar::FamiliarTable;
use crate::forest::{FlatForest, Forest, LEAF, Node};
use crate::learn::Calibration;
use crate::network::{Dense, Network, View};
use crate::sheet::Subject;
use crate::table::WeightTable;

const MAGIC: &[u8; 8] = b"WNMODEL\n";
const VERSION: u16 = 4;
const DIGEST_LEN: usize = 32;

/// How large a model may be.
#[derive(Debug, Clone, Copy)]
pub struct ModelLimits {
    /// The longest file, in bytes.
    pub bytes_max: usize,
    /// The longest card, in bytes.
    pub card_bytes_max: usize,
    /// The most knots of the calibration.
    pub knots_max: usize,
    /// The most trees.
    pub trees_max: usize,
    /// The most nodes of a tree.
    pub nodes_max: usize,
    /// The tables of weights, of names heard and of each view's pieces have at most 2 to the power
    /// of this many places each.
    pub bits_max: u8,
}

impl Default for ModelLimits {
    fn default() -> Self {
        Self {
            bytes_max: 64 << 20,
            card_bytes_max: 64 << 10,
            knots_max: 4096,
            trees_max: 4096,
            nodes_max: 4096,
            bits_max: 24,
        }
    }
}

/// Why bytes are no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Larger than [`ModelLimits::bytes_max`].
    #[error(
        "the file has more than {} MiB, which no model has; give one that `wardnet train` wrote",
        .0 >> 20
    )]
    TooLong(usize),
    /// Another kind of file.
    #[error("this is no model file; give one that `wardnet train` wrote")]
    Magic,
    /// Written by another version.
    #[error("the model's format is {0}, and only {VERSION} is read; train it again")]
    Version(u16),
    /// A subject that nobody knows.
    #[error("the model judges subjects of kind {0}, which is unknown; train it again")]
    Subject(u8),
    /// The model looks at other figures than this program measures.
    #[error(
        "the model was trained by another version, which looked at other figures; train it again"
    )]
    Layout,
    /// The digest at the end does not match.
    #[error("the file is damaged: its digest does not match; copy it again")]
    Digest,
    /// It ends early, or goes on.
    #[error("the file is damaged: {0} does not fit its length; copy it again")]
    Length(&'static str),
    /// A value that cannot be.
    #[error("the model's {0} cannot be; train it again")]
    Value(&'static str),
}

impl Model {
    /// The model as a file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.body();
        let digest = digest(&out);
        out.extend(digest);
        out
    }

    /// Everything but the digest.
    pub(super) fn body(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_le_bytes());
        out.push(match self.subject {
            Subject::Url => 1,
            Subject::Domain => 2,
        });
        let network_bits = self.network.as_ref().map_or(0, Network::bits);
        for bits in [self.table.bits(), self.familiar.bits(), network_bits] {
            out.push(u8::try_from(bits).unwrap_or(u8::MAX));
        }
        out.extend(layout(self.subject).to_le_bytes());
        for count in [self.card.len(), self.calibration.knots.len(), self.forest.trees.len()] {
            out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
        }
        for number in [self.bias, self.table.span(), self.forest.base, self.calibration.shift] {
            out.extend(number.to_le_bytes());
        }
        out.extend(self.card.as_bytes());
        for (margin, odds) in &self.calibration.knots {
            out.extend(margin.to_le_bytes());
            out.extend(odds.to_le_bytes());
        }
        for tree in &self.forest.trees {
            out.extend(u16::try_from(tree.len()).unwrap_or(u16::MAX).to_le_bytes());
            for node in tree {
                for number in [node.feature, node.left, node.right] {
                    out.extend(number.to_le_bytes());
                }
                out.extend(node.threshold.to_le_bytes());
                out.extend(node.value.to_le_bytes());
            }
        }
        for codes in self.familiar.codes() {
            out.extend(codes);
        }
        if let Some(network) = &self.network {
            write_network(network, &mut out);
        }
        out.extend(self.table.codes());
        out
    }

    /// Reads a model from a file's bytes, which may be anybody's.
    pub fn decode(bytes: &[u8], limits: &ModelLimits) -> Result<Self, ModelError> {
        if bytes.len() > limits.bytes_max {
            return Err(ModelError::TooLong(limits.bytes_max));
        }
        if !bytes.starts_with(MAGIC) {
            return Err(ModelError::Magic);
        }
        let end = bytes.len().checked_sub(DIGEST_LEN).ok_or(ModelError::Length("the header"))?;
        let (body, stored) = bytes.split_at(end);
        let mut reader = Reader { rest: body.get(MAGIC.len()..).unwrap_or_default() };
        let version = reader.u16("the header")?;
        if version != VERSION {
            return Err(ModelError::Version(version));
        }
        let digest = digest(body);
        if digest != stored {
            return Err(ModelError::Digest);
        }
        read(&mut reader, limits, digest)
    }
}

fn read(
    reader: &mut Reader<'_>,
    limits: &ModelLimits,
    digest: [u8; DIGEST_LEN],
) -> Result<Model, ModelError> {
    let subject = match reader.u8("the header")? {
        1 => Subject::Url,
        2 => Subject::Domain,
        other => return Err(ModelError::Subject(other)),
    };
    let bits = reader.u8("the header")?;
    let familiar_bits = reader.u8("the header")?;
    let network_bits = reader.u8("the header")?;
    for (bits, what) in [
        (bits, "table of weights"),
        (familiar_bits, "table of names heard"),
        (network_bits, "network's tables of pieces"),
    ] {
        if bits > limits.bits_max {
            return Err(ModelError::Value(what));
        }
    }
    if (network_bits > 0) != subject.has_network() {
        return Err(ModelError::Value("network"));
    }
    if reader.u64("the header")? != layout(subject) {
        return Err(ModelError::Layout);
    }
    let card_len = reader.count("card", limits.card_bytes_max)?;
    let knots = reader.count("calibration", limits.knots_max)?;
    let trees = reader.count("number of trees", limits.trees_max)?;
    let [bias, span, base, shift] = reader.floats("the header")?;
    if span <= 0.0 {
        return Err(ModelError::Value("highest weight"));
    }
    let card = std::str::from_utf8(reader.take(card_len, "the card")?);
    let card = card.map_err(|_| ModelError::Value("card"))?.to_owned();
    let knots = read_knots(reader, knots)?;
    let mut forest = Forest { base, trees: Vec::new() };
    for _ in 0..trees {
        forest.trees.push(read_tree(reader, subject, limits)?);
    }
    if forest.reach() > REACH_MAX {
        return Err(ModelError::Value("leaves"));
    }
    let heard =
        reader.take(FamiliarTable::codes_len(familiar_bits.into()), "the table of names heard")?;
    let familiar = FamiliarTable::from_codes(u32::from(familiar_bits), heard)
        .ok_or(ModelError::Length("the table of names heard"))?;
    let network = match network_bits {
        0 => None,
        bits => Some(read_network(reader, u32::from(bits))?),
    };
    let codes = std::mem::take(&mut reader.rest).to_vec();
    let table = WeightTable::from_codes(u32::from(bits), span, codes)
        .ok_or(ModelError::Length("the table of weights"))?;
    let calibration = Calibration { knots, shift };
    let flat = FlatForest::new(&forest);
    Ok(Model { subject, card, table, bias, network, familiar, forest, flat, calibration, digest })
}

/// How far from zero the leaves of all trees together may lead: where sums of them would overflow, a
/// margin could be no number.
const REACH_MAX: f64 = f32::MAX as f64 / 2.0;

fn read_knots(reader: &mut Reader<'_>, count: usize) -> Result<Vec<(f32, f32)>, ModelError> {
    let mut knots: Vec<(f32, f32)> = Vec::new();
    for _ in 0..count {
        let [margin, odds] = reader.floats("the calibration")?;
        if knots.last().is_some_and(|last| !is_rise(*last, (margin, odds))) {
            return Err(ModelError::Value("calibration"));
        }
        knots.push((margin, odds));
    }
    Ok(knots)
}

/// Whether a straight line leads from one knot up to the next, and none that is too long for numbers.
fn is_rise(from: (f32, f32), to: (f32, f32)) -> bool {
    let (width, height) = (to.0 - from.0, to.1 - from.1);
    width > 0.0 && height >= 0.0 && width.is_finite() && height.is_finite()
}

fn write_network(network: &Network, out: &mut Vec<u8>) {
    for View { levels, step, dense } in network.views() {
        out.extend(levels.iter().flat_map(|levels| levels.to_le_bytes()));
        let numbers = dense.first.iter().flatten().chain(&dense.bias).chain(&dense.last);
        for number in numbers.chain([&dense.base, step]) {
            out.extend(number.to_le_bytes());
        }
    }
}

fn read_network(reader: &mut Reader<'_>, bits: u32) -> Result<Network, ModelError> {
    let mut view = || read_view(reader, bits);
    Ok(Network::new(bits, [view()?, view()?, view()?]))
}

fn read_view(reader: &mut Reader<'_>, bits: u32) -> Result<View, ModelError> {
    const WHAT: &str = "the network";
    let places = 1_usize.checked_shl(bits).and_then(|places| places.checked_mul(2));
    let levels = reader.take(places.ok_or(ModelError::Length(WHAT))?, WHAT)?;
    let levels = levels.as_chunks().0.iter().map(|level| u16::from_le_bytes(*level)).collect();
    let mut dense = Dense::ZERO;
    for row in &mut dense.first {
        *row = reader.floats(WHAT)?;
    }
    dense.bias = reader.floats(WHAT)?;
    dense.last = reader.floats(WHAT)?;
    let [base, step] = reader.floats(WHAT)?;
    dense.base = base;
    if step <= 0.0 {
        return Err(ModelError::Value("step of levels"));
    }
    Ok(View { levels, step, dense })
}

fn read_tree(
    reader: &mut Reader<'_>,
    subject: Subject,
    limits: &ModelLimits,
) -> Result<Vec<Node>, ModelError> {
    let count = usize::from(reader.u16("a tree")?);
    if count == 0 || count > limits.nodes_max {
        return Err(ModelError::Value("tree"));
    }
    let mut tree = Vec::new();
    let mut is_reached = vec![false; count];
    for index in 0..count {
        let [feature, left, right] =
            [reader.u16("a tree")?, reader.u16("a tree")?, reader.u16("a tree")?];
        let [threshold, value] = reader.floats("a tree")?;
        // Ways only lead on, so every walk ends.
        let leads_on = |to: u16| usize::from(to) > index && usize::from(to) < count;
        let is_fork = usize::from(feature) < subject.width() && leads_on(left) && leads_on(right);
        if feature != LEAF && !is_fork {
            return Err(ModelError::Value("tree"));
        }
        for next in [left, right].into_iter().filter(|_| feature != LEAF) {
            let known = is_reached.get_mut(usize::from(next)).map(|known| replace(known, true));
            // Two ways to one node would make a tree grow without end when it is laid out.
            if known != Some(false) {
                return Err(ModelError::Value("tree"));
            }
        }
        tree.push(Node { feature, left, right, threshold, value });
    }
    Ok(tree)
}

pub(super) fn digest(body: &[u8]) -> [u8; DIGEST_LEN] {
    Sha256::digest(body).into()
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], ModelError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(ModelError::Length(what))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], ModelError> {
        self.take(N, what)?.try_into().map_err(|_| ModelError::Length(what))
    }

    fn u8(&mut self, what: &'static str) -> Result<u8, ModelError> {
        Ok(u8::from_le_bytes(self.array(what)?))
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, ModelError> {
        Ok(u16::from_le_bytes(self.array(what)?))
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, ModelError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    fn count(&mut self, what: &'static str, max: usize) -> Result<usize, ModelError> {
        let count = u32::from_le_bytes(self.array(what)?);
        let count = usize::try_from(count).map_err(|_| ModelError::Value(what))?;
        if count > max { Err(ModelError::Value(what)) } else { Ok(count) }
    }

    /// Numbers, none of which is infinite or no number.
    fn floats<const N: usize>(&mut self, what: &'static str) -> Result<[f32; N], ModelError> {
        let mut floats = [0.0; N];
        for float in &mut floats {
            *float = f32::from_le_bytes(self.array(what)?);
            if !float.is_finite() {
                return Err(ModelError::Value("number"));
            }
        }
        Ok(floats)
    }
}

/// Reads any bytes as a model, also with the digest made right; asks what it reads.
pub fn fuzz_model(bytes: &[u8]) {
    let limits = ModelLimits::default();
    let mut sealed = bytes.to_vec();
    sealed.extend(digest(bytes));
    for bytes in [bytes, &sealed] {
        if let Ok(model) = Model::decode(bytes, &limits) {
            assert_eq!(model.encode(), bytes, "a model is written as it was read");
            let mut scratch = crate::Scratch::default();
            let judged = model.judge(b"http://login.example.com/a?b=c", &mut scratch);
            assert!(judged.score >= 0.0 && judged.score <= 1.0, "a score is a probability");
        }
    }
}
