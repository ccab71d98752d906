//! What MISP warning lists are about, told by their names.
//!
//! A list that vouches for what it names is good evidence. A list that only says what a thing is
//! (space let to strangers, a scanner, a throw-away mail host) is context: an address of a cloud is
//! not good because the cloud is, so a question about it must not be answered with `safe`.

use wardnet_model::{Category, Stance};

const VOUCHES: Stance = Stance::Benign;
const DESCRIBES: Stance = Stance::Context;

/// Words of list names, in order. The longest word that a name has decides.
const TOPICS: [(&str, Category, Stance); 62] = [
    ("akamai", Category::Cdn, VOUCHES),
    ("alexa", Category::TopSite, VOUCHES),
    ("amazon-aws", Category::Cloud, DESCRIBES),
    ("azure", Category::Cloud, DESCRIBES),
    ("blockpage", Category::Sinkhole, DESCRIBES),
    ("bunny", Category::Cdn, VOUCHES),
    ("cdn", Category::Cdn, VOUCHES),
    ("check-host", Category::ResearchScanner, DESCRIBES),
    ("cisco-top", Category::TopSite, VOUCHES),
    ("cloud-infrastructure", Category::Cloud, DESCRIBES),
    ("cloudflare", Category::Cdn, VOUCHES),
    ("cloudflare-radar", Category::TopSite, VOUCHES),
    ("cloudflare-top", Category::TopSite, VOUCHES),
    ("connection-attempt", Category::ResearchScanner, DESCRIBES),
    ("cortex-cloud", Category::Cloud, DESCRIBES),
    ("cortex-xpanse", Category::ResearchScanner, DESCRIBES),
    ("digitalocean", Category::Cloud, DESCRIBES),
    ("disposable", Category::Disposable, DESCRIBES),
    ("dynamic-dns", Category::DynamicDns, DESCRIBES),
    // The EICAR file must be found: it is how people see that a scanner works.
    ("eicar", Category::KnownGood, DESCRIBES),
    ("external-ip", Category::Infrastructure, DESCRIBES),
    ("fastly", Category::Cdn, VOUCHES),
    ("findip", Category::Infrastructure, DESCRIBES),
    ("gcp", Category::Cloud, DESCRIBES),
    ("github", Category::Cloud, DESCRIBES),
    ("gpt-crawler", Category::ResearchScanner, DESCRIBES),
    ("gptbot", Category::ResearchScanner, DESCRIBES),
    ("ipfs", Category::Hosting, DESCRIBES),
    ("link-in-bio", Category::Hosting, DESCRIBES),
    ("link-local", Category::Reserved, VOUCHES),
    ("linklocal", Category::Reserved, VOUCHES),
    ("linode", Category::Cloud, DESCRIBES),
    ("living-off-trusted-sites", Category::Hosting, DESCRIBES),
    ("lots-project", Category::Hosting, DESCRIBES),
    ("majestic", Category::TopSite, VOUCHES),
    ("moz-top", Category::TopSite, VOUCHES),
    ("multicast", Category::Reserved, VOUCHES),
    ("oracle-oci", Category::Cloud, DESCRIBES),
    ("ovh", Category::Cloud, DESCRIBES),
    ("parking", Category::Hosting, DESCRIBES),
    ("private-relay", Category::Anonymizer, DESCRIBES),
    ("public-dns", Category::PublicDns, VOUCHES),
    ("querying-your-source-ip", Category::Infrastructure, DESCRIBES),
    ("research-scanner", Category::ResearchScanner, DESCRIBES),
    ("rfc", Category::Reserved, VOUCHES),
    ("scanner", Category::ResearchScanner, DESCRIBES),
    ("scanning", Category::ResearchScanner, DESCRIBES),
    ("second-level-tlds", Category::Infrastructure, DESCRIBES),
    ("shortener", Category::Shortener, DESCRIBES),
    ("sinkhole", Category::Sinkhole, DESCRIBES),
    ("stackpath", Category::Cdn, VOUCHES),
    ("tenable", Category::ResearchScanner, DESCRIBES),
    ("tlds", Category::Infrastructure, DESCRIBES),
    ("top-1", Category::TopSite, VOUCHES),
    ("top-20-000", Category::TopSite, VOUCHES),
    ("top-500", Category::TopSite, VOUCHES),
    ("tor-exit", Category::Anonymizer, DESCRIBES),
    ("tranco", Category::TopSite, VOUCHES),
    ("umbrella", Category::TopSite, VOUCHES),
    ("vpn", Category::Anonymizer, DESCRIBES),
    ("whats-my-ip", Category::Infrastructure, DESCRIBES),
    ("zscaler", Category::Anonymizer, DESCRIBES),
];

/// The category and stance of a list, by its own name and the feed's short name.
pub(crate) fn topic(list_name: &str, feed_name: &str) -> (Category, Stance) {
    let names = format!("{} {}", slug(feed_name), slug(list_name));
    TOPICS
        .iter()
        .filter(|(word, ..)| names.contains(word))
        .max_by_key(|(word, ..)| word.len())
        .map_or((Category::KnownGood, VOUCHES), |(_, category, stance)| (*category, *stance))
}

/// `List of known Amazon AWS` becomes `list-of-known-amazon-aws`.
fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_alphanumeric() {
            slug.extend(c.to_lowercase());
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_in_order() {
        assert!(TOPICS.is_sorted_by_key(|(word, ..)| *word));
    }

    #[test]
    fn the_longest_word_decides() {
        for (name, feed, expected) in [
            ("List of known Cloudflare IP ranges", "", (Category::Cdn, VOUCHES)),
            ("Top 1,000 domains from Cloudflare Radar", "", (Category::TopSite, VOUCHES)),
            ("cisco-umbrella-blockpage-ipv4", "", (Category::Sinkhole, DESCRIBES)),
            ("Top 20 000 websites from Cisco Umbrella", "", (Category::TopSite, VOUCHES)),
            ("List of known Amazon AWS IP address ranges", "", (Category::Cloud, DESCRIBES)),
            ("Second level TLDs as known by Mozilla", "", (Category::Infrastructure, DESCRIBES)),
            ("List of hashes for EICAR test virus", "", (Category::KnownGood, DESCRIBES)),
            ("Something", "url-shortener", (Category::Shortener, DESCRIBES)),
            ("List of known bank domains", "bank-website", (Category::KnownGood, VOUCHES)),
        ] {
            assert_eq!(topic(name, feed), expected, "{name}");
        }
    }
}
