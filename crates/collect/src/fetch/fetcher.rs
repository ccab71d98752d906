//! The fetcher: one conditional, bounded GET, redirects followed by hand.
//!
//! Redirects are not left to the HTTP client, because each hop has rules of its own: encryption is
//! never given up, and a feed's own headers (its key) go to the feed's own server only.

use crate::catalogue::{FeedConfig, Location};
use crate::feeds::Format;
use crate::fetch::copy::Place;
use crate::fetch::download::download;
use crate::fetch::error::from_client;
use crate::fetch::guard::{PublicOnly, is_public};
use crate::fetch::hop::{fresh_secs, is_redirect, next_hop, retry_after_secs, text_of, validator};
use crate::fetch::manifest::{self, NamedOrPath};
use crate::fetch::{
    FeedFolder, FetchError, FetchSettings, Fetched, Fresh, Limits, Unchanged, Validators, local,
    trust,
};
use std::net::IpAddr;
use std::time::{Duration, Instant};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body};
use url::{Host, Url};
use wardnet_model::Timestamp;

const USER_AGENT: &str = concat!("Wardnet/", env!("CARGO_PKG_VERSION"));

/// Endings of files that are compressed already.
const COMPRESSED_ENDINGS: [&str; 6] = [".gz", ".zst", ".zip", ".xz", ".bz2", ".br"];

/// Fetches feeds. It blocks, keeps no state, and can be shared between threads.
#[derive(Debug)]
pub struct Fetcher {
    /// Reaches public addresses only.
    guarded: Agent,
    /// Reaches any address.
    unguarded: Agent,
    limits: Limits,
    has_authorities: bool,
}

impl Fetcher {
    /// A fetcher with the operator's settings.
    ///
    /// # Errors
    ///
    /// When the file of certificate authorities or the proxy's URL is unusable.
    pub fn new(settings: &FetchSettings) -> Result<Self, FetchError> {
        let authorities = trust::authorities(settings)?;
        let has_authorities = !authorities.is_empty();
        let limits = settings.limits.clone();
        let proxy = settings.proxy.as_deref().map(ureq::Proxy::new).transpose();
        let proxy = proxy.map_err(|_| FetchError::Proxy)?;
        let is_proxied = proxy.is_some();
        let config = Agent::config_builder()
            .tls_config(trust::tls_config(authorities))
            .proxy(proxy)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(USER_AGENT)
            .max_response_header_size(limits.head_bytes_max)
            .timeout_resolve(Some(limits.connect_timeout))
            .timeout_connect(Some(limits.connect_timeout))
            .timeout_per_read(Some(limits.stall_timeout))
            .timeout_per_write(Some(limits.stall_timeout))
            .build();
        let agent =
            |config| Agent::with_parts(config, DefaultConnector::new(), DefaultResolver::default());
        let unguarded = agent(config.clone());
        // A proxy resolves names itself, and is itself found through the resolver: it decides
        // what may be reached, and may lie in a private network.
        let guarded = if is_proxied {
            agent(config)
        } else {
            Agent::with_parts(config, DefaultConnector::new(), PublicOnly::default())
        };
        Ok(Self { guarded, unguarded, limits, has_authorities })
    }

    /// Asks for the feed, unless it is still what lies in `folder`.
    ///
    /// # Errors
    ///
    /// When no complete copy within the limits could be had; nothing is kept then.
    pub fn fetch(
        &self,
        feed: &FeedConfig,
        folder: &FeedFolder,
        now: Timestamp,
    ) -> Result<Fetched, FetchError> {
        match &feed.location {
            Location::File(path) => {
                let fetched = local::fetch(path, feed.bytes_max, folder)?;
                let beside = |name: &str| Ok(NamedOrPath::Path(path.with_file_name(name)));
                self.gather(fetched, feed, folder, &beside)
            }
            Location::Http(url) => {
                let fetched = self.fetch_http(url, feed, folder, now)?;
                let beside = |name: &str| self.fetch_beside(url, name, feed, folder);
                self.gather(fetched, feed, folder, &beside)
            }
        }
    }

    /// Brings the events of a MISP feed together, where the copy is its manifest.
    fn gather(
        &self,
        fetched: Fetched,
        feed: &FeedConfig,
        folder: &FeedFolder,
        beside: &dyn Fn(&str) -> Result<NamedOrPath, FetchError>,
    ) -> Result<Fetched, FetchError> {
        match fetched {
            Fetched::Fresh(fresh) if feed.format == Some(Format::MispEvent) => {
                let limits = (feed.bytes_max, self.limits.events_max);
                let fresh = manifest::gather(fresh, folder, limits, beside)?;
                Ok(match folder.copy_with(fresh.sha256) {
                    Some(which) => Fetched::Unchanged(Unchanged {
                        which,
                        validators: Some(fresh.validators.clone()),
                        server_wait_secs: fresh.server_wait_secs,
                    }),
                    None => Fetched::Fresh(fresh),
                })
            }
            other => Ok(other),
        }
    }

    /// Fetches a file from beside the feed's own.
    fn fetch_beside(
        &self,
        url: &Url,
        name: &str,
        feed: &FeedConfig,
        folder: &FeedFolder,
    ) -> Result<NamedOrPath, FetchError> {
        let url = url.join(name).map_err(|_| FetchError::RedirectWithoutTarget)?;
        let response = self.follow(&Request::new(&url, feed, &Validators::default())?)?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(FetchError::Status { status, retry_after_secs: None });
        }
        check_encoding(response.headers())?;
        let copy = download(response.into_body(), feed.bytes_max, folder, &self.limits)?;
        Ok(NamedOrPath::Named(copy.path))
    }

    fn fetch_http(
        &self,
        url: &Url,
        feed: &FeedConfig,
        folder: &FeedFolder,
        now: Timestamp,
    ) -> Result<Fetched, FetchError> {
        let request = Request::new(url, feed, &folder.state().validators)?;
        let response = self.follow(&request)?;
        let server_wait_secs = fresh_secs(response.headers());
        match (response.status().as_u16(), folder.newest_copy()) {
            (200, _) => {}
            (304, Some(which)) => {
                let unchanged = Unchanged { which, validators: None, server_wait_secs };
                return Ok(Fetched::Unchanged(unchanged));
            }
            (status, _) => {
                let retry_after_secs = retry_after_secs(response.headers(), now);
                return Err(FetchError::Status { status, retry_after_secs });
            }
        }
        check_encoding(response.headers())?;
        let headers = response.headers();
        let validators = Validators {
            etag: validator(headers, &header::ETAG),
            last_modified: validator(headers, &header::LAST_MODIFIED),
            file: None,
        };
        let content_type = text_of(headers, &header::CONTENT_TYPE).map(Into::into);
        let copy = download(response.into_body(), feed.bytes_max, folder, &self.limits)?;
        // Servers without validators send the same bytes again and again.
        if let Some(which) = folder.copy_with(copy.sha256) {
            let validators = Some(validators);
            return Ok(Fetched::Unchanged(Unchanged { which, validators, server_wait_secs }));
        }
        Ok(Fetched::Fresh(Fresh {
            place: Place::Downloaded(copy.path),
            sha256: copy.sha256,
            bytes: copy.bytes,
            validators,
            content_type,
            server_wait_secs,
        }))
    }

    /// Sends the request, and follows redirects to the response that counts.
    fn follow(&self, request: &Request) -> Result<Response<Body>, FetchError> {
        let started = start();
        let mut url = request.url.clone();
        for _ in 0..=self.limits.redirects_max {
            let response = self.send(request, &url, started)?;
            if !is_redirect(response.status().as_u16()) {
                return Ok(response);
            }
            url = next_hop(&url, response.headers())?;
        }
        Err(FetchError::TooManyRedirects(self.limits.redirects_max))
    }

    fn send(
        &self,
        request: &Request,
        url: &Url,
        started: Instant,
    ) -> Result<Response<Body>, FetchError> {
        if url.scheme() == "https" && !self.has_authorities {
            return Err(FetchError::NoAuthorities);
        }
        if let Some(address) = literal_address(url).filter(|address| !is_public(*address))
            && !request.allow_private
        {
            return Err(FetchError::PrivateAddress(address));
        }
        let left = self.limits.total_timeout.saturating_sub(started.elapsed());
        if left < Duration::from_millis(1) {
            return Err(FetchError::TooSlow(self.limits.total_timeout.as_secs()));
        }
        let agent = if request.allow_private { &self.unguarded } else { &self.guarded };
        let mut call = agent.get(url.as_str()).config().timeout_global(Some(left)).build();
        for (name, value) in request.headers_for(url) {
            call = call.header(name, value);
        }
        call.call().map_err(|error| from_client(error, &self.limits))
    }
}

/// What is asked of the feed's server, and of those it redirects to.
struct Request {
    url: Url,
    allow_private: bool,
    /// For every server.
    common: Vec<(HeaderName, HeaderValue)>,
    /// For the feed's own server only.
    own: Vec<(HeaderName, HeaderValue)>,
}

impl Request {
    fn new(url: &Url, feed: &FeedConfig, validators: &Validators) -> Result<Self, FetchError> {
        let is_compressed = COMPRESSED_ENDINGS.iter().any(|ending| url.path().ends_with(ending));
        let encoding = if is_compressed { "identity" } else { "gzip, zstd" };
        let mut common = vec![(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding))];
        let conditions = [
            (header::IF_NONE_MATCH, &validators.etag),
            (header::IF_MODIFIED_SINCE, &validators.last_modified),
        ];
        for (name, text) in conditions {
            let value = text.as_deref().and_then(|text| HeaderValue::from_str(text).ok());
            common.extend(value.map(|value| (name, value)));
        }
        let mut own = Vec::new();
        for field in &feed.headers {
            own.push((field.name.clone(), field.value()?));
        }
        Ok(Self { url: url.clone(), allow_private: feed.allow_private, common, own })
    }

    fn headers_for(&self, url: &Url) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        let own: &[_] = if url.origin() == self.url.origin() { &self.own } else { &[] };
        self.common.iter().chain(own).map(|(name, value)| (name, value))
    }
}

/// The address that stands in a URL in place of a name. Behind a proxy nothing else is known.
fn literal_address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

/// Copies are kept as they come, so only what readers recognise may come.
fn check_encoding(headers: &HeaderMap) -> Result<(), FetchError> {
    let encoding = match headers.get(header::CONTENT_ENCODING) {
        None => return Ok(()),
        Some(value) => String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase(),
    };
    match encoding.as_str() {
        "" | "identity" | "gzip" | "x-gzip" | "zstd" => Ok(()),
        _ => Err(FetchError::Encoding(encoding.chars().take(32).collect())),
    }
}

#[expect(clippy::disallowed_methods, reason = "measures how long the network takes, nothing else")]
fn start() -> Instant {
    Instant::now()
}
