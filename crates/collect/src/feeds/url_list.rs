//! Lists of URLs, one a line, with or without a scheme, defanged or not.

use crate::feeds::RejectReason;
use crate::feeds::output::{Output, Sink};
use wardnet_model::{Indicator, Observation, ParseError, Url, refang};

pub(crate) fn row<S: Sink>(text: &str, output: &mut Output<'_, S>) -> Result<(), RejectReason> {
    // A `#` begins a fragment; with a blank on each side it begins a comment.
    let text = text.split(" # ").next().unwrap_or(text).trim_end();
    let url = read(text)?;
    let scope = output.bare_scope();
    output.accept(Observation::malicious(url, scope))
}

/// Reads a URL; a name alone is the URL of its root.
pub(crate) fn read(text: &str) -> Result<Indicator, ParseError> {
    // Behind a scheme a blank is a careless `%20`; without one the text is no URL but prose.
    if text.contains(' ') && !text.contains("://") {
        return Err(ParseError::Blank);
    }
    Ok(Indicator::Url(Url::parse(&refang(text))?))
}
