//! Redirects, and what the head of a response says about time.

use crate::catalogue::{has_credentials, without_query};
use crate::fetch::FetchError;
use std::time::{Duration, UNIX_EPOCH};
use ureq::http::{HeaderMap, HeaderName, header};
use url::Url;
use wardnet_model::Timestamp;

/// The longest validator that is kept, in bytes.
const VALIDATOR_BYTES_MAX: usize = 1 << 10;

/// Whether a status sends the client elsewhere (RFC 9110 section 15.4).
pub(crate) const fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads. Encryption is never given up on the way, and no redirect leaves HTTP.
pub(crate) fn next_hop(from: &Url, headers: &HeaderMap) -> Result<Url, FetchError> {
    let to = text_of(headers, &header::LOCATION)
        .and_then(|location| from.join(location).ok())
        .ok_or(FetchError::RedirectWithoutTarget)?;
    let keeps_encryption =
        to.scheme() == "https" || (to.scheme() == "http" && from.scheme() == "http");
    if keeps_encryption && !has_credentials(&to) {
        Ok(to)
    } else {
        Err(FetchError::RedirectRefused(without_query(&to)))
    }
}

/// Seconds for which the server wants to be left alone (RFC 9110 section 10.2.3).
pub(crate) fn retry_after_secs(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = text_of(headers, &header::RETRY_AFTER)?.trim();
    text.parse().ok().or_else(|| {
        let date = httpdate::parse_http_date(text).ok()?;
        let unix = date.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Some(Timestamp(unix.as_secs()).secs_since(now))
    })
}

/// Seconds for which a response stays fresh: `max-age` less the age it has already
/// (RFC 9111 section 4.2).
pub(crate) fn fresh_secs(headers: &HeaderMap) -> Option<u64> {
    let directives = text_of(headers, &header::CACHE_CONTROL)?;
    let max_age: u64 = directives.split(',').find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        let is_max_age = name.trim().eq_ignore_ascii_case("max-age");
        is_max_age.then(|| value.trim().trim_matches('"').parse().ok())?
    })?;
    let age = text_of(headers, &header::AGE).and_then(|age| age.trim().parse().ok()).unwrap_or(0);
    Some(max_age.saturating_sub(age))
}

/// A validator as it came, if it is of a size worth keeping.
pub(crate) fn validator(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let text = text_of(headers, name)?;
    (!text.is_empty() && text.len() <= VALIDATOR_BYTES_MAX).then(|| text.to_owned())
}

pub(crate) fn text_of<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    fn hop(from: &str, to: &str) -> Result<String, FetchError> {
        next_hop(&Url::parse(from).unwrap(), &headers(&[(header::LOCATION, to)])).map(String::from)
    }

    #[test]
    fn redirects_keep_encryption() {
        let https = "https://a.example/x/list";
        assert_eq!(hop(https, "../y").unwrap(), "https://a.example/y");
        assert_eq!(hop(https, "https://b.example/").unwrap(), "https://b.example/");
        assert_eq!(hop("http://a.example/", "https://a.example/").unwrap(), "https://a.example/");
        assert_eq!(hop("http://a.example/", "/z").unwrap(), "http://a.example/z");
        for refused in [
            "http://a.example/",
            "file:///etc/passwd",
            "ftp://a.example/",
            "data:,x",
            "https://me:pw@a.example/",
        ] {
            assert!(
                matches!(hop(https, refused), Err(FetchError::RedirectRefused(_))),
                "{refused}"
            );
        }
        assert!(matches!(hop(https, "https://"), Err(FetchError::RedirectWithoutTarget)));
        let nowhere = next_hop(&Url::parse(https).unwrap(), &HeaderMap::new());
        assert!(matches!(nowhere, Err(FetchError::RedirectWithoutTarget)));
    }

    #[test]
    fn waits_are_read_from_seconds_and_dates() {
        let now = Timestamp::parse("1994-11-06T08:48:37Z").unwrap();
        let wait = |text: &str| retry_after_secs(&headers(&[(header::RETRY_AFTER, text)]), now);
        assert_eq!(wait("120"), Some(120));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(60));
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("-5"), None);
    }

    #[test]
    fn freshness_is_what_is_left_of_max_age() {
        let fresh = |cache: &str, age: &str| {
            fresh_secs(&headers(&[(header::CACHE_CONTROL, cache), (header::AGE, age)]))
        };
        assert_eq!(fresh("public, Max-Age=300", "100"), Some(200));
        assert_eq!(fresh("max-age=\"300\"", "900"), Some(0));
        assert_eq!(fresh("max-age=300", "x"), Some(300));
        assert_eq!(fresh("no-cache", "0"), None);
        assert_eq!(fresh("max-age=-1, s-maxage=5", "0"), None);
    }
}
