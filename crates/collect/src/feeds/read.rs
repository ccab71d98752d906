//! The reader of all formats: opens a feed, hands each row to its format, keeps count.

use crate::feeds::abuse_ch::AbuseCh;
use crate::feeds::lines::{Line, Lines};
use crate::feeds::output::{Output, Sink};
use crate::feeds::plain::PlainError;
use crate::feeds::spamhaus_drop::SpamhausDrop;
use crate::feeds::{
    FeedReport, Format, ReadOptions, RejectReason, Warning, adblock, domain_list, hosts, ip_list,
    looks_like_html, misp_warninglist, url_list,
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
    #[error("the document is larger than {0} bytes; raise the limit `document_bytes_max`")]
    DocumentTooLarge(u64),
    /// Not a MISP warning list.
    #[error("not a MISP warning list: {0}; choose another format")]
    NotAWarninglist(String),
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
    let mut output = Output::new(options, sink);
    let rows = match format {
        Format::MispWarninglist => {
            misp_warninglist::read(input, &mut output)?;
            return Ok(output.report);
        }
        Format::IpList => Rows::IpList,
        Format::Hosts => Rows::Hosts,
        Format::DomainList => Rows::DomainList,
        Format::Adblock => Rows::Adblock,
        Format::UrlList => Rows::UrlList,
        Format::AbuseChCsv => Rows::AbuseCh(Box::default()),
        Format::SpamhausDrop => Rows::SpamhausDrop(SpamhausDrop::default()),
    };
    read_rows(input, rows, &mut output)?;
    Ok(output.report)
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
}

impl Rows {
    /// The text behind a comment's marker; `None` for a row.
    fn comment<'t>(&self, text: &'t str) -> Option<&'t str> {
        let marks: &[char] = match self {
            Self::Adblock => return adblock::comment(text),
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
        };
        output.settle(outcome, text);
    }

    fn read_comment(&mut self, comment: &str) {
        if let Self::AbuseCh(state) = self {
            state.comment(comment);
        }
    }

    fn finish<S: Sink>(&mut self, output: &mut Output<'_, S>) {
        match self {
            Self::AbuseCh(state) => state.finish(output),
            Self::SpamhausDrop(state) => state.finish(&mut output.report),
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
