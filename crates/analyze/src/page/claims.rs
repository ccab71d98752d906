//! Brands that a page claims to be of, and what speaks against the claim.

use super::finding::{Finding, FindingKind};
use super::{Page, address, names, text};
use crate::brands::Brand;
use crate::domain::strong_resemblance;
use crate::own;
use crate::url::Spelling;
use url::Url;
use wardnet_model::is_lender;

/// Programs that companies run at home under their makers' names: the names, and the folder that such a
/// program lives in.
const INSTALLED: [(&[&str], &str); 7] = [
    (&["microsoft", "office365", "outlook"], "owa"),
    (&["microsoft", "office365", "outlook"], "ecp"),
    (&["microsoft", "office365", "outlook", "sharepoint"], "adfs"),
    (&["microsoft", "office365", "sharepoint"], "_forms"),
    (&["microsoft", "office365", "sharepoint"], "_layouts"),
    (&["microsoft", "office365", "sharepoint"], "_login"),
    (&["microsoft"], "rdweb"),
];

/// Words of articles that compare brands. No victim takes them for those of a log-in page.
const COMPARING: [&str; 10] = [
    "alternatives",
    "alternativen",
    "comparatif",
    "compared",
    "comparison",
    "erfahrungen",
    "testbericht",
    "vergleich",
    "versus",
    "vs",
];

impl Page {
    /// Brands in the title, in headings and in the texts of images, on a host that is not theirs.
    pub(super) fn borrowed_names(&self, findings: &mut Vec<Finding>) {
        let Some(home) = &self.home else { return };
        let asks = self.asks_password();
        let mut claims: Vec<(FindingKind, &str)> = Vec::new();
        let shown = [
            (&self.contents.title, FindingKind::BrandInTitle),
            (&self.contents.headings, FindingKind::BrandInHeading),
            (&self.contents.image_texts, FindingKind::BrandInLogo),
        ];
        for (shown, kind) in shown {
            claims.extend(names::foreign(shown, home).map(|brand| (kind, brand)));
        }
        let borrowed = self.resource_sites().find_map(|site| names::served_by(&site, home));
        claims.extend(borrowed.map(|brand| (FindingKind::BrandResources, brand)));
        if let Some((_, brand)) = claims.first().filter(|_| asks) {
            let is_mention = self.posts_home(home)
                && (self.compares() || claims.iter().all(|(_, brand)| self.runs(brand, home)));
            match is_mention {
                true => findings.push(Finding::new(FindingKind::BrandMentioned, (*brand).into())),
                false => findings.extend(
                    claims.iter().map(|(kind, brand)| Finding::new(*kind, (*brand).to_owned())),
                ),
            }
        }
        let copied = self.contents.saved_from.iter().map(|url| address::hop(url));
        for from in copied.filter(|from| from.registered() != home.registered()) {
            let kind = if asks { FindingKind::CopiedLogin } else { FindingKind::Copied };
            findings.push(Finding::new(kind, text(from.registered())));
        }
    }

    fn resource_sites(&self) -> impl Iterator<Item = Spelling> + '_ {
        let urls = self.contents.resources.iter().filter_map(|one| self.resolve(one));
        urls.filter_map(|url| address::site(&url))
    }

    /// Where its forms send passwords and card numbers.
    fn secret_targets(&self) -> impl Iterator<Item = Url> + '_ {
        let forms = self.contents.forms.iter();
        let forms = forms.filter(|form| form.passwords > 0 || form.asks_card);
        let targets =
            forms.flat_map(|form| std::iter::once(&form.action).chain(&form.other_actions));
        targets.filter_map(|target| self.resolve(target))
    }

    fn posts_home(&self, home: &Spelling) -> bool {
        let is_home = |url: Url| {
            address::site(&url).is_some_and(|site| site.registered() == home.registered())
        };
        self.secret_targets().all(is_home)
    }

    /// Whether title or headings are those of an article that compares.
    fn compares(&self) -> bool {
        let shown = [&self.contents.title, &self.contents.headings];
        let mut words =
            shown.into_iter().flat_map(|shown| shown.split(|c: char| !c.is_alphanumeric()));
        words.any(|word| COMPARING.iter().any(|one| word.eq_ignore_ascii_case(one)))
    }

    /// Whether `home` runs a program of that brand itself: on a host that is called otherwise than the
    /// brand and that nobody lends, in the program's
    /// own folder, to which its forms post.
    fn runs(&self, brand: &str, home: &Spelling) -> bool {
        // Routers bear the names of those who lend them.
        if own::is_apart(home) {
            return true;
        }
        let label = text(home.label());
        let is_lent = home.is_shared() || std::str::from_utf8(home.host()).is_ok_and(is_lender);
        let is_at = |folder: &str| {
            let mut targets = self.secret_targets().peekable();
            targets.peek().is_some()
                && self.found_at.as_ref().is_some_and(|url| is_in(url, folder))
                && targets.all(|url| is_in(&url, folder))
        };
        let fits = |(brands, folder): &(&[&str], &str)| brands.contains(&brand) && is_at(folder);
        let imitates = label.contains(brand) || strong_resemblance(home).is_some();
        !is_lent && !imitates && INSTALLED.iter().any(fits)
    }

    /// Brands in letters that only look like theirs, on a page that asks for a password.
    pub(super) fn disguised_names(&self, findings: &mut Vec<Finding>) {
        let shown = [&self.contents.title, &self.contents.headings, &self.contents.image_texts];
        let is_foreign =
            |brand: &&Brand| self.home.as_ref().is_none_or(|home| !names::is_at_home(brand, home));
        let found = shown.into_iter().find_map(|shown| names::disguised(shown).filter(is_foreign));
        if let Some(brand) = found.filter(|_| self.asks_password()) {
            findings.push(Finding::new(FindingKind::BrandDisguised, brand.word.to_owned()));
        }
    }

    /// A page that was found anywhere, names one brand and sends secrets to somebody else contradicts
    /// itself.
    pub(super) fn contradictions(&self, findings: &mut Vec<Finding>) {
        if self.home.is_some() {
            return;
        }
        let mut brands = names::named(&self.contents.title);
        brands.extend(names::named(&self.contents.headings));
        let Some(brand) = brands.first().copied() else { return };
        if !brands.iter().all(|other| other.is_kin(brand)) {
            return;
        }
        // What the page says it is relative to may be its own site.
        let own = self.base.as_ref().and_then(address::site);
        let is_own =
            |site: &Spelling| own.as_ref().is_some_and(|own| own.registered() == site.registered());
        let sites = self.secret_targets().filter_map(|url| address::site(&url));
        let is_kin = |site: &Spelling| brands.iter().any(|brand| names::is_at_home(brand, site));
        let Some(site) = sites.into_iter().find(|site| !is_own(site) && !is_kin(site)) else {
            return;
        };
        let detail = format!("`{}`, and sends a secret to {}", brand.word, text(site.registered()));
        findings.push(Finding::new(FindingKind::BrandContradicted, detail));
        let borrowed = self.resource_sites().find_map(|there| names::served_by(&there, &site));
        if let Some(brand) = borrowed {
            findings.push(Finding::new(FindingKind::BrandResources, brand.to_owned()));
        }
    }
}

/// Whether a URL leads into a folder of that name. None of the programs is written in PHP.
fn is_in(url: &Url, folder: &str) -> bool {
    let path = url.path().to_ascii_lowercase();
    path.split('/').nth(1) == Some(folder) && !path.ends_with(".php")
}
