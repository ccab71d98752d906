//! Addresses at which popular sites speak for themselves.
//!
//! Phishing imitates the log-in pages of popular sites, and a model of spelling learns their words from
//! the imitations alone. At the site's own address the words say nothing.

mod elsewhere;

use std::net::IpAddr;

use wardnet_model::is_lender;
use wardnet_model::reserved::is_reserved;

use crate::popular::is_popular;
use crate::sheet::Subject;
use crate::url::Spelling;
pub(crate) use elsewhere::is_top;
pub(crate) use elsewhere::leads_elsewhere;

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
pub(crate) fn is_apart(spelling: &Spelling) -> bool {
    let host = std::str::from_utf8(spelling.host()).unwrap_or_default();
    // IPv6 stands in a bracket, whose end a spelling does not keep, and may name the network card it is
    // on (RFC 6874): `[fe80::1%25eth0]`.
    let host = host.strip_prefix('[').unwrap_or(host);
    let address = host.split_once('%').map_or(host, |(address, _)| address).parse();
    address.is_ok_and(|address: IpAddr| is_reserved(address.to_canonical()))
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
    let front = url.subdomain().strip_suffix(b".").unwrap_or_default();
    let is_front =
        || front.is_empty() || front.split(|b| *b == b'.').all(|one| FRONTS.contains(&one));
    // What most are not comes first, and what takes longest last.
    !url.has_port && !url.has_user && is_own_name(url) && is_front() && !leads_elsewhere(url)
}

/// Whether a name is a popular site's own, or lies below it.
pub(crate) fn is_own_name(name: &Spelling) -> bool {
    let is_lent = || std::str::from_utf8(name.host()).is_ok_and(is_lender);
    !name.is_private_suffix && is_popular(name.registered()) && !is_lent()
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
            "https://connect.secure.wellsfargo.com/auth/login/present.do?origin=cob",
            "https://connect.secure.wellsfargo.com/login?next=%2Fauth%2Flogin%2Fpresent.do&x=1",
            "https://accounts.google.com/signin?continue=%252F%252Fmail.google.com.%252Fmail",
            "https://accounts.google.com/signin?id=3627734734&hint=日本語。次の文",
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
            "https://www.google.com/url?q=https://evil.pl/login",
            "https://www.google.com/url?q=https%3A%2F%2Fevil.pl",
            "https://www.google.com/url?q=%2f%2fevil.do",
            "https://www.google.com/url?q=https:/evil.sh",
            "https://www.google.com/url?q=http:evil.py",
            "https://www.google.com/url?q=\\\\evil.py",
            "https://www.google.com/url?q=evil.pl&x=1",
            "https://www.google.com/url?q=https://evil.top./",
            "https://www.google.com/url?q=https://me@evil.pl",
            "https://www.google.com/amp/s/evil.pl/x",
            "https://www.google.com/url?q=http://3627734734/",
            "https://www.google.com/url?q=http://me:pw@3627734734/",
            "https://www.google.com/url?q=http://0xd83ad6ce/",
            "https://www.google.com/url?q=//[2001:db9::1]/",
            "https://www.google.com/url?q=evil%E3%80%82top",
            "https://www.google.com/url?q=http://evil。pl",
            "https://www.google.com/url?q=evil%EF%BC%8Etop",
            "https://www.google.com/url?q=evil%252etop",
            "https://www.google.com/url?q=evil%25252Etop",
            "https://www.google.com/url?q=http%253A%252F%252Fevil.pl",
            "https://www.google.com/url?q=http://ev%09il.pl",
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

    #[test]
    fn a_network_of_ones_own_has_pages_for_logging_in() {
        let excused = |url: &str| excuse(Subject::Url, &spelled(url)).is_some();
        for url in [
            "http://192.168.0.1/admin/login.html",
            "http://127.0.0.1/login.php",
            "http://[::1]/login.html",
            "http://[::1]:8080/login.html",
            "http://[fd00::1]/login.html",
            "http://admin@[fe80::1]/login.html",
            "http://[fe80::1%25eth0]/login.html",
            "http://[fe80::1%eth0]:80/login.html",
            "http://[::ffff:192.168.0.1]/",
        ] {
            assert!(excused(url), "{url}");
        }
        for url in [
            "http://101.2.3.4/admin/login.html",
            "http://[2a00:1450::1]/login.html",
            "http://[2a00:1450::1%25eth0]/login.html",
            "http://[::ffff:101.2.3.4]/",
            "http://[fe80::1.evil.top/",
            "http://fe80.evil.top/",
        ] {
            assert!(!excused(url), "{url}");
        }
        for name in ["fe80::1", "::1", "[::1]"] {
            let mut spelling = Spelling::default();
            spelling.read_host(name.as_bytes(), &UrlLimits::default());
            assert!(excuse(Subject::Domain, &spelling).is_some(), "{name}");
        }
    }
}
