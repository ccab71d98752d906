//! Records of a zone, as bytes of a message.
//!
//! Every message of a transfer repeats the question, so the zone's name always stands at the same
//! place, and every owner ends with a pointer to it (RFC 1035 section 4.1.4).

use super::config::{Action, ZoneConfig};
use hickory_proto::rr::Name;
use hickory_proto::serialize::binary::BinEncodable as _;
use std::net::IpAddr;
use wardnet_verdictdb::Prefix;

/// Points to the name of the question, which follows the header.
const ORIGIN: [u8; 2] = [0xc0, 12];

/// The longest name (RFC 1035 section 2.3.4).
const NAME_BYTES_MAX: usize = 255;

const TYPE_NS: u16 = 2;
const TYPE_CNAME: u16 = 5;
const TYPE_SOA: u16 = 6;

/// What a resolver is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// What the zone does about what is blocked.
    Block,
    /// Leave it as it is, whatever other zones or records say.
    Pass,
}

/// Where in a zone a record stands, without the zone's own name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Owner<'a> {
    /// The name itself.
    Name(&'a str),
    /// Everything below it.
    Below(&'a str),
    /// Servers of this name.
    Server(&'a str),
    /// Servers with names below it.
    ServersBelow(&'a str),
    /// Addresses in answers.
    Address(Prefix),
    /// Addresses of servers.
    ServerAddress(Prefix),
}

/// Writes the records of one zone.
#[derive(Debug, Clone)]
pub(super) struct Records {
    origin_bytes: usize,
    ttl: u32,
    block: Vec<u8>,
    pass: Vec<u8>,
    mname: Vec<u8>,
    /// Behind the serial.
    soa_tail: Vec<u8>,
    rname: Vec<u8>,
}

/// The bytes of a name, never compressed: targets of aliases are compared as they are.
pub(super) fn wire(name: &Name) -> Vec<u8> {
    // A name that was read from text or from a message has its bytes.
    name.to_bytes().unwrap_or_else(|_| vec![0])
}

impl Records {
    pub(super) fn new(config: &ZoneConfig) -> Self {
        // The actions of draft-vixie-dnsop-dns-rpz section 3.
        let target = |labels: &[&str]| {
            let mut bytes = Vec::new();
            for label in labels {
                push_label(&mut bytes, label.as_bytes());
            }
            bytes.push(0);
            bytes
        };
        let pass = target(&["rpz-passthru"]);
        let block = match config.action {
            Action::Nxdomain => target(&[]),
            Action::Nodata => target(&["*"]),
            Action::Passthru => pass.clone(),
            Action::Drop => target(&["rpz-drop"]),
            Action::TcpOnly => target(&["rpz-tcp-only"]),
            Action::Redirect => config.redirect.as_ref().map_or_else(|| target(&[]), wire),
        };
        let times = [config.refresh, config.retry, config.expire, config.ttl];
        Self {
            origin_bytes: wire(&config.name).len(),
            ttl: config.ttl,
            block,
            pass,
            mname: wire(&config.mname),
            rname: wire(&config.rname),
            soa_tail: times.iter().flat_map(|time| time.to_be_bytes()).collect(),
        }
    }

    /// Adds the SOA record.
    pub(super) fn soa(&self, serial: u32, to: &mut Vec<u8>) {
        let data = [&*self.mname, &self.rname, &serial.to_be_bytes(), &self.soa_tail];
        to.extend(ORIGIN);
        self.finish(TYPE_SOA, &data, to);
    }

    /// Adds the NS record.
    pub(super) fn ns(&self, to: &mut Vec<u8>) {
        to.extend(ORIGIN);
        self.finish(TYPE_NS, &[&self.mname], to);
    }

    /// Adds a policy record; false when its owner's name is too long for the zone.
    pub(super) fn policy(&self, owner: Owner<'_>, verdict: Verdict, to: &mut Vec<u8>) -> bool {
        let begin = to.len();
        match owner {
            Owner::Name(name) => push_labels(to, name),
            Owner::Below(name) => {
                push_label(to, b"*");
                push_labels(to, name);
            }
            Owner::Server(name) => {
                push_labels(to, name);
                push_label(to, b"rpz-nsdname");
            }
            Owner::ServersBelow(name) => {
                push_label(to, b"*");
                push_labels(to, name);
                push_label(to, b"rpz-nsdname");
            }
            Owner::Address(prefix) => push_prefix(to, prefix, b"rpz-ip"),
            Owner::ServerAddress(prefix) => push_prefix(to, prefix, b"rpz-nsip"),
        }
        if to.len() - begin + self.origin_bytes > NAME_BYTES_MAX {
            to.truncate(begin);
            return false;
        }
        to.extend(ORIGIN);
        let data = if verdict == Verdict::Block { &self.block } else { &self.pass };
        self.finish(TYPE_CNAME, &[data], to);
        true
    }

    /// What follows an owner.
    fn finish(&self, kind: u16, data: &[&[u8]], to: &mut Vec<u8>) {
        const CLASS_IN: u16 = 1;
        to.extend(kind.to_be_bytes());
        to.extend(CLASS_IN.to_be_bytes());
        to.extend(self.ttl.to_be_bytes());
        // At most two names and a few numbers.
        let length = data.iter().map(|part| part.len()).sum::<usize>();
        to.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        data.iter().for_each(|part| to.extend_from_slice(part));
    }
}

fn push_label(to: &mut Vec<u8>, label: &[u8]) {
    // Labels of a canonical name have at most 63 bytes.
    to.push(u8::try_from(label.len()).unwrap_or(0));
    to.extend_from_slice(label);
}

fn push_labels(to: &mut Vec<u8>, name: &str) {
    name.split('.').for_each(|label| push_label(to, label.as_bytes()));
}

/// `32.1.2.0.192.rpz-ip`: the length, then the address from its end (section 4.3 of the draft).
fn push_prefix(to: &mut Vec<u8>, prefix: Prefix, place: &[u8]) {
    push_label(to, prefix.length().to_string().as_bytes());
    match prefix.address() {
        IpAddr::V4(address) => {
            for octet in address.octets().iter().rev() {
                push_label(to, octet.to_string().as_bytes());
            }
        }
        IpAddr::V6(address) => {
            // The text form (RFC 5952) with `zz` in the place of `::`.
            let text = address.to_string();
            let text = match (text.starts_with("::"), text.ends_with("::")) {
                (true, true) => "zz".to_owned(),
                (true, false) => text.replacen("::", "zz:", 1),
                (false, true) => text.replacen("::", ":zz", 1),
                (false, false) => text.replacen("::", ":zz:", 1),
            };
            text.rsplit(':').for_each(|part| push_label(to, part.as_bytes()));
        }
    }
    push_label(to, place);
}
