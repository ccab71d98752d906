//! Upstreams as they are written in settings.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ProtocolConfig};
use serde::Deserialize;

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

impl std::fmt::Display for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls { .. } => "tls",
            Transport::Https { .. } => "https",
        };
        write!(f, "{scheme}://{}", self.address)
    }
}

impl Upstream {
    pub(super) const fn is_encrypted(&self) -> bool {
        matches!(self.transport, Transport::Tls { .. } | Transport::Https { .. })
    }

    /// As hickory wants it.
    pub(super) fn server(&self) -> NameServerConfig {
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

#[cfg(test)]
mod tests;
