//! Where pieces stand in tables, and the weights of all, a byte each.

/// Weights by place. A piece's place is the top bits of its hash.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WeightTable {
    bits: u32,
    codes: Vec<u8>,
    /// The highest weight: what code 127 above the middle stands for.
    span: f32,
    decoded: Vec<f32>,
}

/// The code of weight zero.
const MIDDLE: u8 = 128;

impl WeightTable {
    /// Rounds `weights`, of which there are 2 to the power of `bits`.
    ///
    /// Codes are spaced by squares: most weights are small, and small differences among them count.
    pub(crate) fn new(bits: u32, weights: &[f32]) -> Self {
        let span = weights.iter().fold(1e-6_f32, |span, weight| span.max(weight.abs()));
        let codes = weights.iter().map(|weight| code(weight / span)).collect();
        Self { bits, codes, span, decoded: decoded(span) }
    }

    /// A table as a file has it. `None` unless there are 2 to the power of `bits` codes.
    pub(crate) fn from_codes(bits: u32, span: f32, codes: Vec<u8>) -> Option<Self> {
        let fits = 1_usize.checked_shl(bits).is_some_and(|places| places == codes.len());
        (fits && span.is_finite()).then(|| Self { bits, codes, span, decoded: decoded(span) })
    }

    /// The weight of the piece with `key`.
    #[inline]
    pub(crate) fn weight(&self, key: u32) -> f32 {
        let code = self.codes.get(place_of(key, self.bits)).copied().unwrap_or(MIDDLE);
        self.decoded.get(usize::from(code)).copied().unwrap_or(0.0)
    }

    /// How many bits of a hash are its place.
    pub(crate) const fn bits(&self) -> u32 {
        self.bits
    }

    /// The codes, in order.
    pub(crate) fn codes(&self) -> &[u8] {
        &self.codes
    }

    /// The highest weight.
    pub(crate) const fn span(&self) -> f32 {
        self.span
    }
}

/// What places of a piece in tables of any size are made of: the top half of its hash.
#[inline]
pub(crate) const fn key(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Where the piece with `key` stands in a table of 2 to the power of `bits`.
#[inline]
pub(crate) fn place_of(key: u32, bits: u32) -> usize {
    key.checked_shr(32_u32.saturating_sub(bits)).unwrap_or(0) as usize
}

/// Where what has `hash` stands in a table of 2 to the power of `bits`.
#[inline]
pub(crate) fn place(hash: u64, bits: u32) -> usize {
    place_of(key(hash), bits)
}

fn code(share: f32) -> u8 {
    let steps = (share.abs().sqrt() * 127.0).round() as u8;
    if share < 0.0 { MIDDLE.saturating_sub(steps) } else { MIDDLE.saturating_add(steps) }
}

fn decoded(span: f32) -> Vec<f32> {
    let weight = |code: u8| {
        let steps = (f32::from(code) - f32::from(MIDDLE)) / 127.0;
        steps * steps.abs() * span
    };
    (0..=u8::MAX).map(weight).collect()
}
