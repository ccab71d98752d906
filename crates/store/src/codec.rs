//! The bytes of dossiers and batches inside the engine.
//!
//! These bytes are private to one layout number of the store and can always be rebuilt; they are
//! not the journal's format, though they share its varints.

use crate::dossier::{Dossier, Held, Published};
use crate::error::StoreError;
use smallvec::SmallVec;
use wardnet_journal::record::{self, decode_details, encode_details, read_varint, varint};
use wardnet_model::{
    Band, BatchId, Category, CategorySet, Decision, Record, RecordId, Risk, Sharing, SourceId,
    Stance, TenantId, Timestamp, Tlp, Voice,
};

/// Appends the bytes of a dossier.
pub(crate) fn encode(dossier: &Dossier, out: &mut Vec<u8>) {
    varint(dossier.payload.len() as u64, out);
    out.extend_from_slice(&dossier.payload);
    encode_published(&dossier.published, out);
    varint(dossier.decisions.len() as u64, out);
    let mut bytes = Vec::new();
    for decision in &dossier.decisions {
        bytes.clear();
        record::encode(&Record::Decision(decision.clone()), &mut bytes);
        varint(bytes.len() as u64, out);
        out.extend_from_slice(&bytes);
    }
    varint(dossier.evidence.len() as u64, out);
    for held in &dossier.evidence {
        encode_held(held, out);
    }
}

fn encode_published(published: &Published, out: &mut Vec<u8>) {
    let flags = u8::from(published.private);
    out.extend_from_slice(&[published.risk.value(), published.band.tag(), flags]);
    varint(published.categories.bits(), out);
    varint(published.sources.len() as u64, out);
    for source in &published.sources {
        varint(u64::from(source.source.0) << 1 | u64::from(source.shareable), out);
    }
    varint(published.first_seen.0, out);
    varint(published.last_seen.0, out);
    varint(published.next_crossing.0, out);
}

fn encode_held(held: &Held, out: &mut Vec<u8>) {
    varint(u64::from(held.tenant.0), out);
    varint(u64::from(held.source.0), out);
    out.extend_from_slice(&held.record.0.to_le_bytes());
    varint(held.revision, out);
    varint(held.batch.0, out);
    out.extend_from_slice(&[
        held.stance.tag(),
        held.category.tag(),
        held.confidence,
        held.tlp.tag(),
        held.sharing.tag(),
    ]);
    varint(held.first_seen.0, out);
    varint(held.last_seen.0, out);
    encode_details(held.until, held.details.as_deref(), out);
}

/// Reads a dossier. Every byte must be used.
pub(crate) fn decode(bytes: &[u8]) -> Result<Dossier, StoreError> {
    let mut reader = Reader { bytes };
    let length = reader.length()?;
    let payload = reader.take(length)?.into();
    let published = reader.published()?;
    let decisions = reader.decisions()?;
    let count = reader.count()?;
    let mut evidence = SmallVec::with_capacity(count.min(EVIDENCE_AT_ONCE));
    for _ in 0..count {
        evidence.push(reader.held()?);
    }
    if !reader.bytes.is_empty() {
        return Err(DAMAGED);
    }
    Ok(Dossier { payload, evidence, decisions, published })
}

/// Reads only what a verdict database needs: all but the evidence.
pub(crate) fn decode_front(bytes: &[u8]) -> Result<Front<'_>, StoreError> {
    let mut reader = Reader { bytes };
    let length = reader.length()?;
    let payload = reader.take(length)?;
    Ok(Front { payload, published: reader.published()?, decisions: reader.decisions()? })
}

/// A dossier without its evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Front<'a> {
    /// The indicator's canonical bytes, without its kind.
    pub payload: &'a [u8],
    /// The shared verdict as last published.
    pub published: Published,
    /// What was decided.
    pub decisions: Vec<Decision>,
}

/// Room made at once for evidence that a damaged count only claims.
const EVIDENCE_AT_ONCE: usize = 16;

/// Reads any bytes as a dossier, and checks that what can be read is written back the same.
pub fn fuzz_dossier(bytes: &[u8]) {
    if let Ok(dossier) = decode(bytes) {
        let mut again = Vec::new();
        encode(&dossier, &mut again);
        assert_eq!(decode(&again).ok().as_ref(), Some(&dossier), "a dossier changed in the store");
    }
}

const DAMAGED: StoreError = StoreError::Damaged { what: "dossier" };

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], StoreError> {
        let (front, rest) = self.bytes.split_at_checked(count).ok_or(DAMAGED)?;
        self.bytes = rest;
        Ok(front)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let (front, rest) = self.bytes.split_first_chunk::<N>().ok_or(DAMAGED)?;
        self.bytes = rest;
        Ok(*front)
    }

    fn varint(&mut self) -> Result<u64, StoreError> {
        let (value, rest) = read_varint(self.bytes).ok_or(DAMAGED)?;
        self.bytes = rest;
        Ok(value)
    }

    fn number(&mut self) -> Result<u32, StoreError> {
        u32::try_from(self.varint()?).map_err(|_| DAMAGED)
    }

    fn length(&mut self) -> Result<usize, StoreError> {
        usize::try_from(self.varint()?).map_err(|_| DAMAGED)
    }

    /// A count of things that take a byte each at least.
    fn count(&mut self) -> Result<usize, StoreError> {
        let count = self.length()?;
        if count > self.bytes.len() { Err(DAMAGED) } else { Ok(count) }
    }

    fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.varint().map(Timestamp)
    }

    fn published(&mut self) -> Result<Published, StoreError> {
        let [risk, band, flags] = self.array()?;
        let categories = CategorySet::from_bits(self.varint()?);
        let count = self.count()?;
        let mut sources = SmallVec::new();
        for _ in 0..count {
            sources.push(self.voice()?);
        }
        Ok(Published {
            risk: Risk::new(risk),
            band: Band::from_tag(band).ok_or(DAMAGED)?,
            categories,
            sources,
            first_seen: self.time()?,
            last_seen: self.time()?,
            next_crossing: self.time()?,
            private: flags & 1 != 0,
        })
    }

    fn voice(&mut self) -> Result<Voice, StoreError> {
        let value = self.varint()?;
        let source = u32::try_from(value >> 1).map_err(|_| DAMAGED)?;
        Ok(Voice { source: SourceId(source), shareable: value & 1 != 0 })
    }

    fn decisions(&mut self) -> Result<Vec<Decision>, StoreError> {
        let count = self.count()?;
        let mut decisions = Vec::new();
        for _ in 0..count {
            let length = self.length()?;
            match record::decode(self.take(length)?)? {
                Record::Decision(decision) => decisions.push(decision),
                _ => return Err(DAMAGED),
            }
        }
        Ok(decisions)
    }

    fn held(&mut self) -> Result<Held, StoreError> {
        let (tenant, source) = (TenantId(self.number()?), SourceId(self.number()?));
        let record = RecordId(u64::from_le_bytes(self.array()?));
        let (revision, batch) = (self.varint()?, BatchId(self.varint()?));
        let [stance, category, confidence, tlp, sharing] = self.array()?;
        let (first_seen, last_seen) = (self.time()?, self.time()?);
        let (until, details, rest) = decode_details(self.bytes)?;
        self.bytes = rest;
        Ok(Held {
            tenant,
            source,
            record,
            revision,
            batch,
            stance: Stance::from_tag(stance).ok_or(DAMAGED)?,
            category: Category::from_tag(category).ok_or(DAMAGED)?,
            confidence,
            tlp: Tlp::from_tag(tlp).ok_or(DAMAGED)?,
            sharing: Sharing::from_tag(sharing).ok_or(DAMAGED)?,
            first_seen,
            last_seen,
            until,
            details,
        })
    }
}

#[cfg(test)]
mod tests;
