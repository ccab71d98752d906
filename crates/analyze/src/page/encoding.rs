//! The part of a page that is looked at, as UTF-8.

use std::borrow::Cow;

/// The front and the end of a page, `bytes_max` together, without its byte-order mark. Padding in the
/// middle of a long page hides nothing that matters.
pub(super) fn readable(html: &[u8], bytes_max: usize) -> Cow<'_, [u8]> {
    match html {
        [0xff, 0xfe, wide @ ..] => narrowed(ends(wide, bytes_max), u16::from_le_bytes).into(),
        [0xfe, 0xff, wide @ ..] => narrowed(ends(wide, bytes_max), u16::from_be_bytes).into(),
        [0xef, 0xbb, 0xbf, plain @ ..] => joined(ends(plain, bytes_max)),
        plain => joined(ends(plain, bytes_max)),
    }
}

/// The front and the end of a long page; all of a short one as its front.
fn ends(html: &[u8], bytes_max: usize) -> (&[u8], &[u8]) {
    if html.len() <= bytes_max {
        return (html, &[]);
    }
    let tail = bytes_max / 3;
    let front = html.get(..bytes_max.saturating_sub(tail)).unwrap_or_default();
    let end = html.get(html.len().saturating_sub(tail)..).unwrap_or_default();
    (front, end)
}

fn joined<'a>((front, end): (&'a [u8], &[u8])) -> Cow<'a, [u8]> {
    if end.is_empty() { front.into() } else { [front, end].concat().into() }
}

/// UTF-16 as UTF-8. Each end is read in pairs of bytes: the front from its first byte, the other up to
/// the last.
fn narrowed((front, end): (&[u8], &[u8]), unit: fn([u8; 2]) -> u16) -> Vec<u8> {
    let pairs = front.as_chunks::<2>().0.iter().chain(end.as_rchunks::<2>().1);
    let signs = char::decode_utf16(pairs.map(|pair| unit(*pair)));
    let text: String = signs.map(|sign| sign.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str, mark: [u8; 2], bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        mark.into_iter().chain(text.encode_utf16().flat_map(bytes)).collect()
    }

    #[test]
    fn byte_order_marks_say_how_to_read() {
        let text = "<p>käse 🧀</p>";
        for html in [
            text.as_bytes().to_vec(),
            format!("\u{feff}{text}").into_bytes(),
            wide(text, [0xff, 0xfe], u16::to_le_bytes),
            wide(text, [0xfe, 0xff], u16::to_be_bytes),
        ] {
            assert_eq!(readable(&html, 1000), text.as_bytes());
        }
        assert_eq!(&*readable(b"\xff\xfe", 1000), b"");
        assert_eq!(&*readable(b"\xff\xfea\0b", 1000), b"a");
    }

    #[test]
    fn long_pages_keep_both_ends() {
        let html = format!("front{}end", "x".repeat(1000));
        let kept = readable(html.as_bytes(), 90);
        assert_eq!(kept.len(), 90);
        assert!(kept.starts_with(b"front") && kept.ends_with(b"end"));
        for bytes_max in [90, 91, 92, 93] {
            let html = wide(&html, [0xff, 0xfe], u16::to_le_bytes);
            let kept = readable(&html, bytes_max);
            assert!(kept.starts_with(b"front") && kept.ends_with(b"end") && kept.is_ascii());
        }
    }
}
