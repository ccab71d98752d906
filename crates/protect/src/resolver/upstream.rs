//! Upstream servers: hickory's pool over UDP, TCP, TLS and HTTPS, and validation over it.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ProtocolConfig, ResolverOpts};
use hickory_resolver::net::dnssec::DnssecDnsHandle;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsHandle, FirstAnswer as _};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::{Proof, TrustAnchors};
use hickory_resolver::proto::op::{DnsRequest, DnsRequestOptions, Message, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{NameServerPool, PoolContext, TlsConfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;

use super::config::ResolverConfig;

/// Questions that one connection to an upstream carries at once.
const ACTIVE_PER_CONNECTION_MAX: usize = 1_024;

/// Aliases that are followed one after the other.
const ALIASES_MAX: usize = 8;

/// One upstream server: `udp://192.0.2.53`, `tcp://192.0.2.53:5353`,
/// `tls://192.0.2.53#dns.example.net`, `https://192.0.2.53/dns-query#dns.example.net`.
///
/// It is named by address, so that finding it needs no resolver; what stands after `#` is the name
/// in its certificate, the address where it is absent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Upstream {
    address: SocketAddr,
    transport: Transport,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
    Tls { name: Arc<str> },
    Https { name: Arc<str>, path: Arc<str> },
}

/// A text that names no upstream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no upstream; write udp://192.0.2.53, tcp://192.0.2.53:53, \
     tls://192.0.2.53#dns.example.net or https://192.0.2.53/dns-query#dns.example.net"
)]
pub struct NotAnUpstream(String);

impl TryFrom<String> for Upstream {
    type Error = NotAnUpstream;

    fn try_from(text: String) -> Result<Self, NotAnUpstream> {
        text.parse()
    }
}

impl FromStr for Upstream {
    type Err = NotAnUpstream;

    fn from_str(text: &str) -> Result<Self, NotAnUpstream> {
        let wrong = || NotAnUpstream(text.chars().take(128).collect());
        let (scheme, rest) = text.split_once("://").unwrap_or(("udp", text));
        let (rest, name) = match rest.split_once('#') {
            Some((rest, name)) => (rest, Some(name)),
            None => (rest, None),
        };
        let (host, path) = match rest.split_once('/') {
            Some((host, path)) => (host, Some(format!("/{path}"))),
            None => (rest, None),
        };
        let port = match scheme {
            "udp" | "tcp" => 53,
            "tls" => 853,
            "https" => 443,
            _ => return Err(wrong()),
        };
        let address = socket_address(host, port).ok_or_else(wrong)?;
        let is_web = scheme == "https";
        let is_plain = port == 53;
        if (path.is_some() && !is_web) || (name.is_some() && is_plain) || name == Some("") {
            return Err(wrong());
        }
        let name: Arc<str> = name.map_or_else(|| address.ip().to_string().into(), Into::into);
        let transport = match scheme {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            "tls" => Transport::Tls { name },
            _ => Transport::Https { name, path: path.unwrap_or("/dns-query".to_owned()).into() },
        };
        Ok(Self { address, transport })
    }
}

fn socket_address(host: &str, port: u16) -> Option<SocketAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let address = bare.parse::<IpAddr>().map(|address| SocketAddr::new(address, port));
    address.or_else(|_| host.parse::<SocketAddr>()).ok()
}

impl Upstream {
    /// As hickory wants it.
    fn server(&self) -> NameServerConfig {
        let connection = |protocol: ProtocolConfig| {
            let mut connection = ConnectionConfig::new(protocol);
            connection.port = self.address.port();
            connection
        };
        let connections = match &self.transport {
            // What is truncated over UDP is asked again over TCP.
            Transport::Udp => {
                vec![connection(ProtocolConfig::Udp), connection(ProtocolConfig::Tcp)]
            }
            Transport::Tcp => vec![connection(ProtocolConfig::Tcp)],
            Transport::Tls { name } => {
                vec![connection(ProtocolConfig::Tls { server_name: Arc::clone(name) })]
            }
            Transport::Https { name, path } => vec![connection(ProtocolConfig::Https {
                server_name: Arc::clone(name),
                path: Arc::clone(path),
            })],
        };
        NameServerConfig::new(self.address.ip(), true, connections)
    }
}

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

type Pool = NameServerPool<TokioRuntimeProvider>;

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
    pool: Pool,
    validator: Option<DnssecDnsHandle<Pool>>,
    options: DnsRequestOptions,
    trusts_ad: bool,
}

impl std::fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstreams").field("validates", &self.validator.is_some()).finish()
    }
}

impl Upstreams {
    pub(super) fn new(config: &ResolverConfig) -> Result<Self, UpstreamError> {
        let mut options = ResolverOpts::default();
        options.timeout = Duration::from_millis(config.limits.upstream_timeout_ms);
        options.attempts = 1;
        options.case_randomization = true;
        options.max_active_requests = ACTIVE_PER_CONNECTION_MAX;
        options.edns_payload_len = config.limits.udp_bytes_max;
        let mut request = DnsRequestOptions::default();
        request.edns_payload_len = config.limits.udp_bytes_max;
        request.case_randomization = true;
        let tls = client_tls(config.upstream_ca.as_deref())?;
        let context = Arc::new(PoolContext::new(options, tls));
        let servers = config.upstreams.iter().map(Upstream::server);
        let pool = Pool::from_config(servers, context, TokioRuntimeProvider::default());
        let validator = if config.validate {
            let anchors = anchors(config.trust_anchor.as_deref())?;
            Some(DnssecDnsHandle::with_trust_anchor(pool.clone(), Arc::new(anchors)))
        } else {
            None
        };
        Ok(Self { pool, validator, options: request, trusts_ad: config.upstream_validates })
    }

    /// Asks, and follows aliases that an upstream leaves to us. `dnssec` is the DO bit, `unchecked`
    /// the CD bit.
    pub(super) async fn ask(
        &self,
        query: Query,
        dnssec: bool,
        unchecked: bool,
    ) -> Result<Message, Failure> {
        let mut message = self.ask_once(query.clone(), dnssec, unchecked).await?;
        for _ in 0..ALIASES_MAX {
            let Some(target) = loose_end(&message, &query) else { break };
            let next = Query::query(target, query.query_type);
            let next = self.ask_once(next, dnssec, unchecked).await?;
            message.metadata.response_code = next.metadata.response_code;
            message.metadata.authentic_data &= next.metadata.authentic_data;
            message.authorities.clone_from(&next.authorities);
            if next.answers.is_empty() {
                break;
            }
            message.add_answers(next.answers.iter().cloned());
        }
        Ok(message)
    }

    async fn ask_once(
        &self,
        query: Query,
        dnssec: bool,
        unchecked: bool,
    ) -> Result<Message, Failure> {
        let mut options = self.options;
        let validator = self.validator.as_ref().filter(|_| !unchecked);
        options.edns_set_dnssec_ok = dnssec || validator.is_some();
        options.use_edns = true;
        let mut request = DnsRequest::from_query(query.clone(), options);
        request.metadata.recursion_desired = true;
        request.metadata.checking_disabled = unchecked;
        // It asks for the AD bit of the answer (RFC 6840 section 5.7).
        request.metadata.authentic_data = self.trusts_ad;
        let answered = match validator {
            Some(validator) => validator.send(request).first_answer().await,
            None => self.pool.send(request).first_answer().await,
        };
        let mut message = message_of(answered, &query)?;
        message.metadata.authentic_data = match validator {
            Some(_) => is_secure(&message)?,
            None => self.trusts_ad && message.metadata.authentic_data,
        };
        Ok(message)
    }
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

#[cfg(test)]
mod tests;
