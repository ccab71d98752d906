//! What is asked: objects by their ids, and URLs that are handed in.

use axum::extract::{FromRequest as _, Request};
use axum::http::header::CONTENT_TYPE;
use data_encoding::BASE64URL_NOPAD;
use futures_util::stream;
use std::convert::Infallible;
use std::fmt::Display;
use wardnet_model::{Indicator, Kind, Timestamp, Url, hex};
use wardnet_server::{BodyBytes, Problem};

/// The longest URL that is taken in a form.
const URL_BYTES_MAX: u64 = 32 << 10;

/// The last part of a path, with escaped bytes undone.
pub(super) fn last_part(path: &str) -> String {
    let part = path.rsplit('/').next().unwrap_or_default();
    // A plus stands for itself in a path (RFC 3986), and for a blank only in forms.
    let escaped = format!("p={}", part.replace('+', "%2B"));
    form_urlencoded::parse(escaped.as_bytes())
        .map(|(_, value)| value.into_owned())
        .next()
        .unwrap_or_default()
}

/// A file's id is any of its hashes.
pub(super) fn file(id: &str) -> Result<Indicator, Problem> {
    let kind = match id.len() {
        32 => Kind::Md5,
        40 => Kind::Sha1,
        64 => Kind::Sha256,
        _ => return Err(Problem::bad_request("a file's id is its MD5, SHA-1 or SHA-256")),
    };
    Indicator::parse_as(kind, id).map_err(|error| wrong(&error))
}

pub(super) fn domain(id: &str) -> Result<Indicator, Problem> {
    Indicator::parse_as(Kind::Domain, id).map_err(|error| wrong(&error))
}

pub(super) fn address(id: &str) -> Result<Indicator, Problem> {
    wardnet_model::address(id).map(Indicator::address).map_err(|error| wrong(&error))
}

/// A URL's id is the URL itself, in base64 for URLs and without padding.
pub(super) fn url(id: &str) -> Result<Indicator, Problem> {
    if hex::decode::<32>(id).is_some() {
        // Entries are kept by expressions, from which no URL's digest can be had.
        return Err(Problem::not_found(
            "URLs are not found by their SHA-256; the id to ask with is the URL in base64url \
             without padding",
        ));
    }
    let complaint = || Problem::bad_request("a URL's id is the URL in base64url without padding");
    let bytes =
        BASE64URL_NOPAD.decode(id.trim_end_matches('=').as_bytes()).map_err(|_| complaint())?;
    let text = String::from_utf8(bytes).map_err(|_| complaint())?;
    Url::parse(text.trim()).map(Indicator::Url).map_err(|error| wrong(&error))
}

pub(super) fn url_id(url: &Indicator) -> String {
    BASE64URL_NOPAD.encode(url.to_string().as_bytes())
}

/// An analysis is named by its URL and its time, so that nothing need be kept of it.
pub(super) fn analysis_id(url: &Indicator, at: Timestamp) -> String {
    format!("u-{}-{}", url_id(url), at.0)
}

pub(super) fn analysis(id: &str) -> Result<(Indicator, Timestamp), Problem> {
    let parts = id.strip_prefix("u-").and_then(|rest| rest.rsplit_once('-'));
    let parts = parts.and_then(|(url, at)| Some((url, at.parse().ok()?)));
    let (text, at) = parts.ok_or_else(|| Problem::not_found("there is no such analysis"))?;
    Ok((url(text)?, Timestamp(at)))
}

/// The URL in a form, of either type.
pub(super) async fn submission(request: Request) -> Result<Indicator, Problem> {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or_default().to_owned();
    let BodyBytes(body) = BodyBytes::from_request(request, &()).await?;
    let text = match multer::parse_boundary(&media_type) {
        Ok(boundary) => in_parts(body, boundary).await?,
        Err(_) => form_urlencoded::parse(&body)
            .find_map(|(name, value)| (name == "url").then(|| value.into_owned())),
    };
    let text = text.ok_or_else(|| Problem::bad_request("the form has no field `url`"))?;
    Url::parse(text.trim()).map(Indicator::Url).map_err(|error| wrong(&error))
}

/// The field `url` of `multipart/form-data` (RFC 7578), as curl's `--form` sends it.
async fn in_parts(body: bytes::Bytes, boundary: String) -> Result<Option<String>, Problem> {
    let limit = multer::SizeLimit::new().per_field(URL_BYTES_MAX);
    let constraints = multer::Constraints::new().size_limit(limit);
    let whole = stream::iter([Ok::<_, Infallible>(body)]);
    let mut parts = multer::Multipart::with_constraints(whole, boundary, constraints);
    let broken =
        |error: multer::Error| Problem::bad_request(format!("the form is broken: {error}"));
    while let Some(field) = parts.next_field().await.map_err(broken)? {
        if field.name() == Some("url") {
            return field.text().await.map(Some).map_err(broken);
        }
    }
    Ok(None)
}

fn wrong(error: &dyn Display) -> Problem {
    Problem::bad_request(error.to_string())
}
