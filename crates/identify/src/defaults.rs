//! What scoring reads before anybody says otherwise: the first calibration epoch.

use wardnet_model::{CalibrationChange, SuffixList};
use wardnet_score::Epoch;

/// Hosts that lend space to strangers under one name: link shorteners, file shares, page builders
/// that put their customers under paths. Those that give every customer a name of its own stand in
/// the private section of the Public Suffix List.
const HOSTING: [&str; 225] = [
    "000webhostapp.com",
    "1drv.ms",
    "42web.io",
    "4everland.app",
    "4shared.com",
    "adf.ly",
    "airtable.com",
    "amazonaws.com",
    "angelfire.com",
    "anonfiles.com",
    "app.box.com",
    "app.link",
    "archive.org",
    "arweave.net",
    "atlassian.net",
    "atwebpages.com",
    "awsapprunner.com",
    "b.link",
    "backblazeb2.com",
    "bc.googleusercontent.com",
    "beacons.ai",
    "beehiiv.com",
    "bio.link",
    "bit.ly",
    "bitbucket.org",
    "bitly.com",
    "bl.ink",
    "blogspot.com",
    "bolt.host",
    "box.com",
    "bravesites.com",
    "buff.ly",
    "byethost.com",
    "byethost7.com",
    "campsite.bio",
    "canva.site",
    "cdn.discordapp.com",
    "cdn.jsdelivr.net",
    "clck.ru",
    "cloud.mail.ru",
    "cloudapp.azure.com",
    "cloudwaysapps.com",
    "codepen.io",
    "codesandbox.io",
    "colab.research.google.com",
    "controlc.com",
    "core.windows.net",
    "cutt.ly",
    "digitaloceanspaces.com",
    "discord.com",
    "disk.yandex.ru",
    "dlvr.it",
    "docs.google.com",
    "docs.qq.com",
    "docs.zoho.com",
    "doodlekit.com",
    "drive.google.com",
    "dropbox.com",
    "dropmefiles.com",
    "dweb.link",
    "epizy.com",
    "evernote.com",
    "facebook.com",
    "feedproxy.google.com",
    "file.io",
    "files.catbox.moe",
    "firebasestorage.googleapis.com",
    "fleek.co",
    "fleek.cool",
    "force.com",
    "forms.gle",
    "forms.microsoft.com",
    "forms.office.com",
    "formstack.com",
    "freshdesk.com",
    "ghost.io",
    "gist.github.com",
    "gist.githubusercontent.com",
    "gitbook.io",
    "github.com",
    "gitlab.com",
    "godaddysites.com",
    "gofile.io",
    "goo.gl",
    "googleusercontent.com",
    "great-site.net",
    "groups.google.com",
    "hashnode.dev",
    "hastebin.com",
    "hostingerapp.com",
    "hostingersite.com",
    "hs-sites.com",
    "hubpages.com",
    "hubspotpagebuilder.com",
    "huggingface.co",
    "ibb.co",
    "imgur.com",
    "infinityfreeapp.com",
    "infura-ipfs.io",
    "ipfs.io",
    "is.gd",
    "issuu.com",
    "jimdofree.com",
    "jimdosite.com",
    "jotform.com",
    "jsbin.com",
    "jsfiddle.net",
    "justpaste.it",
    "kinsta.cloud",
    "kinsta.page",
    "l.ead.me",
    "linktr.ee",
    "linodeobjects.com",
    "list-manage.com",
    "livejournal.com",
    "lnkd.in",
    "loca.lt",
    "mailchi.mp",
    "mailchimpsites.com",
    "me-qr.com",
    "mediafire.com",
    "medium.com",
    "mega.nz",
    "my.canva.site",
    "my.site.com",
    "mybluehost.me",
    "myftpupload.com",
    "mystrikingly.com",
    "narod.ru",
    "nftstorage.link",
    "notion.so",
    "okta.com",
    "onedrive.live.com",
    "onelink.me",
    "over-blog.com",
    "ow.ly",
    "page.link",
    "pan.baidu.com",
    "paste.ee",
    "pastebin.com",
    "photos.app.goo.gl",
    "pixeldrain.com",
    "qr.page",
    "qrco.de",
    "quickconnect.to",
    "r2.cloudflarestorage.com",
    "raw.githubusercontent.com",
    "rb.gy",
    "rebrand.ly",
    "rentry.co",
    "rf.gd",
    "run.app",
    "s.id",
    "scribd.com",
    "script.google.com",
    "sendspace.com",
    "serveo.net",
    "sharepoint.com",
    "short.io",
    "shorte.st",
    "shorturl.at",
    "site123.me",
    "sites.google.com",
    "slideshare.net",
    "smartsheet.com",
    "sng.link",
    "snip.ly",
    "soo.gd",
    "soundcloud.com",
    "sourceforge.net",
    "stackblitz.io",
    "storage.googleapis.com",
    "strikingly.com",
    "substack.com",
    "surge.sh",
    "surveymonkey.com",
    "sway.cloud.microsoft",
    "sway.office.com",
    "t.co",
    "t.ly",
    "t.me",
    "taplink.cc",
    "telegra.ph",
    "temporary.link",
    "tilda.ws",
    "tiny.cc",
    "tinyurl.com",
    "tr.ee",
    "transfer.sh",
    "trello.com",
    "tripod.com",
    "tumblr.com",
    "typeform.com",
    "u.to",
    "ucoz.com",
    "ucoz.net",
    "ucoz.ru",
    "ukit.me",
    "unpkg.com",
    "urlz.fr",
    "v.gd",
    "vk.cc",
    "vk.com",
    "w3s.link",
    "wa.me",
    "wasabisys.com",
    "web.core.windows.net",
    "webnode.com",
    "webnode.page",
    "webs.com",
    "weebly.com",
    "wetransfer.com",
    "windows.net",
    "wixstudio.com",
    "wixstudio.io",
    "wordpress.com",
    "workdrive.zoho.com",
    "wpengine.com",
    "write.as",
    "www.dropbox.com",
    "www.mediafire.com",
    "youtu.be",
    "zendesk.com",
    "zohosites.com",
    "zyrosite.com",
];

/// Names without which the internet, or Wardnet's own work, would stop.
const NEVER_LISTED: [&str; 3] = ["arpa", "iana.org", "root-servers.net"];

/// What is never listed on any installation, sorted.
pub(crate) fn never_listed() -> Vec<Box<str>> {
    NEVER_LISTED.iter().map(|text| Box::from(*text)).collect()
}

/// The domains that lend space to strangers, with those that this version knows of and the epoch does
/// not; nothing where it knows them all.
pub(crate) fn new_hosting(epoch: &Epoch) -> Option<CalibrationChange> {
    let is_new = HOSTING.iter().any(|name| !epoch.is_hosting(name));
    let mut all: Vec<Box<str>> =
        HOSTING.iter().copied().chain(epoch.hosting()).map(Box::from).collect();
    all.sort_unstable();
    all.dedup();
    is_new.then_some(CalibrationChange::Hosting(all))
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
    use wardnet_model::{Calibration, DomainName, Timestamp};

    #[test]
    fn what_a_version_knows_joins_what_is_known() {
        let calibration = |epoch, changes| Calibration {
            epoch,
            at: Timestamp(0),
            reason: "test".into(),
            changes,
        };
        let mut epoch = Epoch::default();
        let own = CalibrationChange::Hosting(vec!["own.example".into(), "bit.ly".into()]);
        epoch.apply(&calibration(1, vec![own]));
        epoch.apply(&calibration(2, vec![new_hosting(&epoch).unwrap()]));
        assert!(epoch.is_hosting("own.example") && epoch.is_hosting("github.com"));
        assert!(
            epoch.is_above_hosting("google.com") && !epoch.is_above_hosting("sites.google.com")
        );
        assert_eq!(new_hosting(&epoch), None);
    }

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
