//! Addresses at which popular sites speak for themselves.
//!
//! Phishing imitates the log-in pages of popular sites, and a model of spelling learns their words from
//! the imitations alone. At the site's own address the words say nothing.

use wardnet_model::reserved::is_reserved;
use wardnet_model::{DomainName, Section, SuffixList, is_lender};

use crate::popular::is_popular;
use crate::sheet::Subject;
use crate::url::Spelling;

/// The most that is made of the look of a site's own address.
pub(crate) const SCORE_MAX: f32 = 0.3;

/// Why the look of a subject counts for little, if it does: what is said of it.
pub(crate) fn excuse(subject: Subject, spelling: &Spelling) -> Option<&'static str> {
    let is_own = match subject {
        Subject::Url => is_own_url(spelling),
        Subject::Domain => is_own_name(spelling),
    };
    if is_own {
        return Some("the address of a popular site itself");
    }
    is_apart(spelling).then_some("an address that a standard sets apart: nobody's on the internet")
}

/// Whether a host is of a network of one's own: routers and machines at home have log-in pages, too.
fn is_apart(spelling: &Spelling) -> bool {
    let host = std::str::from_utf8(spelling.host()).unwrap_or_default();
    host.parse().is_ok_and(is_reserved)
}

/// Words of hosts at which sites have their own pages. Elsewhere below a popular name may be pages of its
/// customers.
const FRONTS: [&[u8]; 25] = [
    b"account",
    b"accounts",
    b"app",
    b"auth",
    b"authentication",
    b"banking",
    b"connect",
    b"help",
    b"id",
    b"identity",
    b"login",
    b"m",
    b"mobile",
    b"my",
    b"online",
    b"passport",
    b"secure",
    b"service",
    b"services",
    b"signin",
    b"sso",
    b"support",
    b"verified",
    b"verify",
    b"www",
];

/// Whether a URL is a popular site's own, and leads to no other: what lenders of space and shorteners
/// of links have is their customers'.
fn is_own_url(url: &Spelling) -> bool {
    let is_plain = !url.has_port && !url.has_user && !leads_elsewhere(url);
    let front = url.subdomain().strip_suffix(b".").unwrap_or_default();
    let is_front = front.is_empty() || front.split(|b| *b == b'.').all(|one| FRONTS.contains(&one));
    is_plain && is_front && is_own_name(url)
}

/// Whether a name is a popular site's own, or lies below it.
pub(crate) fn is_own_name(name: &Spelling) -> bool {
    let is_lent = || std::str::from_utf8(name.host()).is_ok_and(is_lender);
    !name.is_private_suffix && is_popular(name.registered()) && !is_lent()
}

/// Whether another site's address stands in the path or the query, as in `/amp/s/example.com/x` and
/// `?url=https%3A%2F%2Fexample.com`. Log-in pages lead back to pages of the site itself.
pub(crate) fn leads_elsewhere(url: &Spelling) -> bool {
    let rest = url.rest().to_ascii_lowercase();
    let is_of_host = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    // What is left of an escape before a host harms nothing: `2fwww.example.com` ends as it does.
    let mut words = rest.split(|byte| !is_of_host(byte)).filter(|word| word.contains(&b'.'));
    let is_own = |host: &[u8]| {
        let front = host.strip_suffix(url.registered());
        front.is_some_and(|front| front.is_empty() || front.ends_with(b"."))
    };
    let hides_dots = rest.windows(3).any(|part| part == b"%2e");
    hides_dots || words.any(|word| !is_own(word) && ends_like_host(word))
}

/// Endings of pages that are also tops of the DNS.
const FILE_ENDINGS: [&[u8]; 4] = [b"do", b"pl", b"py", b"sh"];

/// Whether a word with dots ends as the name of a host or an address does, and not as a file.
fn ends_like_host(word: &[u8]) -> bool {
    let top = word.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    let is_number = !top.is_empty() && top.iter().all(u8::is_ascii_digit);
    let name = std::str::from_utf8(top).ok().and_then(|top| DomainName::parse(top).ok());
    let section = name.and_then(|name| SuffixList::shipped().is_public_suffix(&name));
    is_number || (!FILE_ENDINGS.contains(&top) && section == Some(Section::Icann))
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
            "https://accounts.google.com/signin?continue=https%3A%2F%2Fmail.google.com%2Fmail%2F",
            "https://connect.secure.wellsfargo.com/auth/login/present.do",
        ] {
            assert!(is_own_url(&spelled(url)), "{url}");
        }
        for url in [
            "https://www.paypal.com.evil.top/cgi-bin/webscr",
            "https://paypal.evil.top/signin",
            "https://www.google.com/url?q=https%3A%2F%2Fevil.top",
            "https://www.google.com/url?q=evil&u=http:evil.top",
            "https://www.google.com/url?q=evil%2etop",
            "https://www.google.com/url?q=101.2.3.4",
            "https://www.google.com/amp/s/evil.top",
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
        for apart in ["http://192.168.0.1/admin/login.html", "http://127.0.0.1/login.php"] {
            assert!(excuse(Subject::Url, &spelled(apart)).is_some(), "{apart}");
        }
        assert_eq!(excuse(Subject::Url, &spelled("http://101.2.3.4/admin/login.html")), None);
        assert!(is_own_name(&spelled("x7f3kq.fbcdn.net")));
        assert!(!is_own_name(&spelled("x7f3kq.github.io")));
    }
}
