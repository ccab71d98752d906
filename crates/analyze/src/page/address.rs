//! Addresses on a page as browsers read them, and the sites that they lead to.

use url::Url;
use wardnet_model::Indicator;

use crate::url::{Spelling, UrlLimits};

/// Where a page was found, as a browser has it. Without a scheme, as people write it, it is `http`.
pub(super) fn found_at(text: &str) -> Option<Url> {
    let text = text.trim();
    let parsed = match has_scheme(text) {
        true => Url::parse(text).ok(),
        false => Url::parse(&format!("http://{text}")).ok(),
    };
    let usable = parsed.filter(|url| matches!(url.scheme(), "http" | "https"));
    usable.or_else(|| as_in_feeds(text))
}

/// `shop.example.net:8080/login` has none: what stands before its colon is a host.
fn has_scheme(text: &str) -> bool {
    let is_name =
        |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b));
    let lower = |text: &str| text.to_ascii_lowercase();
    text.split_once("://").is_some_and(|(name, _)| is_name(name))
        || text.split_once(':').is_some_and(|(name, _)| matches!(&*lower(name), "http" | "https"))
}

/// An address in one of the spellings that lists have: `hxxp://example[.]com`.
fn as_in_feeds(text: &str) -> Option<Url> {
    match Indicator::parse(text).ok()? {
        Indicator::Url(url) => Url::parse(url.as_str()).ok(),
        _ => None,
    }
}

/// What addresses on a page are relative to: `base`, what it says itself, as seen from where it was
/// found. Browsers pay no heed to a base that is no address or that nothing can be relative to.
pub(super) fn base(found_at: Option<&Url>, base: Option<&str>) -> Option<Url> {
    let said = base.and_then(|base| resolve(found_at, base));
    said.filter(|url| !url.cannot_be_a_base()).or_else(|| found_at.cloned())
}

/// Where `target` leads, seen from `base`.
pub(super) fn resolve(base: Option<&Url>, target: &str) -> Option<Url> {
    match base {
        Some(base) => base.join(target.trim()).ok(),
        None => Url::parse(target.trim()).ok(),
    }
}

/// The site of an address, its host written in the one way that all its disguises come down to.
pub(super) fn site(url: &Url) -> Option<Spelling> {
    url.host_str().filter(|host| !host.is_empty()).map(spelled)
}

/// An address that may be any text, with a host in no disguise where it has one.
pub(super) fn hop(text: &str) -> Spelling {
    let Some(url) = found_at(text) else { return spelled(text) };
    let host = url.host_str().unwrap_or_default();
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    spelled(&format!("{host}{}{query}", url.path()))
}

pub(super) fn spelled(url: &str) -> Spelling {
    let mut spelling = Spelling::default();
    spelling.read(url.as_bytes(), &UrlLimits::default());
    spelling
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_people_write_them() {
        for (text, host) in [
            ("http://example.com/a", "example.com"),
            ("example.com/a?u=https://example.org", "example.com"),
            ("shop.example.net:8080/login", "shop.example.net"),
            ("HTTP:\\\\example.com\\a", "example.com"),
            ("hxxps://evil[.]top/a", "evil.top"),
            ("http://3627734734/login", "216.58.214.206"),
            ("bücher.example/login", "xn--bcher-kva.example"),
        ] {
            let url = found_at(text).unwrap();
            assert_eq!(url.host_str(), Some(host), "{text}");
        }
        assert_eq!(found_at("no address"), None);
    }
}
