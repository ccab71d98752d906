//! What scoring reads before anybody says otherwise: the first calibration epoch.

use wardnet_model::{CalibrationChange, SuffixList};

/// Hosts that lend space to strangers under one name: link shorteners, file shares, page builders
/// that put their customers under paths. Those that give every customer a name of its own stand in
/// the private section of the Public Suffix List.
const HOSTING: [&str; 62] = [
    "1drv.ms",
    "4shared.com",
    "anonfiles.com",
    "app.box.com",
    "archive.org",
    "bit.ly",
    "bitbucket.org",
    "bitly.com",
    "box.com",
    "cdn.discordapp.com",
    "codepen.io",
    "cutt.ly",
    "discord.com",
    "docs.google.com",
    "drive.google.com",
    "dropbox.com",
    "dropmefiles.com",
    "facebook.com",
    "file.io",
    "files.catbox.moe",
    "firebasestorage.googleapis.com",
    "forms.gle",
    "forms.office.com",
    "gist.github.com",
    "gist.githubusercontent.com",
    "github.com",
    "gitlab.com",
    "gofile.io",
    "goo.gl",
    "hastebin.com",
    "ipfs.io",
    "is.gd",
    "linktr.ee",
    "mediafire.com",
    "medium.com",
    "mega.nz",
    "notion.so",
    "onedrive.live.com",
    "ow.ly",
    "paste.ee",
    "pastebin.com",
    "pixeldrain.com",
    "raw.githubusercontent.com",
    "rb.gy",
    "rebrand.ly",
    "sendspace.com",
    "shorturl.at",
    "sites.google.com",
    "soundcloud.com",
    "storage.googleapis.com",
    "t.co",
    "t.ly",
    "t.me",
    "telegra.ph",
    "tiny.cc",
    "tinyurl.com",
    "transfer.sh",
    "v.gd",
    "wa.me",
    "wetransfer.com",
    "www.dropbox.com",
    "www.mediafire.com",
];

/// Names without which the internet, or Wardnet's own work, would stop.
const NEVER_LISTED: [&str; 3] = ["arpa", "iana.org", "root-servers.net"];

/// What is never listed on any installation, sorted.
pub(crate) fn never_listed() -> Vec<Box<str>> {
    NEVER_LISTED.iter().map(|text| Box::from(*text)).collect()
}

/// The changes of the first epoch.
pub(crate) fn changes() -> Vec<CalibrationChange> {
    let hosting = HOSTING.iter().map(|text| Box::from(*text)).collect();
    vec![
        CalibrationChange::Hosting(hosting),
        CalibrationChange::NeverListed(never_listed()),
        CalibrationChange::SuffixList(SuffixList::shipped_digest()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardnet_model::DomainName;

    #[test]
    fn the_lists_are_sorted_and_canonical() {
        for list in [&HOSTING[..], &NEVER_LISTED[..]] {
            assert!(list.is_sorted());
            for name in list {
                assert_eq!(DomainName::parse(name).unwrap().as_str(), *name);
            }
        }
    }
}
