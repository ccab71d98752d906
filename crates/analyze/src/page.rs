//! Pages by what is in them: forms, scripts, borrowed names, and where all of it leads.
//!
//! Rules and no model, until there are labelled pages to learn from. Each finding has a weight; a
//! score is one minus the product of what the weights leave open, so that several weak findings add
//! up and none counts twice.

mod address;
mod claims;
mod encoding;
mod finding;
mod names;
mod reader;
mod script;
#[cfg(test)]
mod tests;
mod tricks;

pub use finding::{Finding, FindingKind};

use reader::Contents;

use crate::brands;
use crate::own;
use crate::url::Spelling;
use url::Url;

/// How much of a page is looked at.
#[derive(Debug, Clone, Copy)]
pub struct PageLimits {
    /// Bytes read: of longer pages the first two thirds of this many, and the last third.
    pub bytes_max: usize,
    /// Bytes of text, title and alternative texts that are kept.
    pub text_bytes_max: usize,
    /// Forms, links, images and scripts that are looked at, of each kind.
    pub elements_max: usize,
    /// Bytes of one script that are looked at.
    pub script_bytes_max: usize,
    /// Hops of a chain of redirects.
    pub redirects_max: usize,
}

impl Default for PageLimits {
    fn default() -> Self {
        Self {
            bytes_max: 1 << 20,
            text_bytes_max: 16 << 10,
            elements_max: 2000,
            script_bytes_max: 256 << 10,
            redirects_max: 32,
        }
    }
}

/// What is known of a page besides its bytes.
#[derive(Debug, Default, Clone, Copy)]
pub struct PageContext<'a> {
    /// Where it was found.
    pub url: Option<&'a str>,
    /// What led there, from the first link on, without the page's own URL.
    pub redirects: &'a [&'a str],
}

/// What was found on a page.
#[derive(Debug, Clone, PartialEq)]
pub struct PageJudgement {
    /// From 0, nothing found, to 1.
    pub score: f32,
    /// The findings, the heaviest first.
    pub findings: Vec<Finding>,
}

impl PageJudgement {
    /// The score is at least one half.
    pub fn is_malicious(&self) -> bool {
        self.score >= 0.5
    }
}

/// Judges a page. Any bytes do.
pub fn judge(html: &[u8], context: &PageContext<'_>, limits: &PageLimits) -> PageJudgement {
    let contents = reader::read(&encoding::readable(html, limits.bytes_max), limits);
    let page = Page::new(contents, context.url);
    let mut findings = Vec::new();
    page.forms(&mut findings);
    page.borrowed_names(&mut findings);
    page.disguised_names(&mut findings);
    page.contradictions(&mut findings);
    page.kits(&mut findings);
    page.scripts(&mut findings);
    page.tricks(&mut findings);
    page.links(&mut findings);
    redirects(context, limits, &mut findings);
    findings.sort_by(|a, b| b.weight().total_cmp(&a.weight()));
    let open: f32 = findings.iter().map(|finding| 1.0 - finding.weight()).product();
    PageJudgement { score: 1.0 - open, findings }
}

struct Page {
    contents: Contents,
    home: Option<Spelling>,
    found_at: Option<Url>,
    /// What addresses on it are relative to.
    base: Option<Url>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Page {
    fn new(contents: Contents, url: Option<&str>) -> Self {
        let found_at = url.and_then(address::found_at);
        let home = url.map(|url| {
            found_at.as_ref().and_then(address::site).unwrap_or_else(|| address::spelled(url))
        });
        let base = address::base(found_at.as_ref(), contents.base.as_deref());
        Self { contents, home, found_at, base }
    }

    /// Where an address on the page leads, as a browser reads it.
    fn resolve(&self, target: &str) -> Option<Url> {
        address::resolve(self.base.as_ref(), target)
    }

    /// The registered domain that `target` leads to, if it is another than the page's own.
    fn foreign(&self, target: &str) -> Option<String> {
        let home = self.home.as_ref()?;
        let there = address::site(&self.resolve(target)?)?;
        (there.registered() != home.registered()).then(|| text(there.registered()))
    }

    fn asks_password(&self) -> bool {
        self.contents.forms.iter().any(|form| form.passwords > 0) || self.contents.passwords > 0
    }

    fn forms(&self, findings: &mut Vec<Finding>) {
        for form in &self.contents.forms {
            let asks = form.passwords > 0 || form.asks_card;
            let targets = || std::iter::once(&form.action).chain(&form.other_actions);
            if let Some(host) = targets().find_map(|target| self.foreign(target)) {
                let kind =
                    if asks { FindingKind::SecretsPosted } else { FindingKind::FormElsewhere };
                findings.push(Finding::new(kind, host));
            }
            let is_mail = |url: Url| url.scheme() == "mailto";
            if asks && targets().any(|target| self.resolve(target).is_some_and(is_mail)) {
                findings.push(Finding::new(FindingKind::SecretsMailed, String::new()));
            }
            if asks && form.hidden >= 5 {
                findings.push(Finding::new(FindingKind::HiddenFields, form.hidden.to_string()));
            }
            if form.passwords > 0 && form.asks_card {
                findings.push(Finding::new(FindingKind::PasswordAndCard, String::new()));
            }
        }
        findings.dedup();
    }

    fn kits(&self, findings: &mut Vec<Finding>) {
        for (what, words) in script::KITS {
            if self.contents.kit_marks.contains(what) {
                findings.push(Finding::new(FindingKind::Kit, (*words).to_owned()));
            }
        }
    }

    fn scripts(&self, findings: &mut Vec<Finding>) {
        if let Some(how) = self.contents.obfuscation {
            findings.push(Finding::new(FindingKind::Obfuscated, how.to_owned()));
        }
        if self.contents.blocks_menu && self.asks_password() {
            findings.push(Finding::new(FindingKind::MenuBlocked, String::new()));
        }
        if let Some(host) = self.contents.refresh.as_deref().and_then(|to| self.foreign(to)) {
            findings.push(Finding::new(FindingKind::RefreshElsewhere, host));
        }
        if self.contents.has_data_frame {
            findings.push(Finding::new(FindingKind::DataFrame, String::new()));
        }
    }

    /// Tricks that need no password. Well-known wallets ask for their phrases at home.
    fn tricks(&self, findings: &mut Vec<Finding>) {
        let is_wallet =
            |home: &Spelling| own::is_own_name(home) && brands::owner(home.label()).is_some();
        let asks_phrase = self.contents.asks_phrase && !self.home.as_ref().is_some_and(is_wallet);
        for (is_found, kind) in [
            (asks_phrase, FindingKind::RecoveryPhrase),
            (self.contents.pastes_command, FindingKind::PastedCommand),
            (self.contents.smuggles_file, FindingKind::SmuggledFile),
        ] {
            if is_found {
                findings.push(Finding::new(kind, String::new()));
            }
        }
    }

    fn links(&self, findings: &mut Vec<Finding>) {
        let Contents { links, dead_links, .. } = &self.contents;
        let share_is_high = *links >= 5 && dead_links.saturating_mul(10) >= links.saturating_mul(7);
        if share_is_high && self.asks_password() {
            findings.push(Finding::new(FindingKind::DeadLinks, format!("{dead_links} of {links}")));
        }
    }
}

/// Chains that cross many hosts, or pass through one that forwards anybody.
fn redirects(context: &PageContext<'_>, limits: &PageLimits, findings: &mut Vec<Finding>) {
    let hops: Vec<Spelling> =
        context.redirects.iter().take(limits.redirects_max).map(|url| address::hop(url)).collect();
    let end = context.url.map(address::hop);
    let all: Vec<&Spelling> = hops.iter().chain(&end).collect();
    let crossed = all.windows(2).filter(|pair| match pair {
        [from, to] => from.registered() != to.registered(),
        _ => false,
    });
    let crossed = crossed.count();
    if crossed >= 3 {
        findings.push(Finding::new(FindingKind::LongChain, crossed.to_string()));
    }
    let carries = |hop: &&Spelling| {
        let query = text(hop.query()).to_ascii_lowercase();
        query.contains("=http") || query.contains("=%2f%2f") || query.contains("=//")
    };
    let opener = hops.iter().find(carries);
    let leads_away =
        |hop: &&Spelling| end.as_ref().is_some_and(|end| end.registered() != hop.registered());
    if let Some(hop) = opener.filter(leads_away) {
        findings.push(Finding::new(FindingKind::OpenRedirect, text(hop.registered())));
    }
}

/// Judges any bytes as a page found at any URL: the first line is the URL, or nothing.
pub fn fuzz_page(bytes: &[u8]) {
    let line = bytes.iter().position(|b| *b == b'\n').unwrap_or(0);
    let (url, html) = bytes.split_at(line);
    let url = String::from_utf8_lossy(url);
    let redirects = [url.as_ref()];
    let context = PageContext { url: (!url.is_empty()).then_some(&url), redirects: &redirects };
    let judged = judge(html, &context, &PageLimits::default());
    assert!((0.0..=1.0).contains(&judged.score), "a score is a probability");
    assert_eq!(judged.score > 0.0, !judged.findings.is_empty(), "what is scored is said");
}
