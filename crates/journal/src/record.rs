//! The bytes of one journal record, as FORMAT.md describes them.
//!
//! Numbers are LEB128 varints unless they are digests. Every record begins with a byte that says
//! what it is; a changed layout gets a new byte, and the old one is read for ever.
//!
//! A record of an unknown type can be passed over. A calibration with an unknown change cannot:
//! whoever does not know all that scoring reads would compute other verdicts.

use wardnet_model::{
    Action, BatchId, BatchSeen, Calibration, CalibrationChange, Category, Decision, Details,
    Evidence, ImportCounts, Indicator, Kind, ParseError, Pattern, PatternKind, PatternList,
    PatternSet, Record, RecordId, Relation, RelationKind, Reliability, Retraction, Scope, Sharing,
    Source, SourceId, SourceKind, Stance, TenantId, Timestamp, Tlp,
};

const EVIDENCE: u8 = 1;
const RETRACTION: u8 = 2;
const BATCH_SEEN: u8 = 3;
const RELATION: u8 = 4;
const DECISION: u8 = 5;
const CALIBRATION: u8 = 6;

const HAS_UNTIL: u8 = 1;
const HAS_FAMILY: u8 = 1 << 1;
const HAS_ACTOR: u8 = 1 << 2;
const HAS_REFERENCE: u8 = 1 << 3;
const HAS_REGISTERED: u8 = 1 << 4;

/// Why bytes are not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The record ends too early.
    #[error("a journal record ends in the middle of {0}")]
    Truncated(&'static str),
    /// Bytes are left over.
    #[error("a journal record has {0} bytes too many")]
    Trailing(usize),
    /// A number that stands for nothing.
    #[error("a journal record has {value} for {what}, which stands for nothing")]
    Unknown {
        /// What the number should say.
        what: &'static str,
        /// The number.
        value: u64,
    },
    /// A sort of record this build does not know.
    #[error("record type {0} was written by a newer Wardnet; update this one to use it")]
    UnknownType(u8),
    /// A text that is not UTF-8.
    #[error("a journal record has {0} that is not UTF-8")]
    NotText(&'static str),
    /// An indicator that is not in its canonical form.
    #[error("a journal record's indicator cannot be read: {0}")]
    Indicator(#[from] ParseError),
}

/// Appends the bytes of `record` to `out`.
pub fn encode(record: &Record, out: &mut Vec<u8>) {
    match record {
        Record::Evidence(evidence) => encode_evidence(evidence, out),
        Record::Retraction(retraction) => {
            out.push(RETRACTION);
            owner(retraction.tenant, retraction.source, out);
            indicator(&retraction.indicator, out);
            out.push(retraction.scope.tag());
            out.extend_from_slice(&retraction.record.0.to_le_bytes());
            varint(retraction.at.0, out);
        }
        Record::BatchSeen(seen) => encode_batch_seen(seen, out),
        Record::Relation(relation) => {
            out.push(RELATION);
            owner(relation.tenant, relation.source, out);
            indicator(&relation.from, out);
            out.push(relation.kind.tag());
            indicator(&relation.to, out);
            out.extend_from_slice(&[relation.confidence, relation.tlp.tag()]);
            varint(relation.first_seen.0, out);
            varint(relation.last_seen.0, out);
        }
        Record::Decision(decision) => encode_decision(decision, out),
        Record::Calibration(calibration) => encode_calibration(calibration, out),
        // Every record this build can make is listed above; the enum may grow in `model` first.
        _ => {}
    }
}

/// Appends the bytes of one piece of evidence to `out`: the journal's commonest record.
pub fn encode_evidence(evidence: &Evidence, out: &mut Vec<u8>) {
    out.push(EVIDENCE);
    owner(evidence.tenant, evidence.source, out);
    indicator(&evidence.indicator, out);
    out.extend_from_slice(&[
        evidence.scope.tag(),
        evidence.stance.tag(),
        evidence.category.tag(),
        evidence.confidence,
        evidence.tlp.tag(),
        evidence.sharing.tag(),
    ]);
    out.extend_from_slice(&evidence.record.0.to_le_bytes());
    varint(evidence.revision, out);
    varint(evidence.batch.0, out);
    varint(evidence.first_seen.0, out);
    varint(evidence.last_seen.0, out);
    encode_details(evidence.until, evidence.details.as_deref(), out);
}

/// Appends what most evidence does not have: a byte that says what is there, then what is.
pub fn encode_details(until: Option<Timestamp>, details: Option<&Details>, out: &mut Vec<u8>) {
    let flags_at = out.len();
    out.push(0);
    let mut flags = 0;
    if let Some(until) = until {
        flags |= HAS_UNTIL;
        varint(until.0, out);
    }
    if let Some(details) = details {
        for (flag, value) in [
            (HAS_FAMILY, &details.family),
            (HAS_ACTOR, &details.actor),
            (HAS_REFERENCE, &details.reference),
        ] {
            if let Some(value) = value {
                flags |= flag;
                text(value, out);
            }
        }
        if let Some(registered) = details.registered {
            flags |= HAS_REGISTERED;
            varint(registered.0, out);
        }
    }
    if let Some(byte) = out.get_mut(flags_at) {
        *byte = flags;
    }
}

fn encode_batch_seen(seen: &BatchSeen, out: &mut Vec<u8>) {
    out.push(BATCH_SEEN);
    owner(seen.tenant, seen.source, out);
    varint(seen.batch.0, out);
    varint(seen.revision, out);
    varint(seen.at.0, out);
    out.push(u8::from(seen.full));
    out.extend_from_slice(&seen.digest);
    let counts = &seen.counts;
    for count in [counts.read, counts.accepted, counts.duplicate, counts.rejected, counts.expired] {
        varint(count, out);
    }
}

fn encode_decision(decision: &Decision, out: &mut Vec<u8>) {
    out.push(DECISION);
    varint(u64::from(decision.tenant.0), out);
    indicator(&decision.indicator, out);
    out.extend_from_slice(&[decision.scope.tag(), decision.action.tag(), decision.category.tag()]);
    text(&decision.author, out);
    text(&decision.reason, out);
    varint(decision.at.0, out);
    optional(decision.until, out);
}

fn encode_calibration(calibration: &Calibration, out: &mut Vec<u8>) {
    out.push(CALIBRATION);
    varint(u64::from(calibration.epoch), out);
    varint(calibration.at.0, out);
    text(&calibration.reason, out);
    varint(calibration.changes.len() as u64, out);
    for change in &calibration.changes {
        match change {
            CalibrationChange::Source(source) => {
                out.push(1);
                encode_source(source, out);
            }
            CalibrationChange::HalfLife(category, secs) => {
                out.extend_from_slice(&[2, category.tag()]);
                varint(*secs, out);
            }
            CalibrationChange::Hosting(domains) => {
                out.push(3);
                texts(domains, out);
            }
            CalibrationChange::NeverListed(listed) => {
                out.push(4);
                texts(listed, out);
            }
            CalibrationChange::SuffixList(digest) => {
                out.push(5);
                out.extend_from_slice(digest);
            }
            CalibrationChange::Learned { source, kind, right, wrong } => {
                out.push(6);
                varint(u64::from(source.0), out);
                out.push(kind.tag());
                varint(u64::from(*right), out);
                varint(u64::from(*wrong), out);
            }
            CalibrationChange::Patterns(set) => {
                out.push(7);
                encode_patterns(set, out);
            }
            _ => {}
        }
    }
}

fn encode_patterns(set: &PatternSet, out: &mut Vec<u8>) {
    varint(u64::from(set.source.0), out);
    varint(set.batch.0, out);
    out.extend_from_slice(&[set.confidence, set.tlp.tag()]);
    varint(set.first_seen.0, out);
    varint(set.last_seen.0, out);
    varint(set.lists.len() as u64, out);
    for list in &set.lists {
        text(&list.name, out);
        varint(list.kinds.len() as u64, out);
        out.extend(list.kinds.iter().map(|kind| kind.tag()));
        out.extend_from_slice(&[list.stance.tag(), list.category.tag()]);
        varint(list.patterns.len() as u64, out);
        for pattern in &list.patterns {
            out.push(pattern.kind.tag());
            text(&pattern.text, out);
        }
    }
}

fn encode_source(source: &Source, out: &mut Vec<u8>) {
    varint(u64::from(source.id.0), out);
    text(&source.name, out);
    out.extend_from_slice(&[source.kind.tag(), source.reliability.tag()]);
    varint(source.per_kind.len() as u64, out);
    for (kind, grade) in &source.per_kind {
        out.extend_from_slice(&[kind.tag(), grade.tag()]);
    }
    text(&source.group, out);
    optional(source.half_life_secs.map(Timestamp), out);
    out.push(source.category.tag());
    out.push(u8::from(source.shadow) | u8::from(source.redistribute) << 1);
    text(&source.licence, out);
}

/// Reads one record. Everything must be used up.
pub fn decode(bytes: &[u8]) -> Result<Record, RecordError> {
    let mut reader = Reader { bytes };
    let record = match reader.byte("its type")? {
        EVIDENCE => Record::Evidence(reader.evidence()?),
        RETRACTION => Record::Retraction(reader.retraction()?),
        BATCH_SEEN => Record::BatchSeen(reader.batch_seen()?),
        RELATION => Record::Relation(reader.relation()?),
        DECISION => Record::Decision(reader.decision()?),
        CALIBRATION => Record::Calibration(reader.calibration()?),
        other => return Err(RecordError::UnknownType(other)),
    };
    match reader.bytes.len() {
        0 => Ok(record),
        left => Err(RecordError::Trailing(left)),
    }
}

/// Reads any bytes as a record, and checks that what can be read is written back the same.
pub fn fuzz_record(bytes: &[u8]) {
    if let Ok(record) = decode(bytes) {
        let mut again = Vec::new();
        encode(&record, &mut again);
        assert_eq!(decode(&again).as_ref(), Ok(&record), "a record changed on its way to disk");
    }
}

/// Reads what [`encode_details`] wrote, from the front of `bytes`; gives back what is left.
#[expect(clippy::type_complexity, reason = "used in one place, where the parts are named")]
pub fn decode_details(
    bytes: &[u8],
) -> Result<(Option<Timestamp>, Option<Box<Details>>, &[u8]), RecordError> {
    let mut reader = Reader { bytes };
    let (until, details) = reader.details()?;
    Ok((until, details, reader.bytes))
}

/// Appends an LEB128 varint.
pub fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads an LEB128 varint from the front of `bytes`; gives back what is left.
pub fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        let part = u64::from(byte & 0x7f);
        if at == 9 && part > 1 {
            return None;
        }
        value |= part << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

fn owner(tenant: TenantId, source: SourceId, out: &mut Vec<u8>) {
    varint(u64::from(tenant.0), out);
    varint(u64::from(source.0), out);
}

fn text(value: &str, out: &mut Vec<u8>) {
    varint(value.len() as u64, out);
    out.extend_from_slice(value.as_bytes());
}

fn texts(values: &[Box<str>], out: &mut Vec<u8>) {
    varint(values.len() as u64, out);
    for value in values {
        text(value, out);
    }
}

fn optional(value: Option<Timestamp>, out: &mut Vec<u8>) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        varint(value.0, out);
    }
}

/// Kind, length of the canonical bytes, canonical bytes.
fn indicator(indicator: &Indicator, out: &mut Vec<u8>) {
    out.push(indicator.tag());
    // The length comes first but is known last; nearly all lengths take one byte.
    let length_at = out.len();
    out.push(0);
    indicator.write_payload(out);
    let length = out.len() - length_at - 1;
    if length < 0x80 {
        if let Some(byte) = out.get_mut(length_at) {
            *byte = length as u8;
        }
        return;
    }
    let mut prefix = Vec::with_capacity(4);
    varint(length as u64, &mut prefix);
    out.splice(length_at..=length_at, prefix);
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], RecordError> {
        let (front, rest) =
            self.bytes.split_at_checked(count).ok_or(RecordError::Truncated(what))?;
        self.bytes = rest;
        Ok(front)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], RecordError> {
        let (front, rest) =
            self.bytes.split_first_chunk::<N>().ok_or(RecordError::Truncated(what))?;
        self.bytes = rest;
        Ok(*front)
    }

    fn byte(&mut self, what: &'static str) -> Result<u8, RecordError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    fn varint(&mut self, what: &'static str) -> Result<u64, RecordError> {
        let (value, rest) = read_varint(self.bytes).ok_or(RecordError::Truncated(what))?;
        self.bytes = rest;
        Ok(value)
    }

    fn number(&mut self, what: &'static str) -> Result<u32, RecordError> {
        let value = self.varint(what)?;
        u32::try_from(value).map_err(|_| RecordError::Unknown { what, value })
    }

    fn tagged<T>(
        &mut self,
        what: &'static str,
        read: impl Fn(u8) -> Option<T>,
    ) -> Result<T, RecordError> {
        let tag = self.byte(what)?;
        read(tag).ok_or(RecordError::Unknown { what, value: tag.into() })
    }

    /// A category from a newer program still says "dangerous"; only its name is lost here.
    fn category(&mut self) -> Result<Category, RecordError> {
        Ok(Category::from_tag(self.byte("a category")?).unwrap_or(Category::Uncategorised))
    }

    fn length(&mut self, what: &'static str) -> Result<usize, RecordError> {
        usize::try_from(self.varint(what)?).map_err(|_| RecordError::Truncated(what))
    }

    fn text(&mut self, what: &'static str) -> Result<Box<str>, RecordError> {
        let length = self.length(what)?;
        let bytes = self.take(length, what)?;
        std::str::from_utf8(bytes).map(Into::into).map_err(|_| RecordError::NotText(what))
    }

    fn texts(&mut self, what: &'static str) -> Result<Vec<Box<str>>, RecordError> {
        let count = self.length(what)?;
        // Every text takes a byte at least, so the count cannot make memory out of nothing.
        if count > self.bytes.len() {
            return Err(RecordError::Truncated(what));
        }
        (0..count).map(|_| self.text(what)).collect()
    }

    fn time(&mut self, what: &'static str) -> Result<Timestamp, RecordError> {
        self.varint(what).map(Timestamp)
    }

    fn optional(&mut self, what: &'static str) -> Result<Option<Timestamp>, RecordError> {
        match self.byte(what)? {
            0 => Ok(None),
            1 => self.time(what).map(Some),
            other => Err(RecordError::Unknown { what, value: other.into() }),
        }
    }

    fn indicator(&mut self) -> Result<Indicator, RecordError> {
        let tag = self.byte("an indicator's kind")?;
        let length = self.length("an indicator")?;
        Ok(Indicator::from_payload(tag, self.take(length, "an indicator")?)?)
    }

    fn record_id(&mut self) -> Result<RecordId, RecordError> {
        self.array("a record's identity").map(|bytes| RecordId(u64::from_le_bytes(bytes)))
    }

    fn tenant(&mut self) -> Result<TenantId, RecordError> {
        self.number("a tenant").map(TenantId)
    }

    fn source_id(&mut self) -> Result<SourceId, RecordError> {
        self.number("a source").map(SourceId)
    }

    fn evidence(&mut self) -> Result<Evidence, RecordError> {
        let (tenant, source) = (self.tenant()?, self.source_id()?);
        let indicator = self.indicator()?;
        let scope = self.tagged("a scope", Scope::from_tag)?;
        let stance = self.tagged("a stance", Stance::from_tag)?;
        let category = self.category()?;
        let confidence = self.byte("a confidence")?;
        let tlp = self.tagged("a TLP", Tlp::from_tag)?;
        let sharing = self.tagged("a sharing right", Sharing::from_tag)?;
        let record = self.record_id()?;
        let revision = self.varint("a revision")?;
        let batch = BatchId(self.varint("a batch")?);
        let first_seen = self.time("a time")?;
        let last_seen = self.time("a time")?;
        let (until, details) = self.details()?;
        Ok(Evidence {
            tenant,
            source,
            indicator,
            scope,
            record,
            revision,
            batch,
            stance,
            category,
            confidence,
            first_seen,
            last_seen,
            until,
            tlp,
            sharing,
            details,
        })
    }

    fn details(&mut self) -> Result<(Option<Timestamp>, Option<Box<Details>>), RecordError> {
        let flags = self.byte("details")?;
        if flags & !(HAS_REGISTERED * 2 - 1) != 0 {
            return Err(RecordError::Unknown { what: "details", value: flags.into() });
        }
        let until = match flags & HAS_UNTIL {
            0 => None,
            _ => Some(self.time("an end")?),
        };
        if flags & !HAS_UNTIL == 0 {
            return Ok((until, None));
        }
        let mut part = |flag: u8, what| match flags & flag {
            0 => Ok(None),
            _ => self.text(what).map(Some),
        };
        let family = part(HAS_FAMILY, "a family")?;
        let actor = part(HAS_ACTOR, "an actor")?;
        let reference = part(HAS_REFERENCE, "a reference")?;
        let registered = match flags & HAS_REGISTERED {
            0 => None,
            _ => Some(self.time("a registration")?),
        };
        Ok((until, Some(Box::new(Details { family, actor, reference, registered }))))
    }

    fn retraction(&mut self) -> Result<Retraction, RecordError> {
        Ok(Retraction {
            tenant: self.tenant()?,
            source: self.source_id()?,
            indicator: self.indicator()?,
            scope: self.tagged("a scope", Scope::from_tag)?,
            record: self.record_id()?,
            at: self.time("a time")?,
        })
    }

    fn batch_seen(&mut self) -> Result<BatchSeen, RecordError> {
        Ok(BatchSeen {
            tenant: self.tenant()?,
            source: self.source_id()?,
            batch: BatchId(self.varint("a batch")?),
            revision: self.varint("a revision")?,
            at: self.time("a time")?,
            full: self.byte("a snapshot's completeness")? != 0,
            digest: self.array("a digest")?,
            counts: ImportCounts {
                read: self.varint("a count")?,
                accepted: self.varint("a count")?,
                duplicate: self.varint("a count")?,
                rejected: self.varint("a count")?,
                expired: self.varint("a count")?,
            },
        })
    }

    fn relation(&mut self) -> Result<Relation, RecordError> {
        let (tenant, source) = (self.tenant()?, self.source_id()?);
        let from = self.indicator()?;
        let kind = self.tagged("a relation", RelationKind::from_tag)?;
        let to = self.indicator()?;
        let confidence = self.byte("a confidence")?;
        let tlp = self.tagged("a TLP", Tlp::from_tag)?;
        let (first_seen, last_seen) = (self.time("a time")?, self.time("a time")?);
        Ok(Relation { tenant, source, from, kind, to, confidence, first_seen, last_seen, tlp })
    }

    fn decision(&mut self) -> Result<Decision, RecordError> {
        Ok(Decision {
            tenant: self.tenant()?,
            indicator: self.indicator()?,
            scope: self.tagged("a scope", Scope::from_tag)?,
            action: self.tagged("an action", Action::from_tag)?,
            category: self.category()?,
            author: self.text("an author")?,
            reason: self.text("a reason")?,
            at: self.time("a time")?,
            until: self.optional("an end")?,
        })
    }

    fn calibration(&mut self) -> Result<Calibration, RecordError> {
        let epoch = self.number("an epoch")?;
        let at = self.time("a time")?;
        let reason = self.text("a reason")?;
        let count = self.length("a number of changes")?;
        if count > self.bytes.len() {
            return Err(RecordError::Truncated("changes"));
        }
        let changes = (0..count).map(|_| self.change()).collect::<Result<_, _>>()?;
        Ok(Calibration { epoch, at, reason, changes })
    }

    fn change(&mut self) -> Result<CalibrationChange, RecordError> {
        Ok(match self.byte("a change")? {
            1 => CalibrationChange::Source(self.source()?),
            2 => CalibrationChange::HalfLife(self.category()?, self.varint("a half-life")?),
            3 => CalibrationChange::Hosting(self.texts("a hosting domain")?),
            4 => CalibrationChange::NeverListed(self.texts("a never-listed text")?),
            5 => CalibrationChange::SuffixList(self.array("a digest")?),
            6 => CalibrationChange::Learned {
                source: self.source_id()?,
                kind: self.tagged("a kind", Kind::from_tag)?,
                right: self.number("a count")?,
                wrong: self.number("a count")?,
            },
            7 => CalibrationChange::Patterns(self.patterns()?),
            other => {
                return Err(RecordError::Unknown { what: "a change", value: other.into() });
            }
        })
    }

    fn patterns(&mut self) -> Result<PatternSet, RecordError> {
        Ok(PatternSet {
            source: self.source_id()?,
            batch: BatchId(self.varint("a batch")?),
            confidence: self.byte("a confidence")?,
            tlp: self.tagged("a TLP", Tlp::from_tag)?,
            first_seen: self.time("a time")?,
            last_seen: self.time("a time")?,
            lists: self.many("lists", Self::pattern_list)?,
        })
    }

    fn pattern_list(&mut self) -> Result<PatternList, RecordError> {
        Ok(PatternList {
            name: self.text("a list's name")?,
            kinds: self.many("kinds", |reader| reader.tagged("a kind", Kind::from_tag))?,
            stance: self.tagged("a stance", Stance::from_tag)?,
            category: self.category()?,
            patterns: self.many("patterns", |reader| {
                let kind = reader.tagged("a kind of pattern", PatternKind::from_tag)?;
                Ok(Pattern { kind, text: reader.text("a pattern")? })
            })?,
        })
    }

    /// A count and as many things, each of which takes a byte at least.
    fn many<T>(
        &mut self,
        what: &'static str,
        mut read: impl FnMut(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Vec<T>, RecordError> {
        let count = self.length(what)?;
        if count > self.bytes.len() {
            return Err(RecordError::Truncated(what));
        }
        (0..count).map(|_| read(self)).collect()
    }

    fn source(&mut self) -> Result<Source, RecordError> {
        let id = self.source_id()?;
        let name = self.text("a name")?;
        let kind = self.tagged("a source kind", SourceKind::from_tag)?;
        let reliability = self.tagged("a reliability", Reliability::from_tag)?;
        let count = self.length("a number of kinds")?;
        if count > self.bytes.len() {
            return Err(RecordError::Truncated("kinds"));
        }
        let per_kind = (0..count)
            .map(|_| {
                Ok((
                    self.tagged("a kind", Kind::from_tag)?,
                    self.tagged("a reliability", Reliability::from_tag)?,
                ))
            })
            .collect::<Result<_, RecordError>>()?;
        let group = self.text("a group")?;
        let half_life_secs = self.optional("a half-life")?.map(|secs| secs.0);
        let category = self.category()?;
        let flags = self.byte("flags")?;
        Ok(Source {
            id,
            name,
            kind,
            reliability,
            per_kind,
            group,
            half_life_secs,
            category,
            shadow: flags & 1 != 0,
            redistribute: flags & 2 != 0,
            licence: self.text("a licence")?,
        })
    }
}

#[cfg(test)]
mod tests;
