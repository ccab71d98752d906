//! Lists of URLs, one a line, with or without a scheme, defanged or not.

use crate::feeds::csv::unquote;
use crate::feeds::output::{Output, Sink};
use crate::feeds::{RejectReason, domain_list};
use wardnet_model::{Indicator, Observation, ParseError, Url, refang};

pub(crate) fn row<S: Sink>(text: &str, output: &mut Output<'_, S>) -> Result<(), RejectReason> {
    // A `#` begins a fragment; with a blank on each side it begins a comment.
    let text = text.split(" # ").next().unwrap_or(text).trim_end();
    // No browser sends a tab: it begins another column.
    let text = text.split('\t').next().unwrap_or(text).trim_end();
    let text = unquote(text);
    // Nothing but a host: all of it is meant, and not its front page.
    let is_host = !text.contains(['/', '?', ' ']);
    let listed = || domain_list::listed(text, output.options.scope);
    let host = is_host.then(listed).and_then(Result::ok);
    output.accept(match host {
        Some(host) => host,
        None => Observation::malicious(read(text)?, output.bare_scope()),
    })
}

/// Reads a URL, also one without its scheme.
pub(crate) fn read(text: &str) -> Result<Indicator, ParseError> {
    // Behind a scheme a blank is a careless `%20`; without one the text is no URL but prose.
    if text.contains(' ') && !text.contains("://") {
        return Err(ParseError::Blank);
    }
    Ok(Indicator::Url(Url::parse(&refang(text))?))
}
