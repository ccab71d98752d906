//! Addresses that are like those of thousands of honest sites.
//!
//! Lists of ordinary URLs come from crawlers and are years old: they hardly have log-in pages of mail
//! servers, short links, or names below providers that are younger than the list. Of all these a model
//! knows phishing alone. So such an address is judged a second time, without what it shares with the
//! others: where the rest does not stand out, it is not called malicious.

use wardnet_model::lender_of;

use crate::own;
use crate::url::Spelling;

/// The most that is made of such an address while nothing else in it stands out: below the score from
/// which a subject is called malicious, and above all that is ordinary.
pub(crate) const SCORE_MAX: f32 = 0.45;

/// Below which score the rest of an address counts as ordinary. It need not be called malicious itself
/// to speak: names at providers are free, and more of them are thrown away.
const ORDINARY_BELOW: f32 = 0.1;

/// The same where the rest is no name but a place at a provider, which says little of what is there.
const PLACE_BELOW: f32 = 0.5;

/// An address without what it shares with others.
#[derive(Debug, PartialEq)]
pub(crate) struct Rest {
    /// What to judge in its place.
    pub(crate) text: Vec<u8>,
    /// Below which score it is ordinary.
    pub(crate) below: f32,
    /// Why.
    pub(crate) words: &'static str,
}

/// What of `url` is its own, if it is like thousands of others.
pub(crate) fn rest(url: &Spelling) -> Option<Rest> {
    if url.is_address || url.has_user {
        return None;
    }
    let customer = customer(url);
    if is_front_door(url) {
        let text = customer.map_or_else(|| house(url).to_vec(), |name| [name, TOP].concat());
        let words =
            "a log-in page as thousands of sites have it, at a host that does not stand out";
        return Some(Rest { text, below: ORDINARY_BELOW, words });
    }
    let words =
        "a customer's page at a provider of space or short links: the rest does not stand out";
    Some(match customer? {
        b"" => Rest { text: [NOBODY, TOP, url.rest()].concat(), below: PLACE_BELOW, words },
        name => Rest { text: [name, TOP, url.rest()].concat(), below: ORDINARY_BELOW, words },
    })
}

/// Hosts at which sites have their log-in pages.
const DOOR_HOSTS: [&[u8]; 18] = [
    b"account",
    b"accounts",
    b"adfs",
    b"auth",
    b"cas",
    b"id",
    b"idp",
    b"login",
    b"mail",
    b"moodle",
    b"my",
    b"owa",
    b"portal",
    b"secure",
    b"signin",
    b"sso",
    b"vpn",
    b"webmail",
];

/// The host without what says that there is a door: of `mail.shop.example.com` the last three labels.
fn house(url: &Spelling) -> &[u8] {
    let (mut host, mut front) = (url.host(), url.subdomain());
    while let Some(dot) = front.iter().position(|byte| *byte == b'.') {
        let (label, behind) = (front.get(..dot), dot.saturating_add(1));
        if !label.is_some_and(|label| DOOR_HOSTS.contains(&label)) {
            break;
        }
        front = front.get(behind..).unwrap_or_default();
        host = host.get(behind..).unwrap_or_default();
    }
    host
}

/// What a customer's name is judged under, as if its owner had a domain: the provider that lends the
/// name, or the page, says nothing of the customer.
const TOP: &[u8] = b".com";

/// What stands in for a customer who has only a page and no name.
const NOBODY: &[u8] = b"example";

/// The name of a provider's customer, which may be empty.
fn customer(url: &Spelling) -> Option<&[u8]> {
    let host = url.host();
    let lender = std::str::from_utf8(host).ok().and_then(lender_of);
    let provider = match lender {
        Some(lender) => lender.len(),
        None if url.is_private_suffix => url.suffix().len(),
        None => return None,
    };
    let name = host.get(..host.len().saturating_sub(provider)).unwrap_or_default();
    Some(name.strip_suffix(b".").unwrap_or(name))
}

/// Pages at which software that sites install has its log-in page, and those that sites call so, without
/// what stands behind a dot at their ends.
const FRONT_DOORS: [&str; 64] = [
    "/+cscoe+/logon",
    "/accedi",
    "/account/login",
    "/account/signin",
    "/accounts/login",
    "/adfs/ls",
    "/admin",
    "/admin/login",
    "/administrator",
    "/administrator/index",
    "/anmelden",
    "/app/login",
    "/auth/login",
    "/auth/signin",
    "/cas/login",
    "/connexion",
    "/customer/account/login",
    "/customer/login",
    "/dana-na/auth/url_default/welcome",
    "/ecp",
    "/entrar",
    "/global-protect/login",
    "/home/login",
    "/idp/profile/saml2/post/sso",
    "/idp/profile/saml2/redirect/sso",
    "/index.php/login",
    "/inloggen",
    "/kundenkonto/anmelden",
    "/kundenkonto/login",
    "/kundenportal/login",
    "/log-in",
    "/login",
    "/login/index",
    "/login/login",
    "/logon",
    "/logowanie",
    "/member/login",
    "/members/login",
    "/moodle/login/index",
    "/my-account",
    "/oauth/authorize",
    "/oauth2/authorize",
    "/owa",
    "/owa/auth/logon",
    "/phpmyadmin",
    "/portal/login",
    "/privatkunden/login",
    "/remote/login",
    "/roundcube",
    "/session/new",
    "/sessions/new",
    "/sign-in",
    "/sign_in",
    "/signin",
    "/sso/login",
    "/user/login",
    "/users/login",
    "/users/sign_in",
    "/vpn/index",
    "/webmail",
    "/wp-admin",
    "/wp-login",
    "/zimbra",
    "/zimbra/mail",
];

/// Beginnings and ends of pages that have a name of the site's own in between.
const FRONT_DOOR_ENDS: [(&str, &str); 4] = [
    ("/auth/realms/", "/protocol/openid-connect/auth"),
    ("/realms/", "/protocol/openid-connect/auth"),
    ("/simplesaml/", "/loginuserpass"),
    ("/simplesaml/", "/ssoservice"),
];

/// Endings of pages, which say in what the site is written.
const ENDINGS: [&str; 9] = ["php", "html", "htm", "aspx", "jsp", "do", "esp", "cgi", "action"];

/// Whether a URL is that of a log-in page as others have it, and tells nothing more: a mail address or
/// another site in the query does.
fn is_front_door(url: &Spelling) -> bool {
    let path = String::from_utf8_lossy(url.path()).to_ascii_lowercase();
    let path = path.trim_end_matches('/');
    let page = match path.rsplit_once('.') {
        Some((page, ending)) if ENDINGS.contains(&ending) => page,
        _ => path,
    };
    let is_between = |(start, end): &(&str, &str)| {
        let between = page.strip_prefix(start).and_then(|page| page.strip_suffix(end));
        between.is_some_and(|name| name.len() < 40 && !name.contains("//"))
    };
    let is_one = FRONT_DOORS.binary_search(&page).is_ok()
        || FRONT_DOORS.binary_search(&without_language(page)).is_ok()
        || FRONT_DOOR_ENDS.iter().any(is_between);
    let has_mail = url.rest().contains(&b'@') || url.rest().windows(3).any(|part| part == b"%40");
    is_one && !has_mail && !own::leads_elsewhere(url)
}

/// `/de/login` and `/en-us/login` as `/login`.
fn without_language(page: &str) -> &str {
    let Some((language, _)) = page.strip_prefix('/').and_then(|page| page.split_once('/')) else {
        return page;
    };
    let is_letter = |byte: u8| byte.is_ascii_lowercase();
    let is_language = match language.as_bytes() {
        [a, b] => is_letter(*a) && is_letter(*b),
        [a, b, b'-' | b'_', c, d] => [*a, *b, *c, *d].into_iter().all(is_letter),
        _ => false,
    };
    let behind = page.get(language.len().saturating_add(1)..);
    if is_language { behind.unwrap_or(page) } else { page }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::UrlLimits;

    fn rest_of(text: &str) -> Option<String> {
        let mut url = Spelling::default();
        url.read(text.as_bytes(), &UrlLimits::default());
        rest(&url).map(|rest| String::from_utf8(rest.text).unwrap())
    }

    #[test]
    fn lists_are_in_order() {
        assert!(FRONT_DOORS.is_sorted(), "they are searched by halves");
    }

    #[test]
    fn of_a_log_in_page_as_others_have_it_the_host_is_left() {
        for (url, left) in [
            ("https://mail.firm.example/owa/auth/logon.aspx?replaceCurrent=1", "firm.example"),
            ("https://mail.firm.example/owa/", "firm.example"),
            ("https://shop.example/wp-login.php", "shop.example"),
            (
                "https://idp.uni.example/idp/profile/SAML2/Redirect/SSO?execution=e1s1",
                "uni.example",
            ),
            (
                "https://sso.firm.example/auth/realms/staff/protocol/openid-connect/auth",
                "firm.example",
            ),
            ("https://adfs.firm.example/adfs/ls/?wa=wsignin1.0", "firm.example"),
            ("https://shop.example/de/login", "shop.example"),
            ("https://shop.example/en-us/login.html", "shop.example"),
            ("https://firm.okta.com/login/login.htm", "firm.com"),
        ] {
            assert_eq!(rest_of(url).as_deref(), Some(left), "{url}");
        }
        for url in [
            "https://firm.example/",
            "https://shop.example/wp-admin/css/login.php",
            "https://shop.example/x/wp-login.php",
            "https://shop.example/paypal/login",
            "https://shop.example/login?email=a@b.example",
            "https://shop.example/login?next=http%3A%2F%2Fevil.example.com",
            "https://user@shop.example/login",
            "http://192.0.2.1/login",
        ] {
            assert_eq!(rest_of(url), None, "{url}");
        }
    }

    #[test]
    fn of_a_customers_page_the_provider_is_taken_off() {
        for (url, left) in [
            ("https://board.vercel.app/", "board.com"),
            ("https://paypal-login.vercel.app/a", "paypal-login.com/a"),
            ("https://a.b.github.io/x?y", "a.b.com/x?y"),
            ("https://bit.ly/3xYz", "example.com/3xYz"),
            ("https://docs.google.com/forms/d/e/1F/viewform", "example.com/forms/d/e/1F/viewform"),
        ] {
            assert_eq!(rest_of(url).as_deref(), Some(left), "{url}");
        }
    }
}
