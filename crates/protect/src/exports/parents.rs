//! Names above others, remembered: a few of them lie above most names.

use rustc_hash::FxHasher;
use std::hash::Hasher as _;

/// Names that were asked for lately.
pub(super) struct Parents(Vec<Parent>);

/// A name, and whether nothing is said of what lies beneath it.
#[derive(Debug, Clone, Copy)]
struct Parent {
    length: u8,
    is_quiet: bool,
    text: [u8; Parents::TEXT_MAX],
}

impl Default for Parents {
    fn default() -> Self {
        let none = Parent { length: 0, is_quiet: false, text: [0; Self::TEXT_MAX] };
        Self(vec![none; Self::COUNT])
    }
}

impl Parents {
    const COUNT: usize = 1 << 10;

    /// Longer names are not remembered.
    const TEXT_MAX: usize = 30;

    fn place(text: &str) -> usize {
        let mut hasher = FxHasher::default();
        hasher.write(text.as_bytes());
        // The cast may lose bits: those that are left are as good.
        hasher.finish() as usize % Self::COUNT
    }

    /// Whether nothing is said of what lies beneath a name, where that is remembered.
    pub(super) fn is_quiet(&self, text: &str) -> Option<bool> {
        let parent = self.0.get(Self::place(text))?;
        let known = parent.text.get(..usize::from(parent.length))?;
        (known == text.as_bytes()).then_some(parent.is_quiet)
    }

    pub(super) fn remember(&mut self, text: &str, is_quiet: bool) {
        let Some(parent) = self.0.get_mut(Self::place(text)) else { return };
        let (Ok(length), Some(place)) =
            (u8::try_from(text.len()), parent.text.get_mut(..text.len()))
        else {
            return;
        };
        place.copy_from_slice(text.as_bytes());
        (parent.length, parent.is_quiet) = (length, is_quiet);
    }
}
