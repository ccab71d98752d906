//! The certificate authorities that fetching trusts.
//!
//! The system's store is used, not a list compiled in: it is kept by the operating system's
//! updates, it knows a company's own authority, and `SSL_CERT_FILE` moves it.

use crate::fetch::{FetchError, FetchSettings};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

/// The authorities that `settings` names, as many as there are.
pub(crate) fn authorities(
    settings: &FetchSettings,
) -> Result<Vec<Certificate<'static>>, FetchError> {
    let mut certificates = Vec::new();
    if settings.system_roots {
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::warn!(%error, "part of the system's certificate authorities is unreadable");
        }
        certificates.extend(system.certs.iter().map(|der| Certificate::from_der(der).to_owned()));
    }
    if let Some(path) = &settings.ca_file {
        let refuse = |reason: String| FetchError::AuthorityFile { path: path.clone(), reason };
        let pem = read_bounded(path, settings.limits.ca_file_bytes_max).map_err(refuse)?;
        let own = certificates_of(&pem).map_err(refuse)?;
        certificates.extend(own);
    }
    Ok(certificates)
}

/// TLS by rustls with the ring provider, whatever the process has installed as its default.
pub(crate) fn tls_config(authorities: Vec<Certificate<'static>>) -> TlsConfig {
    TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::from(authorities))
        .build()
}

fn certificates_of(pem: &[u8]) -> Result<Vec<Certificate<'static>>, String> {
    let mut certificates = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| error.to_string())? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() { Err("no certificate in it".to_owned()) } else { Ok(certificates) }
}

#[expect(clippy::disallowed_methods, reason = "the reader ends at `limit`")]
fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > limit {
        return Err(format!("larger than {limit} bytes"));
    }
    Ok(bytes)
}
