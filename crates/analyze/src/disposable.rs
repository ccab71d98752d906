//! Sites that lend mail addresses for an hour: who signs up from there does not want to be found.

use std::sync::OnceLock;

use rustc_hash::FxHashSet;

use crate::url::Spelling;

const TEXT: &str = include_str!("../data/disposable.txt");

fn sites() -> &'static FxHashSet<&'static [u8]> {
    static SITES: OnceLock<FxHashSet<&'static [u8]>> = OnceLock::new();
    SITES.get_or_init(|| {
        TEXT.lines().filter(|line| !line.starts_with('#')).map(str::as_bytes).collect()
    })
}

/// Whether `host` or a domain above it, down to the registered one, is such a site.
pub(crate) fn is_disposable(host: &Spelling) -> bool {
    let mut name = host.host();
    loop {
        if sites().contains(name) {
            return true;
        }
        if name.len() <= host.registered().len() {
            return false;
        }
        let dot = name.iter().position(|b| *b == b'.');
        let behind = dot.and_then(|dot| name.get(dot.saturating_add(1)..));
        let Some(behind) = behind else { return false };
        name = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::UrlLimits;

    #[test]
    fn sites_and_what_is_below_them_are_known() {
        let mut host = Spelling::default();
        for (name, is) in [
            ("0-mail.com", true),
            ("Mailinator.com", true),
            ("mx.mailinator.com", true),
            ("a.b.mailinator.com.", true),
            ("othermailinator.com", false),
            ("mailinator.com.example.net", false),
            ("example.com", false),
            ("com", false),
            ("192.0.2.1", false),
            ("", false),
        ] {
            host.read_host(name.as_bytes(), &UrlLimits::default());
            assert_eq!(is_disposable(&host), is, "{name}");
        }
    }
}
