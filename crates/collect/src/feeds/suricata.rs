//! Suricata's reputation lists (`address,category,score`) and data sets (text in base64).

use crate::feeds::output::{Output, Sink};
use crate::feeds::{RejectReason, csv, domain_list, ip_list};
use data_encoding::{BASE64, BASE64_NOPAD};
use wardnet_model::{Observation, Scope};

/// The highest score that Suricata takes.
const SCORE_MAX: u32 = 127;

/// One row of a reputation list. What the numbers of the categories mean stands in another file.
pub(crate) fn reputation<S: Sink>(
    text: &str,
    output: &mut Output<'_, S>,
) -> Result<(), RejectReason> {
    let text = ip_list::strip_comment(text);
    let mut cells = text.split(',').map(|cell| csv::unquote(cell.trim()));
    let indicator = ip_list::read(cells.next().unwrap_or_default())?;
    let _category = cells.next().ok_or(RejectReason::MissingField("category"))?;
    let score = cells.next().ok_or(RejectReason::MissingField("score"))?;
    let score = score.parse::<u32>().ok().filter(|score| (1..=SCORE_MAX).contains(score));
    let percent = score.ok_or(RejectReason::Score)? * 100 / SCORE_MAX;
    output.accept(Observation {
        confidence: u8::try_from(percent.max(1)).ok(),
        ..Observation::malicious(indicator, Scope::Exact)
    })
}

/// Whether a line is an address, a category and a score.
pub(crate) fn is_reputation(text: &str) -> bool {
    let cells: Vec<&str> = ip_list::strip_comment(text).split(',').map(str::trim).collect();
    match cells[..] {
        [address, category, score] => {
            let number = |cell: &str| cell.parse::<u32>().is_ok_and(|n| n <= SCORE_MAX);
            ip_list::read(address).is_ok() && number(category) && number(score)
        }
        _ => false,
    }
}

/// One entry of a data set of strings: a name, a URL or an address, perhaps with a value behind it.
pub(crate) fn data_set<S: Sink>(
    text: &str,
    output: &mut Output<'_, S>,
) -> Result<(), RejectReason> {
    let entry = text.split(',').next().unwrap_or_default().trim();
    let decoded = decode(entry).ok_or(RejectReason::Base64)?;
    let observation = domain_list::read(decoded.trim(), output.bare_scope())?;
    output.accept(observation)
}

fn decode(entry: &str) -> Option<String> {
    let bytes = BASE64.decode(entry.as_bytes()).or_else(|_| BASE64_NOPAD.decode(entry.as_bytes()));
    String::from_utf8(bytes.ok()?).ok()
}

/// Whether a line is such an entry and names something.
pub(crate) fn is_data_set(text: &str) -> bool {
    let entry = text.split(',').next().unwrap_or_default().trim();
    entry.len() >= 8
        && decode(entry).is_some_and(|text| {
            let host = text.trim_start_matches("http://").trim_start_matches("https://");
            let host = host.split('/').next().unwrap_or_default();
            host.contains('.') && domain_list::read(&text, Scope::Exact).is_ok()
        })
}
