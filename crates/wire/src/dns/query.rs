//! Reading a query where it lies.

use super::{Reply, UDP_BYTES_MAX, kind};

/// Bytes of a message's head.
const HEAD: usize = 12;

/// Octets of a name at most (RFC 1035, section 2.3.4).
const NAME_MAX: usize = 255;

/// Option code of cookies (RFC 7873).
const COOKIE: u16 = 10;

/// A question, and how it was put.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// The head and the question, as the reply repeats them.
    pub(super) echoed: &'a [u8],
    /// The name asked about.
    pub name: Name<'a>,
    /// The type asked for.
    pub kind: u16,
    /// The class.
    pub class: u16,
    /// The extensions, when the asker knows them.
    pub edns: Option<Edns<'a>>,
}

/// What an OPT record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns<'a> {
    /// Bytes that the asker can take over UDP.
    pub udp_bytes: u16,
    /// The version of the extensions.
    pub version: u8,
    /// Whether signatures are wanted (DO).
    pub dnssec: bool,
    /// The cookie, as it was sent.
    pub cookie: Option<&'a [u8]>,
}

/// A name as it lies in a message, uncompressed, without its root label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    /// Length octets and labels.
    pub const fn octets(self) -> &'a [u8] {
        self.0
    }

    /// The labels, the first one first.
    pub fn labels(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first()?;
            let (label, behind) = behind.split_at_checked(usize::from(*length))?;
            rest = behind;
            Some(label)
        })
    }

    /// What stands before `zone`, which is in small letters, if the name lies at or below it.
    pub fn before(self, zone: Self) -> Option<Self> {
        let cut = self.0.len().checked_sub(zone.0.len())?;
        let (before, suffix) = self.0.split_at_checked(cut)?;
        // The cut must lie between two labels: a label may contain the octets of the zone.
        let before = Self(before);
        let whole =
            before.labels().map(|label| label.len().saturating_add(1)).sum::<usize>() == cut;
        (whole && suffix.eq_ignore_ascii_case(zone.0)).then_some(before)
    }

    /// Reads a name in its presentation form, without escapes: for settings.
    pub fn encode(text: &str) -> Option<Vec<u8>> {
        let mut octets = Vec::new();
        for label in text.trim_end_matches('.').split('.') {
            let length =
                u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
            octets.push(length);
            octets.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
        }
        (octets.len() < NAME_MAX).then_some(octets)
    }

    /// A name from octets that [`Self::encode`] made.
    pub const fn of(octets: &'a [u8]) -> Self {
        Self(octets)
    }
}

/// A message that is not answered in substance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Too short to be answered, or an answer itself: silence.
    Ignored,
    /// Cannot be read.
    Malformed,
    /// An operation other than a query.
    NotImplemented,
}

/// Reads a query. Answers, and what has no head, are to be met with silence.
pub fn read(message: &[u8]) -> Result<Query<'_>, Refused> {
    let (head, _) = message.split_first_chunk::<HEAD>().ok_or(Refused::Ignored)?;
    let [_, _, flags, _, q1, q0, a1, a0, n1, n0, x1, x0] = *head;
    if flags & 0x80 != 0 {
        return Err(Refused::Ignored);
    }
    if flags & 0x78 != 0 {
        return Err(Refused::NotImplemented);
    }
    let counts = [[q1, q0], [a1, a0], [n1, n0]].map(u16::from_be_bytes);
    if counts != [1, 0, 0] {
        return Err(Refused::Malformed);
    }
    let mut reader = Reader { message, at: HEAD };
    let name = reader.name()?;
    let (kind, class) = (reader.number()?, reader.number()?);
    let echoed = message.get(..reader.at).ok_or(Refused::Malformed)?;
    let edns = reader.extensions(u16::from_be_bytes([x1, x0]))?;
    Ok(Query { echoed, name, kind, class, edns })
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Refused> {
        let end = self.at.checked_add(count).ok_or(Refused::Malformed)?;
        let taken = self.message.get(self.at..end).ok_or(Refused::Malformed)?;
        self.at = end;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u16, Refused> {
        let octets: [u8; 2] = self.take(2)?.try_into().map_err(|_| Refused::Malformed)?;
        Ok(u16::from_be_bytes(octets))
    }

    fn octet(&mut self) -> Result<u8, Refused> {
        self.take(1)?.first().copied().ok_or(Refused::Malformed)
    }

    /// The name of a question: nothing stands before it that a pointer could lead to.
    fn name(&mut self) -> Result<Name<'a>, Refused> {
        let from = self.at;
        loop {
            let length = self.octet()?;
            if length == 0 {
                break;
            }
            if length > 63 {
                return Err(Refused::Malformed);
            }
            self.take(usize::from(length))?;
        }
        let octets = self.message.get(from..self.at.saturating_sub(1)).ok_or(Refused::Malformed)?;
        if octets.len() >= NAME_MAX { Err(Refused::Malformed) } else { Ok(Name(octets)) }
    }

    /// The OPT record among the additional ones, of which no other is of any use here.
    fn extensions(&mut self, count: u16) -> Result<Option<Edns<'a>>, Refused> {
        let mut found = None;
        for _ in 0..count {
            let root = self.octet()? == 0;
            let kind = self.number()?;
            if !root || kind != kind::OPT || found.is_some() {
                // Signatures of transactions and the like are not spoken here.
                return Err(Refused::Malformed);
            }
            let udp_bytes = self.number()?;
            let (_, version, flags) = (self.octet()?, self.octet()?, self.number()?);
            let length = usize::from(self.number()?);
            let cookie = cookie(self.take(length)?)?;
            found = Some(Edns { udp_bytes, version, dnssec: flags & 0x8000 != 0, cookie });
        }
        Ok(found)
    }
}

fn cookie(options: &[u8]) -> Result<Option<&[u8]>, Refused> {
    let mut reader = Reader { message: options, at: 0 };
    let mut found = None;
    while reader.at < options.len() {
        let code = reader.number()?;
        let length = usize::from(reader.number()?);
        let value = reader.take(length)?;
        if code == COOKIE && found.is_none() {
            // 8 octets of the asker's, and none or 8 to 32 of ours (RFC 7873, section 5.2.2).
            if value.len() != 8 && !(16..=40).contains(&value.len()) {
                return Err(Refused::Malformed);
            }
            found = Some(value);
        }
    }
    Ok(found)
}

/// Reads `bytes` as a query and answers it, in little room and in much.
pub fn fuzz_dns_query(bytes: &[u8]) {
    let Ok(query) = read(bytes) else { return };
    let labels: usize = query.name.labels().map(|label| label.len().saturating_add(1)).sum();
    assert_eq!(labels, query.name.octets().len(), "labels make up the name");
    let (mut out, text) = (Vec::new(), [b'x'; 700]);
    for udp in [true, false] {
        let mut reply = Reply::to(&query, udp, &mut out);
        (0..40).for_each(|_| reply.text(&text, 60));
        reply.negative(query.name.octets().len(), &text, 5);
        reply.finish(Some((0, "a reason")), query.edns.and_then(|edns| edns.cookie));
        let room = if udp { UDP_BYTES_MAX } else { usize::from(u16::MAX) };
        assert!(out.len() <= room, "{} octets in the room of {room}", out.len());
    }
}
