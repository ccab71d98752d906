//! Requests of version 5, out of the query of their URL.

use super::{
    BatchGetHashListsRequest, GetHashListRequest, SearchHashesRequest, SearchUrlsRequest,
    SizeConstraints,
};
use crate::safebrowsing::json;
use crate::safebrowsing::{Limits, RequestError, at_most, check_prefixes};
use prost::Message;
use std::borrow::Cow;

/// URLs in one search of version 5.
const URLS_MAX: usize = 50;

/// The message in `$req`, where a client sends one.
fn whole<M: Message + Default>(query: &str) -> Result<Option<M>, RequestError> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let Some((_, text)) = pairs.find(|(name, _)| name == "$req") else { return Ok(None) };
    Ok(Some(M::decode(bytes_of(&text, "$req")?.as_slice())?))
}

fn bytes_of(text: &str, name: &'static str) -> Result<Vec<u8>, RequestError> {
    json::bytes_of(text).ok_or(RequestError::Base64(name))
}

/// The values of a parameter.
fn values<'q>(query: &'q str, name: &'static str) -> impl Iterator<Item = Cow<'q, str>> {
    form_urlencoded::parse(query.as_bytes())
        .filter(move |(known, _)| known == name)
        .map(|(_, value)| value)
}

fn constraints(query: &str) -> Result<Option<SizeConstraints>, RequestError> {
    let number = |name: &'static str| {
        let Some(text) = values(query, name).next() else { return Ok(0) };
        let number = text.parse().ok().filter(|number: &i32| *number >= 0);
        number.ok_or(RequestError::Number(name))
    };
    let constraints = SizeConstraints {
        max_update_entries: number("sizeConstraints.maxUpdateEntries")?,
        max_database_entries: number("sizeConstraints.maxDatabaseEntries")?,
    };
    Ok((constraints != SizeConstraints::default()).then_some(constraints))
}

fn check_versions(versions: &[Vec<u8>], limits: &Limits) -> Result<(), RequestError> {
    at_most(versions.len(), "version", limits.lists_max)?;
    let longest = versions.iter().map(Vec::len).max().unwrap_or(0);
    at_most(longest, "bytes of a version", limits.state_bytes_max)
}

impl SearchHashesRequest {
    /// Reads a query, in either way of writing.
    pub fn from_query(query: &str, limits: &Limits) -> Result<Self, RequestError> {
        let mut request = Self::default();
        // The most frequent question of all is read in one pass.
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "$req" => {
                    request = Self::decode(bytes_of(&value, "$req")?.as_slice())?;
                    break;
                }
                "hashPrefixes" if request.hash_prefixes.len() <= limits.prefixes_max => {
                    request.hash_prefixes.push(bytes_of(&value, "hashPrefixes")?);
                }
                _ => {}
            }
        }
        if request.hash_prefixes.is_empty() {
            return Err(RequestError::Missing("hashPrefixes"));
        }
        check_prefixes(request.hash_prefixes.iter().map(Vec::as_slice), limits.prefixes_max)?;
        Ok(request)
    }
}

impl BatchGetHashListsRequest {
    /// Reads a query, in either way of writing.
    pub fn from_query(query: &str, limits: &Limits) -> Result<Self, RequestError> {
        let many = limits.lists_max.saturating_add(1);
        let request = match whole(query)? {
            Some(request) => request,
            None => {
                let versions = values(query, "version").take(many);
                let versions = versions.map(|text| bytes_of(&text, "version"));
                Self {
                    names: values(query, "names").take(many).map(Cow::into_owned).collect(),
                    version: versions.collect::<Result<_, _>>()?,
                    size_constraints: constraints(query)?,
                }
            }
        };
        at_most(request.names.len(), "names", limits.lists_max)?;
        check_versions(&request.version, limits)?;
        if request.names.is_empty() {
            return Err(RequestError::Missing("names"));
        }
        for (at, name) in request.names.iter().enumerate() {
            if request.names.iter().take(at).any(|before| before == name) {
                return Err(RequestError::Twice(name.chars().take(64).collect()));
            }
        }
        Ok(request)
    }
}

impl GetHashListRequest {
    /// Reads a query, in either way of writing; the name is the last part of the path.
    pub fn from_query(name: &str, query: &str, limits: &Limits) -> Result<Self, RequestError> {
        let request = match whole::<Self>(query)? {
            Some(request) => Self { name: name.to_owned(), ..request },
            None => {
                let version = values(query, "version").next();
                let version = version.map(|text| bytes_of(&text, "version"));
                Self {
                    name: name.to_owned(),
                    version: version.transpose()?.unwrap_or_default(),
                    size_constraints: constraints(query)?,
                }
            }
        };
        check_versions(std::slice::from_ref(&request.version), limits)?;
        Ok(request)
    }
}

impl SearchUrlsRequest {
    /// Reads a query, in either way of writing.
    pub fn from_query(query: &str, limits: &Limits) -> Result<Self, RequestError> {
        let urls_max = limits.urls_max.min(URLS_MAX);
        let request = match whole(query)? {
            Some(request) => request,
            None => {
                let urls = values(query, "urls").take(urls_max.saturating_add(1));
                Self { urls: urls.map(Cow::into_owned).collect() }
            }
        };
        at_most(request.urls.len(), "urls", urls_max)?;
        if request.urls.is_empty() {
            return Err(RequestError::Missing("urls"));
        }
        Ok(request)
    }
}
