//! Why: an answer in plain sentences.

use wardnet_model::{Band, Basis, Category, Kind, Scope};
use wardnet_verdictdb::{Answer, Layer, Match};

use super::json::Json;
use super::phrases::Phrase;
use super::{Asked, Asker, write_under};

const NOTHING_KNOWN: &str = "no evidence about it or anything it lies in";

impl Asker<'_> {
    /// Appends the sentences, what decided first.
    pub(super) fn write_reasons(
        &self,
        asked: &Asked<'_>,
        answer: &Answer<'_, '_>,
        out: &mut Json<'_>,
    ) {
        if let Some(reserved) = answer.reserved {
            return out.string(reserved);
        }
        let Some(decided) = answer.decided_by.and_then(|at| answer.matches.get(at)) else {
            return out.string(NOTHING_KNOWN);
        };
        self.reason(asked, decided, out);
        for (at, found) in answer.matches.iter().enumerate() {
            if answer.decided_by != Some(at) {
                out.comma_unless(false);
                self.reason(asked, found, out);
            }
        }
    }

    fn reason(&self, asked: &Asked<'_>, found: &Match<'_, '_>, out: &mut Json<'_>) {
        out.raw("\"");
        match found.layer {
            Layer::Evidence => self.evidence(asked, found, out),
            Layer::Decision => self.decision(asked, found, out),
        }
        out.raw("\"");
    }

    /// `phishing: the domain evil.top, with all below it, is listed by openphish, urlhaus`
    fn evidence(&self, asked: &Asked<'_>, found: &Match<'_, '_>, out: &mut Json<'_>) {
        self.phrase(found.hit.profile, Phrase::Reason, out);
        subject(asked, found, out);
        self.phrase(found.hit.profile, Phrase::Evidence, out);
    }

    /// `the domain good.example is allowed by a decision of 2026-… until …`
    fn decision(&self, asked: &Asked<'_>, found: &Match<'_, '_>, out: &mut Json<'_>) {
        let profile = found.hit.profile;
        if profile.basis == Basis::Hard {
            subject(asked, found, out);
            return out.raw(" is on the list of what is never blocked");
        }
        let category = profile.categories.iter().find(|one| *one != Category::Uncategorised);
        if let Some(category) = category {
            out.raw(category.name());
            out.raw(": ");
        }
        subject(asked, found, out);
        out.raw(match profile.band {
            Band::Malicious | Band::Suspicious => " is blocked by a decision",
            Band::Trusted => " is allowed by a decision",
            Band::Safe | Band::Unrated => " is cleared by a decision",
        });
        if let Some(terms) = self.view.terms(&found.hit) {
            out.raw(" of ");
            out.display(&terms.decided_at);
            if let Some(until) = terms.until {
                out.raw(" until ");
                out.display(&until);
            }
        }
    }
}

/// What an entry is about: `the domain evil.top, with all below it,`.
fn subject(asked: &Asked<'_>, found: &Match<'_, '_>, out: &mut Json<'_>) {
    if found.hit.scope == Scope::Below {
        out.raw("everything below ");
    }
    out.raw("the ");
    out.raw(noun(found.kind));
    out.raw(" ");
    write_under(asked, found, out);
    if found.hit.scope == Scope::Subtree {
        out.raw(", with all below it,");
    }
}

const fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Ipv4 | Kind::Ipv6 => "address",
        Kind::Ipv4Network | Kind::Ipv6Network => "network",
        Kind::Endpoint => "endpoint",
        Kind::Domain => "domain",
        Kind::Url => "URL",
        Kind::Md5 | Kind::Sha1 | Kind::Sha256 => "file",
        Kind::Email => "e-mail address",
        Kind::Asn => "autonomous system",
        Kind::Ja3 | Kind::Ja4 => "TLS fingerprint",
        Kind::Cve => "vulnerability",
        Kind::App => "app",
        Kind::CertificateSha1 | Kind::CertificateSha256 => "certificate",
    }
}
