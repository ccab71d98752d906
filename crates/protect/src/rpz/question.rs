//! From the bytes of a question to what is to be done about it.

use super::message::{Answer, Asked, Rcode};
use super::record::wire;
use super::serial::is_after;
use super::tsig::{self, Checked, Signer};
use super::zone::Zone;
use hickory_proto::op::{Message, MessageType, OpCode};
use hickory_proto::rr::{DNSClass, RData, RecordType, TSigner};
use std::sync::Arc;
use wardnet_model::Timestamp;

/// What is to be done about a question.
pub(super) enum Plan {
    /// Not a question that anybody answers.
    Silence,
    /// Send this.
    Reply(Vec<u8>),
    /// Send a zone, or what changed in it.
    Transfer(Transfer),
}

/// A transfer to be made.
pub(super) struct Transfer {
    pub(super) asked: Asked,
    pub(super) zone: Arc<Zone>,
    pub(super) signer: Option<Signer>,
    /// The serial that the secondary has, if it asks for what changed since.
    pub(super) since: Option<u32>,
    /// The longest datagram that it takes (RFC 6891 section 6.2.3), if it says.
    pub(super) datagram_bytes_max: usize,
}

/// Reads a question and answers it, unless it asks for a transfer.
pub(super) fn plan(bytes: &[u8], zones: &[Arc<Zone>], keys: &[TSigner], now: Timestamp) -> Plan {
    let Some(mut asked) = header(bytes) else { return Plan::Silence };
    let Ok(message) = Message::from_vec(bytes) else {
        return Plan::Reply(Answer::new(&asked, Rcode::FormErr, false).finish());
    };
    asked.has_edns = message.edns.is_some();
    if message.metadata.message_type != MessageType::Query {
        return Plan::Silence;
    }
    let signer = match tsig::check(bytes, &message, keys, now) {
        Checked::Signed(signer) => Some(signer),
        Checked::Unsigned if keys.is_empty() => None,
        Checked::Unsigned => {
            return Plan::Reply(Answer::new(&asked, Rcode::Refused, false).finish());
        }
        Checked::Wrong(wrong) => {
            let mut answer = Answer::new(&asked, Rcode::NotAuth, false).finish();
            wrong.finish(&mut answer, now);
            return Plan::Reply(answer);
        }
    };
    act(&message, asked, zones, signer, now)
}

fn act(
    message: &Message,
    mut asked: Asked,
    zones: &[Arc<Zone>],
    mut signer: Option<Signer>,
    now: Timestamp,
) -> Plan {
    let mut reply = |answer: Answer| {
        let mut bytes = answer.finish();
        let is_sound = signer.as_mut().is_none_or(|signer| signer.sign(&mut bytes, now));
        if is_sound { Plan::Reply(bytes) } else { Plan::Silence }
    };
    if message.metadata.op_code != OpCode::Query {
        return reply(Answer::new(&asked, Rcode::NotImp, false));
    }
    let [query] = &*message.queries else {
        return reply(Answer::new(&asked, Rcode::FormErr, false));
    };
    let name = wire(query.name());
    asked.question.clone_from(&name);
    asked.question.extend(u16::from(query.query_type()).to_be_bytes());
    asked.question.extend(u16::from(query.query_class()).to_be_bytes());
    let lower = name.to_ascii_lowercase();
    let Some(zone) = zones.iter().find(|zone| zone.origin == lower) else {
        // RFC 5936 section 2.2.1. Single records are not served: who wants to know one asks for a
        // verdict.
        let is_transfer = matches!(query.query_type(), RecordType::AXFR | RecordType::IXFR);
        let rcode = if is_transfer { Rcode::NotAuth } else { Rcode::Refused };
        return reply(Answer::new(&asked, rcode, false));
    };
    if query.query_class() != DNSClass::IN {
        return reply(Answer::new(&asked, Rcode::Refused, false));
    }
    match query.query_type() {
        RecordType::SOA | RecordType::NS => {
            let mut answer = Answer::new(&asked, Rcode::NoError, true);
            let serial = zone.state().serial;
            answer.record(|to| match query.query_type() {
                RecordType::SOA => zone.records.soa(serial, to),
                _ => zone.records.ns(to),
            });
            reply(answer)
        }
        RecordType::AXFR | RecordType::IXFR => {
            let is_whole = query.query_type() == RecordType::AXFR;
            let since = serial_of(message).filter(|_| !is_whole);
            if since.is_none() && !is_whole {
                return reply(Answer::new(&asked, Rcode::FormErr, false));
            }
            let datagram_bytes_max = message.edns.as_ref().map_or(0, |e| e.max_payload().into());
            let zone = Arc::clone(zone);
            Plan::Transfer(Transfer { asked, zone, signer, since, datagram_bytes_max })
        }
        // RFC 2308: no data of this type.
        _ => reply(Answer::new(&asked, Rcode::NoError, true)),
    }
}

/// The serial in the SOA that a question about differences bears (RFC 1995 section 3).
fn serial_of(message: &Message) -> Option<u32> {
    message.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(soa.serial),
        _ => None,
    })
}

/// The answer to somebody who may not ask.
pub(super) fn refusal(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Answer::new(&header(bytes)?, Rcode::Refused, false).finish())
}

/// What an answer to whatever these bytes are has to repeat; `None` for answers.
fn header(bytes: &[u8]) -> Option<Asked> {
    let [high, low, flags, ..] = bytes else { return None };
    let is_answer = flags & 0x80 != 0;
    let (id, flags) = (u16::from_be_bytes([*high, *low]), flags & 0b0111_1001);
    let asked = Asked { id, flags, question: Vec::new(), has_edns: false };
    (bytes.len() >= 12 && !is_answer).then_some(asked)
}

impl Transfer {
    /// The one message that says all: that nothing has changed, or all that has, where it is no
    /// longer than `bytes_max`. `None` where more messages are needed.
    pub(super) fn short(&self, bytes_max: usize) -> Option<Vec<u8>> {
        let (since, state) = (self.since?, self.zone.state());
        let mut answer = Answer::new(&self.asked, Rcode::NoError, true);
        answer.record(|to| self.zone.records.soa(state.serial, to));
        if is_after(state.serial, since) {
            for delta in state.since(since)? {
                let removed = delta.removed.iter();
                answer.record(|to| self.zone.records.soa(delta.from, to));
                removed.for_each(|record| answer.record(|to| to.extend_from_slice(record)));
                answer.record(|to| self.zone.records.soa(delta.to, to));
                let added = delta.added.iter();
                added.for_each(|record| answer.record(|to| to.extend_from_slice(record)));
                if answer.len() > bytes_max {
                    return None;
                }
            }
            answer.record(|to| self.zone.records.soa(state.serial, to));
        }
        (answer.len() <= bytes_max).then(|| answer.finish())
    }

    /// Room that its signature needs.
    pub(super) const fn signature_bytes(&self) -> usize {
        if self.signer.is_some() { 384 } else { 0 }
    }

    /// The newest SOA alone: over UDP it says "ask again over TCP" (RFC 1995 section 2).
    pub(super) fn serial_only(&self) -> Vec<u8> {
        let mut answer = Answer::new(&self.asked, Rcode::NoError, true);
        answer.record(|to| self.zone.records.soa(self.zone.state().serial, to));
        answer.finish()
    }
}

/// Reads anything as a question to a primary, with keys and without.
pub fn fuzz_rpz_question(bytes: &[u8]) {
    use super::config::{KeyConfig, ZoneConfig};
    let name = |text| hickory_proto::rr::Name::from_ascii(text).unwrap_or_default();
    let config = ZoneConfig { name: name("rpz.wardnet."), ..ZoneConfig::default() };
    let zones = [Arc::new(Zone::at(&config, Arc::default(), 1_000, 0))];
    let secret = Some("c2VjcmV0LW9mLXRoZS10ZXN0LW9ubHktMzItb2N0ZXRz".to_owned());
    let key = KeyConfig {
        name: name("key.test."),
        algorithm: super::config::Algorithm::default(),
        secret,
        secret_file: None,
    };
    let keys: Vec<TSigner> = tsig::load(&key).into_iter().collect();
    for keys in [&[], &*keys] {
        match plan(bytes, &zones, keys, Timestamp(1_787_000_000)) {
            Plan::Silence => {}
            Plan::Reply(answer) => check_answer(bytes, &answer),
            Plan::Transfer(transfer) => {
                let short = transfer.short(512).unwrap_or_else(|| transfer.serial_only());
                check_answer(bytes, &short);
            }
        }
    }
}

/// An answer has the question's number, is an answer, and can be read.
fn check_answer(question: &[u8], answer: &[u8]) {
    assert_eq!(question.first_chunk::<2>(), answer.first_chunk::<2>(), "the question's number");
    assert!(answer.get(2).is_some_and(|flags| flags & 0x80 != 0), "an answer");
    assert!(Message::from_vec(answer).is_ok(), "an answer can be read");
}
