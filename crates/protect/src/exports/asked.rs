//! What is asked for.

use super::format::Format;
use crate::parameter::{number, read};
use wardnet_model::{Category, CategorySet, Kind, Risk};
use wardnet_score::{Level, Policy};
use wardnet_server::Problem;
use wardnet_verdictdb::Cursor;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) kinds: Vec<Kind>,
    pub(super) policy: Policy,
    pub(super) risk_min: Risk,
    /// Entries at most.
    pub(super) max: usize,
    /// Whether only what may be handed on is wanted.
    pub(super) for_others: bool,
    /// Only what changed since is wanted.
    pub(super) since: Option<Cursor>,
}

impl Asked {
    /// Reads `kind=…&category=…&level=…&risk_min=…&max=…&for=…`. An unknown parameter is an error:
    /// a misspelt filter must not quietly let everything through.
    pub(super) fn read(format: Format, query: &str) -> Result<Self, Problem> {
        let (mut kinds, mut policy) = (Vec::new(), Policy::default());
        let (mut risk_min, mut max, mut for_others) = (Risk::ZERO, usize::MAX, false);
        let mut since = None;
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // Of two values one would be dropped without a word.
            if !matches!(&*name, "kind" | "category") && seen.iter().any(|one| *one == *name) {
                let detail = format!("`{name}` is given twice; one value is meant");
                return Err(Problem::bad_request(detail));
            }
            seen.push(name.to_string());
            match &*name {
                "kind" => kinds.push(kind(format, &value)?),
                "category" => {
                    let category: Category = read("category", &value)?;
                    policy.categories = policy.categories.with(category);
                }
                "level" => policy.level = read::<Level>("level", &value)?,
                "risk_min" => {
                    let least = number("risk_min", &value, 100)?;
                    risk_min = Risk::new(u8::try_from(least).unwrap_or(100));
                }
                "max" => {
                    let most = number("max", &value, u32::MAX.into())?;
                    max = usize::try_from(most).unwrap_or(usize::MAX);
                }
                "for" => for_others = is_for_others(&value)?,
                "since" => since = Some(read::<Cursor>("since", &value)?),
                _ => {
                    return Err(Problem::bad_request(
                        "unknown parameter; known are `kind`, `category`, `level`, `risk_min`, \
                         `max`, `for` and `since`",
                    ));
                }
            }
        }
        let asked = Self { kinds, policy, risk_min, max, for_others, since };
        asked.complaint(format).map_or(Ok(asked), |complaint| Err(Problem::not_found(complaint)))
    }

    /// Reads `for=…`, all that a feed of several files can be asked for: MISP adds no more to their
    /// addresses than it was told once.
    pub(super) fn read_for(query: &str) -> Result<Self, Problem> {
        let mut asked = Self::all();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name != "for" {
                return Err(Problem::bad_request(
                    "unknown parameter; a MISP feed knows `for` alone",
                ));
            }
            asked.for_others = is_for_others(&value)?;
        }
        Ok(asked)
    }

    /// All that is blocked, with the default policy.
    pub(super) fn all() -> Self {
        Self {
            kinds: Vec::new(),
            policy: Policy::default(),
            risk_min: Risk::ZERO,
            max: usize::MAX,
            for_others: false,
            since: None,
        }
    }

    /// Says what changes there is no list of, or nothing. What hangs on more than an entry itself
    /// cannot be told by the changes of entries.
    fn complaint(&self, format: Format) -> Option<&'static str> {
        let is_plain = self.risk_min == Risk::ZERO && self.max == usize::MAX && !self.for_others;
        match self.since {
            Some(_) if !super::delta::can(format) => Some(
                "there are no lists of changes in this format; take plain, csv, ndjson or stix",
            ),
            Some(_) if !is_plain => {
                Some("there are no lists of changes by `risk_min`, `max` or `for`; take the whole")
            }
            _ => None,
        }
    }

    /// Whether things of a kind are wanted. Networks go with the addresses of their family.
    pub(super) fn wants(&self, format: Format, kind: Kind) -> bool {
        let single = match kind {
            Kind::Ipv4Network => Kind::Ipv4,
            Kind::Ipv6Network => Kind::Ipv6,
            other => other,
        };
        format.has_place_for(kind)
            && (self.kinds.is_empty() || self.kinds.contains(&kind) || self.kinds.contains(&single))
    }

    /// Whether entries have to be read that lie with those of a kind: networks lie with the addresses
    /// of their family.
    pub(super) fn reads(&self, format: Format, kind: Kind) -> bool {
        let networks = match kind {
            Kind::Ipv4 => Kind::Ipv4Network,
            Kind::Ipv6 => Kind::Ipv6Network,
            other => other,
        };
        self.wants(format, kind) || self.wants(format, networks)
    }

    pub(super) fn categories(&self) -> CategorySet {
        self.policy.categories
    }
}

fn is_for_others(value: &str) -> Result<bool, Problem> {
    match value {
        "own" => Ok(false),
        "others" => Ok(true),
        _ => Err(Problem::bad_request("`for` is `own` or `others`")),
    }
}

fn kind(format: Format, value: &str) -> Result<Kind, Problem> {
    let kind: Kind = read("kind", value)?;
    if !format.has_place_for(kind) {
        let name = format.name();
        let detail = format!("there is no list of this kind: `{name}` has no place for {kind}");
        return Err(Problem::not_found(detail));
    }
    Ok(kind)
}
