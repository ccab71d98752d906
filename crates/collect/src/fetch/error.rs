//! Why a feed could not be fetched.

use crate::catalogue::SecretError;
use crate::fetch::Limits;
use crate::fetch::guard::NotPublic;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

/// Why a feed could not be fetched. Nothing of what was received is kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The server answered, but not with the feed.
    #[error("the server answered with status {status}{}", hint(*status))]
    Status {
        /// The status code.
        status: u16,
        /// Seconds for which the server asks to be left alone.
        retry_after_secs: Option<u64>,
    },
    /// The feed lies where feeds have no business to lie.
    #[error(
        "{0} is not a public address; if the feed is meant to lie there, set `allow_private = true` for \
         it, or give `--allow-private` to `wardnet feeds try`"
    )]
    PrivateAddress(IpAddr),
    /// The copy is larger than the feed's limit.
    #[error(
        "the copy is larger than {0} bytes; raise `max_bytes` if that is how large the feed is"
    )]
    TooLarge(u64),
    /// A MISP feed with more events than are fetched.
    #[error("the feed's manifest names {events} events; at most {events_max} are fetched")]
    TooManyEvents {
        /// How many it names.
        events: usize,
        /// How many are fetched.
        events_max: usize,
    },
    /// The connection ended before the copy was complete.
    #[error("the connection ended before the copy was complete")]
    Incomplete,
    /// Nothing came for too long.
    #[error("nothing came for {0} seconds (`stall_timeout`)")]
    Stalled(u64),
    /// It took too long altogether.
    #[error("it took longer than {0} seconds (`total_timeout`)")]
    TooSlow(u64),
    /// The server could not be reached in time.
    #[error("no connection within {0} seconds (`connect_timeout`)")]
    ConnectTimeout(u64),
    /// The name of the server is unknown.
    #[error("the name of the server could not be resolved")]
    HostNotFound,
    /// A redirect led from an encrypted to an unencrypted place, or somewhere that is no web
    /// address.
    #[error("a redirect to {0} was refused: only `https:` follows on `https:`")]
    RedirectRefused(String),
    /// A redirect said nothing of where to go.
    #[error("the server redirects, but not to a URL; put the feed's new address into `url`")]
    RedirectWithoutTarget,
    /// Redirects that do not end.
    #[error("more than {0} redirects; put the feed's new address into `url`")]
    TooManyRedirects(u32),
    /// A compression nobody asked for.
    #[error("the server sent the encoding `{0}`, which was not asked for")]
    Encoding(String),
    /// The server's certificate or the encryption is wrong.
    #[error("TLS: {0}; for an authority of your own, set `ca_file`")]
    Tls(String),
    /// No certificate authority is known.
    #[error("no certificate authorities: install the system's `ca-certificates`, or set `ca_file`")]
    NoAuthorities,
    /// The file of certificate authorities is unusable.
    #[error("`ca_file` {path}: {reason}")]
    AuthorityFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The proxy's URL is unusable.
    #[error("`proxy` is not a proxy's URL; write `http://HOST:PORT`")]
    Proxy,
    /// A header's value could not be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The server does not speak HTTP as it should.
    #[error("the server's answer is not proper HTTP: {0}")]
    Protocol(String),
    /// Network or disk failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl FetchError {
    /// Seconds for which the server asks to be left alone.
    pub const fn retry_after_secs(&self) -> Option<u64> {
        match self {
            Self::Status { retry_after_secs, .. } => *retry_after_secs,
            _ => None,
        }
    }
}

/// What an operator can do about a status.
const fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => ": it wants a key, or does not want this client; see `headers`",
        404 | 410 => ": the feed is not there; look at its homepage for its new address",
        429 => ": it is asked too often; raise `interval`",
        _ => "",
    }
}

/// What an error of the HTTP client means here.
pub(crate) fn from_client(error: ureq::Error, limits: &Limits) -> FetchError {
    use ureq::{Error, Timeout};
    match error {
        Error::Timeout(Timeout::PerRead | Timeout::PerWrite) => {
            FetchError::Stalled(limits.stall_timeout.as_secs())
        }
        Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
            FetchError::ConnectTimeout(limits.connect_timeout.as_secs())
        }
        Error::Timeout(_) => FetchError::TooSlow(limits.total_timeout.as_secs()),
        Error::HostNotFound => FetchError::HostNotFound,
        Error::Tls(reason) => FetchError::Tls(reason.to_owned()),
        Error::Rustls(error) => FetchError::Tls(error.to_string()),
        Error::Io(error) => from_io(error),
        Error::Other(error) => match error.downcast::<NotPublic>() {
            Ok(refused) => FetchError::PrivateAddress(refused.0),
            Err(error) => FetchError::Protocol(error.to_string()),
        },
        other => FetchError::Protocol(other.to_string()),
    }
}

fn from_io(error: io::Error) -> FetchError {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return FetchError::Tls(tls.to_string());
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => FetchError::Incomplete,
        _ => FetchError::Io(error),
    }
}
