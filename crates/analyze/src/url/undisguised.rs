//! Hosts in disguise: escapes, numbers in place of addresses, letters of other widths.

use std::borrow::Cow;

use wardnet_model::Indicator;

use super::spelling::{Spelling, UrlLimits, around_user};

/// What is to be judged of a URL as somebody wrote it: its canonical form where the host is written
/// otherwise than browsers and questions to the server have it, and else the text itself.
pub fn undisguised(text: &[u8]) -> Cow<'_, [u8]> {
    let (scheme, user, behind) = around_user(text);
    // Escapes in a user name end no host (WHATWG URL, section 4.4): the name is kept apart.
    let bare = if user.is_empty() { text.into() } else { Cow::from([scheme, behind].concat()) };
    match canonical(&bare) {
        Some(canonical) if host(&bare) != host(&canonical) => with_user(canonical, user).into(),
        _ => text.into(),
    }
}

fn canonical(text: &[u8]) -> Option<Vec<u8>> {
    match Indicator::parse(std::str::from_utf8(text).ok()?).ok()? {
        Indicator::Domain(name) => Some(name.as_str().as_bytes().to_vec()),
        Indicator::Url(url) => Some(url.as_str().as_bytes().to_vec()),
        Indicator::Address(address) => Some(address.to_string().into_bytes()),
        _ => None,
    }
}

fn host(text: &[u8]) -> Vec<u8> {
    let mut spelling = Spelling::default();
    spelling.read_host(text, &UrlLimits::default());
    spelling.host().to_vec()
}

/// A URL with the user in front of its host: a name may deceive, too.
fn with_user(mut url: Vec<u8>, user: &[u8]) -> Vec<u8> {
    let scheme = url.windows(3).position(|mark| mark == b"://");
    if let Some(start) = scheme.map(|at| at.saturating_add(3)) {
        url.splice(start..start, user.iter().copied());
    }
    url
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
            ("http://www.paypal.com:x@3627734734/a", "http://www.paypal.com:x@216.58.214.206/a"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("no name at all", "no name at all"),
        ] {
            assert_eq!(String::from_utf8_lossy(&undisguised(text.as_bytes())), form, "{text}");
        }
        assert_eq!(&*undisguised(b"\xff\xfe"), b"\xff\xfe");
    }
}
