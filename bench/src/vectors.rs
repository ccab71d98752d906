//! The public line feeds that lie under `WARDNET_DATA`.

use anyhow::Context as _;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A feed's file beneath `web/feeds`, its format and its category.
pub type Feed = (&'static str, &'static str, &'static str);

/// Every line feed of the data whose format Wardnet reads.
pub const FEEDS: &[Feed] = &[
    ("blocklistproject/phishing.domains.txt.gz", "domain-list", "phishing"),
    ("blocklistproject/scam.domains.txt.gz", "domain-list", "scam"),
    ("blocklistproject/scam.hosts.txt.gz", "hosts", "scam"),
    ("blocklistproject/scam.adguard.txt.gz", "adblock", "scam"),
    ("blocklistproject/ransomware.hosts.txt.gz", "hosts", "malware"),
    ("blocklistproject/malware.ip.gz", "ip-list", "malware"),
    ("ipsum/ipsum.txt.gz", "ip-list", "scanner"),
    ("data-shield/ipv4_blocklist.txt.gz", "ip-list", "scanner"),
    ("romainmarcoux/openphish.com.txt.gz", "domain-list", "phishing"),
    ("romainmarcoux/alienvault-cert-pl.txt.gz", "domain-list", "phishing"),
    ("romainmarcoux/red.flag.domains.txt.gz", "domain-list", "phishing"),
    ("romainmarcoux/malicious-ip-40k.txt.gz", "ip-list", "scanner"),
    ("romainmarcoux/phishtank.com-online-valid.txt.gz", "domain-list", "phishing"),
    ("romainmarcoux/urlhaus.abuse.ch-csv.txt.gz", "domain-list", "malware"),
    ("romainmarcoux/phishunt.io.txt", "domain-list", "phishing"),
    ("joewein/dom-bl-base.txt.gz", "domain-list", "spam"),
    ("ph00lt0/adblock.txt.gz", "adblock", "malware"),
    ("ph00lt0/wildcard.txt.gz", "domain-list", "malware"),
    ("ph00lt0/hosts.txt.gz", "hosts", "malware"),
    ("ph00lt0/domains.txt.gz", "domain-list", "malware"),
    ("threatfox/ips.txt.gz", "ip-list", "c2"),
    ("maltrail/mass_scanner.txt.gz", "ip-list", "scanner"),
    ("jarelllama/scams_light.adblock.txt.gz", "adblock", "scam"),
    ("usom/ips.txt.gz", "ip-list", "malware"),
    ("hagezi/fake.hosts.txt.gz", "hosts", "scam"),
    ("hagezi/fake.wildcard.txt.gz", "domain-list", "scam"),
    ("hagezi/fake.adblock.txt.gz", "adblock", "scam"),
    ("tweetfeed/blocklists/urls.txt.gz", "url-list", "phishing"),
    ("tweetfeed/blocklists/hosts.txt", "hosts", "phishing"),
    ("tweetfeed/blocklists/domains.txt", "domain-list", "phishing"),
    ("tweetfeed/blocklists/adguard.txt", "adblock", "phishing"),
    ("tweetfeed/blocklists/ips.txt", "ip-list", "malware"),
    ("urlhaus/urlhaus_dump_2018-06-06.csv.gz", "abuse-ch-csv", "malware"),
    ("abuse.ch/feodo_ipblocklist_2024-04.csv", "abuse-ch-csv", "c2"),
    ("firehol/firehol_level1.netset", "ip-list", "scanner"),
    ("openphish/feed_2020-05.txt.gz", "url-list", "phishing"),
    ("openphish/feed.txt", "url-list", "phishing"),
    ("spamhaus/drop_v4.json", "spamhaus-drop", "spam"),
    ("spamhaus/drop.txt", "spamhaus-drop", "spam"),
    ("spamhaus/edrop.txt", "spamhaus-drop", "spam"),
    ("spamhaus/drop_ipv6.txt", "spamhaus-drop", "spam"),
];

/// The folder of the feeds.
pub fn folder() -> anyhow::Result<PathBuf> {
    let data = std::env::var_os("WARDNET_DATA")
        .context("WARDNET_DATA names no folder: set it to the folder of the public data")?;
    Ok(PathBuf::from(data).join("web/feeds"))
}

/// Writes `feeds.toml` with every feed.
pub fn write_catalogue(folder: &Path) -> anyhow::Result<()> {
    let data = self::folder()?;
    let mut text = String::new();
    for (path, format, category) in FEEDS {
        let name: String = path.chars().map(|c| if c == '/' { '-' } else { c }).collect();
        let url = data.join(path);
        writeln!(
            text,
            "[[feed]]\nname = \"{name}\"\nurl = \"file:{}\"\nformat = \"{format}\"\n\
             category = \"{category}\"\ninterval = \"30d\"\n",
            url.display()
        )?;
    }
    Ok(std::fs::write(folder.join("feeds.toml"), text)?)
}
