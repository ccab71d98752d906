//! From the bytes of a question to what is to be done about it.

use super::message::{Answer, Asked, Rcode};
use super::record::wire;
use super::tsig::{self, Checked, Signer};
use super::zone::{Zone, is_after};
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
    /// Whether it takes datagrams of more than 512 bytes (RFC 6891).
    pub(super) takes_large: bool,
}

/// Reads a question and answers it, unless it asks for a transfer.
pub(super) fn plan(bytes: &[u8], zones: &[Arc<Zone>], keys: &[TSigner], now: Timestamp) -> Plan {
    let Some(asked) = header(bytes) else { return Plan::Silence };
    let Ok(message) = Message::from_vec(bytes) else {
        return Plan::Reply(Answer::new(&asked, Rcode::FormErr, false).finish());
    };
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
        let in_ours = zones.iter().any(|zone| lower.ends_with(&zone.origin));
        // Single records are not served: who wants to know one asks for a verdict.
        let rcode = if in_ours { Rcode::Refused } else { Rcode::NotAuth };
        let is_transfer = matches!(query.query_type(), RecordType::AXFR | RecordType::IXFR);
        let rcode = if is_transfer { rcode } else { Rcode::Refused };
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
            let (zone, takes_large) = (Arc::clone(zone), message.edns.is_some());
            Plan::Transfer(Transfer { asked, zone, signer, since, takes_large })
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
    (bytes.len() >= 12 && !is_answer).then_some(Asked { id, flags, question: Vec::new() })
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
