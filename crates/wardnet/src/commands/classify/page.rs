//! `wardnet classify page`.

use super::{bytes, each, object, sentence};
use crate::args::ClassifyPage;
use crate::output::line;
use anyhow::{Context as _, bail};
use std::process::ExitCode;
use wardnet_analyze::page::{PageContext, PageLimits, judge};
use wardnet_model::{HostRef, Url};

/// The longest page that is read; of long ones only the front and the end are looked at.
const FILE_BYTES_MAX: usize = 64 << 20;

/// Judges each file as one page.
pub(super) fn run(options: &ClassifyPage) -> anyhow::Result<ExitCode> {
    let limits = PageLimits::default();
    for url in options.url.iter().chain(&options.redirect) {
        must_be_url(url)?;
    }
    let redirects: Vec<&str> = options.redirect.iter().map(String::as_str).collect();
    let context = PageContext { url: options.url.as_deref(), redirects: &redirects };
    Ok(each(&options.files, |path| {
        let html = bytes(path, FILE_BYTES_MAX)?;
        let judged = judge(&html, &context, &limits);
        let mut reasons: Vec<String> = judged.findings.iter().map(ToString::to_string).collect();
        if reasons.is_empty() {
            reasons.push("nothing on it stands out".to_owned());
        }
        if html.len() > limits.bytes_max {
            let tail = limits.bytes_max / 3;
            let front = limits.bytes_max.saturating_sub(tail);
            reasons.push(format!("only its first {front} and last {tail} bytes were read"));
        }
        let name = path.display().to_string();
        let is_malicious = judged.is_malicious();
        let score = rounded(judged.score, is_malicious);
        if options.json {
            line(object(&name, score, is_malicious, &reasons));
        } else {
            line(sentence(&name, score, is_malicious, &reasons));
        }
        Ok(())
    }))
}

/// A score of rules, whose weights have two digits: what is behind the fourth is an error of sums. It
/// stays on its side of one half.
fn rounded(score: f32, is_malicious: bool) -> f32 {
    let rounded = (score * 1e4).round() / 1e4;
    if is_malicious { rounded.max(0.5) } else { rounded.min(0.4999) }
}

/// Takes a URL, or a host without a scheme. Feeds may have hosts of any bytes, escaped; where a page
/// was found, such a host is a mistake in writing.
fn must_be_url(text: &str) -> anyhow::Result<()> {
    let wrong = || format!("`{text}` is no URL of a page; give one such as https://example.net/");
    match Url::parse(text).with_context(wrong)?.host() {
        HostRef::Other(host) if host.contains('%') => bail!(wrong()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_has_four_digits_and_keeps_its_side() {
        for (score, is_malicious, shown) in [
            (0.399_999_98, false, "0.4"),
            (0.149_999_98, false, "0.15"),
            (0.123_46, false, "0.1235"),
            (0.499_999_97, false, "0.4999"),
            (0.5, true, "0.5"),
            (1.0, true, "1"),
            (0.0, false, "0"),
        ] {
            assert_eq!(rounded(score, is_malicious).to_string(), shown);
        }
    }
}
