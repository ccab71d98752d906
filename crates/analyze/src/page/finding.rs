//! What can be found on a page, and how much each finding weighs.

use std::fmt;

/// Kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FindingKind {
    /// A form sends a password or a card number to another site.
    SecretsPosted,
    /// A form sends them by mail.
    SecretsMailed,
    /// A form sends something else to another site.
    FormElsewhere,
    /// A form that asks for secrets carries many hidden fields.
    HiddenFields,
    /// One form asks for a password and a card number.
    PasswordAndCard,
    /// The title names a brand that is at home elsewhere, and the page asks for a password.
    BrandInTitle,
    /// A heading does.
    BrandInHeading,
    /// The text of an image does.
    BrandInLogo,
    /// Images or styles come from a brand's own site, and the page asks for a password.
    BrandResources,
    /// It names a brand that is at home elsewhere, as an article that compares brands does, or a program
    /// of the brand that is run at home. In place of the four before.
    BrandMentioned,
    /// It writes a brand in letters that only look like the brand's, and asks for a password.
    BrandDisguised,
    /// It names a brand, and a form sends a password or a card number to somebody else's address.
    /// Found only where the page's own address is not known.
    BrandContradicted,
    /// The page is a saved copy of another site's, and asks for a password.
    CopiedLogin,
    /// The page is a saved copy of another site's.
    Copied,
    /// Something that a phishing kit leaves behind.
    Kit,
    /// A script hides what it does.
    Obfuscated,
    /// The context menu is blocked on a page that asks for a password.
    MenuBlocked,
    /// The page sends its visitors on to another site.
    RefreshElsewhere,
    /// A frame whose content stands in its own address.
    DataFrame,
    /// Most links lead nowhere, on a page that asks for a password.
    DeadLinks,
    /// A chain of redirects across many sites.
    LongChain,
    /// A redirect through a site that forwards anybody.
    OpenRedirect,
    /// Fields ask for the recovery phrase of a wallet.
    RecoveryPhrase,
    /// The page talks its visitors into pasting and running a command that a script has copied.
    PastedCommand,
    /// A script puts together a file and saves it.
    SmuggledFile,
}

/// One thing found, with its details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// Which, or how many.
    pub detail: String,
}

impl Finding {
    pub(super) fn new(kind: FindingKind, detail: String) -> Self {
        Self { kind, detail }
    }

    /// How far the finding alone goes towards calling a page malicious, below 1.
    ///
    /// Set by hand: no labelled pages are there to learn from. Honest pages have single ones (many
    /// post their forms to a provider's site, many disable the menu), so none reaches one half but
    /// what no honest page does: asking for a phrase, or having a command pasted and run.
    pub fn weight(&self) -> f32 {
        match self.kind {
            FindingKind::RecoveryPhrase | FindingKind::PastedCommand => 0.6,
            FindingKind::SecretsPosted | FindingKind::BrandInTitle => 0.4,
            FindingKind::SmuggledFile => 0.4,
            FindingKind::CopiedLogin | FindingKind::Kit | FindingKind::SecretsMailed => 0.45,
            FindingKind::BrandContradicted => 0.45,
            FindingKind::BrandInLogo | FindingKind::BrandResources => 0.3,
            FindingKind::BrandDisguised => 0.3,
            FindingKind::BrandInHeading | FindingKind::PasswordAndCard => 0.25,
            FindingKind::Obfuscated | FindingKind::DataFrame => 0.25,
            FindingKind::DeadLinks | FindingKind::MenuBlocked => 0.2,
            FindingKind::OpenRedirect | FindingKind::Copied => 0.2,
            FindingKind::BrandMentioned => 0.2,
            FindingKind::LongChain | FindingKind::RefreshElsewhere => 0.15,
            FindingKind::HiddenFields | FindingKind::FormElsewhere => 0.05,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = &self.detail;
        match self.kind {
            FindingKind::SecretsPosted => {
                write!(out, "a form sends a password or card number to {detail}")
            }
            FindingKind::SecretsMailed => write!(out, "a form sends secrets by mail"),
            FindingKind::FormElsewhere => write!(out, "a form posts to {detail}"),
            FindingKind::HiddenFields => write!(out, "{detail} hidden fields beside a secret"),
            FindingKind::PasswordAndCard => {
                write!(out, "one form asks for a password and a card number")
            }
            FindingKind::BrandInTitle => {
                write!(out, "the title names `{detail}`, at home elsewhere")
            }
            FindingKind::BrandInHeading => {
                write!(out, "a heading names `{detail}`, at home elsewhere")
            }
            FindingKind::BrandInLogo => write!(out, "an image shows `{detail}`, at home elsewhere"),
            FindingKind::BrandResources => write!(out, "images or styles of `{detail}`'s own site"),
            FindingKind::BrandMentioned => {
                write!(out, "it names `{detail}`, as an article or a program run at home does")
            }
            FindingKind::BrandDisguised => {
                write!(out, "it writes `{detail}` in letters that only look like it")
            }
            FindingKind::BrandContradicted => write!(out, "it names {detail}"),
            FindingKind::CopiedLogin => write!(out, "a saved copy of a login page of {detail}"),
            FindingKind::Copied => write!(out, "a saved copy of a page of {detail}"),
            FindingKind::Kit => write!(out, "a phishing kit's mark: {detail}"),
            FindingKind::Obfuscated => write!(out, "a script hides what it does: {detail}"),
            FindingKind::MenuBlocked => write!(out, "the context menu is blocked"),
            FindingKind::RefreshElsewhere => write!(out, "visitors are sent on to {detail}"),
            FindingKind::DataFrame => write!(out, "a frame with its content in its address"),
            FindingKind::DeadLinks => write!(out, "{detail} links lead nowhere"),
            FindingKind::LongChain => write!(out, "redirects across {detail} sites"),
            FindingKind::OpenRedirect => {
                write!(out, "a redirect through {detail}, open to anybody")
            }
            FindingKind::RecoveryPhrase => {
                write!(out, "it asks for the recovery phrase of a wallet")
            }
            FindingKind::PastedCommand => {
                write!(out, "it tells to paste and run a command that a script has copied")
            }
            FindingKind::SmuggledFile => {
                write!(out, "a script puts together a file and saves it, past what scans downloads")
            }
        }
    }
}
