//! Upstream servers: hickory's connections over UDP, TCP, TLS and HTTPS, and validation over them.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::ResolverOpts;
use hickory_resolver::net::dnssec::DnssecDnsHandle;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsHandle, FirstAnswer as _};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::{Proof, TrustAnchors};
use hickory_resolver::proto::op::{DnsRequest, DnsRequestOptions, Message, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::opt::EdnsOption;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{NameServerPool, PoolContext, TlsConfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use self::crew::Crew;
use super::config::ResolverConfig;

mod crew;
mod written;

pub use written::{NotAnUpstream, Upstream};

/// The EDNS option that hides the size of a question (RFC 7830).
const PADDING: u16 = 12;

/// Encrypted questions have a multiple of so many bytes (RFC 8467 section 4.1).
const PADDED_BYTES: usize = 128;

/// Questions that one connection to an upstream carries at once.
const ACTIVE_PER_CONNECTION_MAX: usize = 1_024;

/// Aliases that are followed one after the other.
const ALIASES_MAX: usize = 8;

/// Why upstreams cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// A file cannot be read.
    #[error("cannot read {path}: {reason}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// TLS was refused.
    #[error("TLS to upstreams cannot be set up: {0}")]
    Tls(String),
}

/// Why an upstream gave no usable answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// None of them answered, or all with an error.
    NoAnswer,
    /// Its signatures are wrong (RFC 4035 section 4.3).
    Bogus,
}

/// What upstreams are asked with.
#[derive(Clone)]
pub(super) struct Upstreams {
    crew: Crew,
    validator: Option<DnssecDnsHandle<Crew>>,
    options: DnsRequestOptions,
    trusts_ad: bool,
    /// All ways are encrypted: only then does padding hide something.
    pads: bool,
}

impl std::fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstreams").field("validates", &self.validator.is_some()).finish()
    }
}

impl Upstreams {
    pub(super) fn new(config: &ResolverConfig) -> Result<Self, UpstreamError> {
        let limits = &config.limits;
        let timeout = Duration::from_millis(limits.upstream_timeout_ms);
        let patience = Duration::from_millis(limits.upstream_patience_ms);
        let mut options = ResolverOpts::default();
        options.timeout = timeout;
        options.attempts = 1;
        options.case_randomization = config.random_case;
        options.max_active_requests = ACTIVE_PER_CONNECTION_MAX;
        options.edns_payload_len = limits.udp_bytes_max;
        let mut request = DnsRequestOptions::default();
        request.edns_payload_len = limits.udp_bytes_max;
        request.case_randomization = config.random_case;
        let tls = client_tls(config.upstream_ca.as_deref())?;
        let context = Arc::new(PoolContext::new(options, tls));
        let pool = |upstream: &Upstream| {
            let (context, runtime) = (Arc::clone(&context), TokioRuntimeProvider::default());
            let pool = NameServerPool::from_config([upstream.server()], context, runtime);
            (upstream.to_string(), pool)
        };
        let crew = Crew::new(config.upstreams.iter().map(pool), patience, timeout);
        let validator = if config.validate {
            let anchors = anchors(config.trust_anchor.as_deref())?;
            Some(DnssecDnsHandle::with_trust_anchor(crew.clone(), Arc::new(anchors)))
        } else {
            None
        };
        let pads = config.upstreams.iter().all(Upstream::is_encrypted);
        let trusts_ad = config.upstream_validates;
        Ok(Self { crew, validator, options: request, trusts_ad, pads })
    }

    /// Each upstream, and whether it answers.
    pub(super) fn pulses(&self) -> Vec<(String, bool)> {
        self.crew.pulses()
    }

    /// Asks, and follows aliases that an upstream leaves to us.
    pub(super) async fn ask(&self, query: Query, manner: Manner) -> Result<Message, Failure> {
        let mut message = self.ask_once(query.clone(), manner).await?;
        for _ in 0..ALIASES_MAX {
            let Some(target) = loose_end(&message, &query) else { return Ok(message) };
            let next = Query::query(target, query.query_type);
            let next = self.ask_once(next, manner).await?;
            message.metadata.response_code = next.metadata.response_code;
            message.metadata.authentic_data &= next.metadata.authentic_data;
            message.authorities.clone_from(&next.authorities);
            if next.answers.is_empty() {
                return Ok(message);
            }
            message.add_answers(next.answers.iter().cloned());
        }
        Err(Failure::NoAnswer)
    }

    async fn ask_once(&self, query: Query, manner: Manner) -> Result<Message, Failure> {
        let mut options = self.options;
        let is_checked = !manner.checking_disabled && !manner.is_private;
        let validator = self.validator.as_ref().filter(|_| is_checked);
        options.edns_set_dnssec_ok = manner.dnssec_ok || validator.is_some();
        options.use_edns = true;
        let mut request = DnsRequest::from_query(query.clone(), options);
        request.metadata.recursion_desired = true;
        request.metadata.checking_disabled = manner.checking_disabled;
        // It asks for the AD bit of the answer (RFC 6840 section 5.7).
        request.metadata.authentic_data = self.trusts_ad;
        if let Some(edns) = request.edns.as_mut().filter(|_| self.pads) {
            let padding = EdnsOption::Unknown(PADDING, vec![0; padding_bytes(&query)]);
            edns.options_mut().insert(padding);
        }
        let answered = match validator {
            Some(validator) => validator.send(request).first_answer().await,
            None => self.crew.send(request).first_answer().await,
        };
        let mut message = message_of(answered, &query)?;
        message.metadata.authentic_data = match validator {
            Some(_) => is_secure(&message)?,
            None => self.trusts_ad && message.metadata.authentic_data,
        };
        Ok(message)
    }
}

/// How upstreams are asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// The DO bit.
    pub(super) dnssec_ok: bool,
    /// The CD bit: who asks validates.
    pub(super) checking_disabled: bool,
    /// The name exists inside only, where nobody signs for it.
    pub(super) is_private: bool,
}

/// Bytes to fill a question up with.
fn padding_bytes(query: &Query) -> usize {
    // Header, name, type and class, OPT record, and the head of the option.
    let bytes = 12 + query.name.len() + 4 + 11 + 4;
    bytes.next_multiple_of(PADDED_BYTES) - bytes
}

/// Where the aliases of an answer end, if nothing is said of that name yet.
fn loose_end(message: &Message, query: &Query) -> Option<Name> {
    let wanted = query.query_type;
    if message.metadata.response_code != ResponseCode::NoError || wanted == RecordType::CNAME {
        return None;
    }
    if !message.authorities.is_empty() {
        return None;
    }
    let mut end = &query.name;
    // Each alias is followed once, so that a circle ends.
    for _ in &message.answers {
        let alias = message.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == *end => Some(&target.0),
            _ => None,
        });
        match alias {
            Some(target) => end = target,
            None => break,
        }
    }
    let is_said = message.answers.iter().any(|record| record.name == *end);
    (*end != query.name && !is_said).then(|| end.clone())
}

/// Hickory gives negative answers as errors; they are answers again here.
fn message_of(
    answered: Result<hickory_resolver::proto::op::DnsResponse, NetError>,
    query: &Query,
) -> Result<Message, Failure> {
    match answered {
        Ok(response) => Ok(response.into_message()),
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
            let mut message = Message::query().into_response();
            message.add_query(query.clone());
            message.metadata.response_code = none.response_code;
            match (none.authorities, none.soa) {
                (Some(authorities), _) => {
                    message.add_authorities(authorities.iter().cloned());
                }
                (None, Some(soa)) => {
                    message.add_authority(soa.into_record_of_rdata());
                }
                (None, None) => {}
            }
            Ok(message)
        }
        Err(NetError::Dns(DnsError::Nsec { response, proof: Proof::Insecure, .. })) => {
            Ok(response.into_message())
        }
        Err(NetError::Dns(DnsError::Nsec { .. })) => Err(Failure::Bogus),
        Err(error) => {
            // Others could tell what was asked.
            if let NetError::Io(_) | NetError::Timeout | NetError::RustlsError(_) = &error {
                tracing::debug!(%error, "no upstream answered");
            }
            Err(Failure::NoAnswer)
        }
    }
}

/// Whether all that counts was proven (RFC 4035 section 3.2.3); an error where it was forged.
fn is_secure(message: &Message) -> Result<bool, Failure> {
    let mut records = message.answers.iter().chain(&message.authorities);
    if records.any(|record| record.proof == Proof::Bogus) {
        return Err(Failure::Bogus);
    }
    let counts = if message.answers.is_empty() { &message.authorities } else { &message.answers };
    Ok(!counts.is_empty() && counts.iter().all(|record| record.proof == Proof::Secure))
}

/// The certificates that vouch for upstreams.
fn client_tls(ca: Option<&Path>) -> Result<TlsConfig, UpstreamError> {
    let mut tls = TlsConfig::new().map_err(|error| UpstreamError::Tls(error.to_string()))?;
    if let Some(path) = ca {
        let failed = |reason: String| UpstreamError::File { path: path.to_owned(), reason };
        let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| failed(error.to_string()))?;
            roots.add(certificate).map_err(|error| failed(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(failed("it holds no certificate".to_owned()));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        tls.config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| UpstreamError::Tls(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
    }
    Ok(tls)
}

fn anchors(path: Option<&Path>) -> Result<TrustAnchors, UpstreamError> {
    let Some(path) = path else {
        return Ok(TrustAnchors::default());
    };
    let failed = |reason: String| UpstreamError::File { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let anchors = TrustAnchors::from_str(&text).map_err(|error| failed(error.to_string()))?;
    // Hickory counts only keys of the root, and takes a file of comments for a good one.
    if !text.contains("DNSKEY") {
        return Err(failed("it holds no DNSKEY record".to_owned()));
    }
    Ok(anchors)
}
