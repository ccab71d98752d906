//! Formats that come in lines, by what most of the first rows are.

use super::{Detection, SHARE_MIN, fits};
use crate::feeds::csv::unquote;
use crate::feeds::lines::{Line, Lines};
use crate::feeds::mapping::Role;
use crate::feeds::table::{self, Publisher};
use crate::feeds::{
    Format, Limits, abuse_ch, adblock, dnsmasq, domain_list, hash_list, hosts, ip_list, nsrl, rpz,
    suricata, unbound,
};

/// How many rows are judged; the first few hundred are like the rest.
const ROWS_MAX: usize = 400;

/// Formats that are told by a word of their own and not read.
const OTHERS: [(&str, &str); 2] =
    [("%YAML", "it is YAML"), ("#separator \\x09", "it is a Zeek log")];

/// How many rows each format would have read.
#[derive(Default)]
struct Votes {
    rows: usize,
    addresses: usize,
    networks: usize,
    hosts: usize,
    names: usize,
    rules: usize,
    urls: usize,
    sbl: usize,
    dnsmasq: usize,
    unbound: usize,
    policies: usize,
    hashes: usize,
    reputations: usize,
    data_set: usize,
    /// Paths on any host, as only Maltrail has them.
    paths: usize,
    /// Rows of Maltrail's list of all trails.
    trails: usize,
    /// Rows of a MISP feed's hashes.csv.
    digests: usize,
    /// Comments that Maltrail's files have.
    trail_comments: usize,
    /// Addresses with a remark behind them, as lists of scanners have.
    remarked: usize,
    /// Whether the file's name says that it lists good names.
    praises: bool,
}

pub(super) fn detect(head: &[u8], file_name: &str) -> Detection {
    let mut lines = Lines::new(head, &Limits::default());
    let mut votes = Votes::default();
    let last = file_name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    votes.praises = last.contains("whitelist") || last.contains("allow");
    let mut spamhaus = false;
    let mut table = None;
    let mut above = None;
    while votes.rows < ROWS_MAX
        && let Ok(Some(line)) = lines.next()
    {
        let Line::Text(text) = line else { continue };
        if text.starts_with("[Adblock") {
            return Detection::sure(Format::Adblock, 98, "it begins with [Adblock]");
        }
        if abuse_ch::names_columns(text.trim_start_matches('#').trim()) {
            return Detection::sure(Format::AbuseChCsv, 97, format!("it names columns: {text}"));
        }
        if votes.rows == 0 && nsrl::names_columns(text) {
            return Detection::sure(Format::Nsrl, 97, "it names the columns of the NSRL's set");
        }
        let says_something = text.contains(char::is_alphanumeric);
        if votes.rows == 0 && says_something {
            // The names stand in the first row, or right above it.
            table = table_of(text).or(above.take().filter(|_| !is_comment(text)));
            above = table.clone();
        }
        if let Some((_, why)) = OTHERS.iter().find(|(mark, _)| text.contains(mark)) {
            return Detection::none(*why);
        }
        if is_comment(text) {
            spamhaus |= text.contains("Spamhaus");
            let marks = ["Reference:", "Aliases:"];
            votes.trail_comments += usize::from(marks.iter().any(|mark| text.contains(mark)));
        } else if !text.is_empty() {
            if votes.rows == 0 && abuse_ch::is_known_row(text) {
                let why = "its first row has the fields of an abuse.ch export";
                return Detection::sure(Format::AbuseChCsv, 80, why);
            }
            if votes.rows == 0
                && let Some(found) = shaped(text)
            {
                return found;
            }
            votes.count(text);
        }
    }
    if let Some((format, names)) = table {
        let percent = fits(head, format);
        if percent >= SHARE_MIN as u64 {
            let confidence = if format == Format::Csv { 75 } else { 92 };
            return Detection::sure(format, confidence, format!("it names columns: {names}"));
        }
    }
    if votes.hashes * 100 >= votes.rows * SHARE_MIN && is_fingerprints(file_name) {
        return Detection::none(
            "its rows are 32 or more hexadecimal digits and its name speaks of TLS fingerprints: \
             choose `csv` or `regex` and say which field is the fingerprint",
        );
    }
    votes.decide(spamhaus || votes.sbl > 0 || is_drop_name(file_name))
}

fn is_comment(text: &str) -> bool {
    text.starts_with(['!', ';']) || text.starts_with("// ") || adblock::comment(text).is_some()
}

/// The table that a line's column names tell.
fn table_of(text: &str) -> Option<(Format, String)> {
    let names = text.trim_start_matches(['#', ';', '!']).trim();
    let (delimiter, columns) = table::header(names, None)?;
    let has = |name: &str| {
        names.split(delimiter).any(|cell| cell.trim().trim_matches('"').eq_ignore_ascii_case(name))
    };
    let format = if has("phish_id") {
        Format::PhishTank
    } else if has("ioc") && columns.contains(&Some(Role::Note)) {
        Format::C2Intel
    } else if has("scope") && (has("duration") || has("scenario"))
        || has("expiration") && has("reason") && has("action")
    {
        Format::CrowdSec
    } else {
        Format::Csv
    };
    Some((format, names.chars().take(120).collect()))
}

/// A table without column names, by its first row.
fn shaped(text: &str) -> Option<Detection> {
    Some(match table::known_shape(text)? {
        Publisher::TweetFeed => {
            Detection::sure(Format::TweetFeed, 92, "its first row has the fields of TweetFeed")
        }
        Publisher::PhishTank => {
            Detection::sure(Format::PhishTank, 90, "its first row has the fields of PhishTank")
        }
        _ => Detection::sure(Format::Csv, 80, "its first row has the fields of a known table"),
    })
}

/// Whether a file's name speaks of fingerprints of TLS clients or servers.
fn is_fingerprints(file_name: &str) -> bool {
    let name = file_name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    ["ja3", "ja4", "jarm"].iter().any(|word| name.contains(word))
}

/// `drop.txt`, `edrop.txt`, `drop_v6.txt`, `asndrop.txt`.
fn is_drop_name(file_name: &str) -> bool {
    let name = file_name.rsplit('/').next().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    ["drop", "edrop", "dropv6", "drop_ipv6", "drop_v4", "drop_v6", "asndrop", "asn_drop"]
        .contains(&stem)
}

impl Votes {
    fn count(&mut self, text: &str) {
        self.rows += 1;
        let cell = unquote(text.split([' ', '\t', ',', ';']).next().unwrap_or_default());
        if let Some(count) = self.special(text) {
            *count += 1;
        } else if is_rule(text) {
            self.rules += 1;
        } else if hosts::is_row(text) {
            self.hosts += 1;
        } else if cell.contains("://") {
            self.urls += 1;
        } else if text.contains("://") && !text.contains(',') {
            // Prose with a URL in it. Behind a comma it is a reference.
        } else if ip_list::read(cell).is_ok() || is_asn(cell) {
            self.addresses += 1;
            self.networks += usize::from(cell.contains('/') || is_asn(cell));
            self.sbl += usize::from(text.contains("; SBL"));
            self.remarked += usize::from(text.contains(" #"));
        } else if cell.contains('.') && domain_list::read(cell, Default::default()).is_ok() {
            self.names += 1;
        }
    }

    /// The count of a row that has a form of its own.
    fn special(&mut self, text: &str) -> Option<&mut usize> {
        Some(if dnsmasq::is_row(text) {
            &mut self.dnsmasq
        } else if unbound::is_row(text) {
            &mut self.unbound
        } else if rpz::is_row(text) {
            &mut self.policies
        } else if hash_list::is_row(text) {
            let behind = text.split_once(',').map_or("", |(_, behind)| behind.trim());
            if is_uuid(behind) { &mut self.digests } else { &mut self.hashes }
        } else if suricata::is_reputation(text) {
            &mut self.reputations
        } else if suricata::is_data_set(text) {
            &mut self.data_set
        } else if text.starts_with('/') && !text.starts_with("//") && !text.ends_with('/') {
            &mut self.paths
        } else if is_trail(text) {
            &mut self.trails
        } else {
            return None;
        })
    }

    /// The formats whose rows have a form of their own.
    fn decide_special(&self) -> Option<Detection> {
        let many = |count: usize| count * 100 >= self.rows * SHARE_MIN;
        if many(self.digests) {
            return Some(Detection::none(
                "it is the `hashes.csv` of a MISP feed: digests of values, and no hashes of files; \
                 read the feed's `manifest.json`",
            ));
        }
        let trails = self.names + self.urls + self.paths + self.addresses - self.networks;
        let is_family = (self.trail_comments > 0
            || (self.paths * 5 >= self.rows && self.names + self.urls >= self.paths))
            && trails > self.paths
            && self.remarked * 2 <= self.addresses
            && !self.praises;
        if (many(trails) && is_family) || many(self.trails) {
            let why = "trails, by their comments, paths or classes";
            return Some(Detection::sure(Format::Maltrail, 85, why));
        }
        let counts = [
            (self.dnsmasq, Format::Dnsmasq),
            (self.unbound, Format::Unbound),
            (self.policies, Format::Rpz),
            (self.hashes, Format::HashList),
            (self.reputations, Format::SuricataIprep),
            (self.data_set, Format::SuricataDataset),
        ];
        let (count, format) = counts.into_iter().find(|(count, _)| many(*count))?;
        let percent = u8::try_from(count * 100 / self.rows.max(1)).unwrap_or(95).min(95);
        let why = format!("{count} of the first {} rows are {}", self.rows, format.meaning());
        Some(Detection::sure(format, percent, why))
    }

    fn decide(&self, spamhaus: bool) -> Detection {
        if self.rows == 0 {
            return Detection::none("it has comments only");
        }
        if let Some(special) = self.decide_special() {
            return special;
        }
        if spamhaus && self.networks * 100 >= self.rows * SHARE_MIN {
            let why = "networks, from Spamhaus by its comments, SBL numbers or name";
            return Detection::sure(Format::SpamhausDrop, 90, why);
        }
        // A list of names may hold other things between them; other lists may not.
        let mixed = match self.names * 5 >= self.rows {
            true => self.names + self.addresses + self.urls,
            false => self.names,
        };
        // What is of several kinds, each too rare to win, is read by the reader that knows them all.
        let all = self.names + self.addresses + self.urls;
        if all.max(self.hosts).max(self.rules) == all
            && all * 100 >= self.rows * SHARE_MIN
            && self.addresses.max(self.urls).max(mixed) * 100 < self.rows * SHARE_MIN
        {
            let why = format!("{all} of the first {} rows are names, addresses or URLs", self.rows);
            return Detection::sure(Format::DomainList, 60, why);
        }
        let mut shares = [
            (mixed, Format::DomainList),
            (self.addresses, Format::IpList),
            (self.hosts, Format::Hosts),
            (self.rules, Format::Adblock),
            (self.urls, Format::UrlList),
        ];
        shares.sort_by_key(|(votes, _)| std::cmp::Reverse(*votes));
        let [(best, format), (second, runner_up), ..] = shares;
        let percent = best * 100 / self.rows;
        let mut why = format!("{best} of the first {} rows are {}", self.rows, format.meaning());
        if second > 0 {
            why.push_str(&format!("; {second} would be {}", runner_up.meaning()));
        }
        if percent < SHARE_MIN && self.rules * 5 >= self.rows {
            return Detection::sure(Format::Adblock, 70, "a fifth or more of its rows are rules");
        }
        if best == 0 {
            return Detection::none("its rows fit no format that is read");
        }
        if percent < SHARE_MIN {
            return Detection::none(format!("{why}, which is too few"));
        }
        Detection::sure(format, u8::try_from(percent.min(95)).unwrap_or(95), why)
    }
}

fn is_rule(text: &str) -> bool {
    text.starts_with('|')
        || text.starts_with("@@")
        || text.starts_with("*$")
        || text.starts_with('^')
        || text.contains("##")
        || text.contains("#@#")
}

fn is_asn(cell: &str) -> bool {
    cell.strip_prefix("AS").is_some_and(|number| number.parse::<u32>().is_ok())
}

/// `name,family (malware),reference`.
fn is_trail(text: &str) -> bool {
    let cells: Vec<&str> = text.split(',').collect();
    match cells[..] {
        [trail, info, _] => trail.contains('.') && info.contains(" (") && info.ends_with(')'),
        _ => false,
    }
}

/// Whether a cell is a UUID (RFC 9562 section 4).
fn is_uuid(cell: &str) -> bool {
    cell.len() == 36
        && cell.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
