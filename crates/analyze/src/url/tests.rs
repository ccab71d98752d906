//! How URLs are taken apart.

use super::*;
use crate::fuzz_subject;
use proptest::prelude::*;

fn read(input: &str) -> Spelling {
    let mut spelling = Spelling::default();
    spelling.read(input.as_bytes(), &UrlLimits::default());
    spelling
}

fn text(input: &str) -> String {
    String::from_utf8(read(input).text().to_vec()).unwrap()
}

#[test]
fn habits_of_collectors_do_not_show() {
    let plain = "example.com/a/b?x=1&y=2";
    for spelling in [
        "http://example.com/a/b?x=1&y=2",
        "HTTPS://Example.COM/a/b?x=1&y=2",
        "hxxp://www.example[.]com/a/b?x=1&amp;y=2#top",
        "https://www2.example.com:443/a/b?x=1&amp;amp;y=2",
        "  //example.com./a/b?x=1&y=2\r\n",
        "ftp://me:secret@example.com/a/b?x=1&y=2&",
    ] {
        assert_eq!(text(spelling), plain, "{spelling}");
    }
    assert_eq!(text("http://example.com/a/"), text("example.com/a"));
    assert_eq!(text("https://www.example.com/"), text("example.com"));
    // A name that is nothing but `www` and a suffix is not cut.
    assert_eq!(text("www.com"), "www.com");
    assert_eq!(text("http://example.com/A/b%20C"), "example.com/A/b%20C");
}

#[test]
fn parts_lie_where_they_should() {
    let url = read("http://login.shop.example.co.uk/a/b.php?c=d");
    assert_eq!(url.host(), b"login.shop.example.co.uk");
    assert_eq!(url.subdomain(), b"login.shop.");
    assert_eq!(url.label(), b"example");
    assert_eq!(url.suffix(), b"co.uk");
    assert_eq!(url.registered(), b"example.co.uk");
    assert_eq!(url.path(), b"/a/b.php");
    assert_eq!(url.query(), b"?c=d");
    let lent = read("me.github.io");
    assert_eq!((lent.label(), lent.suffix()), (&b"me"[..], &b"github.io"[..]));
    assert!(lent.is_private_suffix && lent.is_shared());
    let address = read("http://192.0.2.1:8080/x");
    assert!(address.is_address && address.has_port);
    assert_eq!((address.suffix(), address.label()), (&b""[..], &b"192.0.2.1"[..]));
    let suffix = read("co.uk");
    assert_eq!((suffix.label(), suffix.suffix()), (&b""[..], &b"co.uk"[..]));
}

#[test]
fn only_the_front_of_a_long_url_counts() {
    let long = format!("example.com/{}", "a".repeat(1 << 20));
    assert_eq!(text(&long).len(), UrlLimits::default().bytes_max);
}

proptest! {
    #[test]
    fn any_bytes_are_taken_apart(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        fuzz_subject(&bytes);
    }

    #[test]
    fn any_text_of_signs_is_taken_apart(text in "[a-z0-9:/?#@.%&=\\[\\]xn-]{0,80}") {
        fuzz_subject(text.as_bytes());
    }
}

#[test]
fn the_corpus_is_taken_apart() {
    for seed in [
        &b"hxxps://user:pw@www2.login[.]example.com:8080/a//b/c%20d.php?x=1&amp;y=http://z/#f"[..],
        b"paypal.com.xn--pypal-4ve.example",
        b"\xff\xfe://\x00[::1]:/?&amp;amp;",
    ] {
        for cut in 0..seed.len() {
            fuzz_subject(&seed[..cut]);
        }
    }
}
