//! Signatures of messages (RFC 8945). The HMACs are hickory's.

use super::config::KeyConfig;
use data_encoding::BASE64;
use hickory_proto::op::Message;
use hickory_proto::rr::TSigner;
use hickory_proto::rr::rdata::tsig::{TSIG, TsigAlgorithm, TsigError};
use hickory_proto::serialize::binary::BinEncodable as _;
use std::io::Read as _;
use std::path::PathBuf;
use wardnet_model::Timestamp;

/// Seconds that clocks may differ (section 10 recommends 300).
const FUDGE_SECS: u16 = 300;

/// A secret file larger than this is something else.
const SECRET_BYTES_MAX: u64 = 4_096;

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The secret is not base64.
    #[error("the secret of key `{name}` is not base64; make one with `tsig-keygen`")]
    Secret {
        /// Which key.
        name: String,
    },
    /// The library does not take it.
    #[error("key `{name}` cannot be used: {reason}")]
    Unusable {
        /// Which key.
        name: String,
        /// What the library said.
        reason: String,
    },
}

/// Reads a key's secret.
pub(super) fn load(config: &KeyConfig) -> Result<TSigner, KeyError> {
    let text = match (&config.secret, &config.secret_file) {
        (Some(secret), _) => secret.clone(),
        (None, Some(path)) => {
            let failed = |source| KeyError::Read { path: path.clone(), source };
            let mut text = String::new();
            let file = std::fs::File::open(path).map_err(failed)?;
            #[expect(clippy::disallowed_methods, reason = "no more than the limit is read")]
            file.take(SECRET_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
            text
        }
        (None, None) => String::new(),
    };
    let name = config.name.to_string();
    let secret = BASE64.decode(text.trim().as_bytes()).ok().filter(|secret| !secret.is_empty());
    let secret = secret.ok_or_else(|| KeyError::Secret { name: name.clone() })?;
    TSigner::new(secret, config.algorithm.into(), config.name.clone(), FUDGE_SECS)
        .map_err(|error| KeyError::Unusable { name, reason: error.to_string() })
}

/// Signs the messages of one answer.
#[derive(Clone)]
pub(super) struct Signer {
    key: TSigner,
    /// Of the question, then of the last message.
    mac: Vec<u8>,
    original_id: u16,
    is_first: bool,
}

/// What became of a question's signature.
pub(super) enum Checked {
    /// There is none.
    Unsigned,
    /// It is right: answers are to be signed.
    Signed(Signer),
    /// It is wrong; the answer is NOTAUTH with this record behind it, signed or not.
    Wrong(Box<Wrong>),
}

/// How to answer a wrong signature (section 5.2).
pub(super) struct Wrong {
    error: TsigError,
    tsig: TSIG,
    key_name: hickory_proto::rr::Name,
    signer: Option<Signer>,
}

/// Checks the signature of a question.
pub(super) fn check(bytes: &[u8], message: &Message, keys: &[TSigner], now: Timestamp) -> Checked {
    let Some(record) = message.signature() else { return Checked::Unsigned };
    let tsig = &record.data;
    let wrong = |error, signer| {
        let (tsig, key_name) = (tsig.clone(), record.name.clone());
        Checked::Wrong(Box::new(Wrong { error, tsig, key_name, signer }))
    };
    let is_it =
        |key: &&TSigner| *key.signer_name() == record.name && *key.algorithm() == tsig.algorithm;
    let Some(key) = keys.iter().find(is_it) else { return wrong(TsigError::BadKey, None) };
    if tsig.time < u64::from(tsig.fudge) || key.verify_message_byte(bytes, None, true).is_err() {
        return wrong(TsigError::BadSig, None);
    }
    let signer =
        Signer { key: key.clone(), mac: tsig.mac.clone(), original_id: tsig.oid, is_first: true };
    if now.0.abs_diff(tsig.time) > u64::from(tsig.fudge) {
        return wrong(TsigError::BadTime, Some(signer));
    }
    Checked::Signed(signer)
}

impl Signer {
    /// Signs a message by adding a record at its end.
    pub(super) fn sign(&mut self, message: &mut Vec<u8>, now: Timestamp) -> bool {
        let tsig = TSIG::new(
            self.key.algorithm().clone(),
            now.0,
            FUDGE_SECS,
            Vec::new(),
            self.original_id,
            None,
            Vec::new(),
        );
        self.finish(message, tsig)
    }

    fn finish(&mut self, message: &mut Vec<u8>, tsig: TSIG) -> bool {
        let signed = if self.is_first {
            self.key.encode_response_tbs(&self.mac, message, &tsig).ok()
        } else {
            // Later messages cover the last one's MAC and their own time (section 5.3.1).
            let mut bytes = Vec::with_capacity(self.mac.len() + message.len() + 16);
            bytes.extend(u16::try_from(self.mac.len()).unwrap_or(0).to_be_bytes());
            bytes.extend_from_slice(&self.mac);
            bytes.extend_from_slice(message);
            bytes.extend(time_and_fudge(&tsig));
            Some(bytes)
        };
        let Some(mac) = signed.and_then(|signed| self.key.sign(&signed).ok()) else {
            return false;
        };
        self.mac.clone_from(&mac);
        self.is_first = false;
        append(message, self.key.signer_name(), &tsig.set_mac(mac));
        true
    }
}

impl Wrong {
    /// Puts the error behind an answer.
    pub(super) fn finish(self, message: &mut Vec<u8>, now: Timestamp) {
        let Self { error, tsig, key_name, signer } = self;
        let TSIG { algorithm, time, oid, .. } = tsig;
        let other = match error {
            // The server's time, so that the client can tell what is wrong with its own.
            TsigError::BadTime => now.0.to_be_bytes().into_iter().skip(2).collect(),
            _ => Vec::new(),
        };
        let answer = TSIG::new(algorithm, time, FUDGE_SECS, Vec::new(), oid, Some(error), other);
        match signer {
            Some(mut signer) => {
                signer.finish(message, answer);
            }
            None => append(message, &key_name, &answer),
        }
    }
}

fn time_and_fudge(tsig: &TSIG) -> impl Iterator<Item = u8> + use<> {
    tsig.time.to_be_bytes().into_iter().skip(2).chain(tsig.fudge.to_be_bytes())
}

/// Adds the record, and counts it in the header. Names in it are not compressed.
fn append(message: &mut Vec<u8>, key_name: &hickory_proto::rr::Name, tsig: &TSIG) {
    const TYPE_AND_CLASS: [u8; 4] = [0, 250, 0, 255];
    const TTL: [u8; 4] = [0; 4];
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap_or(0).to_be_bytes();
    let mut data = algorithm_name(&tsig.algorithm);
    data.extend(time_and_fudge(tsig));
    data.extend(length(&tsig.mac));
    data.extend_from_slice(&tsig.mac);
    data.extend(tsig.oid.to_be_bytes());
    data.extend(tsig.error.map_or(0, u16::from).to_be_bytes());
    data.extend(length(&tsig.other));
    data.extend_from_slice(&tsig.other);
    message.extend(super::record::wire(key_name));
    message.extend(TYPE_AND_CLASS);
    message.extend(TTL);
    message.extend(length(&data));
    message.extend(data);
    super::message::count_additional(message);
}

fn algorithm_name(algorithm: &TsigAlgorithm) -> Vec<u8> {
    algorithm.to_name().to_bytes().unwrap_or_default()
}
