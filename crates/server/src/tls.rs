//! TLS from certificate files, replaced on reload while connections go on.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};

/// A certificate file larger than this is something else.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// Where the certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key in PEM: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// Why TLS cannot start or be reloaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is too large to be what it should be.
    #[error("{path} is larger than {PEM_BYTES_MAX} bytes: is it a certificate or key at all?")]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
    /// A file is damaged PEM.
    #[error("{path} is not valid PEM: {reason}")]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The certificate file has none.
    #[error("{path} holds no certificate; it needs a section -----BEGIN CERTIFICATE-----")]
    NoCertificate {
        /// Which file.
        path: PathBuf,
    },
    /// The key file has none.
    #[error("{path} holds no private key; it needs a section -----BEGIN PRIVATE KEY-----")]
    NoKey {
        /// Which file.
        path: PathBuf,
    },
    /// The key is of a kind we cannot use.
    #[error("the key in {path} cannot be used: {reason}; use RSA, ECDSA P-256/P-384 or Ed25519")]
    UnusableKey {
        /// Which file.
        path: PathBuf,
        /// What rustls said.
        reason: rustls::Error,
    },
    /// The first certificate cannot be used.
    #[error("the first certificate in {path} cannot be used: {reason}")]
    UnusableCertificate {
        /// Which file.
        path: PathBuf,
        /// What rustls said.
        reason: rustls::Error,
    },
    /// Key and certificate belong to different pairs.
    #[error("{key} is not the key of the first certificate in {certificate}; check their order")]
    Mismatch {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
    },
    /// The library refused its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
}

/// The certificate in force.
#[derive(Debug)]
struct CertResolver {
    current: ArcSwap<CertifiedKey>,
}

impl ResolvesServerCert for CertResolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// TLS for one listener: versions 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    resolver: Arc<CertResolver>,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Reads the files and checks that they fit.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let current = ArcSwap::from_pointee(read_pair(&files, &provider)?);
        let resolver = Arc::new(CertResolver { current });
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&resolver) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { files, resolver, config: Arc::new(config) })
    }

    /// Reads the files again; new handshakes use what they hold. On an error the certificate in
    /// force stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        let pair = read_pair(&self.files, self.config.crypto_provider())?;
        self.resolver.current.store(Arc::new(pair));
        Ok(())
    }

    /// The configuration for listeners that speak TLS by themselves.
    #[must_use]
    pub fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

fn read_pair(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain = read_chain(&files.certificate)?;
    let key = read_key(&files.key)?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|reason| TlsError::UnusableKey { path: files.key.clone(), reason })?;
    let pair = CertifiedKey::new(chain, key);
    match pair.keys_match() {
        // A key that cannot tell its public half cannot be compared; the handshake will.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(pair),
        Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::Mismatch {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
        }),
        Err(reason) => {
            Err(TlsError::UnusableCertificate { path: files.certificate.clone(), reason })
        }
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read_limited(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(TlsError::NoCertificate { path: path.to_owned() }),
        Ok(chain) => Ok(chain),
        Err(error) => Err(TlsError::Pem { path: path.to_owned(), reason: error.to_string() }),
    }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read_limited(path)?).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => TlsError::NoKey { path: path.to_owned() },
        // The reason names the kind of damage, never the key's bytes.
        other => TlsError::Pem { path: path.to_owned(), reason: other.to_string() },
    })
}

#[expect(clippy::disallowed_methods, reason = "limited by take()")]
fn read_limited(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(PEM_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > PEM_BYTES_MAX {
        return Err(TlsError::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::{Tls, TlsError, TlsFiles};

    fn folder() -> (TempDir, TlsFiles) {
        let folder = tempfile::tempdir().expect("a folder");
        let certificate = folder.path().join("cert.pem");
        let files = TlsFiles { certificate, key: folder.path().join("key.pem") };
        write_pair(&files);
        (folder, files)
    }

    fn write_pair(files: &TlsFiles) {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a pair");
        fs::write(&files.certificate, pair.cert.pem()).expect("writable");
        fs::write(&files.key, pair.signing_key.serialize_pem()).expect("writable");
    }

    #[test]
    fn reload_takes_the_new_pair_and_keeps_the_old_one_on_errors() {
        let (_folder, files) = folder();
        let tls = Tls::load(files.clone()).expect("a good pair");
        let current = || tls.resolver.current.load().cert[0].clone();
        let first = current();
        write_pair(&files);
        tls.reload().expect("a good pair");
        let second = current();
        assert_ne!(first, second);
        fs::write(&files.key, "no key").expect("writable");
        assert!(matches!(tls.reload(), Err(TlsError::NoKey { .. })));
        assert_eq!(current(), second);
    }

    #[test]
    fn every_mistake_names_its_file() {
        let (folder, files) = folder();
        let text = |files: &TlsFiles| {
            let error = Tls::load(files.clone()).expect_err("a mistake");
            let path = folder.path().to_str().expect("UTF-8");
            error.to_string().replace(path, "")
        };
        let absent = TlsFiles { key: folder.path().join("absent"), ..files.clone() };
        assert!(text(&absent).starts_with("cannot read /absent"));

        let swapped = TlsFiles { certificate: files.key.clone(), key: files.certificate.clone() };
        assert!(text(&swapped).starts_with("/key.pem holds no certificate"));

        let key = fs::read(&files.key).expect("there");
        write_pair(&files);
        fs::write(&files.key, key).expect("writable");
        assert!(text(&files).starts_with("/key.pem is not the key of"));

        fs::write(&files.certificate, "-----BEGIN CERTIFICATE-----\n!!!!\n").expect("writable");
        assert!(text(&files).starts_with("/cert.pem is not valid PEM"), "{}", text(&files));

        fs::write(&files.certificate, vec![b' '; 1_100_000]).expect("writable");
        assert!(text(&files).starts_with("/cert.pem is larger than"));
    }
}
