//! The pattern language of STIX 2.0 and 2.1 (section 9): text to a tree, within limits.
//!
//! The crates that exist for it (stixflayer, stix-rs) are first releases and know no limits, so the
//! few rules are read here.

use crate::feeds::Limits;
use std::iter::Peekable;
use std::str::CharIndices;
use wardnet_model::Timestamp;

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StixError {
    /// Not of the language.
    #[error("the pattern is no STIX pattern: {0} at character {1}")]
    Syntax(&'static str, usize),
    /// Longer than [`Limits::stix_pattern_bytes_max`].
    #[error("the pattern has {0} bytes, beyond the limit `stix_pattern_bytes_max`")]
    TooLong(usize),
    /// Nested deeper than [`Limits::stix_depth_max`].
    #[error("the pattern is nested deeper than the limit `stix_depth_max`")]
    TooDeep,
    /// It stands for more comparisons than [`Limits::stix_cost_max`].
    #[error("the pattern stands for {0} comparisons, beyond the limit `stix_cost_max`")]
    Cost(u64),
    /// It names nothing that Wardnet can list by itself.
    #[error("the pattern is about {0}, which is no indicator by itself")]
    NotAbout(Box<str>),
    /// It needs several things at once.
    #[error("the pattern needs several things at once: none of them is bad by itself")]
    Combination,
    /// It says what must not be there.
    #[error("the pattern says what must not be there")]
    Negation,
    /// It holds an expression or a wildcard.
    #[error("the pattern compares with an expression, a wildcard or an order: it names no value")]
    Inexact,
    /// It has a hash of a kind that Wardnet does not list.
    #[error("hashes of the algorithm `{0}` are not read: MD5, SHA-1 and SHA-256 are")]
    Algorithm(Box<str>),
    /// It is of another language.
    #[error("patterns of type `{0}` are not read")]
    Language(Box<str>),
}

impl StixError {
    /// The short name under which the report counts it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Syntax(..) => "stix-syntax",
            Self::TooLong(_) => "stix-too-long",
            Self::TooDeep => "stix-too-deep",
            Self::Cost(_) => "stix-cost",
            Self::NotAbout(_) => "stix-not-an-indicator",
            Self::Combination => "stix-combination",
            Self::Negation => "stix-negation",
            Self::Inexact => "stix-inexact",
            Self::Algorithm(_) => "stix-algorithm",
            Self::Language(_) => "stix-language",
        }
    }
}

/// A pattern.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Observations {
    /// One object, or several that were seen together: `[…]`.
    Seen(Comparisons),
    /// Any of them.
    Any(Vec<Self>),
    /// All of them, perhaps in that order.
    All(Vec<Self>),
}

/// What is within brackets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Comparisons {
    /// One comparison.
    One(Comparison),
    /// Any of them.
    Any(Vec<Self>),
    /// All of them.
    All(Vec<Self>),
}

/// `ipv4-addr:value = '192.0.2.1'`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comparison {
    /// `ipv4-addr`.
    pub(crate) object: Box<str>,
    /// `value`, without quotes around its parts.
    pub(crate) path: Box<str>,
    pub(crate) negated: bool,
    pub(crate) operator: Operator,
    /// One, or for `IN` perhaps several.
    pub(crate) values: Vec<Box<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Order,
    In,
    Like,
    Matches,
    IsSubset,
    IsSuperset,
    Exists,
}

/// A pattern and what it says of time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pattern {
    pub(crate) observations: Observations,
    /// `START`.
    pub(crate) start: Option<Timestamp>,
    /// `STOP`.
    pub(crate) stop: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A word, a number, a path: whatever has no sign of its own.
    Word(Box<str>),
    /// A quoted text, with what stood in front of the quote (`t`, `b`, `h`).
    Text(Box<str>, Option<char>),
    /// A sign.
    Sign(&'static str),
}

const SIGNS: [&str; 14] =
    ["!=", "<>", ">=", "<=", "==", "[", "]", "(", ")", ",", "=", ">", "<", ":"];

/// Reads a pattern.
pub(crate) fn parse(text: &str, limits: &Limits) -> Result<Pattern, StixError> {
    if text.len() > limits.stix_pattern_bytes_max {
        return Err(StixError::TooLong(text.len()));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens: &tokens,
        at: 0,
        depth: 0,
        depth_max: limits.stix_depth_max,
        end: text.len(),
        start: None,
        stop: None,
    };
    let observations = parser.observations()?;
    if parser.at < tokens.len() {
        return Err(parser.error("something follows the pattern's end"));
    }
    Ok(Pattern { observations, start: parser.start, stop: parser.stop })
}

fn tokens(text: &str) -> Result<Vec<(Token, usize)>, StixError> {
    let mut tokens = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.peek().copied() {
        let rest = text.get(at..).unwrap_or_default();
        if c.is_whitespace() {
            chars.next();
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            for _ in 0..sign.len() {
                chars.next();
            }
            tokens.push((Token::Sign(sign), at));
        } else if c == '\'' {
            tokens.push((Token::Text(quoted(&mut chars, at)?, None), at));
        } else if matches!(c, 't' | 'b' | 'h') && rest.get(1..).is_some_and(|r| r.starts_with('\''))
        {
            chars.next();
            tokens.push((Token::Text(quoted(&mut chars, at)?, Some(c)), at));
        } else {
            tokens.push((Token::Word(word(&mut chars, at)?), at));
        }
    }
    Ok(tokens)
}

/// A word: up to a blank or sign. Parts of a path may be quoted, indexed, or begin with a star:
/// `hashes.'SHA-256'`, `values[*].name`.
fn word(chars: &mut Peekable<CharIndices<'_>>, at: usize) -> Result<Box<str>, StixError> {
    let mut word = String::new();
    while let Some((place, c)) = chars.peek().copied() {
        match c {
            '\'' if word.ends_with('.') => word.push_str(&quoted(chars, place)?),
            '[' if !word.is_empty() => {
                for (_, c) in chars.by_ref() {
                    word.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            c if c.is_whitespace() || "[](),=<>!:'".contains(c) => break,
            c => {
                word.push(c);
                chars.next();
            }
        }
    }
    if word.is_empty() {
        return Err(StixError::Syntax("an unexpected sign", at));
    }
    Ok(word.into())
}

fn quoted(chars: &mut Peekable<CharIndices<'_>>, at: usize) -> Result<Box<str>, StixError> {
    chars.next();
    let mut text = String::new();
    while let Some((_, c)) = chars.next() {
        match c {
            '\'' => return Ok(text.into()),
            '\\' => match chars.next() {
                Some((_, c @ ('\'' | '\\'))) => text.push(c),
                Some((_, c)) => text.extend(['\\', c]),
                None => break,
            },
            c => text.push(c),
        }
    }
    Err(StixError::Syntax("a quote that is not closed", at))
}

struct Parser<'t> {
    tokens: &'t [(Token, usize)],
    at: usize,
    depth: usize,
    depth_max: usize,
    end: usize,
    start: Option<Timestamp>,
    stop: Option<Timestamp>,
}

impl Parser<'_> {
    fn error(&self, what: &'static str) -> StixError {
        StixError::Syntax(what, self.tokens.get(self.at).map_or(self.end, |(_, at)| *at))
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(s)) if *s == sign);
        self.at += usize::from(found);
        found
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        // Keywords are upper case (section 9.2); some tools write them otherwise.
        let found = matches!(self.peek(), Some(Token::Word(w)) if w.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    fn deeper(&mut self) -> Result<(), StixError> {
        self.depth += 1;
        if self.depth > self.depth_max { Err(StixError::TooDeep) } else { Ok(()) }
    }

    /// `FOLLOWEDBY` binds least, then `OR`, then `AND` (section 9.5).
    fn observations(&mut self) -> Result<Observations, StixError> {
        let mut parts = vec![self.either()?];
        while self.keyword("FOLLOWEDBY") {
            parts.push(self.either()?);
        }
        Ok(only(parts, Observations::All))
    }

    fn either(&mut self) -> Result<Observations, StixError> {
        let mut parts = vec![self.both()?];
        while self.keyword("OR") {
            parts.push(self.both()?);
        }
        Ok(only(parts, Observations::Any))
    }

    fn both(&mut self) -> Result<Observations, StixError> {
        let mut parts = vec![self.observation()?];
        while self.keyword("AND") {
            parts.push(self.observation()?);
        }
        Ok(only(parts, Observations::All))
    }

    fn observation(&mut self) -> Result<Observations, StixError> {
        let inner = if self.sign("(") {
            self.deeper()?;
            let inner = self.observations()?;
            self.depth -= 1;
            self.close(")")?;
            inner
        } else if self.sign("[") {
            let inner = self.any()?;
            self.close("]")?;
            Observations::Seen(inner)
        } else {
            return Err(self.error("no `[`"));
        };
        self.qualifiers()?;
        Ok(inner)
    }

    fn close(&mut self, sign: &'static str) -> Result<(), StixError> {
        if self.sign(sign) {
            return Ok(());
        }
        Err(self.error(if sign == "]" { "no `]`" } else { "no `)`" }))
    }

    /// `WITHIN 5 SECONDS`, `REPEATS 5 TIMES`, `START t'…' STOP t'…'`.
    fn qualifiers(&mut self) -> Result<(), StixError> {
        loop {
            if self.keyword("WITHIN") || self.keyword("REPEATS") {
                let number = match self.peek() {
                    Some(Token::Word(word)) => word.parse::<f64>().ok(),
                    _ => None,
                };
                number.ok_or_else(|| self.error("no number"))?;
                self.at += 1;
                if !self.keyword("SECONDS") && !self.keyword("TIMES") {
                    return Err(self.error("no unit"));
                }
            } else if self.keyword("START") {
                self.start = self.time()?;
                if !self.keyword("STOP") {
                    return Err(self.error("no `STOP`"));
                }
                self.stop = self.time()?;
            } else {
                return Ok(());
            }
        }
    }

    fn time(&mut self) -> Result<Option<Timestamp>, StixError> {
        let Some(Token::Text(text, _)) = self.peek() else { return Err(self.error("no time")) };
        let time = Timestamp::parse(text);
        self.at += 1;
        Ok(time)
    }

    fn any(&mut self) -> Result<Comparisons, StixError> {
        let mut parts = vec![self.all()?];
        while self.keyword("OR") {
            parts.push(self.all()?);
        }
        Ok(only(parts, Comparisons::Any))
    }

    fn all(&mut self) -> Result<Comparisons, StixError> {
        let mut parts = vec![self.one()?];
        while self.keyword("AND") {
            parts.push(self.one()?);
        }
        Ok(only(parts, Comparisons::All))
    }

    fn one(&mut self) -> Result<Comparisons, StixError> {
        if self.sign("(") {
            self.deeper()?;
            let inner = self.any()?;
            self.depth -= 1;
            self.close(")")?;
            return Ok(inner);
        }
        let negated_before = self.keyword("NOT");
        if self.keyword("EXISTS") {
            let (object, path) = self.path()?;
            let (operator, values) = (Operator::Exists, Vec::new());
            return Ok(Comparisons::One(Comparison {
                object,
                path,
                negated: negated_before,
                operator,
                values,
            }));
        }
        let (object, path) = self.path()?;
        let negated = self.keyword("NOT") || negated_before;
        let operator = self.operator()?;
        let values = self.values(operator)?;
        Ok(Comparisons::One(Comparison { object, path, negated, operator, values }))
    }

    /// `object-type:path`.
    fn path(&mut self) -> Result<(Box<str>, Box<str>), StixError> {
        let Some(Token::Word(object)) = self.peek().cloned() else {
            return Err(self.error("no object path"));
        };
        self.at += 1;
        if !self.sign(":") {
            return Err(self.error("no `:`"));
        }
        match self.peek().cloned() {
            Some(Token::Word(path)) => {
                self.at += 1;
                Ok((object, path))
            }
            _ => Err(self.error("no property")),
        }
    }

    fn operator(&mut self) -> Result<Operator, StixError> {
        const SIGNED: [(&str, Operator); 8] = [
            ("=", Operator::Equal),
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<>", Operator::NotEqual),
            (">", Operator::Order),
            ("<", Operator::Order),
            (">=", Operator::Order),
            ("<=", Operator::Order),
        ];
        const WORDS: [(&str, Operator); 5] = [
            ("IN", Operator::In),
            ("LIKE", Operator::Like),
            ("MATCHES", Operator::Matches),
            ("ISSUBSET", Operator::IsSubset),
            ("ISSUPERSET", Operator::IsSuperset),
        ];
        for (sign, operator) in SIGNED {
            if self.sign(sign) {
                return Ok(operator);
            }
        }
        for (word, operator) in WORDS {
            if self.keyword(word) {
                return Ok(operator);
            }
        }
        Err(self.error("no comparison"))
    }

    fn values(&mut self, operator: Operator) -> Result<Vec<Box<str>>, StixError> {
        if operator != Operator::In || !self.sign("(") {
            return Ok(vec![self.constant()?]);
        }
        let mut values = vec![self.constant()?];
        while self.sign(",") {
            values.push(self.constant()?);
        }
        self.close(")")?;
        Ok(values)
    }

    fn constant(&mut self) -> Result<Box<str>, StixError> {
        let value = match self.peek() {
            Some(Token::Text(text, _)) => text.clone(),
            Some(Token::Word(word)) => word.clone(),
            _ => return Err(self.error("no value")),
        };
        self.at += 1;
        Ok(value)
    }
}

/// The only part, or all of them as one.
fn only<T>(mut parts: Vec<T>, whole: impl FnOnce(Vec<T>) -> T) -> T {
    match parts.pop() {
        Some(one) if parts.is_empty() => one,
        last => {
            parts.extend(last);
            whole(parts)
        }
    }
}
