//! What reasons quote of a subject, for people to read.

/// The most bytes of a subject that are quoted at one place.
const QUOTE_BYTES_MAX: usize = 40;

/// The fewest letters and digits that tell anybody anything.
const GROUND_SIGNS_MIN: usize = 3;

/// A part of a subject in backticks.
#[derive(Debug)]
pub(super) struct Quote {
    pub(super) text: String,
    /// Whether it is ground enough: more than the public suffix, which others have, too, and more
    /// than two letters.
    pub(super) is_ground: bool,
}

impl Quote {
    /// Quotes `piece` of a subject under `suffix`.
    pub(super) fn new(piece: &[u8], suffix: &[u8]) -> Self {
        let lossy = String::from_utf8_lossy(piece);
        let is_sign = |letter: char| letter.is_alphanumeric();
        let is_suffix = lossy.trim_matches(|letter| !is_sign(letter)).as_bytes() == suffix;
        let signs = lossy.chars().filter(|letter| is_sign(*letter)).take(GROUND_SIGNS_MIN);
        let is_ground = !is_suffix && signs.count() == GROUND_SIGNS_MIN;
        Self { text: quoted(&lossy), is_ground }
    }
}

/// `piece` in backticks, its end left out if it is long. Letters of all scripts stay as they are.
fn quoted(piece: &str) -> String {
    let mut text = String::from("`");
    for (at, letter) in piece.char_indices() {
        if at.saturating_add(letter.len_utf8()) > QUOTE_BYTES_MAX {
            text.push('…');
            break;
        }
        if is_unseen(letter) {
            text.extend(letter.escape_unicode());
        } else {
            text.push(letter);
        }
    }
    text.push('`');
    text
}

/// Whether a sign is obeyed instead of shown: controls, ends of lines, what has no width, and what
/// turns the direction of writing (Unicode Standard Annex 9, section 2).
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_piece_is_cut_between_letters() {
        let forty = "QUJD".repeat(10);
        assert_eq!(quoted(&forty), format!("`{forty}`"));
        assert_eq!(quoted(&forty.repeat(48)), format!("`{forty}…`"));
        assert_eq!(quoted(&"я".repeat(30)), format!("`{}…`", "я".repeat(20)));
        assert_eq!(quoted(&format!("a{}", "я".repeat(30))), format!("`a{}…`", "я".repeat(19)));
    }

    #[test]
    fn letters_stay_and_what_is_obeyed_is_escaped() {
        for (piece, shown) in [
            ("вход-für-東京", "`вход-für-東京`"),
            ("a'b\"c\\d", "`a'b\"c\\d`"),
            ("a\tb\x1b[2J\0", "`a\\u{9}b\\u{1b}[2J\\u{0}`"),
            ("gpj\u{202e}x\u{200f}\u{feff}", "`gpj\\u{202e}x\\u{200f}\\u{feff}`"),
        ] {
            assert_eq!(quoted(piece), shown);
        }
        assert_eq!(Quote::new(b"a\xffbc", b"de").text, "`a\u{fffd}bc`");
    }

    #[test]
    fn the_suffix_and_single_letters_are_no_ground() {
        let is_ground = |piece: &str| Quote::new(piece.as_bytes(), b"co.uk").is_ground;
        for weak in ["co.uk", ".co.uk/", "/a?", "-x1", "…"] {
            assert!(!is_ground(weak), "{weak}");
        }
        for strong in ["com", "login", "o.co.uk", ".php", "東京都", "a-b-c"] {
            assert!(is_ground(strong), "{strong}");
        }
    }
}
