//! What people paste around a URL.

/// Signs that stand before and behind what is quoted (RFC 3986, appendix C, has the first two).
const PAIRS: [[u8; 2]; 4] = [*b"<>", *b"\"\"", *b"''", *b"()"];

/// `text` without one pair of signs around it, if it has any.
pub(super) fn unwrapped(text: &[u8]) -> &[u8] {
    let trimmed = text.trim_ascii();
    let [first, inner @ .., last] = trimmed else { return text };
    let is_around = |pair: &[u8; 2]| pair == &[*first, *last] && is_balanced(inner, *pair);
    if PAIRS.iter().any(is_around) && !inner.trim_ascii().is_empty() {
        inner.trim_ascii()
    } else {
        text
    }
}

/// Whether no sign of a pair within `inner` belongs to one outside.
fn is_balanced(inner: &[u8], [open, close]: [u8; 2]) -> bool {
    if open == close {
        return !inner.contains(&open);
    }
    let mut depth = 0_usize;
    for byte in inner {
        if *byte == open {
            depth += 1;
        } else if *byte == close {
            let Some(less) = depth.checked_sub(1) else { return false };
            depth = less;
        }
    }
    depth == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pair_of_signs_is_taken_off() {
        for (text, url) in [
            ("<http://a.example/>", "http://a.example/"),
            (" \"http://a.example/\" ", "http://a.example/"),
            ("'a.example'", "a.example"),
            ("( http://a.example/x_(y) )", "http://a.example/x_(y)"),
            ("((a.example))", "(a.example)"),
            ("http://a.example/x_(y)", "http://a.example/x_(y)"),
            ("(a)/b.example(c)", "(a)/b.example(c)"),
            ("\"a\" or \"b\"", "\"a\" or \"b\""),
            ("<a.example", "<a.example"),
            ("[::1]", "[::1]"),
            ("()", "()"),
            ("\"", "\""),
            ("", ""),
        ] {
            assert_eq!(unwrapped(text.as_bytes()), url.as_bytes(), "{text}");
        }
    }
}
