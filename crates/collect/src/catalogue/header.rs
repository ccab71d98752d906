//! Request headers of a feed, and where their values come from.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use ureq::http::{HeaderName, HeaderValue};

/// The longest header value, in bytes.
const VALUE_BYTES_MAX: u64 = 8 << 10;

/// Headers that fetching sets itself, or that would change what is asked for.
const RESERVED: [&str; 10] = [
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "if-modified-since",
    "if-none-match",
    "range",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// One header that is sent with every request for a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderField {
    /// Its name.
    pub name: HeaderName,
    /// Where its value comes from.
    pub source: HeaderSource,
}

/// Where the value of a header comes from.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderSource {
    /// It stands in the configuration.
    Literal(Box<str>),
    /// `env:NAME`: an environment variable, read at each fetch.
    Environment(Box<str>),
    /// `file:PATH`: a file, read at each fetch; white space around it is cut off.
    File(PathBuf),
}

/// The value of a header could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The variable is not set.
    #[error("the environment variable `{0}` is not set; set it, or change `headers`")]
    Environment(Box<str>),
    /// The file could not be read.
    #[error("the file {path} could not be read: {reason}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// What was read is not one line of printable text.
    #[error("the value from {0} is empty, too long, or not one line of text")]
    NotAValue(String),
}

impl HeaderField {
    /// Reads one entry of a `headers` table; relative paths start at `base_dir`.
    pub(crate) fn parse(name: &str, value: &str, base_dir: &Path) -> Result<Self, String> {
        let name = HeaderName::try_from(name)
            .map_err(|_| format!("`{}` is not a header name", name.escape_debug()))?;
        if RESERVED.contains(&name.as_str()) {
            return Err(format!("`{name}` is set by the fetcher itself; leave it out"));
        }
        let source = if let Some(variable) = value.strip_prefix("env:") {
            HeaderSource::Environment(variable.into())
        } else if let Some(path) = value.strip_prefix("file:") {
            HeaderSource::File(base_dir.join(path))
        } else {
            as_value(value)
                .ok_or_else(|| format!("the value of `{name}` is empty or not one line of text"))?;
            HeaderSource::Literal(value.into())
        };
        Ok(Self { name, source })
    }

    /// The value, read now and marked as sensitive so that nothing logs it.
    ///
    /// # Errors
    ///
    /// When the variable or the file is missing, or holds no usable value.
    pub fn value(&self) -> Result<HeaderValue, SecretError> {
        let (text, origin) = match &self.source {
            HeaderSource::Literal(text) => (text.to_string(), "`headers`".to_owned()),
            HeaderSource::Environment(name) => {
                let text =
                    std::env::var(&**name).map_err(|_| SecretError::Environment(name.clone()))?;
                (text, format!("the environment variable `{name}`"))
            }
            HeaderSource::File(path) => (read_secret(path)?, path.display().to_string()),
        };
        as_value(text.trim()).ok_or(SecretError::NotAValue(origin))
    }
}

/// A secret must not end up in a log through `{:?}`.
impl fmt::Debug for HeaderSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(_) => f.write_str("Literal(…)"),
            Self::Environment(name) => write!(f, "Environment({name:?})"),
            Self::File(path) => write!(f, "File({path:?})"),
        }
    }
}

fn as_value(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    (!text.is_empty() && text.len() as u64 <= VALUE_BYTES_MAX).then_some(value)
}

#[expect(clippy::disallowed_methods, reason = "the reader ends at VALUE_BYTES_MAX")]
fn read_secret(path: &Path) -> Result<String, SecretError> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(VALUE_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|error| SecretError::File { path: path.into(), reason: error.to_string() })?;
    Ok(text)
}
