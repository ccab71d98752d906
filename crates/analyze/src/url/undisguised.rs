//! Hosts in disguise: escapes, numbers in place of addresses, letters of other widths.

use std::borrow::Cow;

use wardnet_model::Indicator;

use super::spelling::{Spelling, UrlLimits};

/// What is to be judged of a URL as somebody wrote it: its canonical form where the host is written
/// otherwise than browsers and questions to the server have it, and else the text itself.
pub fn undisguised(text: &[u8]) -> Cow<'_, [u8]> {
    let indicator = std::str::from_utf8(text).ok().and_then(|text| Indicator::parse(text).ok());
    let canonical = match indicator {
        Some(Indicator::Domain(name)) => name.as_str().as_bytes().to_vec(),
        Some(Indicator::Url(url)) => url.as_str().as_bytes().to_vec(),
        Some(Indicator::Address(address)) => address.to_string().into_bytes(),
        _ => return text.into(),
    };
    let host = |text: &[u8]| {
        let mut spelling = Spelling::default();
        spelling.read_host(text, &UrlLimits::default());
        spelling.host().to_vec()
    };
    if host(text) == host(&canonical) { text.into() } else { canonical.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disguised_host_is_judged_for_what_it_is() {
        for (text, form) in [
            ("http://EXAMPLE.com/%61%2e//x", "http://EXAMPLE.com/%61%2e//x"),
            ("hxxp://evil[.]top/a", "hxxp://evil[.]top/a"),
            ("www.Example.com", "www.Example.com"),
            ("http://3627734734/a%2e", "http://216.58.214.206/a."),
            ("http://0xd83ad6ce/", "http://216.58.214.206/"),
            ("http://paypal。com/%61", "http://paypal.com/a"),
            ("http://paypal%2ecom.evil.top/a", "http://paypal.com.evil.top/a"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("no name at all", "no name at all"),
        ] {
            assert_eq!(String::from_utf8_lossy(&undisguised(text.as_bytes())), form, "{text}");
        }
        assert_eq!(&*undisguised(b"\xff\xfe"), b"\xff\xfe");
    }
}
