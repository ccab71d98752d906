//! Addresses at which popular sites speak for themselves.
//!
//! Phishing imitates the log-in pages of popular sites, and a model of spelling learns their words from
//! the imitations alone. At the site's own address the words say nothing.

use wardnet_model::is_lender;

use crate::popular::is_popular;
use crate::url::Spelling;

/// The most that is made of the look of a site's own address.
pub(crate) const SCORE_MAX: f32 = 0.3;

/// What is said of it.
pub(crate) const WORDS: &str = "the address of a popular site itself";

/// Where sites have their own pages. Elsewhere below a popular name may be pages of its customers.
const FRONTS: [&[u8]; 16] = [
    b"",
    b"account.",
    b"accounts.",
    b"app.",
    b"auth.",
    b"help.",
    b"id.",
    b"login.",
    b"m.",
    b"my.",
    b"online.",
    b"secure.",
    b"signin.",
    b"sso.",
    b"support.",
    b"www.",
];

/// Whether a URL is a popular site's own, and leads to no other: what lenders of space and shorteners
/// of links have is their customers'.
pub(crate) fn is_own_url(url: &Spelling) -> bool {
    let is_plain = !url.has_port && !url.has_user && !leads_elsewhere(url);
    is_plain && FRONTS.contains(&url.subdomain()) && is_own_name(url)
}

/// Whether a name is a popular site's own, or lies below it.
pub(crate) fn is_own_name(name: &Spelling) -> bool {
    let is_lent = || std::str::from_utf8(name.host()).is_ok_and(is_lender);
    !name.is_private_suffix && is_popular(name.registered()) && !is_lent()
}

/// Whether another address stands in the path or the query, as in `/amp/s/example.com/x` and
/// `?url=https://example.com`.
fn leads_elsewhere(url: &Spelling) -> bool {
    let rest = url.rest().to_ascii_lowercase();
    let has = |mark: &[u8]| rest.windows(mark.len()).any(|part| part == mark);
    let mut folders = url.path().split(|byte| *byte == b'/').rev().skip(1);
    [&b"http"[..], b"www.", b"//", b"%2f"].into_iter().any(has)
        || folders.any(|folder| folder.contains(&b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::UrlLimits;

    fn spelled(text: &str) -> Spelling {
        let mut spelling = Spelling::default();
        spelling.read(text.as_bytes(), &UrlLimits::default());
        spelling
    }

    #[test]
    fn popular_sites_speak_for_themselves_at_their_own_addresses() {
        for url in [
            "https://www.paypal.com/cgi-bin/webscr?cmd=_login-run",
            "paypal.com/signin",
            "https://accounts.google.com/ServiceLogin?service=mail",
            "https://login.microsoftonline.com/common/oauth2/authorize.srf",
        ] {
            assert!(is_own_url(&spelled(url)), "{url}");
        }
        for url in [
            "https://www.paypal.com.evil.top/cgi-bin/webscr",
            "https://paypal.evil.top/signin",
            "https://www.google.com/url?q=https%3A%2F%2Fevil.top",
            "https://www.google.com/url?q=evil&u=http:evil.top",
            "https://www.google.com/amp/s/evil.top/x",
            "https://sites.google.com/view/login",
            "https://docs.google.com/forms/d/e/1",
            "https://evil.github.io/login",
            "https://bit.ly/3x",
            "https://paypal.com:8443/signin",
            "https://paypal.com@evil.top/signin",
            "https://unheard-of-shop.top/login",
        ] {
            assert!(!is_own_url(&spelled(url)), "{url}");
        }
        assert!(is_own_name(&spelled("x7f3kq.fbcdn.net")));
        assert!(!is_own_name(&spelled("x7f3kq.github.io")));
    }
}
