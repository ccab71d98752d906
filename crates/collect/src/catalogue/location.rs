//! Where a feed lies: behind a URL, or in a file of this machine.

use std::fmt;
use std::path::{Path, PathBuf};
use url::Url;

/// Where a feed is fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// Behind an `https:` URL, or `http:` where `allow_http` says so.
    Http(Url),
    /// In a file.
    File(PathBuf),
}

/// Why a text is no place to fetch a feed from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocationError {
    /// Not a URL.
    #[error("not a URL ({0}); write `https://…` or `file:PATH`")]
    NotAUrl(String),
    /// Unencrypted, and nobody allowed it.
    #[error(
        "anybody on the way can change what `http:` brings; write `https:`, or `allow_http = true`"
    )]
    Unencrypted,
    /// A scheme nobody fetches.
    #[error("`{0}:` is not fetched; write `https://…` or `file:PATH`")]
    Scheme(String),
    /// A name and password inside the URL.
    #[error("credentials do not belong into a URL; use `headers` with `env:NAME` or `file:PATH`")]
    Credentials,
    /// A file URL with a host, or without a path.
    #[error("not a file of this machine; write `file:PATH` or `file:///PATH`")]
    NotALocalFile,
    /// The folder of the configuration file is not absolute.
    #[error("the folder {0} of the configuration file is not an absolute path")]
    BaseNotAbsolute(PathBuf),
}

impl Location {
    /// Reads a URL; relative file URLs such as `file:lists/own.txt` start at `base_dir`.
    ///
    /// # Errors
    ///
    /// When it is no URL, of another scheme, or unencrypted without `allow_http`.
    pub fn parse(text: &str, base_dir: &Path, allow_http: bool) -> Result<Self, LocationError> {
        // The URL standard resolves `file:lists/own.txt` against a base of the same scheme.
        let base = Url::from_directory_path(base_dir)
            .map_err(|()| LocationError::BaseNotAbsolute(base_dir.into()))?;
        let not_a_url = |reason: String| LocationError::NotAUrl(reason);
        // Without a scheme of its own a text would silently become a path beneath the base.
        if let Err(error @ url::ParseError::RelativeUrlWithoutBase) = Url::parse(text) {
            return Err(not_a_url(error.to_string()));
        }
        let url = Url::options()
            .base_url(Some(&base))
            .parse(text)
            .map_err(|error| not_a_url(error.to_string()))?;
        match url.scheme() {
            "file" => url.to_file_path().map(Self::File).map_err(|()| LocationError::NotALocalFile),
            "http" if !allow_http => Err(LocationError::Unencrypted),
            "http" | "https" if has_credentials(&url) => Err(LocationError::Credentials),
            "http" | "https" => Ok(Self::Http(url)),
            other => Err(LocationError::Scheme(other.to_owned())),
        }
    }

    /// The name of the file itself, without folders.
    pub fn document(&self) -> String {
        match self {
            Self::Http(url) => {
                let last = url.path_segments().and_then(|mut segments| segments.next_back());
                last.unwrap_or_default().to_owned()
            }
            Self::File(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }
}

/// Whether a name or password stands in the URL.
pub(crate) fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Leaves out the query, where some publishers put the key of an account.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => f.write_str(&without_query(url)),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The URL as it may stand in logs and messages.
pub(crate) fn without_query(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_fragment(None);
    if shown.query().is_some() {
        shown.set_query(Some("…"));
    }
    shown.to_string().replace("%E2%80%A6", "…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Location, LocationError> {
        Location::parse(text, Path::new("/etc/wardnet"), false)
    }

    #[test]
    fn files_are_found_beside_the_configuration() {
        for (text, path) in [
            ("file:lists/own.txt", "/etc/wardnet/lists/own.txt"),
            ("file:../own%20list.txt", "/etc/own list.txt"),
            ("file:/srv/own.txt", "/srv/own.txt"),
            ("file:///srv/own.txt", "/srv/own.txt"),
        ] {
            assert_eq!(parse(text), Ok(Location::File(path.into())), "{text}");
        }
        assert_eq!(parse("file://server/own.txt"), Err(LocationError::NotALocalFile));
    }

    #[test]
    fn only_encrypted_urls_without_credentials_are_taken() {
        assert!(matches!(parse("https://a.example/list?key=1"), Ok(Location::Http(_))));
        assert_eq!(parse("http://a.example/list"), Err(LocationError::Unencrypted));
        assert!(Location::parse("http://a.example/", Path::new("/"), true).is_ok());
        assert_eq!(parse("https://me:pw@a.example/"), Err(LocationError::Credentials));
        assert_eq!(parse("ftp://a.example/"), Err(LocationError::Scheme("ftp".into())));
        assert!(matches!(parse("lists/own.txt"), Err(LocationError::NotAUrl(_))));
        assert!(matches!(parse("/lists/own.txt"), Err(LocationError::NotAUrl(_))));
        assert!(matches!(parse("https://"), Err(LocationError::NotAUrl(_))));
    }

    #[test]
    fn keys_in_queries_are_not_shown() {
        let shown = parse("https://a.example/list?key=secret#x").unwrap().to_string();
        assert_eq!(shown, "https://a.example/list?…");
    }
}
