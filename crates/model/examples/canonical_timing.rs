//! Times the canonical forms: `cargo run --release -p wardnet-model --example canonical_timing`.

#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::hint::black_box;
use std::time::Instant;

use wardnet_model::{
    DomainName, SuffixList, Url, host_expressions, question_expressions, safe_browsing_expressions,
};

const ROUNDS: usize = 400;

/// Prints the mean time of `work`, which says how many things one call has done.
fn time(what: &str, mut work: impl FnMut() -> usize) {
    work();
    let start = Instant::now();
    let done: usize = (0..ROUNDS).map(|_| work()).sum();
    println!("{what:48} {:8.1} ns", start.elapsed().as_nanos() as f64 / done as f64);
}

fn main() {
    let start = Instant::now();
    let list = SuffixList::shipped();
    println!("{:48} {:8.1} ms", "shipped suffix list", start.elapsed().as_secs_f64() * 1e3);

    const ENDS: [&str; 5] = ["com", "co.uk", "de", "github.io", "example.top"];
    let names: Vec<String> =
        (0..1000).map(|i| format!("www.site-{i}.{}", ENDS[i % ENDS.len()])).collect();
    let parsed: Vec<DomainName> =
        names.iter().filter_map(|name| DomainName::parse(name).ok()).collect();
    let upper: Vec<String> = names.iter().map(|name| name.to_uppercase()).collect();
    let international: Vec<String> = names.iter().map(|name| format!("bücher-{name}")).collect();
    for (what, names) in
        [("lower-case", &names), ("upper-case", &upper), ("international", &international)]
    {
        time(&format!("domain name, {what}"), || {
            names.iter().filter(|name| black_box(DomainName::parse(name)).is_ok()).count()
        });
    }
    time("registered domain", || {
        parsed.iter().filter(|name| black_box(list.registered_domain(*name)).is_some()).count()
    });
    time("expression of a domain, without hash", || {
        parsed.iter().map(|name| black_box(host_expressions(name, list)).iter().count()).sum()
    });
    time("expression of a domain, with hash", || {
        let asked = parsed.iter().map(|name| host_expressions(name, list));
        asked.map(|it| it.iter().filter(|it| black_box(it.key()).0 != [0; 32]).count()).sum()
    });

    let texts: Vec<String> = names
        .iter()
        .map(|name| format!("https://{name}/wp-content/themes/x/login.php?id=7&token=abcdef"))
        .collect();
    let escaped: Vec<String> =
        texts.iter().map(|text| text.replace('-', "%2D").replace("/x/", "/./%20/")).collect();
    let urls: Vec<Url> = texts.iter().filter_map(|text| Url::parse(text).ok()).collect();
    for (what, texts) in [("plain, 75 bytes", &texts), ("with escapes and dots", &escaped)] {
        time(&format!("URL, {what}"), || {
            texts.iter().filter(|text| black_box(Url::parse(text)).is_ok()).count()
        });
    }
    time("expression of a URL, without hash", || {
        urls.iter().map(|url| question_expressions(url, list).map(black_box).count()).sum()
    });
    time("expression of a URL, with hash", || {
        let asked = urls.iter().flat_map(|url| question_expressions(url, list));
        asked.filter(|it| black_box(it.key()).0 != [0; 32]).count()
    });
    time("all Safe Browsing expressions of a URL, hashed", || {
        for url in &urls {
            for expression in safe_browsing_expressions(url, list) {
                black_box(expression.key());
            }
        }
        urls.len()
    });
}
