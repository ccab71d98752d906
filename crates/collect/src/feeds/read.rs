//! The reader of all formats: opens a feed, hands each row to its format, keeps count.

use crate::feeds::abuse_ch::AbuseCh;
use crate::feeds::lines::{Line, Lines};
use crate::feeds::maltrail::Maltrail;
use crate::feeds::nsrl::Nsrl;
use crate::feeds::output::{Output, Sink};
use crate::feeds::plain::PlainError;
use crate::feeds::regex_lines::RegexLines;
use crate::feeds::rpz::Rpz;
use crate::feeds::spamhaus_drop::SpamhausDrop;
use crate::feeds::table::{Publisher, Table};
use crate::feeds::unbound::Unbound;
use crate::feeds::{
    FeedReport, Format, ReadOptions, RejectReason, Warning, adblock, dnsmasq, domain_list,
    hash_list, hosts, ip_list, json_records, looks_like_html, metamask, misp_event,
    misp_warninglist, stix, suricata, url_list,
};
use std::io::{self, BufRead};

/// Comment lines that are searched for the list's own description; it stands at the top.
const HEADER_COMMENTS_MAX: u64 = 200;

/// Why a feed could not be read at all, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// The bytes did not come.
    #[error("the feed could not be read: {0}")]
    Io(#[source] io::Error),
    /// The bytes could not be inflated within the limits.
    #[error(transparent)]
    Plain(PlainError),
    /// A web page, as servers send in place of a feed that moved or wants a login.
    #[error("this is a web page, not a feed: open its address in a browser to see what it says")]
    WebPage,
    /// A document beyond [`Limits::document_bytes_max`](crate::feeds::Limits::document_bytes_max).
    #[error("the document is larger than {0} bytes, the most that is read as one document")]
    DocumentTooLarge(u64),
    /// Not a MISP warning list.
    #[error("not a MISP warning list: {0}; choose another format")]
    NotAWarninglist(String),
    /// Not a MISP event.
    #[error("not a MISP event: {0}; choose another format")]
    NotAnEvent(String),
    /// An expression of the feed's own that cannot be used.
    #[error("{0}")]
    Pattern(String),
    /// A format that is one document.
    #[error("the format `{0}` does not come in lines")]
    NotLines(Format),
}

impl From<io::Error> for FeedError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<PlainError>() {
            Ok(plain) => Self::Plain(plain),
            Err(error) => Self::Io(error),
        }
    }
}

/// Reads a feed of plain bytes (see [`open_plain`](crate::feeds::open_plain)) to its end.
///
/// Each row becomes observations or rejections in `sink`; the report counts them.
pub fn read_feed(
    mut input: impl BufRead,
    format: Format,
    options: &ReadOptions,
    sink: &mut impl Sink,
) -> Result<FeedReport, FeedError> {
    if looks_like_html(input.fill_buf()?) {
        return Err(FeedError::WebPage);
    }
    let is_json = matches!(first_sign(input.fill_buf()?), Some(b'{' | b'['));
    let mut output = Output::new(options, sink);
    match format {
        Format::MispWarninglist => misp_warninglist::read(input, &mut output)?,
        Format::MispEvent => misp_event::read(input, &mut output)?,
        Format::Stix => stix::read(input, &mut output)?,
        Format::MetaMask => metamask::read(input, &mut output)?,
        Format::Json => json_records::read(input, Publisher::Any, &mut output)?,
        Format::PhishTank | Format::TweetFeed | Format::CrowdSec if is_json => {
            json_records::read(input, publisher(format), &mut output)?;
        }
        format => read_rows(input, Rows::of(format, options)?, &mut output)?,
    }
    // A list may be empty; one whose records lie where somebody says they do is so by mistake.
    if options.mapping.is_some() && output.report.rows == 0 {
        output.report.warnings.push(Warning::NothingFound);
    }
    Ok(output.report)
}

fn first_sign(head: &[u8]) -> Option<u8> {
    head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start().first().copied()
}

/// Whose table a format is.
fn publisher(format: Format) -> Publisher {
    match format {
        Format::PhishTank => Publisher::PhishTank,
        Format::TweetFeed => Publisher::TweetFeed,
        Format::C2Intel => Publisher::C2Intel,
        Format::CrowdSec => Publisher::CrowdSec,
        _ => Publisher::Any,
    }
}

/// The formats that are read row by row, with what they remember between rows.
enum Rows {
    IpList,
    Hosts,
    DomainList,
    Adblock,
    UrlList,
    AbuseCh(Box<AbuseCh>),
    SpamhausDrop(SpamhausDrop),
    Dnsmasq,
    Unbound(Unbound),
    Rpz(Rpz),
    Maltrail(Maltrail),
    HashList,
    Nsrl(Nsrl),
    SuricataIprep,
    SuricataDataset,
    Table(Box<Table>),
    Regex(Box<RegexLines>),
}

impl Rows {
    /// The reader of a format that comes in lines.
    fn of(format: Format, options: &ReadOptions) -> Result<Self, FeedError> {
        Ok(match format {
            Format::IpList => Self::IpList,
            Format::Hosts => Self::Hosts,
            Format::DomainList => Self::DomainList,
            Format::Adblock => Self::Adblock,
            Format::UrlList => Self::UrlList,
            Format::AbuseChCsv => Self::AbuseCh(Box::default()),
            Format::SpamhausDrop => Self::SpamhausDrop(SpamhausDrop::default()),
            Format::Dnsmasq => Self::Dnsmasq,
            Format::Unbound => Self::Unbound(Unbound::default()),
            Format::Rpz => Self::Rpz(Rpz::default()),
            Format::Maltrail => Self::Maltrail(Maltrail::of(options.document.as_deref())),
            Format::HashList => Self::HashList,
            Format::Nsrl => Self::Nsrl(Nsrl::default()),
            Format::SuricataIprep => Self::SuricataIprep,
            Format::SuricataDataset => Self::SuricataDataset,
            Format::Regex => {
                let mapping = options.mapping.as_deref();
                Self::Regex(Box::new(RegexLines::new(mapping, &options.limits)?))
            }
            Format::PhishTank
            | Format::TweetFeed
            | Format::C2Intel
            | Format::CrowdSec
            | Format::Csv => {
                let table = Table::new(publisher(format), options.mapping.clone());
                Self::Table(Box::new(table))
            }
            Format::MispWarninglist
            | Format::MispEvent
            | Format::Stix
            | Format::MetaMask
            | Format::Json => return Err(FeedError::NotLines(format)),
        })
    }

    /// The text behind a comment's marker; `None` for a row.
    fn comment<'t>(&self, text: &'t str) -> Option<&'t str> {
        let marks: &[char] = match self {
            Self::Adblock => return adblock::comment(text),
            // An empty cell in front of the first separator.
            Self::Table(table) if table.delimiter() == Some(';') => &['#', '!'],
            // An expression says itself what it does not want.
            Self::Regex(_) => return None,
            // A path in base64 begins with `//`.
            Self::SuricataDataset => return text.strip_prefix('#').map(str::trim),
            _ => &['#', '!', ';'],
        };
        match text.strip_prefix(marks) {
            Some(rest) => Some(rest.trim_start_matches(marks).trim()),
            // With a blank behind it, for `//name/path` is a URL without its scheme.
            None => text.strip_prefix("// "),
        }
    }

    /// Takes one line that is not empty.
    fn take<S: Sink>(&mut self, text: &str, output: &mut Output<'_, S>) {
        let Some(comment) = self.comment(text) else {
            output.report.rows += 1;
            return self.read(text, output);
        };
        output.comments += 1;
        if output.comments <= HEADER_COMMENTS_MAX {
            output.report.header.read_comment(comment);
        }
        self.read_comment(comment);
    }

    fn read<S: Sink>(&mut self, text: &str, output: &mut Output<'_, S>) {
        let outcome = match self {
            Self::IpList => ip_list::row(text, output),
            Self::Hosts => hosts::row(text, output),
            Self::DomainList => domain_list::row(text, output),
            Self::Adblock => adblock::row(text, output),
            Self::UrlList => url_list::row(text, output),
            Self::AbuseCh(state) => state.row(text, output),
            Self::SpamhausDrop(state) => state.row(text, output),
            Self::Dnsmasq => dnsmasq::row(text, output),
            Self::Unbound(state) => state.row(text, output),
            Self::Rpz(state) => state.row(text, output),
            Self::Maltrail(state) => state.row(text, output),
            Self::HashList => hash_list::row(text, output),
            Self::Nsrl(state) => state.row(text, output),
            Self::SuricataIprep => suricata::reputation(text, output),
            Self::SuricataDataset => suricata::data_set(text, output),
            Self::Table(state) => state.row(text, output),
            Self::Regex(state) => state.row(text, output),
        };
        output.settle(outcome, text);
    }

    fn read_comment(&mut self, comment: &str) {
        match self {
            Self::AbuseCh(state) => state.comment(comment),
            Self::Maltrail(state) => state.comment(comment),
            Self::Table(state) => state.comment(comment),
            _ => {}
        }
    }

    fn finish<S: Sink>(&mut self, output: &mut Output<'_, S>) {
        match self {
            Self::AbuseCh(state) => state.finish(output),
            Self::SpamhausDrop(state) => state.finish(&mut output.report),
            Self::Table(state) => state.finish(output),
            _ => {}
        }
    }
}

fn read_rows<S: Sink>(
    input: impl BufRead,
    mut rows: Rows,
    output: &mut Output<'_, S>,
) -> Result<(), FeedError> {
    let mut lines = Lines::new(input, &output.options.limits);
    while let Some(line) = lines.next()? {
        output.line += 1;
        match line {
            Line::Text("") => {}
            Line::Text(text) => rows.take(text, output),
            Line::NotUtf8(bytes) => {
                // Often only a comment or a file's name is in an older encoding.
                output.is_lossy = true;
                rows.take(&String::from_utf8_lossy(bytes), output);
                output.is_lossy = false;
            }
            Line::TooLong(bytes) => {
                output.report.rows += 1;
                output.reject(RejectReason::LineTooLong, &String::from_utf8_lossy(bytes));
            }
        }
    }
    output.report.lines = output.line;
    if lines.is_cut_short()? {
        output.report.warnings.push(Warning::CutShort(output.line));
    }
    rows.finish(output);
    Ok(())
}
